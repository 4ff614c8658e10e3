//! One chunk: attempts until one commits.

mod attempt;
mod reader;
mod tally;

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow::datatypes::SchemaRef;
use futures::FutureExt;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use self::tally::Tally;
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, Receipt},
    digest::RowDigester,
    progress::Counters,
    retry::RetryClass,
    run::{Job, Settings},
    sink::SinkRun,
    source::Source,
};

/// Copies chunks; shared by the tasks of all open chunks of a run.
pub(crate) struct Worker {
    source: Arc<dyn Source>,
    target: Arc<dyn SinkRun>,
    counters: Arc<Counters>,
    settings: Settings,
    budget: AtomicU32,
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
    /// Takes failed attempts that are tried again.
    pub(crate) notes: mpsc::Sender<Failure>,
}

/// A chunk that is durable in the sink.
pub(crate) struct Copied {
    pub(crate) chunk: Chunk,
    pub(crate) receipt: Receipt,
    /// What this process read for the receipt; `None` if an earlier process did.
    pub(crate) tally: Option<Tally>,
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
        Self {
            source: job.source.clone(),
            target,
            counters,
            settings: job.settings.clone(),
            budget: AtomicU32::new(job.settings.failure_budget),
            rules,
        }
    }

    /// Copies one chunk, in as many attempts as the policy and the budget allow.
    pub(crate) async fn copy(&self, chunk: Chunk) -> Result<Copied, Failure> {
        let mut sent = Vec::new();
        let mut attempt = self.rules.first;
        let mut tries = 1;
        loop {
            let error = match self.guarded(&chunk, attempt, &mut sent).await {
                Ok((receipt, tally)) => {
                    self.earn();
                    return Ok(Copied { chunk, receipt, tally });
                }
                Err(error) => error,
            };
            let failed = |error, pause| Failure { chunk: chunk.clone(), attempt, error, pause };
            let pause = match self.pause_after(&chunk, error, tries) {
                Ok((error, pause)) => {
                    self.counters.retries.add(1);
                    // The runner is gone only if the whole run was dropped.
                    drop(self.rules.notes.send(failed(error, Some(pause))).await);
                    pause
                }
                Err(error) => {
                    let error = error.with("chunk", &chunk.label).with("attempts", tries);
                    return Err(failed(error, None));
                }
            };
            if self.rules.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Err(failed(stopped(&chunk), None));
            }
            attempt.number += 1;
            tries += 1;
        }
    }

    /// An attempt that may take its time only, and that may not take the process down with it.
    async fn guarded(
        &self,
        chunk: &Chunk,
        attempt: Attempt,
        sent: &mut Vec<(Attempt, Tally)>,
    ) -> Result<(Receipt, Option<Tally>)> {
        let limit = self.settings.attempt_timeout.unwrap_or(Duration::MAX);
        let work = AssertUnwindSafe(tokio::time::timeout(limit, self.attempt(chunk, attempt, sent))).catch_unwind();
        match work.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Error::new(ErrorKind::Unavailable, "the attempt took longer than it may")
                .with("limit_seconds", limit.as_secs())
                .class(RetryClass::Reconnect)),
            Err(panic) => Err(crashed("copying a chunk panicked; please report it", &*panic)),
        }
    }

    /// The pause before the next attempt, or the error back if there shall be none.
    fn pause_after(&self, chunk: &Chunk, error: Error, tries: u32) -> Result<(Error, Duration)> {
        let Some(pause) = self.settings.retry.pause_after(&error, tries, &mut rand::rng()) else {
            return Err(error);
        };
        if self.rules.stop.is_cancelled() {
            return Err(stopped(chunk).caused_by(error));
        }
        if self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Err(error.with("failure_budget", "spent by all chunks together"));
        }
        Ok((error, pause))
    }

    /// A chunk that committed gives one failure back: progress is what the budget waits for.
    fn earn(&self) {
        let full = self.settings.failure_budget;
        let earned = |left: u32| (left < full).then(|| left + 1);
        // An error says that the budget is full already.
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earned);
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
