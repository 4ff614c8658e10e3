use std::{fs, sync::Arc};

use arrow::{
    array::RecordBatch,
    compute::cast,
    datatypes::{DataType, Field, Schema},
};
use async_trait::async_trait;
use ropeway_connectors::registry;
use ropeway_engine::{
    digest::{Digest, RowDigester},
    sink::Sink,
    source::Source,
    testing::conformance::{self, SinkTarget, SourceCase},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{limit, rows, sink, synthetic, target, write};

/// A folder or a file, looked at through our own reader of the same format.
struct Files {
    root: TempDir,
    dataset: Value,
    file: Option<&'static str>,
    /// True if a mapping says which columns there are: files of JSON may hold no row that would.
    is_named: bool,
}

impl Files {
    fn new(dataset: &Value, file: Option<&'static str>) -> Self {
        Self { root: tempfile::tempdir().unwrap(), dataset: dataset.clone(), file, is_named: false }
    }

    fn source(&self) -> Arc<dyn Source> {
        let mut dataset = self.dataset.clone();
        dataset["location"] = json!({"folderPath": "out", "fileName": self.file});
        let host = self.root.path().to_str().unwrap();
        let column = |name: &str| json!({"name": name, "path": [{"name": name}]});
        let columns = if self.is_named { json!({"columns": [column("id"), column("name")]}) } else { json!({}) };
        let source = json!({"formatSettings": {"hierarchy": columns}});
        let spec = json!({"linkedService": {"host": host}, "dataset": dataset, "source": source});
        registry().connect_source("FileServer", spec).unwrap()
    }

    fn visible(&self) -> bool {
        let names = fs::read_dir(self.root.path().join("out")).into_iter().flatten();
        let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.any(|name| !name.starts_with(['.', '_']))
    }
}

#[async_trait]
impl SinkTarget for Files {
    fn sink(&self) -> Arc<dyn Sink> {
        sink(self.root.path(), &self.dataset, self.file)
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        if !self.visible() {
            return Vec::new();
        }
        rows(self.source().as_ref()).await.into_iter().flatten().map(typed).collect()
    }

    fn all_at_once(&self) -> bool {
        true
    }
}

/// The columns that the suite writes; text files give both as text.
fn typed(batch: RecordBatch) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]);
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns.map(|(values, field)| cast(values, field.data_type()).unwrap()).collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

async fn keeps_its_promises(dataset: Value, file: Option<&'static str>) {
    let new = async || Files { is_named: true, ..Files::new(&dataset, file) };
    if let Err(breach) = conformance::sink(new).await {
        panic!("{dataset} {file:?}: {}", breach.0);
    }
}

#[tokio::test]
async fn one_parquet_file_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Parquet"}), Some("all.parquet")).await;
}

#[tokio::test]
async fn a_parquet_folder_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Parquet", "compressionCodec": "zstd"}), None).await;
}

#[tokio::test]
async fn one_text_file_keeps_the_promises_of_a_sink() {
    let text = json!({"type": "DelimitedText", "firstRowAsHeader": true, "compressionCodec": "gzip"});
    keeps_its_promises(text, Some("all.csv.gz")).await;
}

#[tokio::test]
async fn a_text_folder_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "DelimitedText", "firstRowAsHeader": true}), None).await;
}

#[tokio::test]
async fn one_json_file_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Json", "filePattern": "arrayOfObjects"}), Some("all.json")).await;
}

#[tokio::test]
async fn a_json_folder_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Json", "compression": {"type": "zstd"}}), None).await;
}

#[tokio::test]
async fn one_avro_file_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Avro", "avroCompressionCodec": "deflate"}), Some("all.avro")).await;
}

#[tokio::test]
async fn an_avro_folder_keeps_the_promises_of_a_sink() {
    keeps_its_promises(json!({"type": "Avro"}), None).await;
}

fn sum(batches: &[Vec<RecordBatch>]) -> (u64, Digest) {
    let digest = |batch: &RecordBatch| RowDigester::new(&batch.schema()).unwrap().digest(batch).unwrap();
    let batches = batches.iter().flatten();
    (batches.clone().map(|batch| batch.num_rows() as u64).sum(), batches.map(digest).sum())
}

async fn asked(source: Arc<dyn Source>, rows: u64, digest: Digest) {
    let case = SourceCase { source, target: target(), limit: limit(), rows, digest };
    if let Err(breach) = conformance::source(&case).await {
        panic!("{}", breach.0);
    }
}

#[tokio::test]
async fn synthetic_tables_keep_the_promises_of_a_source() {
    let (count, digest) = sum(&rows(synthetic("orders", 0.01).as_ref()).await);
    asked(synthetic("orders", 0.01), count, digest).await;
}

#[tokio::test]
async fn files_keep_the_promises_of_a_source() {
    for (dataset, file) in [
        (json!({"type": "Parquet"}), None),
        (json!({"type": "Parquet"}), Some("all.parquet")),
        (json!({"type": "DelimitedText", "firstRowAsHeader": true}), None),
        (json!({"type": "Json"}), None),
        (json!({"type": "Avro", "avroCompressionCodec": "snappy"}), Some("all.avro")),
    ] {
        let files = Files::new(&dataset, file);
        let table = synthetic("orders", 0.01);
        let written = rows(table.as_ref()).await;
        write(files.sink().as_ref(), &table.schema().await.unwrap(), &written).await;
        let read = sum(&rows(files.source().as_ref()).await);
        assert_eq!(read.0, 15_000);
        if dataset["type"] == "Parquet" {
            assert_eq!(read, sum(&written), "what is read is what was written");
        }
        asked(files.source(), read.0, read.1).await;
    }
}
