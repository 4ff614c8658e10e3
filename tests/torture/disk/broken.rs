//! A disk on which one fsync fails, at every fsync of a small copy.

use std::{collections::BTreeSet, process::Command, sync::Arc};

use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};

use crate::torture::{
    side_by_side::side_by_side,
    sources::Source,
    syscalls::{
        calls::{self, CHANGING, Call},
        strace_works,
    },
    table::{Tally, Twins, is_long},
    targets::{Format, Sink},
    trial::{Pair, Trial},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_fsync_that_fails_loses_nothing_and_is_not_tried_again() {
    if !strace_works() {
        println!("skipped: strace may not trace processes here");
        return;
    }
    let source = Source::csv(2, 50);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    let mut points = 0;
    for sink in if is_long() { &Sink::ALL[..] } else { &[Sink::File] } {
        let pair = || Pair { source: &source, sink: *sink, format: Format::Csv, slots: 1 };
        let name = |point: usize| format!("{sink:?}-{point}").to_lowercase();
        let mut first = Trial::new(pair(), &blobs, &name(0));
        let calls = syncs(&mut first, &mut tally);
        println!("{sink:?}: {} calls of fsync or fdatasync", calls.len());
        let mut cases = (1..).zip(&calls);
        side_by_side(
            &mut tally,
            |_| cases.next(),
            |(point, call), tally| {
                let mut trial = Trial::new(pair(), &blobs, &name(point));
                trial.id.clone_from(&first.id);
                fails(call, trial, tally);
            },
        );
        points += calls.len() as u32;
    }
    tally.twins = Twins { tried: 1, caught: u64::from(!asked_again(&asks_twice()).is_empty()) };
    // Strace counts the calls of every thread by themselves, so the second of a path may not be met.
    tally.verdict("disk: EIO at fsync", points * 3 / 4);
}

/// Every fsync of an undisturbed copy.
fn syncs(trial: &mut Trial<'_>, tally: &mut Tally) -> Vec<Call> {
    let log = trial.example.path("strace.log");
    let output = trial.start_under("strace", &calls::watch(&log, CHANGING)).wait_with_output().expect("our child");
    trial.succeeded(output, tally);
    let log = std::fs::read_to_string(log).expect("what strace saw");
    let calls = calls::recorded(&log, &trial.places());
    calls.into_iter().filter(|call| call.name.ends_with("sync") && call.path.is_some()).collect()
}

/// A copy with one fsync that fails, and one that goes on where it ended.
fn fails(call: &Call, mut trial: Trial<'_>, tally: &mut Tally) {
    let log = trial.example.path("strace.log");
    let arguments = call.fail(&log, &trial.places());
    let output = trial.start_under("strace", &arguments).wait_with_output().expect("our child");
    let log = std::fs::read_to_string(log).expect("what strace saw");
    tally.events += u64::from(log.contains("(INJECTED)"));
    // A process that gives up says so in its record, whatever the disk made of the record before.
    let is_state = call.path.as_ref().is_some_and(|path| path.starts_with('0'));
    if output.status.success() || !is_state {
        assert_eq!(asked_again(&log), BTreeSet::new(), "{call:?}, {}", trial.about());
    }
    if output.status.success() {
        // A file was written anew.
        trial.succeeded(output, tally);
        return;
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(1 | 4)), "{call:?}: {said}");
    assert!(said.contains("os error 5"), "{call:?}: {said}");
    trial.interrupted(output, tally);
    let resumed = trial.start().wait_with_output().expect("our child");
    trial.succeeded(resumed, tally);
}

/// Paths that were fsynced after an fsync of them had failed, by a log in which every call is about one path. The
/// system forgets what it could not write, so the second answer means nothing; another file of that name is fine.
fn asked_again(log: &str) -> BTreeSet<String> {
    let (mut failed, mut again) = (false, BTreeSet::new());
    for line in log.lines().filter(|line| !line.contains("resumed>")) {
        if line.contains("sync(") {
            if failed {
                again.insert(line.to_owned());
            }
            failed |= line.contains("INJECTED");
        } else if line.contains("unlink") || line.contains("O_EXCL") || line.contains("O_TRUNC") {
            failed = false;
        }
    }
    again
}

/// What strace sees of a program that asks until it likes the answer.
fn asks_twice() -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, log) = (folder.path().join("file"), folder.path().join("strace.log"));
    std::fs::write(&file, "rows").expect("a writable folder");
    let call = Call { name: "fdatasync".to_owned(), path: Some(format!("0/{}", "file")), nth: 1 };
    let arguments = call.fail(&log, &[folder.path().to_owned()]);
    let twice = "exec python3 -c 'import os, sys\nfile = os.open(sys.argv[1], os.O_RDWR)\ntry: os.fdatasync(file)\nexcept OSError: os.fdatasync(file)' \"$0\"";
    let asked = Command::new("strace").args(arguments).args(["sh", "-c", twice]).arg(&file).status();
    assert!(asked.is_ok_and(|status| status.success()), "the second answer was good");
    std::fs::read_to_string(log).expect("what strace saw")
}
