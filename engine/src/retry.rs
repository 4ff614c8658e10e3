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
    /// F: the data is not what it was, or another process owns the run; the run stops, and what it
    /// left behind stays.
    Fatal,
}

impl RetryClass {
    /// The class of an error that says no more than its kind.
    pub fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Unavailable => Self::Transient,
            ErrorKind::Bug => Self::Fatal,
            _ => Self::Permanent,
        }
    }

    /// The first pause, the longest pause and the number of attempts of this class. What has no
    /// number ends with the run's patience or deadline.
    fn schedule(self) -> (Duration, Duration, u32) {
        let ms = Duration::from_millis;
        match self {
            Self::Reconnect => (ms(1_000), ms(60_000), 10),
            Self::Redo => (ms(100), ms(5_000), 10),
            Self::Shrink => (ms(1_000), ms(30_000), 8),
            Self::Throttled => (ms(10_000), ms(120_000), u32::MAX),
            Self::Conflict => (ms(10), ms(50), 20),
            Self::Space => (ms(60_000), ms(60_000), 6),
            Self::Transient => (ms(2_000), ms(60_000), 6),
            Self::Unknown => (ms(500), ms(30_000), u32::MAX),
            Self::Permanent | Self::Fatal => (Duration::ZERO, Duration::ZERO, 1),
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
    /// How long a run goes on failing without a chunk that commits in between.
    pub patience: Duration,
    /// How long an endpoint is left alone after it failed five times in a row.
    pub left_alone: Duration,
    /// Every pause between attempts is multiplied by this; below 1 in tests.
    pub pace: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 1_000,
            patience: Duration::from_secs(30 * 60),
            left_alone: Duration::from_secs(30),
            pace: 1.0,
        }
    }
}

impl RetryPolicy {
    /// The policy for the first calls to a store: whoever waits for a wrong host name should not
    /// wait for long.
    pub fn at_first_contact(&self) -> Self {
        Self { max_attempts: self.max_attempts.min(3), ..*self }
    }

    /// The pause before the next attempt after these setbacks, of which `error` is the last, or
    /// `None` to give up.
    ///
    /// The pause doubles with every setback of the error's class, is jittered to between half and
    /// all of that, and is never shorter than what the server asked for, up to two minutes.
    pub fn pause_after(&self, error: &Error, setbacks: &Setbacks, rng: &mut impl Rng) -> Option<Duration> {
        let class = error.retry_class();
        let (first, longest, tries) = class.schedule();
        let attempts = setbacks.of(class);
        let allowed = error.attempts_allowed().unwrap_or(tries);
        if !error.is_transient() || attempts >= tries.min(allowed) || setbacks.total >= self.max_attempts {
            return None;
        }
        let doubled = first.saturating_mul(1 << (attempts.saturating_sub(1)).min(20));
        let jittered = doubled.min(longest).mul_f64(self.pace * rng.random_range(0.5..=1.0));
        Some(jittered.max(error.pause_asked().unwrap_or_default().min(LONGEST_ASKED)))
    }
}

/// What one chunk, or one call, has met with so far. Each class has its own count: a server that was
/// busy for an hour and then drops the connection has dropped it once.
#[derive(Clone, Debug, Default)]
pub struct Setbacks {
    total: u32,
    of_class: Vec<(RetryClass, u32)>,
}

impl Setbacks {
    /// One more.
    pub fn add(&mut self, error: &Error) {
        self.total += 1;
        let class = error.retry_class();
        match self.of_class.iter_mut().find(|(known, _)| *known == class) {
            Some((_, count)) => *count += 1,
            None => self.of_class.push((class, 1)),
        }
    }

    /// How many there were.
    pub fn total(&self) -> u32 {
        self.total
    }

    /// How many there were of one class.
    pub fn of(&self, class: RetryClass) -> u32 {
        self.of_class.iter().find(|(known, _)| *known == class).map_or(0, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    fn error(class: RetryClass) -> Error {
        Error::new(ErrorKind::Unavailable, "down").class(class)
    }

    fn setbacks(error: &Error, count: u32) -> Setbacks {
        let mut setbacks = Setbacks::default();
        (0..count).for_each(|_| setbacks.add(error));
        setbacks
    }

    /// The shortest and the longest pause after so many failed attempts, in milliseconds.
    fn bounds(error: &Error, attempts: u32) -> Option<(u128, u128)> {
        let (policy, setbacks) = (RetryPolicy::default(), setbacks(error, attempts));
        let mut rng = StdRng::seed_from_u64(7);
        let pauses: Option<Vec<_>> =
            (0..2_000).map(|_| Some(policy.pause_after(error, &setbacks, &mut rng)?.as_millis())).collect();
        let pauses = pauses?;
        Some((*pauses.iter().min()?, *pauses.iter().max()?))
    }

    #[test]
    fn every_class_follows_its_row_of_the_table() {
        // Class, first pause, longest pause (both in milliseconds), attempts if they are limited.
        let table = [
            (RetryClass::Reconnect, 1_000, 60_000, Some(10)),
            (RetryClass::Redo, 100, 5_000, Some(10)),
            (RetryClass::Shrink, 1_000, 30_000, Some(8)),
            (RetryClass::Throttled, 10_000, 120_000, None),
            (RetryClass::Conflict, 10, 50, Some(20)),
            (RetryClass::Space, 60_000, 60_000, Some(6)),
            (RetryClass::Transient, 2_000, 60_000, Some(6)),
            (RetryClass::Unknown, 500, 30_000, None),
        ];
        for (class, first, longest, attempts) in table {
            let error = error(class);
            for attempt in 1..attempts.unwrap_or(30) {
                let full = (first << (attempt - 1)).min(longest);
                let (shortest, most) = bounds(&error, attempt).unwrap();
                assert!((full / 2..=full / 2 + full / 50 + 1).contains(&shortest), "{class:?} {attempt}: {shortest}");
                assert!((full - full / 50 - 1..=full).contains(&most), "{class:?} {attempt}: {most}");
            }
            if let Some(attempts) = attempts {
                assert_eq!(bounds(&error, attempts), None, "{class:?} gives up");
            }
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
        assert_eq!(bounds(&error(RetryClass::Fatal), 1), None);
        assert!(bounds(&Error::new(K::Unavailable, "yes"), 1).is_some());
        assert!(Error::new(K::Bug, "a defect").is_fatal());
    }

    #[test]
    fn a_server_that_names_a_pause_gets_at_least_that() {
        let asked = error(RetryClass::Conflict).retry_after(Duration::from_secs(90));
        assert_eq!(bounds(&asked, 1), Some((90_000, 90_000)));
        let endless = error(RetryClass::Conflict).retry_after(Duration::from_secs(86_400));
        assert_eq!(bounds(&endless, 1), Some((120_000, 120_000)));
    }

    #[test]
    fn an_error_may_be_worth_fewer_attempts_than_its_class_and_is_another_one_then() {
        let quota = || error(RetryClass::Throttled).at_most(3, ErrorKind::Spec, RetryClass::Permanent);
        assert!(bounds(&quota(), 2).is_some());
        assert_eq!(bounds(&quota(), 3), None);
        assert_eq!((quota().after(2).kind(), quota().after(3).kind()), (ErrorKind::Unavailable, ErrorKind::Spec));
        assert_eq!(quota().after(3).retry_class(), RetryClass::Permanent);
        let generous = error(RetryClass::Transient).at_most(100, ErrorKind::Spec, RetryClass::Permanent);
        assert_eq!(bounds(&generous, 6), None, "no more than the class allows");
    }

    #[test]
    fn classes_are_counted_apart() {
        let (busy, gone) = (error(RetryClass::Throttled), error(RetryClass::Reconnect));
        let mut met = setbacks(&busy, 40);
        met.add(&gone);
        let mut rng = StdRng::seed_from_u64(7);
        let pause = RetryPolicy::default().pause_after(&gone, &met, &mut rng).unwrap();
        assert!(pause <= Duration::from_secs(1), "{pause:?}");
        assert_eq!((met.total(), met.of(RetryClass::Reconnect)), (41, 1));
    }

    #[test]
    fn the_run_may_allow_fewer_attempts_than_the_class() {
        let policy = RetryPolicy { max_attempts: 2, pace: 0.0, ..RetryPolicy::default() };
        let (mut rng, redo) = (StdRng::seed_from_u64(7), error(RetryClass::Redo));
        assert_eq!(policy.pause_after(&redo, &setbacks(&redo, 1), &mut rng), Some(Duration::ZERO));
        assert_eq!(policy.pause_after(&redo, &setbacks(&redo, 2), &mut rng), None);
        assert_eq!(RetryPolicy::default().at_first_contact().max_attempts, 3);
    }
}
