//! Rows that a database cannot give are left out on their way to blobs, and written down, each once, whatever is killed.

use super::*;
use crate::torture::tables::left_out::{judge_log, leave_out, log};

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_database_cannot_give_are_written_down_once_whatever_is_killed() {
    let (wanted, mut dice) = (events(8, 200), dice());
    let (source, left_out) = Source::sqlite_with_texts_as_numbers();
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let trial = |sink, slots, id: &str| {
        let mut trial = Trial::new(Pair { source: &source, sink, format: Format::Parquet, slots }, &blobs, id);
        leave_out(&mut trial.example);
        trial
    };
    let mut tally = Tally::default();
    let (mut calm, clock) = (trial(Sink::BlobFolder, 2, "calm"), Instant::now());
    let output = calm.start().wait_with_output().expect("our child");
    let whole = clock.elapsed().mul_f64(slowdown());
    let (digest, chunks) = calm.succeeded(output, &mut tally);
    assert!(chunks >= 4, "only {chunks} chunks");
    judge_log(&calm.example, &left_out, &mut tally);
    let undisturbed = Undisturbed { whole, digest };

    let mut rounds = 0..;
    let next = |tally: &Tally| {
        let is_enough = tally.events >= u64::from(wanted);
        (!is_enough).then(|| (rounds.next().expect("a number"), StdRng::seed_from_u64(dice.random())))
    };
    side_by_side(&mut tally, next, |(round, mut dice), tally| {
        let sink = if round % 2 == 0 { Sink::BlobFolder } else { Sink::Blob };
        let mut trial = trial(sink, if round % 3 == 0 { 4 } else { 1 }, &format!("round-{round}"));
        survive(&mut trial, &undisturbed, &mut dice, tally);
        judge_log(&trial.example, &left_out, tally);
    });

    // A log that somebody wrote into twice.
    let (name, text) = log(&calm.example).expect("a log");
    std::fs::write(&name, format!("{text}{}", text.lines().nth(1).expect("a line"))).expect("a writable folder");
    let mut verdict = Tally::default();
    judge_log(&calm.example, &left_out, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.duplicate > 0);
    tally.verdict("kill: rows left out, into blobs", wanted);
}
