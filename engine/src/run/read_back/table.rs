//! A table, before and after.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        CHUNKS_PER_SLOT, Job,
        copy::cancelled,
        retrying::retrying,
        stillness::{in_time, unless_still},
    },
    affordable, differs, unreadable,
    values::Values,
};
use crate::{
    Error, ErrorKind, Result,
    chunk::Chunk,
    cpu,
    digest::RowDigester,
    retry::RetryClass,
    sink::ColumnFit,
    source::{ChunkTarget, Source},
    worker::Tally,
};

/// A batch of the table exists beside its source as it is converted, and once more to prove that nothing was lost.
const COPIES: u64 = 2;

/// A table that a run writes to.
pub(in super::super) struct Table {
    source: Arc<dyn Source>,
    /// The columns of the run.
    schema: SchemaRef,
    digester: RowDigester,
}

impl Table {
    /// # Errors
    /// [`ErrorKind::Spec`] if a column loses something on its way there.
    pub(super) fn new(source: Arc<dyn Source>, schema: &SchemaRef, fits: &[ColumnFit]) -> Result<Self> {
        let lossy = schema.fields().iter().zip(fits).find_map(|(field, fit)| Some((field, fit.loss.as_ref()?)));
        if let Some((field, loss)) = lossy {
            return Err(Error::new(
                ErrorKind::Spec,
                "validateDataConsistency finds every loss, and a column loses something; CAST it in the source's query, \
                 or remove validateDataConsistency",
            )
            .with("column", field.name().escape_debug())
            .with("loses", loss));
        }
        Ok(Self { source, schema: Arc::clone(schema), digester: RowDigester::new(schema)? })
    }

    /// How the values of the table become those of the run.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a column that does not give back what it was given.
    pub(super) async fn columns(&self, job: &Job, cancel: &CancellationToken) -> Result<Values> {
        let ask = || in_time(job.settings.first_batch_timeout, self.source.schema());
        let table = retrying(&job.settings.retry, cancel, ask).await?;
        let values = Values::of(&self.schema, &table)?;
        affordable(job, self.working_set(job))?;
        Ok(values)
    }

    fn working_set(&self, job: &Job) -> u64 {
        self.source.working_set(job.settings.batch).saturating_add(COPIES * job.settings.batch.bytes)
    }

    /// All rows that stand there.
    pub(super) async fn count(&self, job: &Job, cancel: &CancellationToken) -> Result<Tally> {
        let work = async {
            let values = self.columns(job, cancel).await?;
            let at_once = affordable(job, self.working_set(job))?;
            let target = ChunkTarget {
                bytes: job.settings.chunk_bytes,
                rows: job.settings.chunk_rows,
                chunks: (at_once as u32).saturating_mul(CHUNKS_PER_SLOT),
            };
            let ask = || in_time(job.settings.first_batch_timeout, self.source.plan(target));
            let chunks = retrying(&job.settings.retry, cancel, ask).await?;
            let read =
                async |chunk: &Chunk| retrying(&job.settings.retry, cancel, || self.chunk(job, &values, chunk)).await;
            let tallies: Vec<_> = stream::iter(&chunks).map(read).buffer_unordered(at_once).try_collect().await?;
            Ok(tallies.into_iter().sum())
        };
        cancel.run_until_cancelled(work).await.unwrap_or_else(|| Err(cancelled(job)))
    }

    async fn chunk(&self, job: &Job, values: &Values, chunk: &Chunk) -> Result<Tally> {
        let settings = &job.settings;
        let mut batches = in_time(settings.first_batch_timeout, self.source.read(chunk, settings.batch)).await?;
        let (mut tally, mut limit) = (Tally::default(), settings.first_batch_timeout);
        let arrived = || self.source.arrived(chunk.id).unwrap_or_default();
        loop {
            let next = unless_still(limit, arrived, batches.try_next()).await;
            let Some(batch) = next.unwrap_or_else(|| Err(still(limit)))? else { return Ok(tally) };
            limit = settings.silence_timeout;
            tally.rows += batch.num_rows() as u64;
            let (values, digester) = (values.clone(), self.digester.clone());
            tally.digest += cpu::run(move || digester.digest(&values.of_the_run(&batch)?)).await??;
        }
    }

    /// # Errors
    /// [`ErrorKind::Data`], fatal, if other rows came to the table than were read.
    pub(super) async fn compare(
        &self,
        job: &Job,
        before: Tally,
        read: Tally,
        cancel: &CancellationToken,
    ) -> Result<()> {
        let name = job.sink.describe().target;
        let found = self.count(job, cancel).await.map_err(|error| unreadable(error, Some(("table", &name))))?;
        let expected: Tally = [before, read].into_iter().sum();
        if found == expected {
            return Ok(());
        }
        Err(differs(("table", &name), expected, found).with("rows_before", before.rows))
    }
}

fn still(limit: std::time::Duration) -> Error {
    Error::new(ErrorKind::Unavailable, "the sink stood still while it was read back")
        .with("waited_seconds", limit.as_secs())
        .class(RetryClass::Reconnect)
}
