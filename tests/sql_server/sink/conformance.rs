//! The engine's suite for sinks, on SQL Server.

use std::sync::atomic::AtomicU32;

use arrow::{
    array::{Int64Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use async_trait::async_trait;
use ropeway_engine::testing::conformance::{self, Breach, SinkTarget};

use super::*;

/// A table of its own for each question.
struct Table<'a> {
    stage: &'a Stage,
    name: String,
    sink: Value,
}

#[async_trait]
impl SinkTarget for Table<'_> {
    fn sink(&self) -> Arc<dyn Sink> {
        self.stage.sink(&self.name, self.sink.clone())
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        let source = self.stage.cut(&self.name, json!({"partitionOption": "None"}));
        let (batches, _) = super::super::read_all(&*source).await.unwrap();
        let nullable = |batch: RecordBatch| RecordBatch::try_new(schema(), batch.columns().to_vec()).unwrap();
        batches.into_iter().map(nullable).collect()
    }

    fn all_at_once(&self) -> bool {
        false
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]))
}

async fn keeps_its_promises(columns: &str, sink: Value) {
    let stage = Stage::with("SELECT 1");
    let asked = AtomicU32::new(0);
    let new = async || {
        let name = format!("question_{}", asked.fetch_add(1, Ordering::SeqCst));
        // Runs of other questions have the same id.
        stage.forget_runs();
        stage.target.run(&format!("CREATE TABLE $(schema).{name} {columns}"));
        Table { stage: &stage, name, sink: sink.clone() }
    };
    if let Err(Breach(breach)) = conformance::sink(new).await {
        panic!("{breach}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heap_keeps_the_promises_of_a_sink() {
    keeps_its_promises("(id bigint NULL, name nvarchar(100) NULL)", json!({"type": "SqlServerSink"})).await;
}

/// Through stages, as it has several chunks.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_with_a_key_keeps_the_promises_of_a_sink() {
    keeps_its_promises("(id bigint NOT NULL PRIMARY KEY, name nvarchar(100) NULL)", json!({"type": "SqlServerSink"}))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_keeps_the_promises_of_a_sink() {
    let upsert = json!({"type": "SqlServerSink", "writeBehavior": "upsert", "upsertSettings": {"keys": ["id"]}});
    keeps_its_promises("(id bigint NULL, name nvarchar(100) NULL)", upsert).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sees_too_much_is_found_out() {
    let stage = Stage::with("CREATE TABLE $(schema).t (id bigint NULL, name nvarchar(100) NULL)");
    let batch = RecordBatch::try_new(
        schema(),
        vec![Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["a"]))],
    );
    copy(&*stage.sink("t", json!({})), &[batch.unwrap()]).await.unwrap();
    let new = async || Table { stage: &stage, name: "t".to_owned(), sink: json!({}) };
    assert!(conformance::sink(new).await.is_err(), "a row was there before");
}
