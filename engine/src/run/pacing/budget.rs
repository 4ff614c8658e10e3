//! The retries that a run may spend: one for every five attempts, after an allowance. It keeps a
//! thousand chunks from hammering a server that is ill. Who finds it empty waits.

use std::time::Duration;

use tokio::time::Instant;

/// Tokens per retry: whole numbers add up exactly.
const RETRY: u64 = 5;
/// Tokens per attempt.
const ATTEMPT: u64 = 1;
/// A retry is earned by waiting as well, or nobody would ever try again.
const ONE_EVERY: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Budget {
    tokens: u64,
    most: u64,
    /// From when on waiting is counted.
    since: Instant,
}

impl Budget {
    pub(super) fn new(allowance: u32, now: Instant) -> Self {
        let most = u64::from(allowance.max(1)) * RETRY;
        Self { tokens: most, most, since: now }
    }

    /// An attempt begins.
    pub(super) fn earn(&mut self, now: Instant) {
        self.wait(now);
        self.tokens = (self.tokens + ATTEMPT).min(self.most);
    }

    /// Takes one retry.
    ///
    /// # Errors
    /// There is none; one will be there at that time, or earlier.
    pub(super) fn spend(&mut self, now: Instant) -> Result<(), Instant> {
        self.wait(now);
        self.tokens = self.tokens.checked_sub(RETRY).ok_or(self.since + ONE_EVERY)?;
        Ok(())
    }

    fn wait(&mut self, now: Instant) {
        let times = (now - self.since).as_secs() / ONE_EVERY.as_secs();
        self.tokens = (self.tokens + times.saturating_mul(RETRY)).min(self.most);
        self.since += ONE_EVERY * u32::try_from(times).unwrap_or(u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_are_a_fifth_of_the_attempts_after_an_allowance() {
        let now = Instant::now();
        let mut budget = Budget::new(10, now);
        // Nothing but failures at one moment: every retry is an attempt, and earns a fifth of one.
        let (mut attempts, mut retries) = (0, 0);
        for _ in 0..1_000 {
            budget.earn(now);
            attempts += 1;
            retries += u32::from(budget.spend(now).is_ok());
        }
        // The first attempt finds the allowance full.
        assert_eq!((attempts, retries), (1_000, 10 + 999 / 5));
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_it_empty_waits_ten_seconds_at_most() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut budget = Budget::new(1, start);
        assert_eq!(budget.spend(at(3)), Ok(()));
        assert_eq!(budget.spend(at(3)), Err(at(10)));
        assert_eq!(budget.spend(at(10)), Ok(()));
        assert_eq!(budget.spend(at(19)), Err(at(20)));
        // It never holds more than the allowance.
        assert_eq!(budget.spend(at(500)), Ok(()));
        assert_eq!(budget.spend(at(500)), Err(at(510)));
    }
}
