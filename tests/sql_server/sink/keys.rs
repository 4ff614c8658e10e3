//! Rows whose keys are taken, where a copy leaves out what does not fit.

use arrow::array::{ArrayRef, Int64Array, StringArray};
use ropeway_engine::{
    ErrorKind,
    checkpoint::memory::MemoryCheckpoint,
    chunk::BatchLimit,
    run::{Job, Summary},
    skipping::Skipping,
    testing::vec_source::VecSource,
};

use super::*;
use crate::copy_run::{go, job};

/// Rows of a chunk: a number and a text.
fn chunk_of(rows: &[(Option<i64>, &str)]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(rows.iter().map(|(id, _)| *id).collect::<Int64Array>());
    let names: ArrayRef = Arc::new(rows.iter().map(|(_, name)| Some(*name)).collect::<StringArray>());
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("name", names, true)]).unwrap()
}

async fn copied(stage: &Stage, chunks: &[RecordBatch], leaves_out: bool) -> Result<Summary> {
    let source = VecSource::new(chunks[0].schema(), chunks.to_vec());
    let sink = OwnRuns { sink: stage.sink("t", json!({})), prefix: String::new() };
    let job = job(Arc::new(source), sink, 100, BatchLimit::default());
    let skipping = leaves_out.then_some(Skipping { log: None });
    go(&Job { skipping, ..job }, &MemoryCheckpoint::default()).await
}

fn found(stage: &Stage, what: &str) -> String {
    stage.target.ask(&format!("SELECT CAST({what} AS nvarchar(40)) AS n FROM $(schema).t")).unwrap().unwrap()
}

/// Ids with a text that tells which row it was.
fn ids(from: i64, to: i64, name: &'static str) -> Vec<(Option<i64>, &'static str)> {
    (from..to).map(|id| (Some(id), name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_rows_with_one_key_the_first_is_kept() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY, name nvarchar(20) NULL); \
         INSERT INTO $(schema).t (id, name) VALUES (5, N'there'), (150, N'there')",
    );
    // In one chunk twice, the second time as another row; in two chunks; and in the table.
    let first = [ids(0, 100, "first"), ids(10, 20, "again")].concat();
    let chunks = [chunk_of(&first), chunk_of(&ids(90, 190, "second")), chunk_of(&ids(200, 300, "third"))];
    let summary = copied(&stage, &chunks, true).await.unwrap();
    assert_eq!((summary.rows, summary.skipped), (288, 22));
    assert_eq!(stage.number("SELECT COUNT(*) FROM $(schema).t"), 290);
    for (name, rows) in [("there", 2), ("again", 0), ("third", 100)] {
        assert_eq!(stage.number(&format!("SELECT COUNT(*) FROM $(schema).t WHERE name = N'{name}'")), rows, "{name}");
    }
    // Of two chunks one was the first.
    assert_eq!(stage.number("SELECT COUNT(*) FROM $(schema).t WHERE name IN (N'first', N'second')"), 188);
    let stages = "SELECT COUNT(*) FROM sys.tables WHERE name LIKE N'stage[_]%'";
    assert!(stage.is_real() || stage.number(stages) == 0, "no stage is left");
    stage.forget_runs();

    // Unasked, the first key that is there already ends the run.
    let error = copied(&stage, &[chunk_of(&ids(299, 301, "more"))], false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    assert_eq!(found(&stage, "COUNT(*)"), "290");
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_one_value_of_a_key_and_every_key_counts() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int NULL, name nvarchar(20) NOT NULL PRIMARY KEY); \
         CREATE UNIQUE INDEX by_id ON $(schema).t (id, name)",
    );
    let rows = [(None, "a"), (Some(1), "a"), (None, "b"), (None, "c"), (Some(2), "c")];
    let summary = copied(&stage, &[chunk_of(&rows)], true).await.unwrap();
    assert_eq!((summary.rows, summary.skipped), (3, 2));
    assert_eq!(stage.number("SELECT COUNT(*) FROM $(schema).t WHERE id IS NULL"), 3);
    stage.forget_runs();

    stage.target.run("DROP TABLE $(schema).t; CREATE TABLE $(schema).t (id int NULL UNIQUE, name nvarchar(20) NULL)");
    let summary = copied(&stage, &[chunk_of(&rows)], true).await.unwrap();
    assert_eq!((summary.rows, summary.skipped), (3, 2));
    stage.forget_runs();
    // Now with the null in the table.
    let summary = copied(&stage, &[chunk_of(&[(None, "x"), (Some(3), "x")])], true).await.unwrap();
    assert_eq!((summary.rows, summary.skipped), (1, 1));
    assert_eq!(found(&stage, "COUNT(*)"), "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_server_fills_is_an_error_as_ever() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int NULL, name nvarchar(20) NULL, day int NOT NULL DEFAULT 1 UNIQUE)",
    );
    let error = copied(&stage, &[chunk_of(&[(None, "x"), (Some(3), "x")])], true).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("number=2627"), "{error}");
    assert_eq!(found(&stage, "COUNT(*)"), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_for_its_key_is_said_beforehand() {
    let stage = Stage::with("CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY, name nvarchar(20) NULL)");
    let schema = chunk_of(&[]).schema();
    for (sink, minds_keys) in [(json!({}), true), (json!({"writeBehavior": "upsert"}), false)] {
        let (service, ropeway) = stage.target.connection();
        let dataset = json!({"schema": stage.target.schema(), "table": "t"});
        let settings = json!({"linkedService": service, "dataset": dataset, "sink": sink, "ropeway": ropeway});
        let sink = ropeway_connectors::registry().connect_sink("SqlServer", settings).unwrap();
        sink.fit(&schema).await.unwrap();
        assert_eq!(sink.skips().is_some_and(|rows| rows.contains("with a key")), minds_keys);
    }
}
