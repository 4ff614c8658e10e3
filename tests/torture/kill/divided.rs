//! A chunk that is divided while it is read, at random moments of which the process is killed: what is left of it is copied
//! once, too.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_random_moments_of_chunks_that_are_divided() {
    let (wanted, mut dice) = (events(12, 400), dice());
    let source = Source::uneven();
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let trial = |sink, id: &str| {
        let pair = Pair { source: &source, sink, format: Format::Parquet, slots: 4 };
        let mut trial = Trial::new(pair, &blobs, id);
        trial.example.always(&["--divide-after", "0"]);
        trial
    };
    let mut tally = Tally::default();
    let (mut calm, clock) = (trial(Sink::FileFolder, "calm"), Instant::now());
    let output = calm.start().wait_with_output().expect("our child");
    let whole = clock.elapsed().mul_f64(slowdown());
    let (digest, chunks) = calm.succeeded(output, &mut tally);
    assert!(chunks > 2 && calm.divided > 0, "nothing was divided: {chunks} chunks");
    let undisturbed = Undisturbed { whole, digest };

    let divided = AtomicU64::new(0);
    let mut rounds = 0..;
    let next = |tally: &Tally| {
        let is_enough = tally.events >= u64::from(wanted);
        (!is_enough).then(|| (rounds.next().expect("a number"), StdRng::seed_from_u64(dice.random())))
    };
    side_by_side(&mut tally, next, |(round, mut dice), tally| {
        let mut trial = trial(Sink::ALL[round % Sink::ALL.len()], &format!("round-{round}"));
        survive(&mut trial, &undisturbed, &mut dice, tally);
        divided.fetch_add(trial.divided, Ordering::Relaxed);
    });
    println!("{} kills, {} chunks were divided", tally.events, divided.into_inner());
    twins(&source, &blobs, &mut tally);
    tally.verdict("kill: divided chunks", wanted);
}
