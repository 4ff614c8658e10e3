//! The power fails at a random moment: what the disk had taken is all that is left.
//!
//! The disk is an ext4 image in a loop file. Its backing file is copied while the process is stopped, so the
//! copy holds what was sent to the disk and nothing of what only the kernel had; the copy is mounted instead, which
//! replays its journal. Every write that reached the disk counts as durable, in the order in which it was sent.

mod disk;

use std::{
    fs,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::Rng as _;
use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};
use rustix::process::{Pid, Signal, kill_process};

use self::disk::Disk;
use super::{
    side_by_side::{side_by_side, slowdown},
    sources::Source,
    syscalls::strace_works,
    table::{Tally, dice, events},
    targets::{Format, Sink},
    trial::{Pair, Trial, judge},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_at_a_random_moment() {
    if !Disk::is_permitted() {
        return;
    }
    if !strace_works() {
        println!("skipped: strace, which the twin needs, may not trace processes here");
        return;
    }
    let (wanted, mut dice) = (events(10, 300), dice());
    let source = Source::csv(6, 2_000);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    let whole = undisturbed(&source, &blobs);
    let told = AtomicU64::new(0);
    let mut numbers = 0..wanted;
    let next = |_: &Tally| {
        let number = numbers.next()?;
        let format = if dice.random() { Format::Parquet } else { Format::Csv };
        // Every third one right after success was reported.
        let moment = if number % 3 == 0 { None } else { Some(whole.mul_f64(dice.random_range(0.0..1.0))) };
        Some((number, format, moment))
    };
    side_by_side(&mut tally, next, |(number, format, moment), tally| {
        let sink = if number % 2 == 0 { Sink::File } else { Sink::FileFolder };
        let pair = Pair { source: &source, sink, format, slots: 2 };
        let trial = Trial::new(pair, &blobs, &format!("cut-{number}"));
        // The state is on the disk that loses power, or on another one.
        let disk =
            Disk::over(if number % 4 < 2 { trial.places() } else { trial.target.folder().into_iter().collect() });
        told.fetch_add(u64::from(survives(trial, disk, moment, tally)), Ordering::Relaxed);
    });
    let told = told.into_inner();
    println!("{wanted} power cuts, {told} of them after success was reported");
    assert!(told > 0 && told < u64::from(wanted), "both kinds of moments");
    twin(&source, &blobs, &mut tally);
    tally.verdict("power cut", wanted);
}

fn undisturbed(source: &Source, blobs: &Arc<BlobService>) -> Duration {
    let trial = Trial::new(Pair { source, sink: Sink::File, format: Format::Csv, slots: 2 }, blobs, "undisturbed");
    let _disk = Disk::over(trial.places());
    let clock = Instant::now();
    trial.example.run(&trial.id).ended(0);
    clock.elapsed().mul_f64(slowdown())
}

/// Cuts the power after so long, or once the run has ended. Answers whether it had reported success.
fn survives(mut trial: Trial<'_>, disk: Disk, moment: Option<Duration>, tally: &mut Tally) -> bool {
    let mut child = trial.start();
    if let Some(moment) = moment {
        thread::sleep(moment);
        if is_stopped(&mut child) {
            disk.copy();
            child.kill().expect("our child");
        }
    }
    let output = child.wait_with_output().expect("our child");
    let reported = output.status.success();
    if reported {
        disk.copy();
        // With the power still on.
        trial.succeeded(output, tally);
        disk.fail();
        let visible = trial.target.visible();
        let copy = trial.target.copy(&visible);
        assert!(copy.is_some(), "{}: nothing is left of a copy that was reported as succeeded", trial.about());
        judge(copy, &trial.source().rows, tally);
    } else {
        disk.fail();
        trial.interrupted(output, tally);
    }
    tally.events += 1;
    let resumed = trial.start().wait_with_output().expect("our child");
    trial.succeeded(resumed, tally);
    reported
}

/// Stops a process with all its threads: none of them is inside the kernel any more. False if it ended before.
fn is_stopped(child: &mut Child) -> bool {
    kill_process(Pid::from_child(child), Signal::STOP).expect("our child");
    let threads = format!("/proc/{}/task", child.id());
    loop {
        if child.try_wait().expect("our child").is_some() {
            return false;
        }
        let states = fs::read_dir(&threads).expect("our child").flatten().map(|thread| thread.path().join("stat"));
        // The state stands behind the name, which is in parentheses.
        let stopped = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"));
        if states.map(|stat| fs::read_to_string(stat).unwrap_or_default()).all(stopped) {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The same program with an fsync that does nothing: what it reported is not there.
fn twin(source: &Source, blobs: &Arc<BlobService>, tally: &mut Tally) {
    for sink in [Sink::File, Sink::FileFolder] {
        let pair = Pair { source, sink, format: Format::Csv, slots: 2 };
        let mut trial = Trial::new(pair, blobs, &format!("twin-{sink:?}").to_lowercase());
        let disk = Disk::over(trial.places());
        let nothing = "-f -qq -o /dev/null -e trace=fsync,fdatasync -e inject=fsync,fdatasync:retval=0";
        let arguments: Vec<_> = nothing.split(' ').map(str::to_owned).collect();
        let output = trial.start_under("strace", &arguments).wait_with_output().expect("our child");
        disk.copy();
        trial.succeeded(output, tally);
        disk.fail();
        let mut verdict = Tally::default();
        let visible = trial.target.visible();
        let copy = trial.target.copy(&visible);
        let gone = copy.is_none();
        judge(copy, &source.rows, &mut verdict);
        tally.twins.tried += 1;
        tally.twins.caught += u64::from(gone || verdict.lost + verdict.partial > 0);
    }
}
