//! Copies all chunks of a run, as many at once as were admitted.

use std::{collections::BTreeMap, sync::Arc};

use arrow::datatypes::SchemaRef;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Gate, Job, retrying::retrying, stillness::in_time};
use crate::{
    Error, ErrorKind, Result, Side,
    checkpoint::CheckpointStore,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    digest::{Digest, RowDigester},
    progress::{Counters, Event, Observer},
    retry::RetryClass,
    sink::SinkRun,
    worker::{Copied, Failure, Tally, Worker},
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
    pub(super) epoch: u32,
    pub(super) slots: usize,
}

impl Crew<'_> {
    /// Copies every chunk that has no receipt yet, until the sink honours all receipts; returns them
    /// in chunk order.
    pub(super) async fn copy_all(&self, chunks: &[Chunk], mut receipts: Vec<Receipt>) -> Result<Vec<Receipt>> {
        for round in 0..ROUNDS {
            receipts = self.copy(chunks, receipts, round).await?;
            if !self.forget_lost(&mut receipts).await? {
                return Ok(receipts);
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "the sink loses chunks as fast as they are copied; resume the run later",
        )
        .class(RetryClass::Permanent)
        .with("run", &self.job.run)
        .on(Side::Sink))
    }

    /// Removes the receipts that the sink can no longer honour; true if there were any.
    pub(super) async fn forget_lost(&self, receipts: &mut Vec<Receipt>) -> Result<bool> {
        if receipts.is_empty() {
            return Ok(false);
        }
        let ask = || in_time(self.job.settings.settle_timeout, self.target.lost(receipts));
        let lost = retrying(&self.job.settings.retry, self.cancel, ask).await.map_err(|error| error.on(Side::Sink))?;
        for receipt in receipts.extract_if(.., |receipt| lost.contains(&receipt.chunk)) {
            tracing::warn!(chunk = receipt.chunk.0, "the sink lost a committed chunk; it is copied again");
            self.counters.chunks_done.sub(1);
            self.counters.rows_read.sub(receipt.rows);
            self.counters.rows_copied.sub(receipt.rows);
            self.counters.bytes_written.sub(receipt.bytes);
        }
        Ok(!lost.is_empty())
    }

    /// Copies every chunk that has no receipt yet, once.
    async fn copy(&self, chunks: &[Chunk], known: Vec<Receipt>, round: u32) -> Result<Vec<Receipt>> {
        let mut ledger = Ledger::new(known);
        let mut waiting = chunks
            .iter()
            .filter(|chunk| !ledger.receipts.contains_key(&chunk.id))
            .cloned()
            .collect::<Vec<_>>()
            .into_iter();
        let stop = self.cancel.child_token();
        let (noting, mut notes) = mpsc::channel(self.slots);
        let gate = Arc::new(Gate::new(self.slots, &self.job.settings));
        let worker = Arc::new(self.worker(&stop, noting, gate.clone(), round)?);
        let mut tasks = JoinSet::new();
        let mut fault = None;
        loop {
            while tasks.len() < self.slots && !stop.is_cancelled() {
                let Some(chunk) = waiting.next() else { break };
                let worker = worker.clone();
                tasks.spawn(async move { worker.copy(chunk).await });
            }
            if let Some(pace) = gate.news() {
                self.observer.observe(&Event::Paced(pace));
            }
            tokio::select! {
                biased;
                Some(failure) = notes.recv() => self.note(&failure).await,
                joined = tasks.join_next() => {
                    let Some(joined) = joined else { break };
                    // What else is ready now shares one write to the disk.
                    let group = std::iter::once(joined).chain(std::iter::from_fn(|| tasks.try_join_next())).collect();
                    if let Err(error) = self.settle(group, &mut ledger).await {
                        stop.cancel();
                        self.blame(&mut fault, error);
                    }
                }
            }
        }
        match fault {
            Some(error) if error.kind() != ErrorKind::Cancelled => Err(error),
            Some(_) => Err(cancelled(self.job)),
            None if ledger.receipts.len() < chunks.len() => Err(cancelled(self.job)),
            None => ledger.balance(chunks),
        }
    }

    fn worker(
        &self,
        stop: &CancellationToken,
        notes: mpsc::Sender<Failure>,
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
                notes,
            },
        ))
    }

    /// Records the chunks of a group that are durable, then says why the others are not.
    async fn settle(&self, group: Vec<Result<Result<Copied, Failure>, JoinError>>, ledger: &mut Ledger) -> Result<()> {
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
        let receipts: Vec<_> = done.iter().map(|copied| copied.receipt.clone()).collect();
        if !receipts.is_empty() {
            self.store.record(&receipts).await?;
        }
        for Copied { chunk, receipt, tally } in done {
            self.counters.chunks_done.add(1);
            self.counters.rows_copied.add(receipt.rows);
            self.counters.bytes_written.add(receipt.bytes);
            self.observer.observe(&Event::Committed { chunk: &chunk, receipt: &receipt });
            ledger.enter(receipt, tally);
        }
        fault.map_or(Ok(()), Err)
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

pub(super) fn cancelled(job: &Job) -> Error {
    Error::new(ErrorKind::Cancelled, "stopped before all chunks were copied; resume the run to go on")
        .with("run", &job.run)
}

/// The receipts of a run, and what this process read for them.
struct Ledger {
    receipts: BTreeMap<ChunkId, Receipt>,
    read: BTreeMap<ChunkId, Tally>,
}

impl Ledger {
    fn new(known: Vec<Receipt>) -> Self {
        Self { receipts: known.into_iter().map(|receipt| (receipt.chunk, receipt)).collect(), read: BTreeMap::new() }
    }

    fn enter(&mut self, receipt: Receipt, tally: Option<Tally>) {
        if let Some(tally) = tally {
            self.read.insert(receipt.chunk, tally);
        }
        self.receipts.insert(receipt.chunk, receipt);
    }

    /// The receipts in chunk order, once they are exactly those of the plan and add up to what was
    /// read.
    fn balance(self, chunks: &[Chunk]) -> Result<Vec<Receipt>> {
        let planned = chunks.iter().map(|chunk| chunk.id);
        let stored = |value: fn(&Receipt) -> u64| -> u64 { self.read.keys().map(|id| value(&self.receipts[id])).sum() };
        let digest: Digest = self.read.keys().map(|id| self.receipts[id].digest).sum();
        let read: Tally = self.read.values().copied().sum();
        if !planned.eq(self.receipts.keys().copied())
            || stored(|receipt| receipt.rows) != read.rows
            || digest != read.digest
        {
            return Err(Error::new(
                ErrorKind::Bug,
                "the receipts of this run do not add up to the rows that were read; nothing was published; please report it",
            )
            .with("receipts", self.receipts.len())
            .with("chunks", chunks.len())
            .with("rows_read", read.rows)
            .with("rows_stored", stored(|receipt| receipt.rows)));
        }
        Ok(self.receipts.into_values().collect())
    }
}
