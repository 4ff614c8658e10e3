//! A sink of files, file by file, so that the error can name the one that differs, and over the whole run.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        Job,
        copy::cancelled,
        retrying::retrying,
        stillness::{in_time, unless_still},
    },
    affordable, differs, unreadable,
};
use crate::{
    Error, ErrorKind, Result,
    chunk::Receipt,
    cpu,
    digest::{Digest, RowDigester},
    retry::RetryClass,
    sink::{SinkRun, Stored},
    worker::Tally,
};

/// One published run, about to be read back.
pub(super) struct Files<'a> {
    job: &'a Job,
    target: &'a dyn SinkRun,
    cancel: &'a CancellationToken,
    digester: RowDigester,
    /// Slices that are read at once.
    at_once: usize,
}

impl<'a> Files<'a> {
    pub(super) fn new(
        job: &'a Job,
        target: &'a dyn SinkRun,
        schema: &SchemaRef,
        working_set: u64,
        cancel: &'a CancellationToken,
    ) -> Result<Self> {
        let at_once = affordable(job, working_set)?;
        Ok(Self { job, target, cancel, digester: RowDigester::new(schema)?, at_once })
    }

    /// # Errors
    /// [`ErrorKind::Data`], fatal, if a file holds other rows than were read from the source, or
    /// cannot be read at all.
    pub(super) async fn compare(&self, receipts: &[Receipt], read: Tally) -> Result<()> {
        let work = self.cancel.run_until_cancelled(self.found(receipts));
        let found = work.await.unwrap_or_else(|| Err(cancelled(self.job)))?;
        if found == read { Ok(()) } else { Err(differs(("file", "all files together"), read, found)) }
    }

    /// What is in the files, each of which is what it should be.
    async fn found(&self, receipts: &[Receipt]) -> Result<Tally> {
        let ask = || in_time(self.job.settings.settle_timeout, self.target.stored(receipts));
        let files =
            retrying(&self.job.settings.retry, self.cancel, ask).await.map_err(|error| unreadable(error, None))?;
        let mut slices = Vec::new();
        for (at, file) in files.iter().enumerate() {
            slices.extend(file.slices.iter().map(|slice| self.named(at, file, slice).boxed()));
        }
        let mut reading = stream::iter(slices).buffer_unordered(self.at_once);
        let mut tallies = vec![Tally::default(); files.len()];
        while let Some((at, tally)) = reading.try_next().await? {
            tallies[at] = [tallies[at], tally].into_iter().sum();
        }
        for (file, found) in files.iter().zip(&tallies) {
            let stored = Tally { rows: file.rows, digest: file.digest, ..Tally::default() };
            if *found != stored {
                return Err(differs(("file", &file.name), stored, *found));
            }
        }
        Ok(tallies.into_iter().sum())
    }

    /// What is in a slice of the file at this place of the list.
    async fn named(&self, at: usize, file: &Stored, slice: &Value) -> Result<(usize, Tally)> {
        let read = || self.slice(slice);
        let tally = retrying(&self.job.settings.retry, self.cancel, read).await;
        tally.map(|tally| (at, tally)).map_err(|error| unreadable(error, Some(("file", &file.name))))
    }

    async fn slice(&self, slice: &Value) -> Result<Tally> {
        let mut batches = self.moving(self.target.read_back(slice, self.job.settings.batch)).await?;
        let mut tally = Tally::default();
        while let Some(batch) = self.moving(batches.try_next()).await? {
            tally.rows += batch.num_rows() as u64;
            tally.digest += self.digest(batch).await?;
        }
        Ok(tally)
    }

    async fn digest(&self, batch: RecordBatch) -> Result<Digest> {
        let digester = self.digester.clone();
        cpu::run(move || digester.digest(&batch)).await?
    }

    /// A step that is given up when no byte moves.
    async fn moving<T>(&self, step: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.job.settings.silence_timeout;
        unless_still(limit, || self.target.moved(), step).await.unwrap_or_else(|| {
            Err(Error::new(ErrorKind::Unavailable, "the sink stood still while it was read back")
                .with("waited_seconds", limit.as_secs())
                .class(RetryClass::Reconnect))
        })
    }
}
