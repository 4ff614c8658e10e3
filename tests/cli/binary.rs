//! Binary copies from their definition to their report.

use std::fs;

use serde_json::{Value, json};

use super::workshop::Workshop;

/// Files of `in` to `out`, as they are.
fn workshop() -> Workshop {
    let workshop = Workshop::one_file(0.001);
    let dataset = |folder: &str| {
        json!({
            "type": "Binary",
            "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" },
            "typeProperties": { "location": { "type": "FileServerLocation", "folderPath": folder } },
        })
    };
    workshop.define("dataset/From", dataset("in"));
    workshop.define("dataset/To", dataset("out"));
    workshop.define(
        "pipeline/CopyLineitem",
        json!({ "activities": [{
            "name": "Copy files",
            "type": "Copy",
            "inputs": [{ "referenceName": "From", "type": "DatasetReference" }],
            "outputs": [{ "referenceName": "To", "type": "DatasetReference" }],
            "typeProperties": {
                "source": {
                    "type": "BinarySource",
                    "storeSettings": { "type": "FileServerReadSettings", "recursive": true, "deleteFilesAfterCompletion": false },
                    "formatSettings": { "type": "BinaryReadSettings" },
                },
                "sink": { "type": "BinarySink", "storeSettings": { "type": "FileServerWriteSettings" } },
                "validateDataConsistency": true,
            },
        }] }),
    );
    for (path, text) in [("a.bin", "one"), ("deep/er/b.bin", "two")] {
        let path = workshop.data().join("in").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    workshop
}

const QUIET: &[&str] = &["--output", "json", "--progress", "none"];

fn change(workshop: &Workshop, change: impl FnOnce(&mut Value)) {
    workshop.change("pipeline/CopyLineitem", |pipeline| change(&mut pipeline["activities"][0]["typeProperties"]));
}

#[test]
fn files_are_copied_as_their_definition_says_and_reported_as_files() {
    let workshop = workshop();
    let report = workshop.run(QUIET).ended(0).json();
    let output = &report["activityRuns"][0]["output"];
    assert_eq!((&output["filesRead"], &output["filesWritten"]), (&json!(2), &json!(2)), "{output}");
    assert!(output.get("rowsRead").is_none() && output.get("rowsCopied").is_none(), "{output}");
    assert_eq!(output["dataConsistencyVerification"]["VerificationResult"], "Verified");
    assert_eq!(output["dataWritten"], 6);
    assert_eq!(fs::read_to_string(workshop.data().join("out/deep/er/b.bin")).unwrap(), "two");
    assert_eq!(workshop.visible().len(), 4);
}

#[test]
fn files_are_moved_flattened_and_merged_if_that_is_asked_for() {
    let workshop = workshop();
    change(&workshop, |copy| {
        copy["validateDataConsistency"] = false.into();
        copy["source"]["storeSettings"]["deleteFilesAfterCompletion"] = true.into();
        copy["sink"]["storeSettings"]["copyBehavior"] = "MergeFiles".into();
    });
    workshop.run(QUIET).ended(0);
    let visible = workshop.visible();
    let [merged] = visible.as_slice() else { panic!("{visible:?}") };
    assert_eq!(fs::read_to_string(merged).unwrap(), "onetwo");
}

#[test]
fn files_and_rows_do_not_go_together() {
    let workshop = workshop();
    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"][0]["outputs"][0]["referenceName"] = "Target".into();
        pipeline["activities"][0]["typeProperties"]["sink"]["type"] = "ParquetSink".into();
    });
    let said = workshop.run(QUIET).ended(2);
    assert!(format!("{}{}", said.stdout, said.stderr).contains("does not go with 'ParquetSink'"), "{said:?}");
    let validated = workshop.finish(&["validate", "orders"]);
    assert!(validated.stdout.contains("does not go with") || validated.stderr.contains("does not go with"));
}
