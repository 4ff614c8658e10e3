//! Chunks by ranges of a key: together every row, and each once.

use ropeway_engine::{ErrorKind, source::ChunkTarget};
use ropeway_tests::odbc::PostgreSql;
use serde_json::{Value, json};

use super::{LIMIT, TARGET, assert_same, connect, in_text, read_chunk, settings};

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
    let table = |name: &str| json!({"tableName": name});
    let by =
        |column: &str| json!({"partitionOption": "DynamicRange", "partitionSettings": {"partitionColumnName": column}});
    let ids = "SELECT id, few, day, to_char(moment, 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), \
               to_char(instant AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), amount, gaps, name FROM keyed";
    check(&server, table("keyed"), json!({}), 4, ids).await;
    for column in ["id", "few", "day", "moment", "instant", "amount", "gaps", "ID"] {
        check(&server, table("public.heap"), by(column), 4, ids).await;
    }
    let bounds = json!({"partitionOption": "DynamicRange", "partitionSettings":
        {"partitionColumnName": "id", "partitionLowerBound": "0", "partitionUpperBound": "100"}});
    check(&server, table("keyed"), bounds, 4, ids).await;
    let query = json!({"query": "SELECT id, name FROM keyed WHERE few < 900;", "partitionOption": "DynamicRange",
        "partitionSettings": {"partitionColumnName": "id"}});
    check(&server, json!({}), query, 2, "SELECT id, name FROM keyed WHERE few < 900").await;
    check(&server, table("heap"), json!({}), 1, ids).await;
    check(&server, table("nothing"), json!({}), 1, "SELECT * FROM nothing").await;
    check(&server, table("one"), json!({}), 1, "SELECT * FROM one").await;

    // Rows that come after the plan are in it.
    let source = connect(settings(&server.connection_string(), table("keyed"), json!({}))).unwrap();
    let chunks = source.plan(SMALL).await.unwrap();
    server.run("INSERT INTO keyed (id) VALUES (-9223372036854775808), (9223372036854775807), (14000), (20000)");
    let mut found = Vec::new();
    for chunk in &chunks {
        found.extend(in_text(&read_chunk(&*source, chunk, LIMIT).await.unwrap()));
    }
    assert_eq!(found.len(), 2_004);

    let whole = json!({"partitionOption": "None"});
    let source = connect(settings(&server.connection_string(), table("keyed"), whole)).unwrap();
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 1);
    assert!(source.describe().cut.contains("not cut"));
    for (column, word) in [("name", "neither"), ("nowhere", "not a column")] {
        let source = connect(settings(&server.connection_string(), table("keyed"), by(column))).unwrap();
        let error = source.plan(TARGET).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Spec);
        assert!(error.to_string().contains(word), "{error}");
    }
}
