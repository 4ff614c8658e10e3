//! When to try again: a pure function, so the whole policy is a table test.

use std::time::Duration;

use rand::Rng;

use crate::{Error, ErrorKind};

/// How a failure is retried. The letters are those of the retry table in `ARCHITECTURE.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub enum RetryClass {
    /// R: the session or the database is gone; a new connection is needed.
    Reconnect,
    /// X: the server rolled the transaction back, as after a deadlock.
    Redo,
    /// L: locks, memory or a time-out at the server; less at once may succeed.
    Shrink,
    /// H: the server governs its resources; fewer at once and later.
    Throttled,
    /// O: an optimistic conflict; again at once.
    Conflict,
    /// T: the server says «retry» and nothing else.
    Transient,
    /// U: whether it happened is not known; ask the sink before anything else.
    Unknown,
    /// P: trying again changes nothing.
    Permanent,
}

impl RetryClass {
    /// The class of an error that says no more than its kind.
    pub fn of(kind: ErrorKind) -> Self {
        if kind == ErrorKind::Unavailable { Self::Transient } else { Self::Permanent }
    }

    /// The first pause, the longest pause and the number of attempts of this class.
    fn schedule(self) -> (Duration, Duration, u32) {
        let ms = Duration::from_millis;
        match self {
            Self::Reconnect => (ms(1_000), ms(60_000), 10),
            Self::Redo => (ms(100), ms(5_000), 10),
            Self::Shrink => (ms(1_000), ms(30_000), 8),
            Self::Throttled => (ms(10_000), ms(120_000), 20),
            Self::Conflict => (ms(10), ms(50), 20),
            Self::Transient => (ms(2_000), ms(60_000), 6),
            Self::Unknown => (ms(500), ms(30_000), 10),
            Self::Permanent => (Duration::ZERO, Duration::ZERO, 1),
        }
    }
}

/// Bounds that a run sets on top of what each [`RetryClass`] allows.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Attempts at one chunk in one process, at most.
    pub max_attempts: u32,
    /// Every pause is multiplied by this; below 1 in tests.
    pub pace: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 10, pace: 1.0 }
    }
}

impl RetryPolicy {
    /// The policy for the first calls to a store: whoever waits for a wrong host name should not
    /// wait for long.
    pub fn at_first_contact(&self) -> Self {
        Self { max_attempts: self.max_attempts.min(3), ..*self }
    }

    /// The pause before the next attempt after `attempts` failed ones, or `None` to give up.
    ///
    /// The pause doubles with every attempt, is jittered to between half and all of that, and is
    /// never shorter than what the server asked for.
    pub fn pause_after(&self, error: &Error, attempts: u32, rng: &mut impl Rng) -> Option<Duration> {
        let (first, longest, tries) = error.retry_class().schedule();
        if !error.is_transient() || attempts >= self.max_attempts.min(tries) {
            return None;
        }
        let doubled = first.saturating_mul(1 << (attempts.saturating_sub(1)).min(20));
        let jittered = doubled.min(longest).mul_f64(self.pace * rng.random_range(0.5..=1.0));
        Some(jittered.max(error.pause_asked().unwrap_or_default()))
    }
}
