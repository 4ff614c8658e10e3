//! SIGKILL before every single call of a small copy that changes something outside of it.

pub(crate) mod calls;

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Output, Stdio},
    sync::Arc,
};

use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};

use self::calls::{Call, recorded};
use super::{
    side_by_side::side_by_side,
    sources::Source,
    table::{Tally, is_long},
    targets::{Format, Sink},
    trial::{Pair, Trial, judge},
};

/// Two chunks.
const FILES: u32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_before_every_system_call() {
    if !strace_works() {
        println!("skipped: strace may not trace processes here");
        return;
    }
    let long = is_long();
    let source = Source::csv(FILES, 50);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    let mut points = 0;
    for sink in if long { &Sink::ALL[..] } else { &[Sink::File][..] } {
        let pair = || Pair { source: &source, sink: *sink, format: Format::Csv, slots: 1 };
        let name = |point: usize| format!("{sink:?}-{point}").to_lowercase();
        let mut first = Trial::new(pair(), &blobs, &name(0));
        let (calls, digest) = watched(&mut first, calls::CHANGING, &mut tally);
        // What has no path, and goes to a server, takes long.
        let calls: Vec<_> = calls.into_iter().filter(|call| long || call.path.is_some()).collect();
        println!("{sink:?}: {} calls", calls.len());
        let mut cases = (1..).zip(&calls);
        side_by_side(
            &mut tally,
            |_| cases.next(),
            |(point, call), tally| {
                let mut trial = Trial::new(pair(), &blobs, &name(point));
                trial.id.clone_from(&first.id);
                // The process that recovers is killed there as well, where it comes by.
                let found = killed_before(call, &mut trial, if long { 2 } else { 1 }, tally);
                assert_eq!(found, digest, "{} after {call:?}", trial.about());
            },
        );
        points += calls.len() as u32;
    }
    twin(&source, &mut tally);
    // A call that depends on the moment, such as a write that two chunks share, may not come, and strace counts
    // the calls of every thread by themselves.
    tally.verdict("kill: SIGKILL before every system call", points * 4 / 5);
}

pub(crate) fn strace_works() -> bool {
    let run = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// The calls of these names of an undisturbed copy, and the digest of its rows.
pub(crate) fn watched(trial: &mut Trial<'_>, names: &str, tally: &mut Tally) -> (Vec<Call>, String) {
    let log = trial.example.path("strace.log");
    let arguments = calls::watch(&log, names);
    let output = trial.start_under("strace", &arguments).wait_with_output().expect("our child");
    let (digest, _) = trial.succeeded(output, tally);
    let log = std::fs::read_to_string(log).expect("what strace saw");
    (recorded(&log, &trial.places()), digest)
}

/// Kills a run before a call, so many processes of it, and resumes it; answers the digest of the rows.
fn killed_before(call: &Call, trial: &mut Trial<'_>, times: u32, tally: &mut Tally) -> String {
    let arguments = call.kill(&trial.places());
    for _ in 0..times {
        let output = trial.start_under("strace", &arguments).wait_with_output().expect("our child");
        if !was_killed(&output) {
            println!("not met: {call:?}");
            return trial.succeeded(output, tally).0;
        }
        trial.interrupted(output, tally);
        tally.events += 1;
    }
    let output = trial.start().wait_with_output().expect("our child");
    let (digest, chunks) = trial.succeeded(output, tally);
    trial.repeated_little(chunks);
    digest
}

/// True if the process under strace died of SIGKILL; strace then ends in the same way.
fn was_killed(output: &Output) -> bool {
    output.status.signal() == Some(9) || output.status.code() == Some(128 + 9)
}

/// A program that writes where readers look, killed in the same way.
fn twin(source: &Source, tally: &mut Tally) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (whole, copy) = (folder.path().join("whole.csv"), folder.path().join("copy.csv"));
    let text: String = source.rows.iter().map(|row| format!("{}\n", row[0].as_deref().unwrap_or_default())).collect();
    std::fs::write(&whole, format!("id\n{text}")).expect("a writable folder");
    let call = Call { name: "write".to_owned(), path: Some(copy.to_string_lossy().into_owned()), nth: 3 };
    let mut copying = Command::new("strace");
    copying.args(call.kill(&[])).args(["dd", "bs=64", "status=none"]);
    copying.arg(format!("if={}", whole.display())).arg(format!("of={}", copy.display()));
    assert!(was_killed(&copying.output().expect("strace runs")), "the twin was not killed");
    let expected: Vec<_> = source.rows.iter().map(|row| row[..1].to_vec()).collect();
    let read = |file| super::readers::rows("all.csv", &std::fs::read(file).expect("readable"));
    let mut verdict = Tally::default();
    judge(Some(read(&whole)), &expected, &mut verdict);
    assert_eq!((verdict.lost, verdict.duplicate, verdict.partial), (0, 0, 0));
    judge(Some(read(&copy)), &expected, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.lost + verdict.partial > 0);
}
