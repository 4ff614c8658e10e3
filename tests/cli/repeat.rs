//! A run that succeeded is never done again.

use super::workshop::Workshop;

#[test]
fn a_run_that_succeeded_is_a_no_op_with_the_same_report() {
    let workshop = Workshop::folder(0.002);
    let first = workshop.run(&["--run-id", "nightly", "--output", "json"]).ended(0);
    let files = contents(&workshop);
    let again = workshop.run(&["--run-id", "nightly", "--output", "json"]).ended(0);
    assert_eq!(again.json(), first.json());
    let resumed = workshop.finish(&["resume", "nightly", "--output", "json"]).ended(0);
    assert_eq!(resumed.json(), first.json());
    assert_eq!(contents(&workshop), files, "not one file was written again");
    // The teeth: another id does write again.
    let other = workshop.run(&["--run-id", "nightly-2", "--output", "json"]).ended(0);
    assert_ne!(other.json(), first.json());
    assert_ne!(contents(&workshop), files);
}

#[test]
fn a_run_is_listed_and_shown() {
    let workshop = Workshop::folder(0.002);
    workshop.run(&["--run-id", "listed"]).ended(0);
    let list = workshop.finish(&["runs"]).ended(0).stdout;
    assert!(list.lines().any(|line| line.starts_with("listed ") && line.contains("Succeeded")), "{list}");
    let all = workshop.finish(&["runs", "--output", "json"]).ended(0).json();
    assert_eq!(all["value"][0]["runId"], "listed");
    let one = workshop.finish(&["runs", "listed"]).ended(0).stdout;
    assert!(one.contains("11,957 read") && one.contains("digest") && one.contains("chunk"), "{one}");
}

#[test]
fn a_plan_tells_of_a_run_that_was_begun() {
    let workshop = Workshop::folder(0.002);
    let plan = |id| {
        let arguments = ["plan", "orders/pipeline/CopyLineitem.json", "--run-id", id, "--output", "json"];
        workshop.finish(&arguments).ended(0).json()["warnings"].to_string()
    };
    assert!(!plan("nightly").contains("nightly"));
    assert!(!workshop.state().exists(), "a plan writes nothing");
    workshop.run(&["--run-id", "nightly"]).ended(0);
    assert!(plan("nightly").contains("the run nightly has succeeded"));
    assert!(!plan("nightly-2").contains("nightly"));
}

/// Names, sizes and times of all files.
fn contents(workshop: &Workshop) -> Vec<(std::path::PathBuf, u64, std::time::SystemTime)> {
    let describe = |file: std::path::PathBuf| {
        let metadata = file.metadata().expect("a file");
        (file, metadata.len(), metadata.modified().expect("a time"))
    };
    workshop.visible().into_iter().map(describe).collect()
}
