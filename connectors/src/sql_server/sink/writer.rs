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
    super::{
        errors::number,
        patience::Patience,
        wire::{Query, Session, bulk::BulkLoad},
    },
    encode::{Encoded, Encoding, Spare},
    grow,
    layout::Layout,
    load::Loading,
    run::Shared,
    staging::Staging,
    statements::{self, BEGIN, SESSION},
};
use crate::ledger::Entry;

/// Writes a chunk, into the table or into a stage of its own. Until the first row it has no session; dropped, its session
/// closes, and the server rolls back.
pub(crate) struct TableWriter {
    shared: Arc<Shared>,
    /// As the table was when the first row was about to go.
    layout: Arc<Layout>,
    loading: Option<Loading>,
    /// The attempt's own table, if rows go through one; quoted.
    stage: Option<String>,
    /// The time that the server has left.
    patience: Patience,
    /// Of the blocks that went.
    spare: Spare,
    written: Entry,
}

impl TableWriter {
    pub(crate) fn new(shared: Arc<Shared>, chunk: ChunkId, attempt: Attempt) -> Result<Self> {
        let stage = |staging: &Staging| staging.stage(&shared.owned.run, chunk, attempt);
        let layout = shared.layout();
        let stage = layout.staging.as_ref().map(stage).transpose()?;
        let written = Entry { chunk, attempt, rows: 0, bytes: 0, digest: Default::default() };
        let patience = Patience::of(shared.batch_timeout);
        Ok(Self { shared, layout, loading: None, stage, patience, spare: Spare::default(), written })
    }

    async fn push(&mut self, block: Bytes) -> Result<()> {
        if let Some(loading) = &mut self.loading {
            return in_time(&mut self.patience, loading.push(block)).await;
        }
        let session = in_time(&mut self.patience, ready(&self.shared, &self.layout, self.stage.as_deref())).await?;
        let (load, moved) = (&self.layout.load, &self.shared.moved);
        let load = match &self.stage {
            Some(stage) => Arc::new(BulkLoad { table: stage.clone(), ..BulkLoad::clone(load) }),
            None => Arc::clone(load),
        };
        self.loading = Some(Loading::start(session, load, block, Arc::clone(moved)));
        Ok(())
    }

    /// The rows of a batch, for which columns may have to become longer. Rows that went to the table before are under a
    /// lock that is in the way, and those of a stage are in a table that stays as it is: the chunk begins again.
    async fn encoded(&mut self, batch: RecordBatch) -> Result<Encoded> {
        loop {
            let (layout, batch, spare) = (Arc::clone(&self.layout), batch.clone(), self.spare.clone());
            let outgrown = match cpu::run(move || layout.encoder.encode(&batch, &spare)).await?? {
                Encoding::Rows(encoded) => return Ok(encoded),
                Encoding::Outgrown(outgrown) => outgrown,
            };
            let has_rows = self.loading.take().is_some();
            self.layout = self.shared.grow(&self.layout, &outgrown).await?;
            if has_rows {
                return Err(grow::begin_again());
            }
        }
    }

    /// The batch that ends the chunk. From a stage the rows are taken in the same transaction, before the fence: other
    /// chunks wait there.
    fn last_batch(&self) -> Query {
        let Shared { owned, has_ledger, .. } = &*self.shared;
        let commit = if *has_ledger { owned.commit(&self.written) } else { statements::commit_alone() };
        match (&self.layout.staging, &self.stage) {
            (Some(staging), Some(stage)) => {
                let take = staging.take(stage, self.written.rows);
                Query { sql: format!("{BEGIN}; {take}DROP TABLE {stage}; {commit}"), parameters: staging.values() }
            }
            _ => Query::new(commit, []),
        }
    }

    /// What the server's refusal means: it may be about an attempt, or a table, that is not the one that this writer knows.
    async fn understood(&self, error: Error) -> Error {
        match number(&error) {
            Some(2627 | 2601) if self.shared.has_ledger => self.unless_committed(error).await,
            Some(number) if grow::is_of_other_columns(number) => self.unless_grown(error).await,
            _ => error,
        }
    }

    /// Between the look at the table and its rows somebody else may have made a column longer.
    async fn unless_grown(&self, error: Error) -> Error {
        match self.shared.has_grown(&self.layout).await {
            Ok(true) => grow::begin_again().caused_by(error),
            Ok(false) => error,
            Err(unanswered) => unanswered,
        }
    }

    /// A key that is there already is the ledger's or the table's. If an earlier attempt turned out to be durable, both are
    /// no errors: the engine opens the chunk again, and hears of it.
    async fn unless_committed(&self, error: Error) -> Error {
        match self.shared.committed(self.written.chunk).await {
            Ok(None) => error,
            Ok(Some(_)) => Error::new(ErrorKind::Unavailable, "an earlier attempt at the chunk is committed already")
                .class(RetryClass::Unknown)
                .caused_by(error),
            Err(unanswered) => unanswered,
        }
    }

    async fn committed(&mut self) -> Result<()> {
        let (last, loading) = (self.last_batch(), self.loading.take());
        let done = async {
            let mut session = match loading {
                Some(loading) => loading.finish().await?,
                None => ready(&self.shared, &self.layout, self.stage.as_deref()).await?,
            };
            session.run_query(last).await?;
            Ok(session)
        };
        let session = in_time(&mut self.patience, done).await?;
        self.shared.pool.put_back(session);
        Ok(())
    }
}

/// A session that is ready for rows: its transaction is open, or the stage is made. A stage is made once: the pool may
/// run its preamble on one session after another.
async fn ready(shared: &Shared, layout: &Layout, stage: Option<&str>) -> Result<Session> {
    let mut session = shared.pool.session(SESSION).await?;
    let first = match (&layout.staging, stage) {
        (Some(staging), Some(stage)) => staging.create(stage),
        _ => BEGIN.to_owned(),
    };
    session.run(&first).await?;
    Ok(session)
}

/// Waits for the server as long as `writeBatchTimeout` leaves. Behind that nobody knows what came of the chunk: its
/// session is closed, and the ledger tells.
async fn in_time<T>(patience: &mut Patience, work: impl Future<Output = Result<T>>) -> Result<T> {
    patience.limit(work).await.unwrap_or_else(|| {
        Err(Error::new(
            ErrorKind::Unavailable,
            "the server took longer for the rows of a chunk than «writeBatchTimeout» of the copy sink allows; raise it",
        )
        .class(RetryClass::Unknown)
        .code("SqlBatchWriteTimeout"))
    })
}

#[async_trait]
impl ChunkWriter for TableWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let encoded = self.encoded(batch).await?;
        self.written.rows += encoded.rows;
        self.written.digest += encoded.digest;
        for block in encoded.blocks {
            self.written.bytes += block.len() as u64;
            if let Err(error) = self.push(block).await {
                return Err(self.understood(error).await);
            }
        }
        Ok(())
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        match self.committed().await {
            Ok(()) => Ok(self.written.receipt()),
            Err(error) => Err(self.understood(error).await),
        }
    }

    async fn abort(self: Box<Self>) {}
}
