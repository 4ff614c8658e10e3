//! Chunks by ranges of a key: together every row, and each once.

use std::sync::Arc;

use ropeway_engine::{
    ErrorKind,
    source::{ChunkTarget, Source},
};
use ropeway_tests::odbc::{MariaDb, PostgreSql, Sqlite};
use serde_json::{Value, json};

use super::{LIMIT, TARGET, assert_same, connect, in_text, read_chunk, settings, table};

/// Small chunks of a small table.
const SMALL: ChunkTarget = ChunkTarget { rows: 500, ..TARGET };

async fn check(server: &PostgreSql, dataset: Value, source: Value, at_least: usize, expected: &str) {
    let source = connect(settings(&server.connection_string(), dataset, source)).unwrap();
    let chunks = source.plan(SMALL).await.unwrap();
    assert!(chunks.len() >= at_least, "{source_:?} gave {chunks:?}", source_ = source.describe());
    assert!(chunks.iter().enumerate().all(|(at, chunk)| chunk.id.0 as usize == at));
    let mut rows = Vec::new();
    for chunk in &chunks {
        let part = in_text(&read_chunk(&*source, chunk, LIMIT).await.unwrap());
        // With teeth: without the first chunk, rows are missing.
        assert!(chunk.id.0 > 0 || chunks.len() == 1 || !part.is_empty(), "the first chunk is empty");
        rows.extend(part);
    }
    assert_same(rows, server.rows(expected));
}

#[tokio::test]
async fn chunks_are_disjoint_and_complete() {
    let server = PostgreSql::start();
    server.run(
        "CREATE TABLE keyed AS SELECT i::bigint AS id, (i % 1000)::int AS few, '2020-01-01'::date + i % 3000 AS day, \
         '2020-01-01'::timestamp + i * interval '7 minutes' AS moment, \
         '2020-01-01'::timestamptz + i * interval '7 minutes' AS instant, (i * 1.25)::numeric(20,2) AS amount, \
         CASE WHEN i % 10 = 0 THEN NULL ELSE i END AS gaps, 'x' || i AS name FROM generate_series(-600, 1399) i; \
         ALTER TABLE keyed ADD PRIMARY KEY (id); CREATE TABLE heap AS SELECT * FROM keyed; \
         CREATE TABLE nothing (id int PRIMARY KEY); CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (7)",
    );
    let named = |name: &str| json!({"tableName": name});
    let by =
        |column: &str| json!({"partitionOption": "DynamicRange", "partitionSettings": {"partitionColumnName": column}});
    let ids = "SELECT id, few, day, to_char(moment, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), \
               to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), amount, gaps, name FROM keyed";
    check(&server, named("keyed"), json!({}), 4, ids).await;
    for column in ["id", "few", "day", "moment", "instant", "amount", "gaps", "ID"] {
        check(&server, named("public.heap"), by(column), 4, ids).await;
    }
    let bounds = json!({"partitionOption": "DynamicRange", "partitionSettings":
        {"partitionColumnName": "id", "partitionLowerBound": "0", "partitionUpperBound": "100"}});
    check(&server, named("keyed"), bounds, 4, ids).await;
    let query = json!({"query": "SELECT id, name FROM keyed WHERE few < 900;", "partitionOption": "DynamicRange",
        "partitionSettings": {"partitionColumnName": "id"}});
    check(&server, json!({}), query, 2, "SELECT id, name FROM keyed WHERE few < 900").await;
    check(&server, named("heap"), json!({}), 1, ids).await;
    check(&server, named("nothing"), json!({}), 1, "SELECT * FROM nothing").await;
    check(&server, named("one"), json!({}), 1, "SELECT * FROM one").await;

    // Rows that come after the plan are in it.
    let source = connect(settings(&server.connection_string(), named("keyed"), json!({}))).unwrap();
    let chunks = source.plan(SMALL).await.unwrap();
    server.run("INSERT INTO keyed (id) VALUES (-9223372036854775808), (9223372036854775807), (14000), (20000)");
    let mut found = Vec::new();
    for chunk in &chunks {
        found.extend(in_text(&read_chunk(&*source, chunk, LIMIT).await.unwrap()));
    }
    assert_eq!(found.len(), 2_004);

    let whole = json!({"partitionOption": "None"});
    let source = connect(settings(&server.connection_string(), named("keyed"), whole)).unwrap();
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 1);
    assert!(source.describe().cut.contains("not cut"));
    for (column, word) in [("name", "neither"), ("nowhere", "not a column")] {
        let source = connect(settings(&server.connection_string(), named("keyed"), by(column))).unwrap();
        let error = source.plan(TARGET).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spec);
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// What `plan` says of a table's cut, after every row was read once.
async fn cut_of(source: Arc<dyn Source>, expected: Vec<super::Row>) -> (usize, String) {
    let chunks = source.plan(SMALL).await.unwrap();
    let mut rows = Vec::new();
    for chunk in &chunks {
        rows.extend(in_text(&read_chunk(&*source, chunk, LIMIT).await.unwrap()));
    }
    assert_same(rows, expected);
    (chunks.len(), source.describe().cut)
}

/// Tables that have no primary key: by which column they are cut, if by any.
const KEYLESS: &[(&str, &str, Option<&str>)] = &[
    ("by_constraint", "(name varchar(20), id integer NOT NULL UNIQUE)", Some("id")),
    ("short_before_long", "(name integer NOT NULL, id integer NOT NULL UNIQUE, UNIQUE (name, id))", Some("id")),
    ("begins_with_a_date", "(name date NOT NULL, id integer NOT NULL, UNIQUE (id, name))", Some("id")),
    ("all_there_all_the_same", "(name varchar(20), id integer UNIQUE)", Some("id")),
    ("with_nulls", "(name varchar(20), id integer UNIQUE)", None),
    ("by_text_only", "(name varchar(20) NOT NULL UNIQUE, id integer)", None),
    ("by_nothing", "(name varchar(20), id integer)", None),
];

/// Creates the tables with 900 rows each.
fn keyless(run: impl Fn(&str), quote: &str) {
    for (table, columns, _) in KEYLESS {
        let name = if columns.starts_with("(name integer") {
            "7".to_owned()
        } else if columns.starts_with("(name date") {
            "'2024-01-02'".to_owned()
        } else {
            quote.to_owned()
        };
        let id = if *table == "with_nulls" { "CASE WHEN n % 100 > 0 THEN n END" } else { "n" };
        run(&format!("CREATE TABLE {table} {columns}"));
        run(&format!(
            "INSERT INTO {table} WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE \
             n < 900) SELECT {name}, {id} FROM numbers"
        ));
    }
}

async fn check_keyless(connection: &str, rows: impl Fn(&str) -> Vec<super::Row>) {
    for (name, _, key) in KEYLESS {
        let (chunks, cut) = cut_of(table(connection, name), rows(&format!("SELECT name, id FROM {name}"))).await;
        match key {
            Some(key) => {
                // SQLite's and MariaDB's drivers take a unique index for the primary key where there is none.
                let known = ["a unique index", "the primary key"].map(|what| format!("by {key}, {what}"));
                assert!(known.contains(&cut), "{name}: {cut}");
                assert!(chunks > 2, "{name} has {chunks} chunks");
            }
            None => {
                assert!(cut.starts_with("not cut: ") && cut.contains("partitionColumnName"), "{name}: {cut}");
                assert_eq!(chunks, 1, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn postgresql_is_cut_by_unique_indexes() {
    let server = PostgreSql::start();
    keyless(|sql| server.run(sql), "'x' || n");
    check_keyless(&server.connection_string(), |sql| server.rows(sql)).await;
    let source = table(&server.connection_string(), "by_constraint");
    source.plan(SMALL).await.unwrap();
    assert_eq!(source.describe().cut, "by id, a unique index");
    // An index over some of the rows, and one over an expression, lose none.
    server.run(
        "CREATE TABLE partly AS SELECT i % 500 AS id, i AS name FROM generate_series(1, 1000) i; \
         CREATE UNIQUE INDEX ON partly (id) WHERE name <= 400; CREATE UNIQUE INDEX ON partly ((name + id * 0))",
    );
    let whole = server.rows("SELECT * FROM partly");
    cut_of(table(&server.connection_string(), "partly"), whole).await;
}

#[tokio::test]
async fn mariadb_is_cut_by_unique_indexes() {
    let server = MariaDb::start();
    keyless(|sql| server.run(&format!("USE ropeway; {sql}")), "concat('x', n)");
    check_keyless(&server.connection_string(), |sql| server.rows(sql)).await;
}

#[tokio::test]
async fn sqlite_is_cut_by_unique_indexes() {
    let database = Sqlite::start();
    keyless(|sql| database.run(sql), "'x' || n");
    check_keyless(&database.connection_string(), |sql| database.rows(sql)).await;
}
