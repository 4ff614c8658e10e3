//! What `ropeway runs ID` tells of a run that was killed, taken over, and met an error.

use std::process::{Command, Stdio};

use super::workshop::{Finished, Workshop, finished};
use crate::torture::syscalls::{
    calls::{CHANGING, Call, recorded, watch},
    strace_works,
};

/// `chunk-piece-epoch.attempt`, as the first process stages the second chunk.
const PIECE: &str = "/00001-00000-1.1";

#[test]
fn the_attempts_of_a_run_and_why_they_failed() {
    if !strace_works() {
        println!("skipped: strace may not trace processes here");
        return;
    }
    // The names of pieces depend on the run's id, so the second run of this id stages under the same ones.
    let undisturbed = Workshop::folder(0.001);
    let log = undisturbed.data().join("../strace.log");
    under_strace(&undisturbed, &watch(&log, CHANGING), &RUN).ended(0);
    let log = std::fs::read_to_string(log).expect("what strace saw");
    let staged = |call: &Call| call.path.as_ref().is_some_and(|path| path.ends_with(PIECE));
    let calls = recorded(&log, &[undisturbed.data()]);
    let opened = calls.into_iter().find(|call| call.name == "openat" && staged(call)).expect("a second chunk");

    let workshop = Workshop::folder(0.001);
    let places = [workshop.data()];
    let killed = under_strace(&workshop, &opened.kill(&places), &RUN);
    assert_ne!(killed.code, Some(0), "{killed:?}");
    let path = opened.path.map(|path| path.replace("-1.1", "-2.1"));
    let synced = Call { name: "fsync".to_owned(), path, nth: 1 };
    let log = workshop.data().join("../strace.log");
    let resume = ["resume", "golden", "--progress", "none"];
    under_strace(&workshop, &synced.fail(&log, &places), &resume).ended(0);

    let text = workshop.finish(&["runs", "golden"]).ended(0).stdout;
    let chunks = text.split_inclusive('\n').take_while(|line| !line.contains(" (Synthetic to ")).collect::<String>();
    insta::assert_snapshot!("runs", scrubbed(&workshop, &chunks));

    let json = workshop.finish(&["runs", "golden", "--output", "json"]).ended(0).json();
    let copy = &json["copies"][0];
    assert_eq!((&copy["processes"], copy["takeovers"].as_array().map(Vec::len)), (&2.into(), Some(1)), "{copy:#}");
    assert_eq!(copy["takeovers"][0]["process"], 2);
    assert!(copy["takeovers"][0]["at"].is_string(), "{copy:#}");
    assert_eq!((&copy["failures"][0]["chunk"], &copy["failures"][0]["attempt"]), (&1.into(), &"2.1".into()));
    assert_eq!((&copy["chunks"][0]["attempt"], &copy["chunks"][1]["attempt"]), (&"1.1".into(), &"2.2".into()));
}

const RUN: [&str; 8] =
    ["run", "orders/pipeline/CopyLineitem.json", "--run-id", "golden", "--progress", "none", "--parallel", "1"];

fn under_strace(workshop: &Workshop, strace: &[String], arguments: &[&str]) -> Finished {
    let own = workshop.command(arguments);
    let mut command = Command::new("strace");
    command.args(strace).arg(own.get_program()).args(own.get_args()).env_clear();
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(own.get_current_dir().expect("the workshop's folder")).stdin(Stdio::null());
    finished(command.output().expect("strace is installed"))
}

/// Without folders, times and sizes.
fn scrubbed(workshop: &Workshop, text: &str) -> String {
    let text = text.replace(workshop.data().to_str().expect("a plain path"), "DATA");
    let scrub = |word: &str| {
        if word.starts_with("202") && word.ends_with('Z') {
            return "TIME".to_owned();
        }
        word.to_owned()
    };
    text.lines().map(|line| line.split(' ').map(scrub).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}
