//! Files: the engine's conformance suite, and what an independent reader finds in what was written.

mod archives;
mod conformance;
mod content;
mod deletion;
mod hierarchy;
mod orc;

use std::{num::NonZeroU32, path::Path, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::TryStreamExt;
use ropeway_connectors::registry;
use ropeway_engine::{
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, RunId},
    sink::{Opened, RunContext, Sink},
    source::{ChunkTarget, Source},
};
use serde_json::{Value, json};

/// A dataset of this format at `out` below a root, in one file or in the folder.
fn sink(root: &Path, dataset: &Value, file: Option<&str>) -> Arc<dyn Sink> {
    let mut dataset = dataset.clone();
    dataset["location"] = json!({"type": "FileServerLocation", "folderPath": "out", "fileName": file});
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "sink": {"formatSettings": {"filePattern": dataset["filePattern"]}},
        "dataset": dataset,
    });
    registry().connect_sink("FileServer", spec).unwrap()
}

fn synthetic(table: &str, scale_factor: f64) -> Arc<dyn Source> {
    let spec = json!({
        "linkedService": {"type": "Synthetic"},
        "dataset": {"type": "SyntheticTable", "table": table, "scaleFactor": scale_factor},
        "source": {"type": "SyntheticSource"},
    });
    registry().connect_source("Synthetic", spec).unwrap()
}

fn target() -> ChunkTarget {
    ChunkTarget { bytes: 1 << 20, rows: 5000, chunks: 3 }
}

fn limit() -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(1000).unwrap(), bytes: 1 << 20 }
}

/// Writes each list of batches as a chunk of one run.
async fn write(sink: &dyn Sink, schema: &SchemaRef, chunks: &[Vec<RecordBatch>]) {
    let run = RunId::try_from("test".to_owned()).unwrap();
    let context = RunContext {
        run,
        epoch: 1,
        schema: Arc::clone(schema),
        chunks: chunks.len() as u32,
        one_epoch: false,
        leaves_out: false,
        files: Vec::new(),
        opening: None,
    };
    let run = sink.begin(context).await.unwrap();
    let mut receipts = Vec::new();
    for (id, batches) in chunks.iter().enumerate() {
        let chunk = Chunk { id: ChunkId(id as u32), label: String::new(), recipe: Value::Null };
        let Opened::Writer(mut writer) = run.open(&chunk, Attempt { epoch: 1, number: 1 }).await.unwrap() else {
            panic!("a file sink always writes")
        };
        for batch in batches {
            writer.write(batch.clone()).await.unwrap();
        }
        receipts.push(writer.commit().await.unwrap());
    }
    run.finish(&receipts).await.unwrap();
}

/// All rows of a source, chunk by chunk.
async fn rows(source: &dyn Source) -> Vec<Vec<RecordBatch>> {
    let mut chunks = Vec::new();
    for chunk in source.plan(target()).await.unwrap() {
        chunks.push(source.read(&chunk, limit()).await.unwrap().try_collect().await.unwrap());
    }
    chunks
}
