//! The engine's suite for sources, on PostgreSQL.

use std::num::NonZeroU32;

use ropeway_engine::{
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    testing::conformance::{self, Breach, SourceCase},
};
use ropeway_tests::odbc::PostgreSql;

use super::{TARGET, assert_same, in_text, query, read, table};

#[tokio::test]
async fn postgresql_keeps_every_promise_of_a_source() {
    let server = PostgreSql::start();
    server.run(
        "CREATE TABLE promises AS SELECT i AS id, i / 7.0::float8 AS x, CASE WHEN i % 3 = 0 THEN NULL ELSE md5(i::text) \
         END AS word, repeat('y', i % 400) AS long FROM generate_series(1, 20000) i; \
         ALTER TABLE promises ADD PRIMARY KEY (id)",
    );
    let whole = query(&server.connection_string(), "SELECT * FROM promises");
    let batches = read(&*whole, BatchLimit::default()).await.unwrap();
    // The digest is one of rows that are compared with the server's own text.
    assert_same(
        in_text(&batches.iter().map(|batch| batch.project(&[0, 2, 3]).unwrap()).collect::<Vec<_>>()),
        server.rows("SELECT id, word, long FROM promises"),
    );
    let digester = RowDigester::new(&whole.schema().await.unwrap()).unwrap();
    let mut digest = Digest::default();
    for batch in &batches {
        digest += digester.digest(batch).unwrap();
    }

    let case = |name: &str, rows: u64| SourceCase {
        source: table(&server.connection_string(), name),
        target: TARGET,
        limit: BatchLimit { rows: NonZeroU32::new(1_000).unwrap(), bytes: 64 << 10 },
        rows,
        digest,
    };
    let cut = case("promises", 20_000);
    assert!(cut.source.plan(TARGET).await.unwrap().len() >= 4);
    conformance::source(&cut).await.unwrap();

    // With teeth: a table that lost a row is found out.
    server.run("CREATE TABLE broken AS SELECT * FROM promises WHERE id <> 777");
    let Breach(breach) = conformance::source(&case("broken", 20_000)).await.unwrap_err();
    assert!(breach.contains("the chunks give"), "{breach}");
}
