//! One chunk: attempts until one commits.

mod attempt;
mod clashes;
mod log;
mod reader;
mod tally;
mod unfit;

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use arrow::datatypes::SchemaRef;
use futures::FutureExt;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use self::clashes::Clashes;
pub(crate) use self::{log::Log, tally::Tally};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, Receipt},
    digest::RowDigester,
    division::Division,
    progress::Counters,
    retry::{RetryClass, Setbacks},
    run::{Gate, Job, Settings},
    sink::SinkRun,
    skipping::Skips,
    source::Source,
};

/// Copies chunks; shared by the tasks of all open chunks of a run.
pub(crate) struct Worker {
    source: Arc<dyn Source>,
    target: Arc<dyn SinkRun>,
    counters: Arc<Counters>,
    settings: Settings,
    /// Whether the sink is told which rows are of which file.
    by_file: bool,
    rules: Rules,
}

/// What is the same for all chunks of a run.
pub(crate) struct Rules {
    /// The columns of every batch.
    pub(crate) schema: SchemaRef,
    /// Digests the batches.
    pub(crate) digester: RowDigester,
    /// The name of the first attempt at each chunk.
    pub(crate) first: Attempt,
    /// Tells running attempts to stop.
    pub(crate) stop: CancellationToken,
    /// Whether only chunks of this epoch go together.
    pub(crate) one_epoch: bool,
    /// Says when an attempt may begin.
    pub(crate) gate: Arc<Gate>,
    /// Whether rows that do not fit are left out.
    pub(crate) skips: bool,
    /// Where they are written down.
    pub(crate) log: Option<Arc<Log>>,
    /// Takes what the runner has to know at once.
    pub(crate) notes: mpsc::Sender<Note>,
}

/// A chunk that is durable in the sink.
pub(crate) struct Copied {
    pub(crate) chunk: Chunk,
    pub(crate) receipt: Receipt,
    /// What this process read for the receipt; `None` if an earlier process did.
    pub(crate) tally: Option<Tally>,
}

/// What earlier attempts at a chunk leave to the next one.
#[derive(Default)]
struct Past {
    /// What they read before their commit was answered with an error: one of them may turn out to be durable.
    sent: Vec<(Attempt, Tally)>,
    /// Rows that the target does not take.
    clashes: Clashes,
    /// The next attempt is none that has to be earned: it is made without rows that the last one had.
    goes_on: bool,
}

/// What a worker tells the runner while it works.
pub(crate) enum Note {
    /// An attempt failed and is tried again.
    Failed(Failure),
    /// An attempt left rows out. It commits once this is on the disk.
    Skipped(Skips, oneshot::Sender<Result<()>>),
    /// An attempt read a part of its chunk. It commits once this is on the disk.
    Divided(Division, oneshot::Sender<Result<()>>),
}

/// An attempt that failed, and the pause before the next one if there is one.
pub(crate) struct Failure {
    pub(crate) chunk: Chunk,
    pub(crate) attempt: Attempt,
    pub(crate) error: Error,
    pub(crate) pause: Option<Duration>,
}

impl Worker {
    pub(crate) fn new(job: &Job, target: Arc<dyn SinkRun>, counters: Arc<Counters>, rules: Rules) -> Self {
        let by_file = job.sink.keeps_files();
        Self { source: job.source.clone(), target, counters, settings: job.settings.clone(), by_file, rules }
    }

    /// Copies one chunk, in as many attempts as the policy allows.
    pub(crate) async fn copy(&self, chunk: Chunk) -> Result<Copied, Failure> {
        let (mut past, mut setbacks) = (Past::default(), Setbacks::default());
        let mut attempt = self.rules.first;
        loop {
            let failed = |error, pause| Failure { chunk: chunk.clone(), attempt, error, pause };
            let error = match self.admitted(&chunk, attempt, &mut past).await {
                Ok((receipt, tally)) => return Ok(Copied { chunk, receipt, tally }),
                Err(error) => error,
            };
            let error = match self.clashes(&chunk, attempt, error, &mut past).await {
                Ok(error) => {
                    self.counters.retries.add(1);
                    drop(self.rules.notes.send(Note::Failed(failed(error, Some(Duration::ZERO)))).await);
                    attempt.number += 1;
                    continue;
                }
                Err(error) => error,
            };
            setbacks.add(&error);
            let Some(pause) = self.pause_after(&error, &setbacks) else {
                return Err(failed(self.given_up(&chunk, error, &setbacks), None));
            };
            self.counters.retries.add(1);
            // The runner is gone only if the whole run was dropped.
            drop(self.rules.notes.send(Note::Failed(failed(error, Some(pause)))).await);
            if self.rules.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(failed(stopped(&chunk), None));
            }
            attempt.number += 1;
        }
    }

    /// Whether an attempt failed because of keys that rows share, and which rows the next one leaves out: the error that
    /// is settled by that, or else the one that remains.
    async fn clashes(
        &self,
        chunk: &Chunk,
        attempt: Attempt,
        error: Error,
        past: &mut Past,
    ) -> std::result::Result<Error, Error> {
        let is_of_rows = error.kind() == ErrorKind::Data && !error.is_fatal();
        if !self.rules.skips || !is_of_rows || !past.sent.iter().any(|(sent, _)| *sent == attempt) {
            return Err(error);
        }
        let found = self.settled(&*self.target, RetryClass::Reconnect, self.target.clashes(chunk.id, attempt)).await?;
        if found.is_empty() {
            return Err(error);
        }
        past.clashes.extend(found);
        past.goes_on = true;
        Ok(error)
    }

    /// An attempt that begins when the run's gate lets it, and tells the gate how it went.
    async fn admitted(&self, chunk: &Chunk, attempt: Attempt, past: &mut Past) -> Result<(Receipt, Option<Tally>)> {
        let again = attempt != self.rules.first && !std::mem::take(&mut past.goes_on);
        let entering = self.rules.stop.run_until_cancelled(self.rules.gate.enter(again));
        let pass = entering.await.ok_or_else(|| stopped(chunk))?;
        let outcome = self.guarded(chunk, attempt, past).await;
        match &outcome {
            Ok(_) => pass.succeeded(),
            Err(error) => pass.failed(error),
        }
        outcome
    }

    /// An attempt that may take its time only, and that may not take the process down with it.
    async fn guarded(&self, chunk: &Chunk, attempt: Attempt, past: &mut Past) -> Result<(Receipt, Option<Tally>)> {
        let limit = self.settings.attempt_timeout.unwrap_or(Duration::MAX);
        let work = AssertUnwindSafe(tokio::time::timeout(limit, self.attempt(chunk, attempt, past))).catch_unwind();
        match work.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the attempt took longer than it may")
                .with("limit_seconds", limit.as_secs())
                .class(RetryClass::Reconnect)),
            Err(panic) => Err(crashed("copying a chunk panicked; please report it", &*panic)),
        }
    }

    /// The pause before the next attempt, if there shall be one.
    fn pause_after(&self, error: &Error, setbacks: &Setbacks) -> Option<Duration> {
        let pause = self.settings.retry.pause_after(error, setbacks, &mut rand::rng())?;
        (!self.rules.stop.is_cancelled() && !self.rules.gate.is_hopeless(error)).then_some(pause)
    }

    /// The error of a chunk that is not tried again, with what a person has to know.
    fn given_up(&self, chunk: &Chunk, error: Error, setbacks: &Setbacks) -> Error {
        if error.is_transient() && self.rules.stop.is_cancelled() {
            return stopped(chunk).caused_by(error);
        }
        let times = setbacks.of(error.retry_class());
        let error = error.after(times).with("chunk", &chunk.label).with("attempts", setbacks.total());
        self.rules.gate.diagnose(error)
    }
}

fn stopped(chunk: &Chunk) -> Error {
    Error::new(ErrorKind::Cancelled, "the chunk was stopped").with("chunk", &chunk.label)
}

/// A panic as an error: its message is ours, so it holds no row value.
pub(crate) fn crashed(message: &'static str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::new(ErrorKind::Bug, message).with("panic", text.unwrap_or("no message").escape_debug())
}
