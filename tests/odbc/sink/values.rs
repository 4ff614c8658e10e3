//! Every value of every type, copied from one table to its twin and compared in the database's own text.

use super::{
    super::{LIMIT, query, read, table},
    *,
};
use crate::read_back::store::verified;

/// Copies `from` to `to` and compares what another client sees of both. Answers how columns fitted.
async fn same(database: &Database, from: &str, to: &str, columns: &str) -> Vec<ColumnFit> {
    let source = table(&database.connection_string(), from);
    let batches = read(&*source, LIMIT).await.unwrap();
    let (fits, receipt) = copy(&*database.sink(to, json!({})), to.trim_matches('"'), &batches).await.unwrap();
    let [expected, found] = [from, to].map(|name| database.rows(&format!("SELECT {columns} FROM {name} ORDER BY id")));
    assert!(!expected.is_empty());
    assert_eq!(receipt.rows as usize, expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected, "{}", database.name());
    }
    assert_eq!(found.len(), expected.len());
    fits
}

/// Copies all rows once more, in the columns that lose nothing, and the database's table is read back.
async fn read_back(database: &Database, from: &str, to: &str) {
    let (connection, sink) = (database.connection_string(), database.sink(to, json!({})));
    let schema = table(&connection, from).schema().await.unwrap();
    let fits = sink.fit(&schema).await.unwrap();
    let exact = schema.fields().iter().zip(&fits).filter(|(_, fit)| fit.loss.is_none());
    let exact: Vec<_> = exact.map(|(field, _)| field.name().as_str()).collect();
    let source = query(&connection, &format!("SELECT {} FROM {from}", exact.join(", ")));
    let copied = verified(source, sink).await;
    copied.unwrap_or_else(|error| panic!("{}: {error}", database.name()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_postgresql_is_stored_exactly() {
    let database = Database::PostgreSql(PostgreSql::start());
    database.run(super::super::postgresql::TYPES);
    database.run(r#"CREATE TABLE twin (LIKE "All Types" INCLUDING ALL)"#);
    let fits = same(&database, "\"All Types\"", "twin", "*").await;
    insta::assert_debug_snapshot!(fits.iter().map(|fit| (&*fit.sink_type, fit.loss.as_deref())).collect::<Vec<_>>());

    database.run(
        "CREATE TABLE texts AS SELECT i AS id, CASE WHEN i % 5 <> 0 THEN repeat(chr(i), i % 300) END AS a, \
         E'\\\\' || i || E'''\"?{fn now()}\\r\\n' AS b, repeat('é', CASE WHEN i % 500 = 0 THEN 2000000 ELSE 3 END) AS c, \
         decode(md5(i::text), 'hex') AS d, 'NaN'::float8 AS e, '-Infinity'::float4 AS f FROM generate_series(1, 2500) i; \
         CREATE TABLE texts_twin (LIKE texts)",
    );
    same(&database, "texts", "texts_twin", "*").await;
    read_back(&database, "texts", "texts_twin").await;
    database.run("DELETE FROM twin");
    read_back(&database, "\"All Types\"", "twin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_mariadb_is_stored_exactly() {
    let database = Database::MariaDb(MariaDb::start());
    database.run(super::super::mariadb::TYPES);
    database.run("CREATE TABLE twin LIKE all_types");
    let columns = "id, i1, u1, i2, u2, i3, u4, i8, u8, cast(f4 AS double), f8, d, wide, hex(truth), hex(bits), day, clock, \
                   moment, instant, y, fixed, vc, hex(bin), hex(vbin), e, s";
    let fits = same(&database, "all_types", "twin", columns).await;
    insta::assert_debug_snapshot!(fits.iter().map(|fit| (&*fit.sink_type, fit.loss.as_deref())).collect::<Vec<_>>());

    database.run(
        "CREATE TABLE texts AS SELECT seq AS id, if(seq % 5 = 0, NULL, repeat(char(33 + seq % 90 USING utf8mb4), seq % 300)) AS a, \
         concat('\\\\', seq, '''\"?{fn now()}\\r\\n', char(0 USING utf8mb4), '😀') AS b, \
         repeat('é', if(seq % 500 = 0, 2000000, 3)) AS c, unhex(md5(seq)) AS d, seq / 7e0 AS e FROM seq_1_to_2500; \
         CREATE TABLE texts_twin LIKE texts",
    );
    same(&database, "texts", "texts_twin", "id, hex(a), hex(b), md5(c), hex(d), e").await;
    read_back(&database, "texts", "texts_twin").await;
    database.run("DELETE FROM twin");
    read_back(&database, "all_types", "twin").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_sqlite_is_stored_exactly() {
    let database = Database::Sqlite(Sqlite::start());
    database.run(super::super::sqlite::TYPES);
    // Of the forms that SQLite reads, one is written.
    database.run(
        "UPDATE types SET moment = replace(moment, 'T', ' '), clock = replace(clock, '.500000', '.5'); \
         CREATE TABLE twin (id integer PRIMARY KEY, i int, b bigint, r real, d double, f float, n numeric(10,2), words text, \
         vc varchar(10), raw blob, day date, clock time, moment timestamp, truth boolean, tiny tinyint)",
    );
    let fits = same(&database, "types", "twin", "*").await;
    insta::assert_debug_snapshot!(fits.iter().map(|fit| (&*fit.sink_type, fit.loss.as_deref())).collect::<Vec<_>>());
    let kinds = |table| {
        let columns = "typeof(i), typeof(r), typeof(n), typeof(words), typeof(raw), typeof(day), typeof(truth)";
        database.rows(&format!("SELECT {columns} FROM {table} ORDER BY id"))
    };
    assert_eq!(kinds("twin"), kinds("types"));

    database.run(
        "CREATE TABLE texts AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         SELECT i AS id, CASE WHEN i % 5 <> 0 THEN 'x' || char(0) || i || '''\"?' END AS a, i / 7.0 AS e FROM n; \
         CREATE TABLE texts_typed (id int, a text, e real); INSERT INTO texts_typed SELECT * FROM texts; \
         CREATE TABLE texts_twin (id int, a text, e real)",
    );
    same(&database, "texts_typed", "texts_twin", "*").await;
    read_back(&database, "texts_typed", "texts_twin").await;
    database.run("DELETE FROM twin");
    read_back(&database, "types", "twin").await;
}
