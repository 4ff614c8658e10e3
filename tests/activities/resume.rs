//! Killed at any moment, a run that is resumed does what is left, and nothing that has ended again.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::factory::{Factory, activity, after, append, copy, dataset, only, runs, set, value};
use crate::cli::workshop::finished;

/// A ForEach of copies, three at once, and an Until, with a variable that tells what was done.
fn loops() -> Factory {
    let factory = Factory::new();
    let mut table = copy("Copy it", "lineitem", "@concat(string(item()), '.csv')");
    table["inputs"] = json!([dataset("Table", json!({ "name": "lineitem", "scale": 0.003 }))]);
    let each = activity(
        "Each",
        "ForEach",
        json!({ "items": "@range(0,6)", "batchCount": 3, "activities": [
            table,
            after(append("Copied", "log", "@concat(string(item()), ':', string(activity('Copy it').output.rowsCopied))"), "Copy it", "Succeeded"),
        ] }),
    );
    let until = activity(
        "Until",
        "Until",
        json!({ "expression": { "value": "@greaterOrEquals(length(variables('rounds')), 4)", "type": "Expression" },
            "activities": [append("Round", "rounds", "@guid()")] }),
    );
    factory.pipeline(
        json!({ "log": { "type": "Array" }, "rounds": { "type": "Array" }, "seen": { "type": "String" } }),
        json!([
            each,
            after(until, "Each", "Succeeded"),
            after(set("Seen", "seen", "@join(variables('log'), ' ')"), "Until", "Succeeded"),
            after(
                set(
                    "Times",
                    "seen",
                    "@concat(string(length(variables('log'))), ' ', string(length(variables('rounds'))))"
                ),
                "Seen",
                "Succeeded"
            ),
        ]),
    );
    factory
}

/// The names and the contents of everything below `out/`.
pub(super) fn files(factory: &Factory) -> BTreeMap<PathBuf, Vec<String>> {
    let sorted = |path: &PathBuf| {
        let mut lines: Vec<_> = fs::read_to_string(path).expect("text").lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    factory.workshop.visible().into_iter().map(|path| (path.clone(), sorted(&path))).collect()
}

fn record(factory: &Factory, id: &str) -> PathBuf {
    factory.workshop.state().join("ropeway/runs").join(id).join("activities.jsonl")
}

/// The ids of the activity runs that have ended, by path. Nothing ends twice in a run that is only killed.
pub(super) fn ended(factory: &Factory, id: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(record(factory, id)).unwrap_or_default();
    let mut ended = BTreeMap::new();
    for line in text.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let Some(end) = line.get("ended") else { continue };
        let path = end["path"].as_str().expect("a path").to_owned();
        let earlier = ended.insert(path.clone(), end["report"]["id"].as_str().expect("an id").to_owned());
        assert_eq!(earlier, None, "{path} ended twice");
    }
    ended
}

/// What had ended at the kills is what has ended in the last: nothing of it was run again.
pub(super) fn stayed_ended(factory: &Factory, id: &str, seen: &[BTreeMap<String, String>]) {
    let last = ended(factory, id);
    for (path, run) in seen.iter().flatten() {
        assert_eq!(last.get(path), Some(run), "{path} was run again");
    }
}

fn start_or_resume(factory: &Factory, id: &str) -> Child {
    let known = record(factory, id).with_file_name("run.json").exists();
    let run = ["run", "orders/pipeline/CopyLineitem.json", "--run-id", id, "--progress", "none", "--output", "json"];
    let resume = ["resume", id, "--progress", "none", "--output", "json"];
    factory.workshop.command(if known { &resume } else { &run }).spawn().expect("the binary starts")
}

/// Runs until it is done, killed again and again; gives the last report and what had ended at the kills.
pub(super) fn under_kills(
    factory: &Factory,
    id: &str,
    whole: Duration,
    rng: &mut StdRng,
) -> (Value, Vec<BTreeMap<String, String>>) {
    let mut seen = Vec::new();
    loop {
        let mut child = start_or_resume(factory, id);
        // Some more activities end before it is killed, and there are few enough that some are left.
        let enough = ended(factory, id).len() + rng.random_range(0..4);
        while ended(factory, id).len() < enough && child.try_wait().expect("our child").is_none() {
            thread::sleep(Duration::from_millis(2));
        }
        thread::sleep(whole.mul_f64(rng.random_range(0.0..0.05)));
        if child.try_wait().expect("our child").is_some() || seen.len() == 12 {
            let report = finished(child.wait_with_output().expect("it ended")).ended(0).json();
            return (report, seen);
        }
        child.kill().expect("our child");
        child.wait().expect("our child");
        seen.push(ended(factory, id));
    }
}

#[test]
fn killed_loops_go_on_where_they_stood() {
    let factory = loops();
    let seed = std::env::var("ROPEWAY_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    println!("seed {seed}: set ROPEWAY_TEST_SEED to repeat it");
    let mut rng = StdRng::seed_from_u64(seed);
    let clock = Instant::now();
    let undisturbed = factory.report(&["--run-id", "undisturbed"], 0);
    let (whole, expected) = (clock.elapsed(), files(&factory));
    assert_eq!((expected.len(), value(&undisturbed, "Times")), (6, json!("6 4")));

    let mut kills = 0;
    for round in 0..3 {
        fs::remove_dir_all(factory.workshop.data().join("out")).expect("removable");
        let id = format!("round-{round}");
        let (report, seen) = under_kills(&factory, &id, whole, &mut rng);
        kills += seen.len();
        assert!(files(&factory) == expected, "a row was lost, doubled or changed");
        assert_eq!(value(&report, "Times"), "6 4", "an activity that had ended was run again");
        let said = value(&report, "Seen").as_str().expect("text").to_owned();
        let mut said: Vec<_> = said.split(' ').collect();
        said.sort_unstable();
        assert_eq!(
            said.iter().map(|one| one.split(':').next().expect("an item")).collect::<Vec<_>>(),
            ["0", "1", "2", "3", "4", "5"]
        );
        stayed_ended(&factory, &id, &seen);
    }
    assert!(kills > 2, "only {kills} processes were killed");
}

/// The same check finds activities that are run again: here because what ended is not known any more.
#[test]
fn without_the_record_what_had_ended_is_run_again() {
    let factory = loops();
    let mut child = start_or_resume(&factory, "forgetful");
    let patience = Instant::now();
    // Early: a run that is nearly done may be written down as done before it is killed.
    while !ended(&factory, "forgetful").keys().any(|path| path.ends_with("/Copied"))
        && child.try_wait().expect("our child").is_none()
    {
        assert!(patience.elapsed() < Duration::from_secs(60), "nothing ends");
        thread::sleep(Duration::from_millis(1));
    }
    child.kill().expect("our child");
    child.wait().expect("our child");
    let before = ended(&factory, "forgetful");
    fs::remove_file(record(&factory, "forgetful")).expect("a record");
    let output = start_or_resume(&factory, "forgetful").wait_with_output().expect("our child");
    finished(output);
    let again = ended(&factory, "forgetful");
    assert!(before.iter().any(|(path, run)| again.get(path).is_some_and(|other| other != run)));
}

/// A Copy of a text file that may be missing.
fn copy_of_file() -> Factory {
    let factory = Factory::new();
    let mut failing = copy("Load", "", "loaded.csv");
    failing["inputs"] = json!([dataset("File", json!({ "name": "in.csv" }))]);
    failing["typeProperties"]["source"] =
        json!({ "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings" } });
    factory.pipeline(
        json!({ "log": { "type": "Array" }, "seen": { "type": "String" } }),
        json!([
            append("Before", "log", "before"),
            after(failing, "Before", "Succeeded"),
            after(append("Handler", "log", "handler"), "Load", "Failed"),
            after(append("Next", "log", "next"), "Load", "Succeeded"),
            after(copy("Report", "region", "@concat('report-', guid(), '.csv')"), "Load", "Completed"),
            after(set("Seen", "seen", "@join(variables('log'), ' ')"), "Next", "Succeeded"),
        ]),
    );
    factory
}

#[test]
fn a_run_that_failed_is_taken_up_where_it_failed() {
    let factory = copy_of_file();
    let failed = factory.report(&["--run-id", "again"], 2);
    assert_eq!(only(&failed, "Load")["status"], "Failed");
    assert_eq!((runs(&failed, "Handler").len(), only(&failed, "Next")["status"].as_str()), (1, Some("Skipped")));
    let first = ended(&factory, "again");
    fs::write(factory.workshop.data().join("out/in.csv"), "a,b\n1,2\n").expect("a writable folder");
    let done = factory.workshop.finish(&["resume", "again", "--output", "json", "--progress", "none"]).ended(0).json();
    // What followed the failure is done again from its beginning, what stood before it is not.
    assert_eq!(value(&done, "Seen"), "before next");
    assert_eq!(only(&done, "Handler")["status"], "Skipped");
    assert_eq!(only(&done, "Before")["activityRunId"].as_str(), first.get("Before").map(String::as_str));
    assert_ne!(only(&done, "Report")["activityRunId"].as_str(), first.get("Report").map(String::as_str));
    assert_eq!(factory.file("loaded.csv").lines().count(), 2);
    let reports = factory.workshop.visible().iter().filter(|path| path.to_string_lossy().contains("report-")).count();
    assert_eq!(reports, 2, "the copy that was forgotten is another copy");
}
