//! When the next attempt of a run may begin: a gate that all its chunks pass. What it goes by are
//! three small state machines: how many chunks may be in flight, whether an endpoint is down, and how
//! many retries the run has left.

mod breaker;
mod budget;
mod concurrency;

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use self::{breaker::Breaker, budget::Budget, concurrency::Concurrency};
use crate::{Error, Side, progress::Pace, retry::RetryClass, run::Settings};

/// How long a server may stay away before its chunks give up.
const LONGEST_OUTAGE: Duration = Duration::from_secs(10 * 60);
/// An attempt that went on for so long moved bytes, or it would have counted as stalled.
const LIVELY: Duration = Duration::from_secs(120);

/// The gate. Attempts enter it one by one and leave it with what they met.
pub(crate) struct Gate {
    rules: Mutex<Rules>,
    changed: Notify,
    patience: Duration,
}

struct Rules {
    in_flight: usize,
    concurrency: Concurrency,
    source: Breaker,
    sink: Breaker,
    budget: Budget,
    /// Since when attempts fail and none succeeds.
    failing_since: Option<Instant>,
    news: Option<Pace>,
}

/// An attempt inside of the gate. Dropped, it leaves without having learned anything.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    began: Instant,
    probes: Probes,
}

/// Which endpoints the attempt is the probe of.
#[derive(Clone, Copy)]
struct Probes {
    source: bool,
    sink: bool,
}

impl Gate {
    pub(crate) fn new(slots: usize, settings: &Settings) -> Self {
        let now = Instant::now();
        let rules = Rules {
            in_flight: 0,
            concurrency: Concurrency::new(slots, now),
            source: Breaker::new(settings.retry.left_alone),
            sink: Breaker::new(settings.retry.left_alone),
            budget: Budget::new(settings.retry_allowance, now),
            failing_since: None,
            news: None,
        };
        Self { rules: Mutex::new(rules), changed: Notify::new(), patience: settings.retry.patience }
    }

    /// Waits until an attempt may begin; `again` if it is not the first one at its chunk.
    pub(crate) async fn enter(&self, again: bool) -> Pass<'_> {
        loop {
            let mut changed = pin!(self.changed.notified());
            // Whoever leaves from here on is heard.
            changed.as_mut().enable();
            let now = Instant::now();
            let wait = match self.rules().admit(now, again) {
                Ok(probes) => return Pass { gate: self, began: now, probes },
                Err(until) => until,
            };
            match wait {
                // An error says that the time came before anybody left.
                Some(until) => drop(tokio::time::timeout_at(until, changed).await),
                None => changed.await,
            }
        }
    }

    /// How many more attempts might be in flight.
    pub(crate) fn idle(&self) -> usize {
        let mut rules = self.rules();
        rules.concurrency.allowed(Instant::now()).saturating_sub(rules.in_flight)
    }

    /// What changed in how many chunks may be in flight since this was asked last.
    pub(crate) fn news(&self) -> Option<Pace> {
        self.rules().news.take()
    }

    /// True if the run has waited long enough for errors like this one to go away.
    pub(crate) fn is_hopeless(&self, error: &Error) -> bool {
        let (rules, now) = (self.rules(), Instant::now());
        let failing = rules.failing_since.map_or(Duration::ZERO, |since| now - since);
        let down = rules.endpoint(error.side()).and_then(Breaker::failing_since).map_or(Duration::ZERO, |it| now - it);
        failing >= self.patience || (error.retry_class() == RetryClass::Reconnect && down >= LONGEST_OUTAGE)
    }

    /// Says which endpoint is down and for how long, if one is.
    pub(crate) fn diagnose(&self, error: Error) -> Error {
        let (rules, now) = (self.rules(), Instant::now());
        let Some(breaker) = rules.endpoint(error.side()).filter(|breaker| breaker.is_down()) else { return error };
        let side = if error.side() == Some(Side::Source) { "source" } else { "sink" };
        let since = breaker.failing_since().map_or(Duration::ZERO, |since| now - since);
        error.with("down", side).with("down_for_seconds", since.as_secs()).with("failures_in_a_row", breaker.failures())
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        // Nothing in there panics half way.
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rules {
    /// Lets an attempt in, or says when to ask again; without a time, as soon as another one leaves.
    fn admit(&mut self, now: Instant, again: bool) -> Result<Probes, Option<Instant>> {
        self.note_pace(now, None);
        if self.in_flight >= self.concurrency.allowed(now) {
            return Err(self.concurrency.next_raise());
        }
        let probes = Probes { source: self.source.check(now)?, sink: self.sink.check(now)? };
        if again {
            self.budget.spend(now).map_err(Some)?;
        }
        self.budget.earn(now);
        self.in_flight += 1;
        if probes.source {
            self.source.probe();
        }
        if probes.sink {
            self.sink.probe();
        }
        Ok(probes)
    }

    fn leave(&mut self, probes: Probes, now: Instant) {
        self.in_flight -= 1;
        if probes.source {
            self.source.forget_probe(now);
        }
        if probes.sink {
            self.sink.forget_probe(now);
        }
    }

    fn met(&mut self, error: &Error, began: Instant, now: Instant) {
        if now - began > LIVELY {
            self.failing_since = None;
        }
        self.failing_since.get_or_insert(now);
        let class = error.retry_class();
        if matches!(class, RetryClass::Throttled | RetryClass::Shrink) {
            self.concurrency.throttled(began, now);
            self.note_pace(now, error.side());
        }
        let Some(breaker) = self.endpoint_mut(error.side()) else { return };
        if matches!(class, RetryClass::Reconnect | RetryClass::Unknown) {
            breaker.failed(now);
        } else if error.is_transient() {
            // Whatever it was, the endpoint answered.
            breaker.succeeded();
        }
    }

    fn note_pace(&mut self, now: Instant, throttled_by: Option<Side>) {
        let before = self.concurrency.told();
        let allowed = self.concurrency.tell(now);
        if allowed != before {
            self.news = Some(Pace { allowed, slots: self.concurrency.slots(), throttled_by });
        }
    }

    fn endpoint(&self, side: Option<Side>) -> Option<&Breaker> {
        Some(if side? == Side::Source { &self.source } else { &self.sink })
    }

    fn endpoint_mut(&mut self, side: Option<Side>) -> Option<&mut Breaker> {
        Some(if side? == Side::Source { &mut self.source } else { &mut self.sink })
    }
}

impl Pass<'_> {
    /// The chunk is durable: both ends work.
    pub(crate) fn succeeded(self) {
        let mut rules = self.gate.rules();
        rules.source.succeeded();
        rules.sink.succeeded();
        rules.failing_since = None;
    }

    /// The attempt ended with this error.
    pub(crate) fn failed(self, error: &Error) {
        self.gate.rules().met(error, self.began, Instant::now());
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.rules().leave(self.probes, Instant::now());
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests;
