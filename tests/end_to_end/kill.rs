//! Killed at any moment, `ropeway resume` gives the same rows, once.

use std::{thread, time::Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{
    example::Example,
    oracle::{Row, assert_same, assert_teeth},
    place::Place,
};

/// Where an example writes to, and what readers see there.
pub(crate) trait Destination {
    /// Makes the place of a round and points the example at it.
    fn make(&self, round: &str, example: &mut Example);

    /// The rows of a round's copy; `None` before that is complete.
    fn rows(&self, round: &str) -> Option<Vec<Row>>;
}

impl Destination for Place {
    fn make(&self, round: &str, example: &mut Example) {
        Self::make(self, round, example);
    }

    fn rows(&self, round: &str) -> Option<Vec<Row>> {
        Self::rows(self, round)
    }
}

/// Kills that must hit a living process; `ROPEWAY_TEST_KILLS` asks for more.
const KILLS: u32 = 5;

/// Runs the example undisturbed, then kills and resumes it until there were enough kills, each round in a place
/// of its own. It has so many chunks at least. What may be visible before a copy is complete, its place knows.
///
/// # Panics
/// If a row is missing, doubled or changed, or seen too early.
#[track_caller]
pub(crate) fn survives_sigkill(example: &mut Example, place: &impl Destination, expected: &[Row], chunks: u64) {
    let asked = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let seed = asked("ROPEWAY_TEST_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    let mut rng = StdRng::seed_from_u64(seed);
    let wanted = asked("ROPEWAY_TEST_KILLS").map_or(KILLS, |kills| kills as u32);

    place.make("whole", example);
    let clock = Instant::now();
    let report = example.run("whole").ended(0).json();
    let mut whole = clock.elapsed();
    let output = &report["activityRuns"][0]["output"];
    assert_eq!(output["rowsCopied"].as_u64(), Some(expected.len() as u64), "{output:#}");
    assert!(output["ropeway"]["chunks"]["planned"].as_u64() >= Some(chunks), "{output:#}");
    assert_same(&place.rows("whole").expect("a finished copy is visible"), expected);
    assert_teeth(expected);

    let (mut kills, mut early) = (0, 0);
    for round in 0.. {
        let id = format!("round-{round}");
        place.make(&id, example);
        loop {
            let mut child = example.start(&id);
            if kills < wanted {
                // Each kill has its own part of the run's duration.
                thread::sleep(whole.mul_f64((f64::from(kills) + rng.random_range(0.0..1.0)) / f64::from(wanted)));
                if child.try_wait().expect("our child").is_none() {
                    child.kill().expect("our child");
                    example.said(child.wait_with_output().expect("our child"));
                    kills += 1;
                    match place.rows(&id) {
                        None => early += 1,
                        Some(rows) => assert_same(&rows, expected),
                    }
                    continue;
                }
                // It was done before its time: the machine is faster now than when the whole was measured.
                whole = whole.mul_f64(0.8);
            }
            example.said(child.wait_with_output().expect("our child")).ended(0);
            break;
        }
        assert_same(&place.rows(&id).expect("a finished copy is visible"), expected);
        if kills >= wanted {
            break;
        }
    }
    println!("{kills} kills, {early} before anything was visible");
    assert!(early > 0, "every kill came after the copy was complete");
}
