//! What breaks, and where: scripts for one connection of a copy each.

use std::ops::RangeInclusive;

use rand::{Rng as _, rngs::StdRng};
use ropeway_tests::fault_proxy::{At, Effect, Passage, Script};

/// Bytes from the beginning of a connection that the long form breaks one by one.
const EVERY: u64 = 4_096;

/// Connections by their numbers, and what happens to each of them.
pub(super) type Case = (RangeInclusive<u64>, Script);

/// Resets and truncations: at so many bytes, spread over all that passed in an undisturbed copy; in the long form
/// at every one of the first bytes, in both directions.
pub(super) fn breaks(whole: &[Passage], cases: u32, dice: &mut StdRng) -> Vec<Case> {
    // Directions alternate too: each gets both.
    let effect = |case: u64| if (case / 2).is_multiple_of(2) { Effect::Reset } else { Effect::Close };
    if u64::from(cases) < 2 * EVERY {
        return (0..cases).map(|case| spread(whole, (case, cases), effect(case.into()), dice)).collect();
    }
    let mut found = Vec::new();
    for byte in 0..EVERY {
        for sent in [true, false] {
            let reach = (0..).zip(whole).filter(|(_, passage)| bytes(passage, sent) > byte);
            let numbers: Vec<u64> = reach.map(|(number, _)| number).collect();
            if !numbers.is_empty() {
                let number = numbers[dice.random_range(0..numbers.len())];
                found.push((number..=number, Script::at(place(sent, byte), effect(dice.random_range(0..4)))));
            }
        }
    }
    found
}

/// Ends in the second half of what the busiest connection receives: while rows come that were asked for behind
/// the first ones. psqlodbc's own cursors crash there. Columns, plan and rows are asked for one after the other, each on
/// whichever connection is free by then, so the first of three to come so far is broken.
pub(super) fn late_breaks(whole: &[Passage], cases: u64, dice: &mut StdRng) -> Vec<Case> {
    let passage = whole.iter().max_by_key(|passage| passage.received).expect("a connection");
    let half = passage.received / 2;
    let byte = |case| half + half * case / cases + dice.random_range(0..half / cases);
    (0..cases).map(byte).map(|byte| (0..=2, Script::at(At::Received(byte), Effect::Close))).collect()
}

/// Single bits that are another ones.
pub(super) fn flips(whole: &[Passage], cases: u32, dice: &mut StdRng) -> Vec<Case> {
    (0..cases)
        .map(|case| {
            let bit = dice.random_range(0..8);
            spread(whole, (case, cases), Effect::Flip(bit), dice)
        })
        .collect()
}

/// Lines on which nothing passes any more: from the first byte on, in the middle of a request, in the middle of an
/// answer.
pub(super) fn silences(whole: &[Passage], dice: &mut StdRng) -> Vec<Case> {
    let stall = Effect::Stall(None);
    let middle = |case, dice: &mut StdRng| spread(whole, (case, 2), stall, dice);
    vec![(0..=0, Script::blackhole()), middle(0, dice), middle(1, dice)]
}

/// The part of the passage that belongs to this case of so many; every other one is sent.
fn spread(whole: &[Passage], (case, cases): (u32, u32), effect: Effect, dice: &mut StdRng) -> Case {
    let sent = case.is_multiple_of(2);
    let total: u64 = whole.iter().map(|passage| bytes(passage, sent)).sum();
    let part = (f64::from(case) + dice.random_range(0.0..1.0)) / f64::from(cases);
    let mut byte = ((total as f64 * part) as u64).min(total.saturating_sub(1));
    for (number, passage) in (0..).zip(whole) {
        let length = bytes(passage, sent);
        if byte < length {
            return (number..=number, Script::at(place(sent, byte), effect));
        }
        byte -= length;
    }
    panic!("nothing passed in an undisturbed copy: {whole:?}");
}

fn bytes(passage: &Passage, sent: bool) -> u64 {
    if sent { passage.sent } else { passage.received }
}

fn place(sent: bool, byte: u64) -> At {
    if sent { At::Sent(byte) } else { At::Received(byte) }
}
