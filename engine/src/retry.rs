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
    /// S: no space is left; somebody has to make some, which takes a person minutes.
    Space,
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
            Self::Space => (ms(60_000), ms(60_000), 6),
            Self::Transient => (ms(2_000), ms(60_000), 6),
            Self::Unknown => (ms(500), ms(30_000), 10),
            Self::Permanent => (Duration::ZERO, Duration::ZERO, 1),
        }
    }
}

/// The longest pause that a server can ask for: it may be mistaken, or hostile.
const LONGEST_ASKED: Duration = Duration::from_secs(120);

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
    /// never shorter than what the server asked for, up to two minutes.
    pub fn pause_after(&self, error: &Error, attempts: u32, rng: &mut impl Rng) -> Option<Duration> {
        let (first, longest, tries) = error.retry_class().schedule();
        if !error.is_transient() || attempts >= self.max_attempts.min(tries) {
            return None;
        }
        let doubled = first.saturating_mul(1 << (attempts.saturating_sub(1)).min(20));
        let jittered = doubled.min(longest).mul_f64(self.pace * rng.random_range(0.5..=1.0));
        Some(jittered.max(error.pause_asked().unwrap_or_default().min(LONGEST_ASKED)))
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn error(class: RetryClass) -> Error {
        Error::new(ErrorKind::Unavailable, "down").class(class)
    }

    /// The shortest and the longest pause after so many failed attempts, in milliseconds.
    fn bounds(error: &Error, attempts: u32) -> Option<(u128, u128)> {
        let policy = RetryPolicy { max_attempts: 20, pace: 1.0 };
        let mut rng = StdRng::seed_from_u64(7);
        let pauses: Option<Vec<_>> =
            (0..2_000).map(|_| Some(policy.pause_after(error, attempts, &mut rng)?.as_millis())).collect();
        let pauses = pauses?;
        Some((*pauses.iter().min()?, *pauses.iter().max()?))
    }

    #[test]
    fn every_class_follows_its_row_of_the_table() {
        // Class, first pause, longest pause (both in milliseconds), attempts.
        let table = [
            (RetryClass::Reconnect, 1_000, 60_000, 10),
            (RetryClass::Redo, 100, 5_000, 10),
            (RetryClass::Shrink, 1_000, 30_000, 8),
            (RetryClass::Throttled, 10_000, 120_000, 20),
            (RetryClass::Conflict, 10, 50, 20),
            (RetryClass::Space, 60_000, 60_000, 6),
            (RetryClass::Transient, 2_000, 60_000, 6),
            (RetryClass::Unknown, 500, 30_000, 10),
        ];
        for (class, first, longest, attempts) in table {
            let error = error(class);
            for attempt in 1..attempts {
                let full = (first << (attempt - 1)).min(longest);
                let (shortest, most) = bounds(&error, attempt as u32).unwrap();
                assert!((full / 2..=full / 2 + full / 50 + 1).contains(&shortest), "{class:?} {attempt}: {shortest}");
                assert!((full - full / 50 - 1..=full).contains(&most), "{class:?} {attempt}: {most}");
            }
            assert_eq!(bounds(&error, attempts as u32), None, "{class:?} gives up");
        }
    }

    #[test]
    fn what_is_not_transient_is_never_tried_again() {
        use ErrorKind as K;
        for kind in [K::Spec, K::Auth, K::Data, K::Cancelled, K::Bug] {
            assert_eq!(bounds(&Error::new(kind, "no"), 1), None);
            assert_eq!(
                bounds(&Error::new(kind, "no").class(RetryClass::Conflict), 1),
                None,
                "a class alone is nothing"
            );
        }
        assert_eq!(bounds(&error(RetryClass::Permanent), 1), None);
        assert!(bounds(&Error::new(K::Unavailable, "yes"), 1).is_some());
    }

    #[test]
    fn a_server_that_names_a_pause_gets_at_least_that() {
        let asked = error(RetryClass::Conflict).retry_after(Duration::from_secs(90));
        assert_eq!(bounds(&asked, 1), Some((90_000, 90_000)));
        let endless = error(RetryClass::Conflict).retry_after(Duration::from_secs(86_400));
        assert_eq!(bounds(&endless, 1), Some((120_000, 120_000)));
    }

    #[test]
    fn the_run_may_allow_fewer_attempts_than_the_class() {
        let policy = RetryPolicy { max_attempts: 2, pace: 0.0 };
        let mut rng = StdRng::seed_from_u64(7);
        assert_eq!(policy.pause_after(&error(RetryClass::Redo), 1, &mut rng), Some(Duration::ZERO));
        assert_eq!(policy.pause_after(&error(RetryClass::Redo), 2, &mut rng), None);
        assert_eq!(RetryPolicy::default().at_first_contact().max_attempts, 3);
    }
}
