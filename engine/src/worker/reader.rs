//! Reads a chunk ahead of the sink, in a task of its own, so that reading and encoding overlap.

use std::{
    mem,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arrow::{
    array::{Array, RecordBatch},
    datatypes::SchemaRef,
};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::{
    Log, Worker,
    clashes::Clashes,
    tally::{Provisional, Tally},
    unfit::{self, Unfit},
};
use crate::{
    Error, ErrorKind, Result, Side,
    chunk::{BatchLimit, Chunk, ChunkId},
    cpu,
    digest::RowDigester,
    division::Divided,
    retry::RetryClass,
    run::{columns, unless_still},
    sink::SinkRun,
    skipping::{self, LeftOut, Portion, PortionStream, SkippedRow},
    source::Source,
};

/// Batches of up to so many rows are digested where they are: that takes less time than the way to
/// the CPU pool.
const SMALL_BATCH: usize = 4096;

/// What goes from the reader to the writers at once.
pub(super) enum Parcel {
    /// Rows for the sink.
    Rows(RecordBatch),
    /// What comes next is of the next file.
    NextFile,
    /// Lines for the log.
    Lines(RecordBatch),
    /// Parts of the chunk that are left out.
    LeftOut(Vec<LeftOut>),
}

/// Reads one chunk once.
pub(super) struct Reader {
    source: Arc<dyn Source>,
    target: Arc<dyn SinkRun>,
    by_file: bool,
    skips: bool,
    clashes: Clashes,
    log: Option<Arc<Log>>,
    schema: SchemaRef,
    digester: RowDigester,
    limit: BatchLimit,
    first_batch_timeout: Duration,
    stall_timeout: Duration,
    silence_timeout: Duration,
}

impl Reader {
    pub(super) fn of(worker: &Worker, clashes: Clashes) -> Self {
        Self {
            source: worker.source.clone(),
            target: worker.target.clone(),
            by_file: worker.by_file,
            skips: worker.rules.skips,
            clashes,
            log: worker.rules.log.clone(),
            schema: worker.rules.schema.clone(),
            digester: worker.rules.digester.clone(),
            limit: worker.settings.batch,
            first_batch_timeout: worker.settings.first_batch_timeout,
            stall_timeout: worker.settings.stall_timeout,
            silence_timeout: worker.settings.silence_timeout,
        }
    }

    /// Sends the rows of the chunk, and the lines of those left out, to the outlet. A place in the channel is taken
    /// before anything is read, so that no more than one batch is ahead of the sink. The answer is what was read, and how
    /// the chunk was divided if that was not all of it.
    pub(super) async fn read(
        mut self,
        chunk: Chunk,
        outlet: mpsc::Sender<Parcel>,
        counted: Arc<Provisional>,
    ) -> Result<(Tally, Option<Divided>)> {
        let parts = if self.by_file { self.source.by_file(&chunk) } else { Ok(vec![chunk]) };
        let mut tally = Tally::default();
        for (number, part) in parts.map_err(|error| error.on(Side::Source))?.iter().enumerate() {
            if number > 0 {
                outlet.send(Parcel::NextFile).await.map_err(|_| nobody_listens())?;
            }
            let (read, divided) = self.read_part(part, &outlet, &counted).await?;
            tally = [tally, read].into_iter().sum();
            if divided.is_some() {
                return Ok((tally, divided));
            }
        }
        Ok((tally, None))
    }

    /// The same for a part of the chunk.
    async fn read_part(
        &mut self,
        chunk: &Chunk,
        outlet: &mpsc::Sender<Parcel>,
        counted: &Provisional,
    ) -> Result<(Tally, Option<Divided>)> {
        let mut portions = within(self.first_batch_timeout, self.portions(chunk)).await?;
        let (mut tally, mut has_begun) = (Tally::default(), false);
        loop {
            let place = outlet.reserve().await.map_err(|_| nobody_listens())?;
            let next = portions.try_next();
            let portion = if has_begun {
                self.while_rows_arrive(chunk.id, next).await
            } else {
                within(self.first_batch_timeout, next).await
            };
            let portion = match portion {
                Ok(Some(portion)) => portion,
                Ok(None) => return Ok((tally, None)),
                Err(end) => return Ok((tally, Some(Divided::of_end(end)?))),
            };
            has_begun = true;
            let Portion { read, rows, skipped, left_out } = portion;
            columns::announced(&self.schema, rows.schema_ref())?;
            let (rows, unfit) = self.parted(rows).await?;
            let fit = rows.num_rows() as u64;
            tally.digest += self.digest(&rows).await?;
            tally.read += read;
            tally.rows += fit;
            tally.skipped += (skipped.len() + unfit.as_ref().map_or(0, Unfit::len)) as u64;
            counted.add(fit, bytes(&rows));
            let skipped = skipped.into_iter().map(Ok).chain(unfit.into_iter().flat_map(Unfit::into_rows));
            let mut place = Some(place);
            let rows = (fit > 0).then_some(Ok(Parcel::Rows(rows)));
            let left_out = (!left_out.is_empty()).then_some(Ok(Parcel::LeftOut(left_out)));
            for parcel in rows.into_iter().chain(left_out).chain(self.lines(skipped)) {
                let taken = match place.take() {
                    Some(place) => place,
                    None => outlet.reserve().await.map_err(|_| nobody_listens())?,
                };
                taken.send(parcel?);
            }
        }
    }

    /// The next portion, unless nothing arrives any more. A source that cannot tell has a bit longer.
    async fn while_rows_arrive<T>(&self, chunk: ChunkId, next: impl Future<Output = Result<T>>) -> Result<T> {
        if self.source.arrived(chunk).is_none() {
            return within(self.silence_timeout, next).await;
        }
        let arrived = || self.source.arrived(chunk).unwrap_or_default();
        let next = unless_still(self.stall_timeout, arrived, next).await;
        next.unwrap_or_else(|| Err(silent(self.stall_timeout))).map_err(|error| error.on(Side::Source))
    }

    async fn portions(&self, chunk: &Chunk) -> Result<PortionStream> {
        if self.skips {
            return self.source.read_skipping(chunk, self.limit).await;
        }
        Ok(self.source.read(chunk, self.limit).await?.map_ok(Portion::from).boxed())
    }

    /// The rows of a batch that the sink can hold, and the others, if rows are left out at all.
    async fn parted(&mut self, batch: RecordBatch) -> Result<(RecordBatch, Option<Unfit>)> {
        if !self.skips {
            return Ok((batch, None));
        }
        let (target, digester, mut clashes) =
            (self.target.clone(), self.digester.clone(), mem::take(&mut self.clashes));
        let size = batch.num_rows();
        let part = move || (unfit::part(&*target, batch, |batch| clashes.among(batch, &digester)), clashes);
        let parted;
        (parted, self.clashes) = if size <= SMALL_BATCH { part() } else { cpu::run(part).await? };
        parted.map(|(rows, unfit)| (rows, Some(unfit))).map_err(|error| error.on(Side::Sink))
    }

    /// The lines of these rows, if they are written down, in batches.
    fn lines(&self, mut rows: impl Iterator<Item = Result<SkippedRow>>) -> impl Iterator<Item = Result<Parcel>> {
        let (log, limit, now) = (self.log.clone(), skipping::limit(self.limit), SystemTime::now());
        std::iter::from_fn(move || {
            let log = log.as_ref()?;
            let (mut lines, mut bytes) = (Vec::new(), 0);
            while bytes < limit.bytes && lines.len() < limit.rows.get() as usize {
                let Some(row) = rows.next() else { break };
                let line = match row {
                    Ok(row) => log.layout.line(&row, now),
                    Err(error) => return Some(Err(error)),
                };
                bytes += line.len() as u64;
                lines.push(line);
            }
            (!lines.is_empty()).then(|| skipping::lines(&log.schema, lines).map(Parcel::Lines))
        })
    }

    async fn digest(&self, batch: &RecordBatch) -> Result<crate::digest::Digest> {
        if batch.num_rows() <= SMALL_BATCH {
            return self.digester.digest(batch);
        }
        let (digester, batch) = (self.digester.clone(), batch.clone());
        cpu::run(move || digester.digest(&batch)).await?
    }
}

fn nobody_listens() -> Error {
    Error::new(ErrorKind::Cancelled, "nobody takes the batches any more")
}

async fn within<T>(patience: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(patience, work).await {
        Ok(done) => done.map_err(|error| error.on(Side::Source)),
        Err(_) => Err(silent(patience).on(Side::Source)),
    }
}

fn silent(patience: Duration) -> Error {
    Error::new(ErrorKind::Unavailable, "the source sent nothing for too long")
        .with("waited_seconds", patience.as_secs())
        .class(RetryClass::Reconnect)
}

/// The bytes of the cells of a batch, not of the buffers that it shares with others.
fn bytes(batch: &RecordBatch) -> u64 {
    let column =
        |array: &dyn Array| array.to_data().get_slice_memory_size().unwrap_or_else(|_| array.get_array_memory_size());
    batch.columns().iter().map(|array| column(array) as u64).sum()
}
