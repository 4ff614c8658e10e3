//! How many chunks may be in flight: half as many after a server throttled, one more for every half
//! minute in which none did.

use std::time::Duration;

use tokio::time::Instant;

const RAISED_EVERY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Concurrency {
    slots: usize,
    allowed: usize,
    /// What was told last.
    told: usize,
    /// When it was halved last.
    halved: Option<Instant>,
    /// From when on the next raise is counted.
    quiet_since: Instant,
}

impl Concurrency {
    pub(super) fn new(slots: usize, now: Instant) -> Self {
        Self { slots, allowed: slots, told: slots, halved: None, quiet_since: now }
    }

    /// An attempt that began then was throttled. All attempts that ran at that moment are throttled
    /// together: only those that began after the last halving are a reason for another one.
    pub(super) fn throttled(&mut self, began: Instant, now: Instant) {
        self.raise(now);
        self.quiet_since = now;
        if self.halved.is_none_or(|halved| began > halved) {
            self.allowed = (self.allowed / 2).max(1);
            self.halved = Some(now);
        }
    }

    /// How many may be in flight now.
    pub(super) fn allowed(&mut self, now: Instant) -> usize {
        self.raise(now);
        self.allowed
    }

    /// When one more may be, if not all may.
    pub(super) fn next_raise(&self) -> Option<Instant> {
        (self.allowed < self.slots).then(|| self.quiet_since + RAISED_EVERY)
    }

    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    pub(super) fn told(&self) -> usize {
        self.told
    }

    pub(super) fn tell(&mut self, now: Instant) -> usize {
        self.told = self.allowed(now);
        self.told
    }

    fn raise(&mut self, now: Instant) {
        while self.allowed < self.slots && now >= self.quiet_since + RAISED_EVERY {
            self.allowed += 1;
            self.quiet_since += RAISED_EVERY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_and_quiet_raises_back_to_the_slots() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut slots = Concurrency::new(8, start);
        // When an attempt began, when it was throttled (if it was), how many may be in flight then.
        for (began, now, throttled, allowed) in [
            (0, 10, true, 4),
            (0, 10, true, 4),
            (5, 12, true, 4),
            (11, 13, true, 2),
            (0, 42, false, 2),
            (0, 43, false, 3),
            (0, 73, false, 4),
            // A late answer to an old attempt halves nothing, but the half minute begins anew.
            (12, 90, true, 4),
            (0, 119, false, 4),
            (0, 120, false, 5),
            (0, 10_000, false, 8),
            (10_001, 10_002, true, 4),
            (10_003, 10_004, true, 2),
            (10_005, 10_006, true, 1),
            (10_007, 10_008, true, 1),
            (0, 10_038, false, 2),
        ] {
            if throttled {
                slots.throttled(at(began), at(now));
            }
            assert_eq!(slots.allowed(at(now)), allowed, "at {now} s");
        }
        assert_eq!(slots.next_raise(), Some(at(10_068)));
    }
}
