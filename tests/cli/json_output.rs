//! `--output json`: Data Factory's shape, so that programs that read it there read it here.

use serde_json::{Value, json};

use super::workshop::{Workshop, copy};

#[test]
fn a_copy_that_succeeded_has_data_factorys_members() {
    let workshop = Workshop::folder(0.002);
    let run = workshop.run(&["--output", "json", "--progress", "none"]).ended(0).json();
    for name in ["runId", "runGroupId", "pipelineName", "runStart", "runEnd", "status", "message"] {
        assert!(run[name].is_string(), "{name}: {run:#}");
    }
    assert_eq!((&run["status"], &run["pipelineName"]), (&json!("Succeeded"), &json!("CopyLineitem")));
    assert_eq!(run["invokedBy"]["name"], "Manual");
    let activity = &run["activityRuns"][0];
    assert_eq!(activity["activityName"], "Copy lineitem");
    assert_eq!(activity["activityType"], "Copy");
    assert_eq!(activity["pipelineRunId"], run["runId"]);
    assert_eq!(
        activity["error"],
        json!({ "errorCode": "", "message": "", "failureType": "", "target": "Copy lineitem" })
    );
    check_output(&activity["output"]);
}

fn check_output(output: &Value) {
    for name in
        ["dataRead", "dataWritten", "filesWritten", "rowsRead", "rowsCopied", "copyDuration", "usedParallelCopies"]
    {
        assert!(output[name].is_u64(), "{name}: {output:#}");
    }
    assert_eq!(output["rowsRead"], output["rowsCopied"]);
    assert!(output["rowsCopied"].as_u64() > Some(11_000), "{output:#}");
    assert!(output["throughput"].is_f64());
    assert_eq!(output["errors"], json!([]));
    // Nobody asked for validateDataConsistency.
    assert_eq!(output["dataConsistencyVerification"], json!({ "VerificationResult": "NotVerified" }));
    assert_eq!(output["executionDetails"][0]["source"]["type"], "Synthetic");
    assert_eq!(output["executionDetails"][0]["sink"]["type"], "FileServer");
    assert_eq!(output["executionDetails"][0]["status"], "Succeeded");
    assert!(output["durationInQueue"]["integrationRuntimeQueue"].is_u64());
    assert_eq!(output["billingReference"]["activityType"], "DataMovement");
    let own = &output["ropeway"];
    assert_eq!(own["chunks"]["planned"], own["chunks"]["committed"]);
    assert_eq!(own["digest"].as_str().map(str::len), Some(32));
    assert!(own["peakMemoryBytes"].as_u64() > Some(1 << 20));
    for name in ["deliveryGuarantee", "bottleneck", "sourceConsistency"] {
        assert!(own[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {own:#}");
    }
}

#[test]
fn a_failure_has_data_factorys_error_object() {
    let workshop = Workshop::folder(0.002);
    std::fs::write(workshop.data().join("out"), "in the way").expect("a writable folder");
    let finished = workshop.run(&["--output", "json"]);
    assert_ne!(finished.code, Some(0));
    let run = finished.json();
    let activity = &run["activityRuns"][0];
    assert_eq!((&run["status"], &activity["status"]), (&json!("Failed"), &json!("Failed")));
    assert_eq!(activity["error"]["target"], "Copy lineitem");
    assert_eq!(activity["error"]["details"], json!([]));
    let message = activity["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("Failure happened on 'Sink' side. ErrorCode="), "{message}");
    assert!(message.contains("out"), "the message names the folder: {message}");
    assert_eq!(activity["output"]["errors"][0]["Message"], activity["error"]["message"]);
}

#[test]
fn secure_input_and_output_are_not_shown() {
    let workshop = Workshop::folder(0.002);
    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"][0]["policy"] = json!({ "secureInput": true, "secureOutput": true });
    });
    let run = workshop.run(&["--output", "json", "--run-id", "hidden"]).ended(0).json();
    let activity = &run["activityRuns"][0];
    assert_eq!(activity["input"], json!({}));
    assert_eq!(activity["output"].get("rowsCopied"), None, "{activity:#}");
    let kept = std::fs::read_to_string(workshop.state().join("ropeway/runs/hidden/run.json")).expect("a record");
    assert!(!kept.contains("rows_copied") && !kept.contains("SyntheticSource"), "{kept}");
}

#[test]
fn activities_run_in_dependency_order_and_see_each_others_outcome() {
    let workshop = Workshop::folder(0.002);
    workshop.define("dataset/Second", target("second"));
    workshop.define("dataset/Third", target("third"));
    let after = |mut activity: Value, condition: &str| {
        activity["dependsOn"] = json!([{ "activity": "first", "dependencyConditions": [condition] }]);
        activity
    };
    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["activities"] = json!([
            after(copy("on success", "Lineitem", "Second"), "Succeeded"),
            after(copy("on failure", "Lineitem", "Third"), "Failed"),
            copy("first", "Lineitem", "Target"),
        ]);
    });
    let run = workshop.run(&["--output", "json"]).ended(0).json();
    let status = |name: &str| {
        let runs = run["activityRuns"].as_array().expect("a list");
        runs.iter().find(|run| run["activityName"] == name).expect("its run")["status"].clone()
    };
    assert_eq!([status("first"), status("on success"), status("on failure")], ["Succeeded", "Succeeded", "Skipped"]);
    assert!(workshop.data().join("second").exists() && !workshop.data().join("third").exists());
}

fn target(folder: &str) -> Value {
    json!({
        "type": "Parquet",
        "linkedServiceName": { "referenceName": "Files", "type": "LinkedServiceReference" },
        "typeProperties": { "location": { "type": "FileServerLocation", "folderPath": folder } },
    })
}

#[test]
fn progress_is_lines_when_piped_and_json_on_request() {
    let workshop = Workshop::folder(0.002);
    let piped = workshop.run(&[]).ended(0);
    let line = piped.stderr.lines().find(|line| line.starts_with("Copy lineitem: ")).expect("a line of progress");
    assert!(line.contains("rows/s") && line.contains("chunks"), "{line}");
    let json = workshop.run(&["--progress", "json"]).ended(0);
    let last = json.stderr.lines().rfind(|line| line.starts_with('{')).expect("a line of JSON");
    let last: Value = serde_json::from_str(last).expect("JSON");
    assert_eq!((&last["activity"], &last["ended"]), (&json!("Copy lineitem"), &json!(true)));
    assert_eq!(last["chunksDone"], last["chunksPlanned"]);
    let quiet = workshop.run(&["--progress", "none"]).ended(0);
    assert_eq!(quiet.stderr, "");
}
