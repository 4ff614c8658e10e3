//! Bad input: an exit code, one message that names the object, nothing partial, no secret.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::CommandExt,
    process::Command,
};

use serde_json::{Value, json};

use super::workshop::{CANARY, Workshop, copy, finished};

/// Asserts how a run of a broken factory ends.
#[track_caller]
fn refused(workshop: &Workshop, more: &[&str], code: i32, message: &str) {
    let finished = workshop.run(more).ended(code);
    assert!(finished.stderr.contains(message), "'{message}' is missing in:\n{}", finished.stderr);
    assert!(finished.stderr.lines().any(|line| line.starts_with("error: ")), "{}", finished.stderr);
    assert_eq!(workshop.visible(), Vec::<std::path::PathBuf>::new(), "nothing partial is visible");
}

#[test]
fn the_fixture_itself_is_right() {
    Workshop::folder(0.001).run(&[]).ended(0);
}

#[test]
fn a_file_that_is_not_json() {
    let workshop = Workshop::folder(0.001);
    fs::write(workshop.pipeline(), "{ \"name\": \"CopyLineitem\", ").expect("writable");
    refused(&workshop, &[], 2, "orders/pipeline/CopyLineitem.json: $: error: not JSON");
}

#[test]
fn a_dataset_that_is_missing() {
    let workshop = Workshop::folder(0.001);
    workshop.change("pipeline/CopyLineitem", |it| it["activities"][0]["inputs"][0]["referenceName"] = json!("Lineitm"));
    refused(&workshop, &[], 2, "there is no dataset 'Lineitm'");
    refused(&workshop, &[], 2, "did you mean 'Lineitem'?");
}

#[test]
fn a_type_that_does_not_exist() {
    let workshop = Workshop::folder(0.001);
    workshop.change("linkedService/Files", |it| it["type"] = json!("FileSrver"));
    refused(&workshop, &[], 2, "FileSrver");
}

#[test]
fn a_property_that_is_misspelt() {
    let workshop = Workshop::folder(0.001);
    workshop.change("dataset/Lineitem", |it| {
        it["typeProperties"] = json!({ "table": "lineitem", "scaleFactr": 0.001 });
    });
    refused(&workshop, &[], 2, "scaleFactr");
}

#[test]
fn a_synthetic_table_that_does_not_exist() {
    let workshop = Workshop::folder(0.001);
    workshop.change("dataset/Lineitem", |it| it["typeProperties"]["table"] = json!("linitem"));
    refused(&workshop, &[], 2, "there is no such synthetic table");
}

#[test]
fn a_parameter_that_is_unknown_or_of_another_type() {
    let workshop = Workshop::folder(0.001);
    workshop.change("pipeline/CopyLineitem", |it| it["parameters"] = json!({ "count": { "type": "Int" } }));
    refused(&workshop, &[], 2, "the parameter 'count' (Int) of pipeline 'CopyLineitem' has no value");
    refused(&workshop, &["-p", "count=many"], 2, "is Int; the given value is not");
    refused(&workshop, &["-p", "count=1", "-p", "cuont=1"], 2, "did you mean 'count'?");
    refused(&workshop, &["-p", "count"], 2, "NAME=VALUE");
}

#[test]
fn an_activity_that_ropeway_does_not_run() {
    let workshop = Workshop::folder(0.001);
    workshop.change("pipeline/CopyLineitem", |it| {
        let notebook =
            json!({ "name": "Rest", "type": "DatabricksNotebook", "typeProperties": { "notebookPath": "/x" } });
        it["activities"] = json!([copy("Copy lineitem", "Lineitem", "Target"), notebook]);
    });
    refused(&workshop, &[], 2, "'Rest' (DatabricksNotebook)");
    assert!(!workshop.state().join("ropeway/runs").read_dir().is_ok_and(|mut runs| runs.next().is_some()));
}

#[test]
fn too_little_memory_is_refused_with_both_numbers() {
    refused(&Workshop::folder(0.001), &["--memory", "64KiB"], 2, "raise it with --memory");
}

#[test]
fn strict_turns_warnings_into_errors() {
    // The fixture names a user, which the connector for mounted folders has no use for.
    let workshop = Workshop::folder(0.001);
    let lax = workshop.finish(&["validate", "orders"]).ended(0);
    assert!(lax.stdout.contains("warning") && lax.stdout.ends_with("0 errors, 1 warning\n"), "{lax:?}");
    let strict = workshop.finish(&["validate", "--strict", "orders"]).ended(2);
    assert!(strict.stdout.ends_with("1 error, 0 warnings\n"), "{strict:?}");
    refused(&workshop, &["--strict"], 2, "userId");
}

#[test]
fn validate_lists_every_problem() {
    let workshop = Workshop::folder(0.001);
    workshop.change("dataset/Lineitem", |it| it["typeProperties"]["tabel"] = json!("x"));
    workshop.change("linkedService/Files", |it| it["typeProperties"]["hots"] = json!("x"));
    let text = workshop.finish(&["validate", "orders"]);
    assert!(text.stdout.contains("tabel") && text.stdout.contains("hots"), "{text:?}");
    let json = workshop.finish(&["validate", "--output", "json", "orders"]).json();
    let diagnostics = json["diagnostics"].as_array().expect("a list");
    assert!(diagnostics.len() >= 2 && diagnostics.iter().all(|one| one["path"].is_string()), "{json:#}");
    assert_eq!(text.code == Some(0), json["valid"] == Value::Bool(true));
}

#[test]
fn a_folder_that_may_not_be_written() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become somebody who may not write");
        return;
    }
    const NOBODY: u32 = 65_534;
    let workshop = Workshop::folder(0.001);
    let home = workshop.root().parent().expect("the workshop's folder").to_owned();
    std::os::unix::fs::chown(&home, Some(NOBODY), Some(NOBODY)).expect("root may");
    let mut command = workshop.command(&["run", "orders/pipeline/CopyLineitem.json"]);
    let finished = finished(command.uid(NOBODY).gid(NOBODY).output().expect("the binary starts")).ended(3);
    assert!(finished.stderr.contains("error: ") && finished.stderr.contains("data"), "{}", finished.stderr);
    assert_eq!(workshop.visible(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_disk_that_is_full() {
    let workshop = Workshop::one_file(0.02);
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"]).arg(workshop.data()).output();
    if !mounted.is_ok_and(|mounted| mounted.status.success()) {
        println!("skipped: a small disk cannot be mounted here");
        return;
    }
    let mut child = workshop.start(&["--run-id", "crammed", "--progress", "none"]);
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut said = String::new();
    while errors.read_line(&mut said).expect("readable") > 0 && !said.contains("the disk is full; free some space") {}
    let visible = workshop.visible();
    // It waits for room, for minutes; whoever does not want to wait stops it.
    let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    errors.read_to_string(&mut said).expect("readable");
    let code = child.wait().expect("our child").code();
    let freed = Command::new("mount").args(["-o", "remount,size=64m"]).arg(workshop.data()).status();
    let resumed = workshop.finish(&["resume", "crammed", "--progress", "none"]);
    let unmounted = Command::new("umount").arg(workshop.data()).status().expect("umount is installed");
    assert!(unmounted.success() && freed.is_ok_and(|freed| freed.success()));
    assert!(stopped.is_ok_and(|stopped| stopped.success()) && code == Some(130), "{code:?}: {said}");
    assert!(said.contains("the disk is full; free some space") && said.contains("free bytes"), "{said}");
    assert_eq!(visible, Vec::<std::path::PathBuf>::new());
    resumed.ended(0);
}

#[test]
fn secrets_are_not_printed_whatever_goes_wrong() {
    let workshop = Workshop::folder(0.001);
    workshop.change("linkedService/Files", |it| {
        it["typeProperties"]["password"] = json!({ "type": "SecureString", "value": CANARY });
        it["typeProperties"]["host"] = json!("relative");
    });
    workshop.change("pipeline/CopyLineitem", |it| {
        it["parameters"] = json!({ "key": { "type": "SecureString" }, "n": { "type": "Int" } });
    });
    let key = format!("key={CANARY}");
    let wrong = "n=many".to_owned();
    for more in [
        vec!["-p", &key, "-p", "n=1"],
        vec!["-p", &key, "-p", &wrong],
        vec!["-p", &key, "-p", "n=1", "--log-level", "trace", "--output", "json"],
        vec!["-p", &key, "-p", &key],
        vec!["-p", &key, "-p", "n=1", "--secrets", "secrets.toml"],
    ] {
        fs::write(workshop.root().join("../secrets.toml"), format!("[Files\npassword = \"{CANARY}\""))
            .expect("writable");
        let finished = workshop.run(&more);
        assert_ne!(finished.code, Some(0), "{more:?}");
    }
    workshop.finish(&["validate", "orders"]);
    workshop.finish(&["test-connection", "orders", "Files"]);
    for run in workshop.state().join("ropeway/runs").read_dir().into_iter().flatten() {
        let record = fs::read_to_string(run.expect("readable").path().join("run.json")).expect("a record");
        assert!(!record.contains(CANARY), "{record}");
    }
}
