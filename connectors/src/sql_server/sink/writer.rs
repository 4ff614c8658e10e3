//! One attempt at one chunk: rows in a transaction, committed together with their row of the ledger.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt},
    cpu,
    retry::RetryClass,
    sink::ChunkWriter,
};

use super::{
    super::{errors::number, wire::Session},
    load::Loading,
    run::Shared,
    statements::{self, BEGIN, SESSION},
};
use crate::ledger::Entry;

/// Writes a chunk. Until the first row it has no session; dropped, its session closes, and the server rolls back.
pub(crate) struct TableWriter {
    shared: Arc<Shared>,
    loading: Option<Loading>,
    written: Entry,
}

impl TableWriter {
    pub(crate) fn new(shared: Arc<Shared>, chunk: ChunkId, attempt: Attempt) -> Self {
        let written = Entry { chunk, attempt, rows: 0, bytes: 0, digest: Default::default() };
        Self { shared, loading: None, written }
    }

    /// A session with an open transaction.
    async fn transaction(&self) -> Result<Session> {
        self.shared.pool.session(&format!("{SESSION}; {BEGIN}")).await
    }

    async fn push(&mut self, block: Bytes) -> Result<()> {
        if let Some(loading) = &mut self.loading {
            return loading.push(block).await;
        }
        let session = self.transaction().await?;
        let Shared { load, moved, .. } = &*self.shared;
        self.loading = Some(Loading::start(session, Arc::clone(load), block, Arc::clone(moved)));
        Ok(())
    }
}

#[async_trait]
impl ChunkWriter for TableWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let encoded = cpu::run(move || shared.encoder.encode(&batch)).await??;
        self.written.rows += encoded.rows;
        self.written.digest += encoded.digest;
        for block in encoded.blocks {
            self.written.bytes += block.len() as u64;
            self.push(block).await?;
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        let mut session = match self.loading.take() {
            Some(loading) => loading.finish().await?,
            None => self.transaction().await?,
        };
        let batch = match self.shared.has_ledger {
            true => self.shared.owned.commit(&self.written),
            false => statements::COMMIT.to_owned(),
        };
        session.run(&batch).await.map_err(settled_by_reading)?;
        self.shared.pool.put_back(session);
        Ok(self.written.receipt())
    }

    async fn abort(self: Box<Self>) {}
}

/// The ledger has a row of the chunk already: an earlier attempt is durable, and says so when it is asked.
fn settled_by_reading(error: Error) -> Error {
    match number(&error) {
        Some(2627 | 2601) => Error::new(ErrorKind::Unavailable, "an earlier attempt at the chunk is committed already")
            .class(RetryClass::Unknown)
            .caused_by(error),
        _ => error,
    }
}
