//! Copies all chunks of a run, as many at once as were admitted.

use std::{collections::VecDeque, sync::Arc};

use arrow::datatypes::SchemaRef;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Gate, Job,
    ledger::Ledger,
    retrying::retrying,
    snapshot::Snapshot,
    stillness::in_time,
    stragglers::{Stragglers, may_divide},
};
use crate::{
    Error, ErrorKind, Result, Side,
    checkpoint::CheckpointStore,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    digest::RowDigester,
    division::Division,
    progress::{Counters, Event, Observer},
    retry::RetryClass,
    sink::SinkRun,
    skipping::Skips,
    source::Discord,
    worker::{Copied, Failure, Log, Note, Worker},
};

/// How often chunks that the sink lost are copied again in one process.
const ROUNDS: u32 = 4;

/// All that the copying of chunks needs.
pub(super) struct Crew<'a> {
    pub(super) job: &'a Job,
    pub(super) store: &'a dyn CheckpointStore,
    pub(super) counters: &'a Arc<Counters>,
    pub(super) observer: &'a dyn Observer,
    pub(super) cancel: &'a CancellationToken,
    pub(super) schema: SchemaRef,
    pub(super) target: Arc<dyn SinkRun>,
    pub(super) log: Option<Arc<Log>>,
    /// The one that the chunks share, if they do.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) epoch: u32,
    pub(super) slots: usize,
}

impl Crew<'_> {
    /// Copies every chunk that has no receipt yet, until the sink honours all receipts. Then nobody reads any more, and a
    /// snapshot is given up.
    pub(super) async fn copy_all(self, chunks: &mut Vec<Chunk>, ledger: &mut Ledger) -> Result<()> {
        let mut unsettled = None;
        for round in 0..ROUNDS {
            self.copy(chunks, ledger, round).await?;
            unsettled = self.settle_receipts(chunks, ledger).await?;
            if unsettled.is_none() {
                return Ok(());
            }
        }
        unsettled.map_or(Ok(()), Err)
    }

    /// Removes the receipts that the sink, or the log of what they left out, can no longer honour, those that show
    /// another snapshot than the chunks that are still to be copied, and those that do not go together. If there were
    /// any, the answer is what the run ends with should there be some again and again.
    pub(super) async fn settle_receipts(&self, chunks: &[Chunk], ledger: &mut Ledger) -> Result<Option<Error>> {
        if self.forget_lost(chunks, ledger).await? {
            return Ok(Some(
                Error::new(
                    ErrorKind::Unavailable,
                    "the sink loses chunks as fast as they are copied; resume the run later",
                )
                .class(RetryClass::Permanent)
                .with("run", &self.job.run)
                .on(Side::Sink),
            ));
        }
        if ledger.len() < chunks.len() {
            return Ok(None);
        }
        let discord = self.job.source.discord(&ledger.copied(chunks)).map_err(|error| error.on(Side::Source))?;
        let Some(Discord { chunks, error }) = discord else { return Ok(None) };
        tracing::warn!(chunks = chunks.len(), "what was left out of some chunks is in others; they are copied again");
        for chunk in chunks {
            self.forget(chunk, ledger);
        }
        Ok(Some(error.on(Side::Source)))
    }

    /// True if there are receipts that are worth nothing any more.
    async fn forget_lost(&self, chunks: &[Chunk], ledger: &mut Ledger) -> Result<bool> {
        let mut lost = self.lost(&*self.target, &ledger.receipts()).await?;
        if let Some(log) = &self.log {
            lost.extend(self.lost(&*log.target, &ledger.logged()).await?);
        }
        let mut any = false;
        for chunk in lost {
            if self.forget(chunk, ledger) {
                tracing::warn!(chunk = chunk.0, "the sink lost a committed chunk; it is copied again");
                any = true;
            }
        }
        let Some(snapshot) = &self.snapshot else { return Ok(any) };
        let others = snapshot.strangers(self.job, &ledger.receipts(), chunks.len(), self.epoch)?;
        if !others.is_empty() {
            tracing::warn!(
                chunks = others.len(),
                "chunks were read from a snapshot that ended with its process; they are copied again from a new one"
            );
        }
        for chunk in others {
            any |= self.forget(chunk, ledger);
        }
        if ledger.len() < chunks.len() {
            snapshot.begin(self.cancel).await?;
        }
        Ok(any)
    }

    /// The receipt is worth nothing any more: the chunk is copied again. False if there is none.
    fn forget(&self, chunk: ChunkId, ledger: &mut Ledger) -> bool {
        let Some(receipt) = ledger.forget(chunk) else { return false };
        self.counters.chunks_done.sub(1);
        self.counters.rows_read.sub(receipt.rows);
        self.counters.rows_copied.sub(receipt.rows);
        self.counters.rows_skipped.sub(ledger.skipped(&receipt));
        self.counters.bytes_written.sub(receipt.bytes);
        true
    }

    async fn lost(&self, target: &dyn SinkRun, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        if receipts.is_empty() {
            return Ok(Vec::new());
        }
        let ask = || in_time(self.job.settings.settle_timeout, target.lost(receipts));
        retrying(&self.job.settings.retry, self.cancel, ask).await.map_err(|error| error.on(Side::Sink))
    }

    /// Copies every chunk that has no receipt yet, once, and those that come of dividing them.
    async fn copy(&self, chunks: &mut Vec<Chunk>, ledger: &mut Ledger, round: u32) -> Result<()> {
        let source = &*self.job.source;
        let waiting = chunks.iter().filter(|chunk| !ledger.is_done(chunk.id)).cloned();
        let mut waiting: VecDeque<_> = waiting.collect();
        let mut stragglers = Stragglers::new(may_divide(source, chunks), self.job.settings.divide_after);
        let stop = self.cancel.child_token();
        let (noting, mut notes) = mpsc::channel(self.slots);
        let gate = Arc::new(Gate::new(self.slots, &self.job.settings));
        let worker = Arc::new(self.worker(&stop, noting, gate.clone(), round)?);
        let mut tasks = JoinSet::new();
        let mut fault = None;
        loop {
            while tasks.len() < self.slots && !stop.is_cancelled() {
                let Some(chunk) = waiting.pop_front() else { break };
                stragglers.begins(source, &chunk);
                let worker = worker.clone();
                tasks.spawn(async move { worker.copy(chunk).await });
            }
            if let Some(pace) = gate.news() {
                self.observer.observe(&Event::Paced(pace));
            }
            let idle = if stop.is_cancelled() { 0 } else { gate.idle().min(self.slots - tasks.len()) };
            let look_again = stragglers.ask(source, idle, ledger.divisions().room());
            tokio::select! {
                biased;
                Some(note) = notes.recv() => match note {
                    Note::Failed(failure) => {
                        stragglers.begins(source, &failure.chunk);
                        self.note(&failure).await;
                    }
                    // Who waits for the answer is gone only if its chunk was stopped.
                    Note::Skipped(skips, done) => drop(done.send(self.note_skips(skips, ledger).await)),
                    Note::Divided(division, done) => drop(done.send(self.note_division(division, ledger).await)),
                },
                joined = tasks.join_next() => {
                    let Some(joined) = joined else { break };
                    // What else is ready now shares one write to the disk.
                    let group = std::iter::once(joined).chain(std::iter::from_fn(|| tasks.try_join_next())).collect();
                    let known = chunks.len();
                    if let Err(error) = self.settle(group, chunks, ledger).await {
                        stop.cancel();
                        self.blame(&mut fault, error);
                    }
                    stragglers.retain(|chunk| !ledger.is_done(chunk));
                    waiting.extend(chunks[known..].iter().cloned());
                }
                () = sleep_until(look_again) => {}
            }
        }
        match fault {
            Some(error) if error.kind() != ErrorKind::Cancelled => Err(error),
            Some(_) => Err(cancelled(self.job)),
            None if ledger.len() < chunks.len() => Err(cancelled(self.job)),
            None => ledger.balance(chunks),
        }
    }

    fn worker(
        &self,
        stop: &CancellationToken,
        notes: mpsc::Sender<Note>,
        gate: Arc<Gate>,
        round: u32,
    ) -> Result<Worker> {
        Ok(Worker::new(
            self.job,
            self.target.clone(),
            self.counters.clone(),
            crate::worker::Rules {
                schema: self.schema.clone(),
                digester: RowDigester::new(&self.schema)?,
                // No two attempts of a process at a chunk may share their number.
                first: Attempt {
                    epoch: self.epoch,
                    number: round.saturating_mul(self.job.settings.retry.max_attempts).saturating_add(1),
                },
                stop: stop.clone(),
                gate,
                one_epoch: self.snapshot.is_some(),
                skips: self.job.skipping.is_some(),
                log: self.log.clone(),
                notes,
            },
        ))
    }

    /// Records the chunks of a group that are durable, then says why the others are not.
    async fn settle(
        &self,
        group: Vec<Result<Result<Copied, Failure>, JoinError>>,
        chunks: &mut Vec<Chunk>,
        ledger: &mut Ledger,
    ) -> Result<()> {
        let mut done = Vec::new();
        let mut fault = None;
        for joined in group {
            match joined {
                Ok(Ok(copied)) => done.push(copied),
                Ok(Err(failure)) => {
                    if failure.error.kind() != ErrorKind::Cancelled {
                        self.note(&failure).await;
                    }
                    self.blame(&mut fault, failure.error);
                }
                Err(error) => {
                    let lost =
                        Error::new(ErrorKind::Bug, "the task of a chunk died; please report it").caused_by(error);
                    self.blame(&mut fault, lost);
                }
            }
        }
        if self.job.skipping.is_some()
            && let Some(copied) = done.extract_if(.., |copied| !ledger.knows(&copied.receipt)).next()
        {
            self.blame(&mut fault, unaccounted(&copied.receipt));
        }
        done.retain(|copied| match ledger.divisions().admit(&copied.receipt) {
            Ok(()) => true,
            Err(error) => {
                self.blame(&mut fault, error);
                false
            }
        });
        let receipts: Vec<_> = done.iter().map(|copied| copied.receipt.clone()).collect();
        if !receipts.is_empty() {
            self.store.record(&receipts).await?;
        }
        for Copied { chunk, receipt, tally } in done {
            self.counters.chunks_done.add(1);
            self.counters.rows_copied.add(receipt.rows);
            self.counters.bytes_written.add(receipt.bytes);
            let skipped = ledger.skipped(&receipt);
            self.counters.rows_skipped.add(skipped);
            self.observer.observe(&Event::Committed { chunk: &chunk, receipt: &receipt, skipped });
            let (id, known) = (chunk.id, chunks.len());
            if ledger.enter(receipt, tally, chunks) > 0 {
                self.counters.chunks_planned.add((chunks.len() - known) as u64);
                let chunk = chunks.get(id.0 as usize).unwrap_or(&chunk);
                self.observer.observe(&Event::Divided { chunk, rest: &chunks[known..] });
            }
        }
        fault.map_or(Ok(()), Err)
    }

    async fn note_division(&self, division: Division, ledger: &mut Ledger) -> Result<()> {
        self.store.record_division(&division).await?;
        ledger.note_division(division);
        Ok(())
    }

    async fn note_skips(&self, skips: Skips, ledger: &mut Ledger) -> Result<()> {
        self.store.record_skips(&skips).await?;
        ledger.note(skips);
        Ok(())
    }

    async fn note(&self, Failure { chunk, attempt, error, pause }: &Failure) {
        // An attempt that is tried again is for the observer to tell.
        if pause.is_none() {
            tracing::warn!(%error, chunk = chunk.label, number = attempt.number, "chunk attempt failed");
        }
        self.observer.observe(&Event::AttemptFailed { chunk, attempt: *attempt, error, pause: *pause });
        if let Err(error) = self.store.note_failure(chunk.id, *attempt, error).await {
            tracing::warn!(%error, "the failure could not be noted in the checkpoint");
        }
    }

    /// The first fault is the cause; what follows it is its consequence, unless it is fatal.
    fn blame(&self, fault: &mut Option<Error>, error: Error) {
        match fault {
            None => *fault = Some(error),
            Some(first) if error.is_fatal() && !first.is_fatal() => *fault = Some(error),
            Some(_) => tracing::debug!(%error, "a consequence of the first fault"),
        }
    }
}

/// Forever if there is no such moment.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The sink has a chunk from an attempt of which nobody wrote down what it left out: one of a process that had lost
/// the run. Without that the rows of the chunk do not add up.
pub(super) fn unaccounted(receipt: &Receipt) -> Error {
    let (epoch, number) = (receipt.attempt.epoch, receipt.attempt.number);
    Error::new(
        ErrorKind::Data,
        "the sink holds a chunk that another process of this run wrote, and which rows it left out is not known; \
         start a new run",
    )
    .class(RetryClass::Fatal)
    .with("chunk", receipt.chunk.0)
    .with("attempt", format_args!("{epoch}.{number}"))
}

pub(super) fn cancelled(job: &Job) -> Error {
    Error::new(ErrorKind::Cancelled, "stopped before all chunks were copied; resume the run to go on")
        .with("run", &job.run)
}
