//! Killed at any moment, a copy that leaves rows out writes each of them down once.

use std::{collections::BTreeSet, fs, path::Path, process::Child, thread, time::Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::Value;

use super::yard::{Yard, lines};
use crate::cli::workshop::finished;

/// Kills that must hit a living process; `ROPEWAY_TEST_KILLS` asks for more.
const KILLS: u32 = 12;

#[test]
fn every_row_is_written_down_once_whatever_is_killed() {
    let seed = std::env::var("ROPEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    let mut rng = StdRng::seed_from_u64(seed);
    let wanted = std::env::var("ROPEWAY_TEST_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS);

    let yard = Yard::new(6, 40_000);
    let clock = Instant::now();
    yard.workshop.run(&["--run-id", "undisturbed", "--progress", "none"]).ended(0);
    let whole = clock.elapsed();
    assert_eq!(lines(&yard.log().expect("a log").1), yard.misfits());

    let (mut kills, mut doubled) = (0, 0);
    for round in 0.. {
        for folder in ["out", "logs"] {
            fs::remove_dir_all(yard.workshop.data().join(folder)).expect("removable");
        }
        let id = format!("round-{round}");
        let mut staged = BTreeSet::new();
        let ended = loop {
            let mut child = start_or_resume(&yard, &id);
            thread::sleep(whole.mul_f64(rng.random_range(0.0..1.0)));
            if kills >= wanted || child.try_wait().expect("our child").is_some() {
                break finished(child.wait_with_output().expect("it ended")).ended(0);
            }
            child.kill().expect("our child");
            child.wait().expect("our child");
            kills += 1;
            staged.extend(pieces(&yard.workshop.data()));
            // The log is there whole or not at all.
            assert!(yard.log().is_none_or(|(_, log)| lines(&log) == yard.misfits()), "a part of the log is visible");
        };
        let output = &ended.json()["activityRuns"][0]["output"];
        let misfits = yard.misfits();
        assert_eq!(output["rowsSkipped"], misfits.len());
        assert_eq!(output["rowsCopied"], yard.fitting());
        assert_eq!(output["rowsRead"], yard.fitting() + misfits.len() as u64);
        let log = lines(&yard.log().expect("a log").1);
        assert!(log == misfits, "round {round}: {} lines instead of {}", log.len(), misfits.len());
        let left = pieces(&yard.workshop.data());
        assert!(left.is_empty(), "round {round}: {left:?} is left behind");
        doubled += u64::from(at_once(&yard, &id, &staged) > 0);
        if kills >= wanted {
            break;
        }
    }
    println!("{kills} kills, in {doubled} runs a log without receipts would have lines twice");
    assert!(doubled > 0, "the kills came where they cannot double a line: the test has no teeth");
}

/// How many attempts came to nothing after they had begun to write lines: those of a log that is written at once would
/// stand there twice.
fn at_once(yard: &Yard, id: &str, staged: &BTreeSet<String>) -> usize {
    let run = yard.workshop.finish(&["runs", id, "--output", "json"]).ended(0).json();
    let chunks = run["copies"][0]["chunks"].as_array().expect("chunks");
    // `chunk-piece-epoch.attempt`
    let name =
        |chunk: &Value| format!("{:05}-00000-{}", chunk["chunk"], chunk["attempt"].as_str().expect("an attempt"));
    let counted: BTreeSet<String> = chunks.iter().map(name).collect();
    staged.difference(&counted).count()
}

/// `resume`, or `run` if the last process died before it left a record.
fn start_or_resume(yard: &Yard, id: &str) -> Child {
    let known = yard.workshop.state().join("ropeway/runs").join(id).join("run.json").exists();
    let json = ["--output", "json", "--progress", "none"];
    let arguments = ["run", "orders/pipeline/CopyLineitem.json", "--run-id", id, "--parallel", "2"];
    let resume = ["resume", id];
    let arguments = if known { &resume[..] } else { &arguments[..] };
    yard.workshop.command(&[arguments, &json].concat()).spawn().expect("the binary starts")
}

/// The names of hidden pieces of logs.
fn pieces(data: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![data.join("logs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                folders.push(path);
            } else if folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
                && name.contains('.')
            {
                found.insert(name);
            }
        }
    }
    found
}
