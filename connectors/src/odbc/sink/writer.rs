//! One attempt at one chunk: rows in a transaction, committed together with their row of the ledger.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use ropeway_engine::{
    Result,
    chunk::{Attempt, ChunkId, Receipt},
    cpu,
    sink::ChunkWriter,
};

use super::{load::Loading, run::Shared};
use crate::ledger::Entry;

/// Writes a chunk. Until the first row it has no connection; dropped, its transaction is rolled back.
pub(super) struct TableWriter {
    shared: Arc<Shared>,
    loading: Option<Loading>,
    written: Entry,
}

impl TableWriter {
    pub(super) fn new(shared: Arc<Shared>, chunk: ChunkId, attempt: Attempt) -> Self {
        let written = Entry { chunk, attempt, rows: 0, bytes: 0, digest: Default::default() };
        Self { shared, loading: None, written }
    }
}

#[async_trait]
impl ChunkWriter for TableWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let encoded = Arc::new(cpu::run(move || shared.encoder.encode(&batch)).await??);
        let mut start = 0;
        loop {
            let (shared, values) = (Arc::clone(&self.shared), Arc::clone(&encoded));
            let Some(block) = cpu::run(move || shared.encoder.block(&values, start)).await? else { break };
            start += block.rows;
            self.written.bytes += block.bytes;
            let shared = &self.shared;
            self.loading.get_or_insert_with(|| Loading::start(shared)).push(block).await?;
        }
        self.written.rows += start as u64;
        self.written.digest += encoded.digest;
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let loading = self.loading.take().unwrap_or_else(|| Loading::start(&self.shared));
        loading.commit(self.written).await?;
        Ok(self.written.receipt())
    }

    async fn abort(self: Box<Self>) {}
}
