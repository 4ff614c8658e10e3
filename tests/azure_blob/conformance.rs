//! The blob sink keeps the promises of every sink, on Azurite and on the stand-in.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, Schema},
};
use async_trait::async_trait;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ropeway_engine::{
    sink::Sink,
    testing::conformance::{self, SinkTarget},
};
use serde_json::{Value, json};

use super::workbench::{Target, sink};

/// A container of its own on one of the services.
struct Container<'a> {
    target: &'a Target,
    name: String,
    dataset: &'a Value,
}

impl Container<'_> {
    /// What a reader takes for data: every blob of a folder that has `_SUCCESS`, whatever the manifest says.
    async fn blobs(&self) -> Vec<String> {
        let names = self.target.names(&self.name).await;
        let single = self.dataset["location"]["fileName"].is_string();
        let complete = single || names.iter().any(|name| name == "out/_SUCCESS");
        names.into_iter().filter(|name| complete && !name.starts_with("out/_")).collect()
    }
}

#[async_trait]
impl SinkTarget for Container<'_> {
    fn sink(&self) -> Arc<dyn Sink> {
        let text = json!({"type": "DelimitedTextSink", "formatSettings": {"fileExtension": ".csv"}});
        let mut more = if self.dataset["type"] == "Parquet" { json!({}) } else { json!({"sink": text}) };
        more["dataset"] = self.dataset.clone();
        more["dataset"]["location"]["container"] = self.name.as_str().into();
        sink(self.target.service(), Some(self.target.authority()), json!({"folderPath": "out"}), more).unwrap()
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for name in self.blobs().await {
            let bytes = self.target.get_from(&self.name, &name).await.expect("it was listed");
            batches.extend(if self.dataset["type"] == "Parquet" { parquet(bytes) } else { csv(&bytes) });
        }
        batches
    }

    fn all_at_once(&self) -> bool {
        true
    }
}

fn schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]))
}

fn parquet(bytes: Vec<u8>) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap().build().unwrap();
    let nullable = |batch: RecordBatch| RecordBatch::try_new(schema(), batch.columns().to_vec()).unwrap();
    reader.map(|batch| nullable(batch.unwrap())).collect()
}

fn csv(bytes: &[u8]) -> Vec<RecordBatch> {
    let reader = arrow::csv::ReaderBuilder::new(schema()).with_header(true).build(bytes).unwrap();
    reader.map(|batch| batch.unwrap()).collect()
}

/// On both services, each question in a container of its own.
async fn keeps_its_promises(dataset: Value) {
    let asked = AtomicU32::new(0);
    for target in Target::both().await {
        let new = async || {
            let name = format!("question-{}", asked.fetch_add(1, Ordering::SeqCst));
            target.create_container(&name).await;
            Container { target: &target, name, dataset: &dataset }
        };
        if let Err(breach) = conformance::sink(new).await {
            panic!("{} {dataset}: {}", target.service()["connectionString"], breach.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_parquet_blob_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Parquet", "location": {"fileName": "all.parquet"}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_parquet_blobs_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Parquet", "compressionCodec": "zstd"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_text_blob_keeps_the_promises_of_a_sink() {
    let text = json!({"type": "DelimitedText", "firstRowAsHeader": true, "location": {"fileName": "all.csv"}});
    keeps_its_promises(text).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_text_blobs_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "DelimitedText", "firstRowAsHeader": true})).await;
}
