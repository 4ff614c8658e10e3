//! A table with a ledger: the rows of a chunk and its ledger row commit in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use arrow::{
    array::{RecordBatch, cast::AsArray},
    datatypes::{Int64Type, SchemaRef},
};
use async_trait::async_trait;
use serde_json::json;

use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt},
    digest::RowDigester,
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun},
    skipping::{Clash, Misfit},
};

/// A table in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ModelTable {
    table: Arc<Mutex<Table>>,
    without_ledger: bool,
    narrow: Option<Narrow>,
    keys: Option<i64>,
}

/// It holds no row whose first column is a multiple of this.
#[derive(Clone, Copy, Debug)]
struct Narrow {
    multiple: i64,
    /// Whether it says so when it is asked, rather than when such a row is written.
    tells: bool,
}

impl Narrow {
    fn misfits(self, batch: &RecordBatch) -> Vec<Misfit> {
        let ids = batch.column(0).as_primitive::<Int64Type>().values().iter().enumerate();
        let misfit = |row| Misfit { row, column: 0, reason: "the table does not hold it" };
        ids.filter(|(_, id)| *id % self.multiple == 0).map(|(row, _)| misfit(row)).collect()
    }
}

#[derive(Clone, Debug, Default)]
struct Table {
    rows: Vec<RecordBatch>,
    ledger: BTreeMap<ChunkId, Receipt>,
    /// What attempts had whose commit was refused for a key.
    refused: BTreeMap<(ChunkId, Attempt), Vec<RecordBatch>>,
    /// Ledger keys that an open transaction holds.
    locked: BTreeSet<ChunkId>,
}

impl ModelTable {
    /// Does not ask the ledger whether a chunk is committed: a test that accepts it has no teeth.
    pub fn without_ledger() -> Self {
        Self { without_ledger: true, ..Self::default() }
    }

    /// Holds no row whose first column, a 64-bit number, is a multiple of this.
    pub fn narrow(multiple: i64) -> Self {
        Self { narrow: Some(Narrow { multiple, tells: true }), ..Self::default() }
    }

    /// The same, and it does not say so before such a row is written.
    pub fn narrow_and_silent(multiple: i64) -> Self {
        Self { narrow: Some(Narrow { multiple, tells: false }), ..Self::default() }
    }

    /// Has a unique key: the first column, a 64-bit number, modulo this.
    pub fn keyed(keys: i64) -> Self {
        Self { keys: Some(keys), ..Self::default() }
    }

    /// The number of its keys.
    pub fn keys(&self) -> Option<i64> {
        self.keys
    }

    /// Whether there are rows that it does not hold.
    pub fn is_narrow(&self) -> bool {
        self.narrow.is_some()
    }

    /// A table of its own that holds what is committed in this one now; open transactions stay here.
    pub fn fork(&self) -> Self {
        let table = Table { locked: BTreeSet::new(), ..self.table.lock().unwrap().clone() };
        Self { table: Arc::new(Mutex::new(table)), ..self.clone() }
    }

    /// Everything that a reader of the table sees.
    pub fn rows(&self) -> Vec<RecordBatch> {
        self.table.lock().unwrap().rows.clone()
    }

    /// Which rows have a key that the table has, or an earlier one of them.
    fn clashes(&self, rows: &[RecordBatch], digester: &RowDigester) -> Result<Vec<Clash>> {
        let Some(keys) = self.keys else { return Ok(Vec::new()) };
        let of = |batch: &RecordBatch| {
            let ids = batch.column(0).as_primitive::<Int64Type>().values();
            ids.iter().map(|id| id % keys).collect::<Vec<_>>()
        };
        let mut taken: BTreeSet<i64> = self.rows().iter().flat_map(of).collect();
        let mut clashes = Vec::new();
        for batch in rows {
            let rows = digester.rows(batch)?.into_iter().zip(of(batch));
            clashes.extend(rows.filter(|(_, key)| !taken.insert(*key)).map(|(row, _)| Clash { row, column: 0 }));
        }
        Ok(clashes)
    }

    /// False while a rival's transaction holds the key of the chunk.
    fn lock(&self, chunk: ChunkId) -> bool {
        let mut table = self.table.lock().unwrap();
        table.ledger.contains_key(&chunk) || table.locked.insert(chunk)
    }
}

#[async_trait]
impl Sink for ModelTable {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let fit =
            |field: &Arc<arrow::datatypes::Field>| ColumnFit { sink_type: field.data_type().to_string(), loss: None };
        Ok(schema.fields().iter().map(fit).collect())
    }

    fn guarantee(&self) -> String {
        "every row exactly once, visible chunk by chunk".into()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        Ok(Box::new(TableRun { sink: self.clone(), digester: RowDigester::new(&context.schema)? }))
    }

    fn working_set(&self, _: &SchemaRef, limit: BatchLimit) -> u64 {
        limit.bytes
    }
}

struct TableRun {
    sink: ModelTable,
    digester: RowDigester,
}

#[async_trait]
impl SinkRun for TableRun {
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        if !self.sink.without_ledger {
            // The ledger row comes first: it waits for a rival's open transaction.
            while !self.sink.lock(chunk.id) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if let Some(receipt) = self.sink.table.lock().unwrap().ledger.get(&chunk.id) {
                return Ok(Opened::AlreadyCommitted(receipt.clone()));
            }
        }
        Ok(Opened::Writer(Box::new(Transaction {
            sink: self.sink.clone(),
            digester: self.digester.clone(),
            chunk: chunk.id,
            attempt,
            rows: Vec::new(),
        })))
    }

    fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        let telling = self.sink.narrow.filter(|narrow| narrow.tells);
        Ok(telling.map(|narrow| narrow.misfits(batch)).unwrap_or_default())
    }

    async fn clashes(&self, chunk: ChunkId, attempt: Attempt) -> Result<Vec<Clash>> {
        let refused = self.sink.table.lock().unwrap().refused.get(&(chunk, attempt)).cloned();
        self.sink.clashes(&refused.unwrap_or_default(), &self.digester)
    }

    async fn finish(&self, _: &[Receipt]) -> Result<Published> {
        Ok(Published { names: vec!["table".into()], ..Published::default() })
    }

    async fn abort(&self) -> Result<()> {
        Ok(())
    }
}

struct Transaction {
    sink: ModelTable,
    digester: RowDigester,
    chunk: ChunkId,
    attempt: Attempt,
    rows: Vec<RecordBatch>,
}

/// A transaction that ends without a commit gives its lock back.
impl Drop for Transaction {
    fn drop(&mut self) {
        self.sink.table.lock().unwrap().locked.remove(&self.chunk);
    }
}

#[async_trait]
impl ChunkWriter for Transaction {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if self.sink.narrow.is_some_and(|narrow| !narrow.misfits(&batch).is_empty()) {
            return Err(Error::new(ErrorKind::Data, "a row that the table does not hold"));
        }
        self.rows.push(batch);
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let mut digest = crate::digest::Digest::default();
        for batch in &self.rows {
            digest += self.digester.digest(batch)?;
        }
        if !self.sink.clashes(&self.rows, &self.digester)?.is_empty() {
            let rows = std::mem::take(&mut self.rows);
            self.sink.table.lock().unwrap().refused.insert((self.chunk, self.attempt), rows);
            return Err(Error::new(ErrorKind::Data, "a key is there already"));
        }
        let rows = self.rows.iter().map(|batch| batch.num_rows() as u64).sum();
        let receipt = Receipt {
            chunk: self.chunk,
            attempt: self.attempt,
            rows,
            bytes: rows * 8,
            digest,
            detail: json!(null).into(),
        };
        let mut table = self.sink.table.lock().unwrap();
        table.rows.append(&mut self.rows);
        table.ledger.insert(self.chunk, receipt.clone());
        drop(table);
        Ok(receipt)
    }

    async fn abort(self: Box<Self>) {}
}
