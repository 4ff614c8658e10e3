//! A block blob: blocks are staged per attempt, and one block list publishes the run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use serde_json::json;

use super::dice::Dice;
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt},
    digest::{Digest, RowDigester},
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun},
};

/// A blob in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ModelBlob {
    blob: Arc<Mutex<Blob>>,
    broken: Broken,
}

/// How the protocol can be broken on purpose: a test that accepts it has no teeth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Broken {
    /// Not at all.
    #[default]
    Not,
    /// Blocks are named by their chunk alone, so a late write of a dead attempt lands on the work of
    /// a living one.
    NoAttemptInNames,
    /// Whatever is staged is published, receipts or not.
    PublishesAllStaged,
    /// Blocks that the service threw away are not noticed.
    NeverLost,
}

#[derive(Clone, Debug, Default)]
struct Blob {
    staged: BTreeMap<String, RecordBatch>,
    published: Option<Vec<RecordBatch>>,
}

impl ModelBlob {
    /// A blob whose protocol is broken.
    pub fn broken(broken: Broken) -> Self {
        Self { broken, ..Self::default() }
    }

    /// A blob of its own that holds what this one holds now.
    pub fn fork(&self) -> Self {
        let blob = self.blob.lock().unwrap().clone();
        Self { blob: Arc::new(Mutex::new(blob)), broken: self.broken }
    }

    /// What a reader of the blob sees; `None` before it is published.
    pub fn published(&self) -> Option<Vec<RecordBatch>> {
        self.blob.lock().unwrap().published.clone()
    }

    /// The service throws away every block that is not published, with this probability each.
    pub fn lose_blocks(&self, dice: &Dice, probability: f64) {
        self.blob.lock().unwrap().staged.retain(|_, _| !dice.chance(probability));
    }
}

#[async_trait]
impl Sink for ModelBlob {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let fit =
            |field: &Arc<arrow::datatypes::Field>| ColumnFit { sink_type: field.data_type().to_string(), loss: None };
        Ok(schema.fields().iter().map(fit).collect())
    }

    fn guarantee(&self) -> String {
        "every row exactly once, visible all at once".into()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        Ok(Box::new(BlobRun { sink: self.clone(), digester: RowDigester::new(&context.schema)? }))
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, _: &SchemaRef, limit: BatchLimit) -> u64 {
        limit.bytes
    }
}

struct BlobRun {
    sink: ModelBlob,
    digester: RowDigester,
}

#[async_trait]
impl SinkRun for BlobRun {
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        Ok(Opened::Writer(Box::new(Blocks {
            sink: self.sink.clone(),
            digester: self.digester.clone(),
            receipt: Receipt {
                chunk: chunk.id,
                attempt,
                rows: 0,
                bytes: 0,
                digest: Digest::default(),
                detail: json!(null).into(),
            },
            names: Vec::new(),
        })))
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        let blob = self.sink.blob.lock().unwrap();
        if blob.published.is_some() || self.sink.broken == Broken::NeverLost {
            return Ok(Vec::new());
        }
        let whole = |receipt: &&Receipt| names(receipt).all(|name| blob.staged.contains_key(name));
        Ok(receipts.iter().filter(|receipt| !whole(receipt)).map(|receipt| receipt.chunk).collect())
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let mut blob = self.sink.blob.lock().unwrap();
        // `If-None-Match`: who comes second finds the run's own blob, and all is well.
        if blob.published.is_none() {
            let listed: BTreeSet<&str> = receipts.iter().flat_map(names).collect();
            let all = self.sink.broken == Broken::PublishesAllStaged;
            let missing = Error::new(ErrorKind::Data, "a block of the list does not exist");
            if listed.iter().any(|name| !blob.staged.contains_key(*name)) && self.sink.broken != Broken::NeverLost {
                return Err(missing);
            }
            let staged = std::mem::take(&mut blob.staged).into_iter();
            blob.published =
                Some(staged.filter(|(name, _)| all || listed.contains(name.as_str())).map(|(_, rows)| rows).collect());
        }
        Ok(Published {
            files: 1,
            bytes: receipts.iter().map(|receipt| receipt.bytes).sum(),
            names: vec!["blob".into()],
        })
    }

    async fn abort(&self) -> Result<()> {
        self.sink.blob.lock().unwrap().staged.clear();
        Ok(())
    }
}

fn names(receipt: &Receipt) -> impl Iterator<Item = &str> {
    receipt.detail.as_array().unwrap().iter().map(|name| name.as_str().unwrap())
}

struct Blocks {
    sink: ModelBlob,
    digester: RowDigester,
    receipt: Receipt,
    names: Vec<String>,
}

#[async_trait]
impl ChunkWriter for Blocks {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let Attempt { epoch, number } = match self.sink.broken {
            Broken::NoAttemptInNames => Attempt { epoch: 0, number: 0 },
            _ => self.receipt.attempt,
        };
        let name = format!("{:08x}{epoch:08x}{number:08x}{:08x}", self.receipt.chunk.0, self.names.len());
        self.receipt.rows += batch.num_rows() as u64;
        self.receipt.bytes += batch.num_rows() as u64 * 8;
        self.receipt.digest += self.digester.digest(&batch)?;
        self.sink.blob.lock().unwrap().staged.insert(name.clone(), batch);
        self.names.push(name);
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<Receipt> {
        Ok(Receipt { detail: json!(self.names).into(), ..self.receipt })
    }

    async fn abort(self: Box<Self>) {}
}
