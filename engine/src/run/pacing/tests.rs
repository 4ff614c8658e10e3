use std::sync::Arc;

use super::*;
use crate::ErrorKind;

fn gate(slots: usize) -> Arc<Gate> {
    Arc::new(Gate::new(slots, &Settings::default()))
}

fn error(class: RetryClass, side: Side) -> Error {
    Error::new(ErrorKind::Unavailable, "scripted").class(class).on(side)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// True if an attempt may begin right now.
async fn open(gate: &Gate) -> bool {
    tokio::time::timeout(Duration::from_millis(1), gate.enter(false)).await.is_ok()
}

async fn fail(gate: &Gate, class: RetryClass, side: Side) {
    gate.enter(false).await.failed(&error(class, side));
}

#[tokio::test(start_paused = true)]
async fn throttling_halves_what_is_in_flight_and_says_who_asked() {
    let gate = gate(8);
    seconds(1).await;
    let mut passes = Vec::new();
    for _ in 0..8 {
        passes.push(gate.enter(false).await);
    }
    assert!(!open(&gate).await, "all slots are taken");
    seconds(1).await;
    passes.pop().unwrap().failed(&error(RetryClass::Throttled, Side::Sink));
    assert_eq!(gate.news(), Some(Pace { allowed: 4, slots: 8, throttled_by: Some(Side::Sink) }));
    assert_eq!(gate.news(), None, "told once");
    passes.truncate(4);
    assert!(!open(&gate).await);
    passes.truncate(3);
    assert!(open(&gate).await);
    seconds(31).await;
    passes.push(gate.enter(false).await);
    assert!(open(&gate).await, "five may be in flight again");
    assert_eq!(gate.news(), Some(Pace { allowed: 5, slots: 8, throttled_by: None }));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_let_in_when_another_one_leaves() {
    let gate = gate(1);
    let pass = gate.enter(false).await;
    let waiting = tokio::spawn({
        let gate = gate.clone();
        async move { gate.enter(false).await.succeeded() }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(pass);
    waiting.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_is_asked_by_one_probe_at_a_time() {
    let gate = gate(8);
    let start = Instant::now();
    for _ in 0..5 {
        fail(&gate, RetryClass::Reconnect, Side::Source).await;
    }
    assert!(!open(&gate).await);
    let probe = gate.enter(true).await;
    assert_eq!(start.elapsed().as_secs(), 30);
    assert!(!open(&gate).await, "one probe");
    probe.failed(&error(RetryClass::Reconnect, Side::Source));
    let probe = gate.enter(true).await;
    assert_eq!(start.elapsed().as_secs(), 60);
    let told = gate.diagnose(error(RetryClass::Reconnect, Side::Source)).to_string();
    assert!(told.contains("down=source, down_for_seconds=60, failures_in_a_row=6"), "{told}");
    let other = gate.diagnose(error(RetryClass::Reconnect, Side::Sink)).to_string();
    assert!(!other.contains("down="), "the sink is not: {other}");
    probe.succeeded();
    let both = (gate.enter(false).await, open(&gate).await);
    assert!(both.1, "closed again");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_learns_nothing_leaves_the_way_to_the_next() {
    let gate = gate(8);
    for _ in 0..5 {
        fail(&gate, RetryClass::Unknown, Side::Sink).await;
    }
    // The source fails before the sink was asked anything.
    gate.enter(true).await.failed(&error(RetryClass::Transient, Side::Source));
    assert!(open(&gate).await);
    drop(gate.enter(true).await);
    assert!(open(&gate).await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_any_kind_shows_that_an_endpoint_is_there() {
    let gate = gate(8);
    for _ in 0..20 {
        for _ in 0..4 {
            fail(&gate, RetryClass::Reconnect, Side::Sink).await;
        }
        fail(&gate, RetryClass::Redo, Side::Sink).await;
    }
    assert!(open(&gate).await);
}

#[tokio::test(start_paused = true)]
async fn retries_wait_when_the_run_has_spent_them() {
    let gate = Gate::new(8, &Settings { retry_allowance: 2, ..Settings::default() });
    let start = Instant::now();
    for _ in 0..2 {
        gate.enter(true).await.failed(&error(RetryClass::Redo, Side::Sink));
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    drop(gate.enter(true).await);
    assert_eq!(start.elapsed().as_secs(), 10);
    assert!(open(&gate).await, "a first attempt is none");
}

#[tokio::test(start_paused = true)]
async fn a_run_without_progress_loses_its_patience() {
    let gate = gate(4);
    let (throttled, gone) = (error(RetryClass::Throttled, Side::Sink), error(RetryClass::Reconnect, Side::Sink));
    for minute in 0..30 {
        fail(&gate, RetryClass::Throttled, Side::Sink).await;
        assert!(!gate.is_hopeless(&throttled), "minute {minute}");
        seconds(60).await;
    }
    assert!(gate.is_hopeless(&throttled));
    // A chunk that commits is progress.
    gate.enter(false).await.succeeded();
    assert!(!gate.is_hopeless(&throttled));
    // So is an attempt that went on for a while before it failed.
    fail(&gate, RetryClass::Throttled, Side::Sink).await;
    seconds(25 * 60).await;
    let long = gate.enter(false).await;
    seconds(6 * 60).await;
    long.failed(&throttled);
    assert!(!gate.is_hopeless(&throttled));
    // An endpoint that is gone has ten minutes.
    fail(&gate, RetryClass::Reconnect, Side::Sink).await;
    seconds(10 * 60 - 1).await;
    assert!(!gate.is_hopeless(&gone));
    seconds(1).await;
    assert!(gate.is_hopeless(&gone) && !gate.is_hopeless(&throttled));
}
