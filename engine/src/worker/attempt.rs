//! One attempt at one chunk: open, pump, commit.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{
    Note, Past, Worker, crashed,
    log::Lines,
    reader::{Parcel, Reader},
    stopped,
    tally::{Provisional, Tally},
};
use crate::{
    Error, ErrorKind, Result, Side,
    chunk::{Attempt, Chunk, Receipt},
    division::{Divided, Division},
    progress::Counters,
    retry::RetryClass,
    run::{snapshot, unless_still},
    sink::{ChunkWriter, Opened, SinkRun},
};

/// How long a sink may take to give an attempt up. Nothing relies on it.
const ABORT_PATIENCE: Duration = Duration::from_secs(10);

impl Worker {
    /// Copies the chunk once.
    pub(super) async fn attempt(
        &self,
        chunk: &Chunk,
        attempt: Attempt,
        past: &mut Past,
    ) -> Result<(Receipt, Option<Tally>)> {
        let _open = OpenChunk::count(&self.counters);
        let target = &*self.target;
        let opening = self.rules.stop.run_until_cancelled(self.settled(
            target,
            RetryClass::Reconnect,
            target.open(chunk, attempt),
        ));
        let mut writer = match opening.await.unwrap_or_else(|| Err(stopped(chunk)))? {
            Opened::AlreadyCommitted(receipt) => return self.already_committed(chunk, receipt, &past.sent),
            Opened::Writer(writer) => writer,
        };
        tracing::debug!(chunk = chunk.label, epoch = attempt.epoch, attempt = attempt.number, "an attempt begins");
        let counted = Arc::new(Provisional::new(self.counters.clone()));
        let mut lines = Lines::new(chunk, attempt);
        let writing = async {
            let reader = Reader::of(self, past.clashes.clone());
            let (tally, divided) = self.pump((chunk, reader), &mut *writer, &mut lines, &counted).await?;
            self.settle_lines(&mut lines, tally.skipped).await?;
            self.settle_division(chunk, attempt, divided).await?;
            Ok(tally)
        };
        match self.rules.stop.run_until_cancelled(writing).await.unwrap_or_else(|| Err(stopped(chunk))) {
            Ok(tally) => {
                past.sent.push((attempt, tally));
                let receipt = self.settled(target, RetryClass::Unknown, writer.commit()).await?;
                verify(chunk, &receipt, Some(tally))?;
                counted.keep();
                Ok((receipt, Some(tally)))
            }
            // What was staged stays, for whoever looks into it.
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                // Best effort: the sink survives a process that dies without it.
                drop(tokio::time::timeout(ABORT_PATIENCE, writer.abort()).await);
                drop(tokio::time::timeout(ABORT_PATIENCE, lines.abort()).await);
                Err(error)
            }
        }
    }

    fn already_committed(
        &self,
        chunk: &Chunk,
        receipt: Receipt,
        sent: &[(Attempt, Tally)],
    ) -> Result<(Receipt, Option<Tally>)> {
        if self.rules.one_epoch && receipt.attempt.epoch != self.rules.first.epoch {
            return Err(snapshot::stranger(chunk, receipt.attempt).on(Side::Sink));
        }
        let tally = sent.iter().find(|(attempt, _)| *attempt == receipt.attempt).map(|(_, tally)| *tally);
        verify(chunk, &receipt, tally)?;
        self.counters.rows_read.add(receipt.rows);
        Ok((receipt, tally))
    }

    /// Moves batches from the source to the writer until the chunk is complete.
    async fn pump(
        &self,
        (chunk, reader): (&Chunk, Reader),
        writer: &mut dyn ChunkWriter,
        lines: &mut Lines,
        counted: &Arc<Provisional>,
    ) -> Result<(Tally, Option<Divided>)> {
        let (outlet, mut parcels) = mpsc::channel(1);
        // A set of one, because its task ends with it.
        let mut reading = JoinSet::new();
        reading.spawn(reader.read(chunk.clone(), outlet, counted.clone()));
        loop {
            let waiting = Instant::now();
            let parcel = parcels.recv().await;
            self.counters.source_wait_ns.add_time(waiting.elapsed());
            let written = match parcel {
                None => break,
                Some(Parcel::Rows(batch)) => self.written(&*self.target, writer.write(batch)).await,
                Some(Parcel::NextFile) => self.settled(&*self.target, RetryClass::Reconnect, writer.next_file()).await,
                Some(Parcel::Lines(batch)) => self.write_lines(lines, batch).await,
                Some(Parcel::LeftOut(parts)) => {
                    lines.left_out(parts);
                    Ok(())
                }
            };
            if let Err(error) = written {
                reading.shutdown().await;
                return Err(error);
            }
        }
        match reading.join_next().await {
            Some(Ok(read)) => read,
            Some(Err(error)) if error.is_panic() => {
                Err(crashed("reading a chunk panicked; please report it", &*error.into_panic()).on(Side::Source))
            }
            _ => Err(stopped(chunk)),
        }
    }

    /// Makes it durable that this attempt is of a part of its chunk only, before it may commit.
    async fn settle_division(&self, chunk: &Chunk, attempt: Attempt, divided: Option<Divided>) -> Result<()> {
        let Some(parts) = divided else { return Ok(()) };
        let (done, recorded) = oneshot::channel();
        drop(self.rules.notes.send(Note::Divided(Division { chunk: chunk.id, attempt, parts }, done)).await);
        recorded.await.unwrap_or_else(|_| Err(stopped(chunk)))
    }

    /// A batch that a writer takes.
    pub(super) async fn written(&self, target: &dyn SinkRun, work: impl Future<Output = Result<()>>) -> Result<()> {
        self.at_sink(target, self.settings.write_timeout, RetryClass::Reconnect, work).await
    }

    /// One step of a sink's, which may move no byte for a while.
    pub(super) async fn settled<T>(
        &self,
        target: &dyn SinkRun,
        class: RetryClass,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limit = self.settings.settle_timeout.max(target.step_limit().unwrap_or_default());
        self.at_sink(target, limit, class, work).await
    }

    /// Work of a sink's. If it stands still for longer than the limit it is given up, which is
    /// retried as `class`; the writer is dropped then, and leaves nothing visible.
    async fn at_sink<T>(
        &self,
        target: &dyn SinkRun,
        limit: Duration,
        class: RetryClass,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let waiting = Instant::now();
        let done = unless_still(limit, || target.moved(), work).await;
        self.counters.sink_wait_ns.add_time(waiting.elapsed());
        done.unwrap_or_else(|| Err(stalled(limit, class))).map_err(|error| error.on(Side::Sink))
    }
}

fn stalled(limit: Duration, class: RetryClass) -> Error {
    Error::new(ErrorKind::Unavailable, "the sink stood still: it took no byte for too long")
        .with("waited_seconds", limit.as_secs())
        .class(class)
}

/// What is stored must be what was read, but for what was left out.
fn verify(chunk: &Chunk, receipt: &Receipt, read: Option<Tally>) -> Result<()> {
    let skipped = read.map_or(0, |read| read.skipped);
    let stored = Tally { read: receipt.rows + skipped, rows: receipt.rows, skipped, digest: receipt.digest };
    let read = read.unwrap_or(stored);
    if receipt.chunk == chunk.id && stored == read {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Bug,
        "the sink stored other rows than were read; the chunk was not recorded; please report it",
    )
    .with("rows_read", read.read)
    .with("rows_stored", stored.rows)
    .with("rows_skipped", skipped)
    .with("digest_read", read.digest)
    .with("digest_stored", stored.digest)
    .with("receipt_of_chunk", receipt.chunk.0)
    .on(Side::Sink))
}

/// Counts an open chunk as long as it lives.
struct OpenChunk<'a>(&'a Counters);

impl<'a> OpenChunk<'a> {
    fn count(counters: &'a Counters) -> Self {
        counters.chunks_open.add(1);
        Self(counters)
    }
}

impl Drop for OpenChunk<'_> {
    fn drop(&mut self) {
        self.0.chunks_open.sub(1);
    }
}
