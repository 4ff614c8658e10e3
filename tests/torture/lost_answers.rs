//! Answers that are lost after the work was done: of a block, of a block list, of a rename.

mod naive;
mod renames;

use std::iter;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use ropeway_tests::{
    blob_service::{Effect, Fault, Operation},
    fault_proxy::{FaultProxy, Script},
};

use super::{
    copying::{
        ABSENCE, Copying,
        sources::Given,
        targets::{BlobStore, Shape},
    },
    side_by_side::{copies, on_lanes},
    table::{Tally, dice, events},
};

/// The service does what it was asked and closes the connection, or closes it first and does it later.
#[tokio::test(flavor = "multi_thread")]
async fn a_blob_service_that_loses_answers_has_every_row_once() {
    let (given, mut dice) = (Given::new(4), dice());
    let (expected, source) = (given.rows(), || given.source());
    let copying = Copying { source: &source, expected: &expected, may_fail: ABSENCE };
    let wanted = events(32, 700);
    let mut tally = Tally::default();
    let mut stores = Vec::new();
    for _ in 0..copies() {
        stores.push(BlobStore::fake().await);
    }
    let faults = || stores.iter().map(|store| store.service().faults()).sum::<u64>();
    let cases = iter::from_fn(|| (faults() < u64::from(wanted)).then(|| StdRng::seed_from_u64(dice.random())));
    on_lanes(&stores, cases, &mut tally, async |store, mut dice, tally| {
        let shape = if dice.random() { Shape::Single } else { Shape::Folder };
        for _ in 0..dice.random_range(1..=3) {
            // How many such requests a copy has: blocks, lists, all of them.
            let (operation, requests) = match (dice.random_range(0..3), shape) {
                (0, _) => (Operation::PutBlock, 4),
                (1, Shape::Single) => (Operation::PutBlockList, 1),
                (1, Shape::Folder) => (Operation::PutBlockList, 6),
                _ => (Operation::Any, 12),
            };
            let effect = if dice.random_ratio(3, 4) { Effect::LoseAnswer } else { Effect::Late };
            let (skip, times) = (dice.random_range(0..requests), dice.random_range(1..=2));
            store.service().inject(Fault { operation, skip, times, effect });
        }
        copying.course(&store.place(shape), tally, || store.service().clear_faults()).await;
        store.service().clear_faults();
    });
    tally.events = faults();

    let store = &stores[0];
    store.service().inject(Fault::once(Operation::PutBlockList, Effect::LoseAnswer));
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(naive::doubles(store, "naive.csv", &expected).await);
    tally.verdict("lost answers: blob service", wanted);
}

/// The same with the emulator of others, which knows nothing of faults: the proxy resets the connection when the
/// answer comes.
#[tokio::test(flavor = "multi_thread")]
async fn azurite_behind_a_line_that_loses_answers_has_every_row_once() {
    let store = BlobStore::azurite().await;
    let mut proxies = Vec::new();
    for _ in 0..copies() {
        proxies.push(FaultProxy::start(store.address()).await);
    }
    let proxy = &proxies[0];
    let (given, mut dice) = (Given::new(3), dice());
    let (expected, source) = (given.rows(), || given.source());
    let copying = Copying { source: &source, expected: &expected, may_fail: ABSENCE };
    let wanted = events(10, 200);
    let mut tally = Tally::default();
    proxy.heal();
    let calm = copying.course(&store.place_via(proxy.address(), Shape::Folder), &mut tally, || ()).await;
    assert_eq!((calm.failures, calm.retries), (0, 0));
    // The first two answers may be TLS alone.
    let whole = proxy.passages();
    let talkative: Vec<_> = (0..).zip(&whole).filter(|(_, passage)| passage.answers > 3).collect();
    let faults = || proxies.iter().map(FaultProxy::faults).sum::<u64>();
    let cases = iter::from_fn(|| {
        let (number, passage) = talkative[dice.random_range(0..talkative.len())];
        let shape = if dice.random_ratio(1, 4) { Shape::Single } else { Shape::Folder };
        let case = (number, Script::lose_answer(dice.random_range(3..=passage.answers)), shape);
        (faults() < u64::from(wanted)).then_some(case)
    });
    on_lanes(&proxies, cases, &mut tally, async |proxy, (number, script, shape), tally| {
        proxy.only(number, script);
        copying.course(&store.place_via(proxy.address(), shape), tally, || proxy.heal()).await;
    });
    tally.events = faults();

    let store = store.via(proxy.address());
    // TLS answers once or twice before the first block and the first list are answered.
    let mut is_caught = false;
    for answer in 2..=6 {
        proxy.only(0, Script::lose_answer(answer));
        is_caught |= naive::doubles(&store, &format!("naive-{answer}.csv"), &expected).await;
    }
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(is_caught);
    tally.verdict("lost answers: Azurite", wanted);
}
