//! SIGKILL at random moments, over every source and every sink, also while a run recovers from one.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};

use super::{
    side_by_side::{side_by_side, slowdown},
    sources::Source,
    table::{Tally, dice, events},
    targets::{Format, Sink, Target},
    trial::{Pair, Trial, changed, judge},
};
use crate::end_to_end::oracle::Row;

mod divided;
mod files;
mod left_out;

/// Kills of one run at most.
const MOST_KILLS: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_at_random_moments() {
    let (wanted, mut dice) = (events(60, 2_000), dice());
    let sources = Source::all();
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    let undisturbed: HashMap<_, _> =
        sources.iter().map(|source| (source.name, Undisturbed::of(source, &blobs, &mut tally))).collect();

    // Every pair with either number of slots: a round has half of that, the next one the other half.
    let copying = AtomicU64::new(0);
    let pairs: Vec<_> = sources.iter().flat_map(|source| Sink::ALL.map(|sink| (source, sink))).collect();
    let mut begun = 0;
    let next = |tally: &Tally| {
        let (round, number) = (begun / pairs.len(), begun % pairs.len());
        begun += 1;
        let (source, sink) = pairs[number];
        let slots = if (number + round).is_multiple_of(2) { 4 } else { 1 };
        let format = if dice.random() { Format::Parquet } else { Format::Csv };
        let is_enough = round > 0 && tally.events >= u64::from(wanted);
        let case = (Pair { source, sink, format, slots }, begun, StdRng::seed_from_u64(dice.random()));
        (!is_enough).then_some(case)
    };
    side_by_side(&mut tally, next, |(pair, number, mut dice), tally| {
        let undisturbed = &undisturbed[pair.source.name];
        let mut trial = Trial::new(pair, &blobs, &format!("trial-{number}"));
        copying.fetch_add(survive(&mut trial, undisturbed, &mut dice, tally), Ordering::Relaxed);
    });
    let copying = copying.into_inner();
    println!("{} kills, {copying} of them while rows were copied or published", tally.events);
    assert!(copying > 0, "every kill came before the first row");
    // Its rows come from no files, whose names every run would give anew.
    twins(&sources[4], &blobs, &mut tally);
    tally.verdict("kill: SIGKILL at random moments", wanted);
}

/// How long a copy takes and what its digest is when nobody disturbs it.
struct Undisturbed {
    /// Beside as many others as there will be.
    whole: Duration,
    digest: String,
}

impl Undisturbed {
    fn of(source: &Source, blobs: &Arc<BlobService>, tally: &mut Tally) -> Self {
        let id = format!("undisturbed-{}", source.name.to_lowercase().replace(' ', "-"));
        let pair = Pair { source, sink: Sink::FileFolder, format: Format::Parquet, slots: 4 };
        let mut trial = Trial::new(pair, blobs, &id);
        let clock = Instant::now();
        let output = trial.start().wait_with_output().expect("our child");
        let whole = clock.elapsed().mul_f64(slowdown());
        let (digest, chunks) = trial.succeeded(output, tally);
        assert!(chunks >= 5, "{}: only {chunks} chunks", trial.about());
        Self { whole, digest }
    }
}

/// Kills a run up to [`MOST_KILLS`] times, then lets it end. Answers how many of the killed processes had begun a
/// chunk.
fn survive(trial: &mut Trial<'_>, undisturbed: &Undisturbed, dice: &mut StdRng, tally: &mut Tally) -> u64 {
    let mut copying = 0;
    let mut kills = dice.random_range(0..=MOST_KILLS);
    loop {
        let mut child = trial.start();
        if kills > 0 {
            thread::sleep(undisturbed.whole.mul_f64(dice.random_range(0.0..1.0)));
            if child.try_wait().expect("our child").is_none() {
                child.kill().expect("our child");
                copying += u64::from(trial.interrupted(child.wait_with_output().expect("our child"), tally));
                tally.events += 1;
                kills -= 1;
                continue;
            }
        }
        let (digest, chunks) = trial.succeeded(child.wait_with_output().expect("our child"), tally);
        assert_eq!(digest, undisturbed.digest, "{}", trial.about());
        trial.repeated_little(chunks);
        return copying;
    }
}

/// What must not pass: wrong copies, and a protocol that starts again where it should resume.
fn twins(source: &Source, blobs: &Arc<BlobService>, tally: &mut Tally) {
    let mut catch = |verdict: Tally| {
        tally.twins.tried += 1;
        tally.twins.caught += u64::from(verdict.lost + verdict.duplicate + verdict.partial > 0);
    };
    let judged = |rows: &[Row]| {
        let mut verdict = Tally::default();
        judge(Some(Ok(rows.to_vec())), &source.rows, &mut verdict);
        verdict
    };
    let passes = judged(&source.rows);
    assert_eq!((passes.lost, passes.duplicate, passes.partial), (0, 0, 0));
    catch(judged(&source.rows[1..]));
    catch(judged(&[&source.rows[..], &source.rows[..1]].concat()));
    for format in [Format::Parquet, Format::Csv] {
        let target = cut_off(source, format, blobs);
        let (mut verdict, visible) = (Tally::default(), target.visible());
        judge(target.copy(&visible), &source.rows, &mut verdict);
        catch(verdict);
    }
    catch(started_again(source, blobs));
}

/// A file of which half is there, as a program leaves it that writes where readers look.
fn cut_off(source: &Source, format: Format, blobs: &Arc<BlobService>) -> Target {
    let pair = Pair { source, sink: Sink::File, format, slots: 4 };
    let mut trial = Trial::new(pair, blobs, &format!("cut-off-{format:?}").to_lowercase());
    let output = trial.start().wait_with_output().expect("our child");
    trial.succeeded(output, &mut Tally::default());
    let visible = trial.target.visible();
    let (name, bytes) = visible.first_key_value().expect("one file");
    let file = trial.target.folder().expect("a folder").join(name);
    std::fs::write(file, &bytes[..bytes.len() / 2]).expect("a writable folder");
    assert_eq!(changed(&visible, &trial.target.visible()), 1, "a file that changes is seen");
    trial.target
}

/// A second run into the folder of one whose answer was lost: it adds its files to those that are there.
fn started_again(source: &Source, blobs: &Arc<BlobService>) -> Tally {
    let pair = Pair { source, sink: Sink::FileFolder, format: Format::Parquet, slots: 4 };
    let trial = Trial::new(pair, blobs, "started-again");
    trial.example.run("the-first").ended(0);
    trial.example.run("the-second").ended(0);
    let (mut verdict, visible) = (Tally::default(), trial.target.visible());
    judge(trial.target.copy(&visible), &source.rows, &mut verdict);
    assert_eq!(verdict.lost, 0);
    verdict
}
