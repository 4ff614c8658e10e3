//! What tests of every table that is a sink share: one run, its chunks, its attempts.

use std::sync::Arc;

use arrow::{
    array::{Int32Array, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use ropeway_engine::{
    Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt, RunId},
    sink::{Opened, RunContext, Sink, SinkRun},
};
use serde_json::{Value, json};

pub(crate) const FIRST: Attempt = Attempt { epoch: 1, number: 1 };

pub(crate) fn attempt(epoch: u32, number: u32) -> Attempt {
    Attempt { epoch, number }
}

/// A run as a process of this epoch finds it.
pub(crate) fn context(schema: &SchemaRef, run: &str, epoch: u32) -> RunContext {
    let run = RunId::try_from(run.to_owned()).unwrap();
    RunContext {
        run,
        epoch,
        schema: schema.clone(),
        chunks: 1,
        one_epoch: false,
        leaves_out: false,
        files: Vec::new(),
        opening: (epoch > 1).then(|| json!({"ledger": true})),
    }
}

pub(crate) fn chunk(id: u32) -> Chunk {
    Chunk { id: ChunkId(id), label: format!("chunk {id}"), recipe: Value::Null }
}

/// Rows of one column, `id`.
pub(crate) fn rows(values: std::ops::Range<i32>) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int32, false)]));
    RecordBatch::try_new(schema, vec![Arc::new(Int32Array::from_iter_values(values))]).unwrap()
}

/// Begins the run of [`rows`].
pub(crate) async fn begin(sink: &dyn Sink, epoch: u32) -> Result<Box<dyn SinkRun>> {
    sink.begin(context(&rows(0..1).schema(), "delivery", epoch)).await
}

/// Writes a chunk as a whole.
pub(crate) async fn write(run: &dyn SinkRun, id: u32, attempt: Attempt, batches: &[RecordBatch]) -> Result<Receipt> {
    let mut writer = match run.open(&chunk(id), attempt).await? {
        Opened::Writer(writer) => writer,
        Opened::AlreadyCommitted(receipt) => return Ok(receipt),
    };
    for batch in batches {
        writer.write(batch.clone()).await?;
    }
    writer.commit().await
}
