//! What an activity's policy says of attempts and of what may be shown.

use std::fs;

use serde_json::{Value, json};

use super::factory::{Factory, activity, after, dataset, only, set, value};
use crate::cli::workshop::CANARY;

fn lookup(policy: Value) -> Value {
    let source = json!({ "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings" } });
    let mut look = activity(
        "Look",
        "Lookup",
        json!({ "source": source, "dataset": dataset("File", json!({ "name": "secret.csv" })) }),
    );
    look["policy"] = policy;
    look
}

/// What is secret is seen by expressions, and by nobody who reads a report or the state.
#[test]
fn a_secure_output_is_used_and_not_shown() {
    let factory = Factory::new();
    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    fs::write(factory.workshop.data().join("out/secret.csv"), format!("password\n{CANARY}\n"))
        .expect("a writable folder");
    let length = set("Length", "v", "@string(length(activity('Look').output.firstRow.password))");
    let copied = set("Copied", "w", "@activity('Look').output.firstRow.password");
    factory.pipeline(
        json!({ "v": { "type": "String" }, "w": { "type": "String" } }),
        json!([
            lookup(json!({ "secureInput": true, "secureOutput": true })),
            after(length, "Look", "Succeeded"),
            after(copied, "Look", "Succeeded"),
            after(super::factory::fail("Stop", "no", "1"), "Copied", "Succeeded"),
        ]),
    );
    let report = factory.report(&["--run-id", "secure"], 1);
    let look = only(&report, "Look");
    assert_eq!((&look["input"], &look["output"]), (&json!({}), &json!({})));
    assert_ne!(value(&report, "Length"), "0");
    for name in ["run.json", "activities.jsonl"] {
        let kept =
            fs::read_to_string(factory.workshop.state().join("ropeway/runs/secure").join(name)).expect("a record");
        assert!(!kept.contains(CANARY), "{name}: {kept}");
    }
    // A resume reads it again, for nothing is left of it.
    let before = look["activityRunId"].clone();
    let again = factory.workshop.finish(&["resume", "secure", "--output", "json"]).ended(1).json();
    assert_eq!(
        (&only(&again, "Look")["status"], &only(&again, "Look")["activityRunId"]),
        (&json!("Succeeded"), &before)
    );
}

/// `web.rs` shows what is tried again.
#[test]
fn what_only_a_person_changes_is_not_tried_again() {
    let factory = Factory::new();
    factory.pipeline(json!({}), json!([lookup(json!({ "retry": 2, "retryIntervalInSeconds": 60 }))]));
    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    let report = factory.report(&[], 2);
    let look = only(&report, "Look");
    assert_eq!(
        (&look["status"], &look["retryAttempt"], &look["error"]["failureType"]),
        (&json!("Failed"), &Value::Null, &json!("UserError"))
    );
}
