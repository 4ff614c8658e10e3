//! Chance that repeats: the same seed throws the same numbers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{Rng, SeedableRng, rngs::StdRng};

/// Seeded dice; clones share one sequence. Deterministic in a single-threaded runtime whose time is
/// paused.
#[derive(Clone, Debug)]
pub struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    /// Dice that throw what this seed says.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// True with this probability.
    pub fn chance(&self, probability: f64) -> bool {
        self.0.lock().unwrap().random_bool(probability)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&self, end: u64) -> u64 {
        self.0.lock().unwrap().random_range(0..end)
    }

    /// 1 to `most` milliseconds.
    pub fn pause(&self, most: u64) -> Duration {
        Duration::from_millis(1 + self.below(most))
    }
}
