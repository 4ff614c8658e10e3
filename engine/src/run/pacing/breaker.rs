//! Whether an endpoint is down: after some failures in a row it is left alone for a while, and then
//! asked by one attempt at a time until one succeeds.

use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which an endpoint counts as down.
const FAILURES: u32 = 5;

#[derive(Debug)]
pub(super) struct Breaker {
    /// How long the endpoint is left alone then.
    left_alone: Duration,
    failures: u32,
    failing_since: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Attempts pass.
    Closed,
    /// Nobody passes before that; then a probe does.
    Open(Instant),
    /// A probe is on its way.
    Probing,
}

impl Breaker {
    pub(super) fn new(left_alone: Duration) -> Self {
        Self { left_alone, failures: 0, failing_since: None, state: State::Closed }
    }

    /// True if an attempt that begins now is a probe.
    ///
    /// # Errors
    /// It may not begin: the time from when on it may, `None` while a probe is on its way.
    pub(super) fn check(&self, now: Instant) -> Result<bool, Option<Instant>> {
        match self.state {
            State::Closed => Ok(false),
            State::Open(until) if now < until => Err(Some(until)),
            State::Open(_) => Ok(true),
            State::Probing => Err(None),
        }
    }

    /// The probe begins.
    pub(super) fn probe(&mut self) {
        self.state = State::Probing;
    }

    /// The probe ended; if it learned nothing about this endpoint, the next one may ask.
    pub(super) fn forget_probe(&mut self, now: Instant) {
        if self.state == State::Probing {
            self.state = State::Open(now);
        }
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::new(self.left_alone);
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.failures += 1;
        self.failing_since.get_or_insert(now);
        match self.state {
            State::Closed if self.failures < FAILURES => {}
            // Attempts that began before it opened say nothing new.
            State::Open(_) => {}
            State::Closed | State::Probing => self.state = State::Open(now + self.left_alone),
        }
    }

    pub(super) fn is_down(&self) -> bool {
        self.state != State::Closed
    }

    /// When the first failure after the last success was.
    pub(super) fn failing_since(&self) -> Option<Instant> {
        self.failing_since
    }

    /// Failures since the last success.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy)]
    enum Step {
        Fails,
        Succeeds,
        Probes,
        ProbeLearnsNothing,
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_five_failures_and_closes_after_a_success() {
        use Step::{Fails, ProbeLearnsNothing, Probes, Succeeds};
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(Duration::from_secs(30));
        // A time, what happens then, and whether an attempt may begin right after: as a probe or not,
        // or when.
        for (now, step, after) in [
            (0, Fails, Ok(false)),
            (1, Fails, Ok(false)),
            (2, Fails, Ok(false)),
            (3, Fails, Ok(false)),
            (4, Succeeds, Ok(false)),
            (10, Fails, Ok(false)),
            (11, Fails, Ok(false)),
            (12, Fails, Ok(false)),
            (13, Fails, Ok(false)),
            (14, Fails, Err(Some(44))),
            (20, Fails, Err(Some(44))),
            (44, Probes, Err(None)),
            (50, Fails, Err(Some(80))),
            (80, Probes, Err(None)),
            (81, ProbeLearnsNothing, Ok(true)),
            (82, Probes, Err(None)),
            (83, Succeeds, Ok(false)),
            (90, Fails, Ok(false)),
        ] {
            match step {
                Fails => breaker.failed(at(now)),
                Succeeds => breaker.succeeded(),
                Probes => {
                    assert_eq!(breaker.check(at(now)), Ok(true), "at {now} s");
                    breaker.probe();
                }
                ProbeLearnsNothing => breaker.forget_probe(at(now)),
            }
            assert_eq!(breaker.check(at(now)), after.map_err(|until: Option<u64>| until.map(at)), "at {now} s");
            assert_eq!(breaker.is_down(), after != Ok(false), "at {now} s");
        }
        assert_eq!((breaker.failing_since(), breaker.failures()), (Some(at(90)), 1));
    }
}
