//! Reads a chunk ahead of the sink, in a task of its own, so that reading and encoding overlap.

use std::{sync::Arc, time::Duration};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::SchemaRef,
};
use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::{
    Worker,
    tally::{Provisional, Tally},
};
use crate::{
    Error, ErrorKind, Result, Side,
    chunk::{BatchLimit, Chunk},
    cpu,
    digest::RowDigester,
    retry::RetryClass,
    run::columns,
    source::Source,
};

/// Batches of up to so many rows are digested where they are: that takes less time than the way to
/// the CPU pool.
const SMALL_BATCH: usize = 4096;

/// Reads one chunk once.
pub(super) struct Reader {
    source: Arc<dyn Source>,
    schema: SchemaRef,
    digester: RowDigester,
    limit: BatchLimit,
    first_batch_timeout: Duration,
    stall_timeout: Duration,
}

impl Reader {
    pub(super) fn of(worker: &Worker) -> Self {
        Self {
            source: worker.source.clone(),
            schema: worker.rules.schema.clone(),
            digester: worker.rules.digester.clone(),
            limit: worker.settings.batch,
            first_batch_timeout: worker.settings.first_batch_timeout,
            stall_timeout: worker.settings.stall_timeout,
        }
    }

    /// Sends the batches of the chunk to the outlet. Its place in the channel is taken before a
    /// batch is read, so that no more than one batch is ahead of the sink.
    pub(super) async fn read(
        self,
        chunk: Chunk,
        outlet: mpsc::Sender<RecordBatch>,
        counted: Arc<Provisional>,
    ) -> Result<Tally> {
        let mut patience = self.first_batch_timeout;
        let mut batches = within(patience, self.source.read(&chunk, self.limit)).await?;
        let mut tally = Tally::default();
        loop {
            let Ok(place) = outlet.reserve().await else {
                return Err(Error::new(ErrorKind::Cancelled, "nobody takes the batches any more"));
            };
            let Some(batch) = within(patience, batches.try_next()).await? else { return Ok(tally) };
            patience = self.stall_timeout;
            if batch.num_rows() == 0 {
                continue;
            }
            columns::announced(&self.schema, batch.schema_ref())?;
            let rows = batch.num_rows() as u64;
            tally.digest += self.digest(&batch).await?;
            tally.rows += rows;
            counted.add(rows, bytes(&batch));
            place.send(batch);
        }
    }

    async fn digest(&self, batch: &RecordBatch) -> Result<crate::digest::Digest> {
        if batch.num_rows() <= SMALL_BATCH {
            return self.digester.digest(batch);
        }
        let (digester, batch) = (self.digester.clone(), batch.clone());
        cpu::run(move || digester.digest(&batch)).await?
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(|error| error.on(Side::Source)),
        Err(_) => Err(Error::new(ErrorKind::Unavailable, "the source sent nothing for too long")
            .with("waited_seconds", patience.as_secs())
            .class(RetryClass::Reconnect)
            .on(Side::Source)),
    }
}

/// The bytes of the cells of a batch, not of the buffers that it shares with others.
fn bytes(batch: &RecordBatch) -> u64 {
    let column =
        |array: &dyn Array| array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size());
    batch.columns().iter().map(|array| column(array) as u64).sum()
}
