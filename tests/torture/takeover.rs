//! SIGSTOP, another process takes the run over and ends it, SIGCONT: the first one changes nothing any more.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, rngs::StdRng};
use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};

use super::{
    readers,
    side_by_side::{side_by_side, slowdown},
    sources::Source,
    syscalls::{
        calls::{self, Call},
        strace_works, watched,
    },
    table::{Tally, dice, events, is_long},
    targets::{Format, Sink},
    trial::{Pair, Trial, judge},
};
use crate::end_to_end::oracle::Row;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_changes_nothing_after_its_run_was_taken_over() {
    let (wanted, mut dice) = (events(10, 300), dice());
    let source = Source::csv(4, 250);
    let blobs = Arc::new(BlobService::https(PrivateCa::new(&["127.0.0.1"])).await);
    let mut tally = Tally::default();
    let sinks = Sink::ALL.map(|sink| Moments::of(&source, sink, &blobs, &mut tally));
    let chosen = sinks
        .iter()
        .flat_map(|of| of.calls.iter().filter(|call| is_long() || is_late(call)).map(move |call| (of, call)));
    let mut chosen = chosen.map(|(of, call)| (of, Moment::After(call.clone())));
    let fenced = AtomicU64::new(0);
    let mut begun = 0;
    let next = |tally: &Tally| {
        let (number, late) = (begun, chosen.next());
        begun += 1;
        if late.is_none() && tally.events >= u64::from(wanted) {
            return None;
        }
        assert!(number < 20 * wanted as usize, "the runs are over before they can be stopped");
        let (moments, moment) = late.unwrap_or_else(|| {
            let moments = &sinks[number % sinks.len()];
            (moments, moments.random(&mut dice))
        });
        Some((number, moments, moment))
    };
    side_by_side(&mut tally, next, |(number, moments, moment), tally| {
        let pair = Pair { source: &source, sink: moments.sink, format: Format::Csv, slots: 1 };
        let mut trial = Trial::new(pair, &blobs, &format!("taken-over-{number}"));
        // Names of files hold the id.
        trial.id.clone_from(&moments.id);
        let stopped = stop(&moment, &trial);
        let told = stopped.and_then(|stopped| outlived(stopped, &mut trial, &moments.digest, tally));
        fenced.fetch_add(u64::from(told == Some(true)), Ordering::Relaxed);
    });
    let fenced = fenced.into_inner();
    println!("{} processes were stopped, {fenced} of them were told that they had lost the run", tally.events);
    assert!(fenced > 0, "no process was stopped in the middle of its work");
    twin(&source.rows, &mut tally);
    tally.verdict("zombies: SIGSTOP, take over, SIGCONT", wanted);
}

/// The process has just looked whether the run is still its own, and goes on to publish: what it does next was decided
/// before the run was lost.
fn is_late(call: &Call) -> bool {
    let is_staging = call.path.as_ref().is_some_and(|path| path.ends_with(".ropeway"));
    call.name == "getdents64" && is_staging && call.nth <= 2
}

/// When a process is stopped.
#[derive(Debug)]
enum Moment {
    After(Call),
    At(Duration),
}

/// When a copy to this sink can be stopped.
struct Moments {
    sink: Sink,
    whole: Duration,
    /// What it does to its files; none where strace may not trace.
    calls: Vec<Call>,
    id: String,
    digest: String,
}

impl Moments {
    fn of(source: &Source, sink: Sink, blobs: &Arc<BlobService>, tally: &mut Tally) -> Self {
        let id = format!("undisturbed-{sink:?}").to_lowercase();
        let trial = |name: &str| {
            let pair = Pair { source, sink, format: Format::Csv, slots: 1 };
            let mut trial = Trial::new(pair, blobs, &format!("{id}-{name}"));
            trial.id.clone_from(&id);
            trial
        };
        let clock = Instant::now();
        let mut timed = trial("timed");
        let output = timed.start().wait_with_output().expect("our child");
        let whole = clock.elapsed().mul_f64(slowdown());
        let (digest, _) = timed.succeeded(output, tally);
        let calls = if strace_works() {
            let names = format!("{},getdents64", calls::CHANGING);
            let (calls, same) = watched(&mut trial("watched"), &names, tally);
            assert_eq!(same, digest);
            calls.into_iter().filter(|call| call.path.is_some()).collect()
        } else {
            println!("strace may not trace processes here: they are stopped at random moments only");
            Vec::new()
        };
        Self { sink, whole, calls, id, digest }
    }

    fn random(&self, dice: &mut StdRng) -> Moment {
        if self.calls.is_empty() || dice.random() {
            Moment::At(self.whole.mul_f64(dice.random_range(0.0..1.0)))
        } else {
            Moment::After(self.calls[dice.random_range(0..self.calls.len())].clone())
        }
    }
}

/// Starts a run and stops it. `None` if it was over before.
fn stop(moment: &Moment, trial: &Trial<'_>) -> Option<Stopped> {
    match moment {
        Moment::At(time) => stop_at(*time, trial),
        Moment::After(call) => stop_after(call, trial),
    }
}

fn stop_at(time: Duration, trial: &Trial<'_>) -> Option<Stopped> {
    let mut child = trial.start();
    thread::sleep(time);
    let pid = child.id();
    signal("STOP", pid);
    let is_over = child.try_wait().expect("our child").is_some();
    (!is_over && is_stopped(pid)).then(|| Stopped::new(child, pid))
}

fn stop_after(call: &Call, trial: &Trial<'_>) -> Option<Stopped> {
    let log = trial.example.path("strace.log");
    let mut child = trial.start_under("strace", &call.signal("STOP", &log, &trial.places()));
    loop {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if let Some(line) = said.lines().find(|line| line.ends_with("--- stopped by SIGSTOP ---")) {
            let pid = line.split(' ').next().and_then(|thread| thread.parse().ok()).expect("a number");
            println!("stopped after {call:?}");
            return Some(Stopped::new(child, pid));
        }
        if child.try_wait().expect("our child").is_some() {
            return None;
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// A process that waits for SIGCONT, or strace with such a process. Nobody else would end it if a test fails.
pub(crate) struct Stopped {
    child: Option<Child>,
    pid: u32,
}

impl Stopped {
    pub(crate) fn new(child: Child, pid: u32) -> Self {
        Self { child: Some(child), pid }
    }

    /// Lets it go on to its end.
    pub(crate) fn wake(mut self) -> Output {
        let child = self.child.as_mut().expect("it waits");
        // Under strace another thread may come by the same call, which stops the process once more.
        while child.try_wait().expect("our child").is_none() {
            signal("CONT", self.pid);
            thread::sleep(Duration::from_millis(5));
        }
        self.child.take().expect("it waits").wait_with_output().expect("our child")
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            signal("KILL", self.pid);
            drop(child.wait());
        }
    }
}

/// Lets another process finish the run of a stopped one, then wakes that one up. True if it was told that it is
/// not its run any more; `None` if it had not begun or was done already.
fn outlived(stopped: Stopped, trial: &mut Trial<'_>, digest: &str, tally: &mut Tally) -> Option<bool> {
    let record = fs::read(trial.example.path("state/runs").join(&trial.id).join("run.json")).unwrap_or_default();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
    if record["report"]["status"] != "InProgress" {
        stopped.wake();
        return None;
    }
    let refused = trial.example.resume(&trial.id).ended(4).stderr;
    assert!(refused.contains("--take-over"), "{refused}");
    let holder = fs::read_to_string(trial.example.path("state/runs").join(&trial.id).join("lock")).expect("a lock");
    assert!(refused.contains(&format!("process={holder}")), "{refused}");

    let successor = trial.example.take_over(&trial.id).wait_with_output().expect("our child");
    assert_eq!(trial.succeeded(successor, tally).0, digest, "{}", trial.about());
    let before = trial.target.visible();
    let ended = trial.example.said(stopped.wake());
    tally.events += 1;
    let after = trial.target.visible();
    if before != after {
        let names = |seen: &super::targets::Visible| seen.keys().cloned().collect::<Vec<_>>();
        println!("{}: {:?} became {:?}: {}", trial.about(), names(&before), names(&after), ended.stderr);
        tally.partial += 1;
    }
    judge(trial.target.copy(&after), trial.rows(), tally);
    let again = trial.example.resume(&trial.id).ended(0).json();
    assert_eq!(again["activityRuns"][0]["output"]["ropeway"]["digest"], digest, "the report is the successor's");
    Some(ended.stderr.contains("leave the run to it"))
}

pub(crate) fn signal(name: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("kill is installed");
}

/// Waits until all of it stands still; false if it is over.
pub(crate) fn is_stopped(pid: u32) -> bool {
    loop {
        let Ok(status) = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")) else {
            return false;
        };
        match status.lines().find_map(|line| line.strip_prefix("State:")).map(str::trim_start) {
            Some(state) if state.starts_with('T') => return true,
            Some(state) if !state.starts_with(['Z', 'X']) => thread::sleep(Duration::from_millis(1)),
            _ => return false,
        }
    }
}

/// A program that appends to what readers see, stopped in the middle and finished by another one.
fn twin(rows: &[Row], tally: &mut Tally) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ids: Vec<_> = rows.iter().map(|row| row[..1].to_vec()).collect();
    let text: String = ids.iter().map(|row| format!("{}\n", row[0].as_deref().unwrap_or_default())).collect();
    fs::write(folder.path().join("whole.csv"), format!("id\n{text}")).expect("a writable folder");
    let naive = "head -n 500 whole.csv > copy.csv; kill -STOP $$; tail -n +501 whole.csv >> copy.csv";
    let child = Command::new("sh").args(["-c", naive]).current_dir(folder.path()).spawn().expect("a shell");
    let pid = child.id();
    let stopped = Stopped::new(child, pid);
    assert!(is_stopped(pid));
    let whole = fs::read(folder.path().join("whole.csv")).expect("readable");
    fs::write(folder.path().join("copy.csv"), &whole).expect("a writable folder");
    let judged = || {
        let mut verdict = Tally::default();
        let copy = fs::read(folder.path().join("copy.csv")).expect("readable");
        judge(Some(readers::rows("copy.csv", &copy)), &ids, &mut verdict);
        verdict
    };
    let before = judged();
    assert_eq!((before.lost, before.duplicate, before.partial), (0, 0, 0), "{before:?}");
    stopped.wake();
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(judged().duplicate > 0);
}
