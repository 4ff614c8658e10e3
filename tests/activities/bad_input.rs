//! What is refused, when, and how it is said.

use serde_json::{Value, json};

use super::factory::{Factory, activity, after, copy, dataset, fail, only, set, wait};
use crate::cli::workshop::CANARY;

/// Asserts that a pipeline is refused before anything starts, and what is said.
#[track_caller]
fn refused(factory: &Factory, activities: Value, message: &str) {
    let all = [json!([copy("First", "region", "first.csv")]), activities]
        .map(|it| it.as_array().expect("activities").clone());
    factory.pipeline(json!({ "v": { "type": "String" }, "list": { "type": "Array" } }), all.concat().into());
    let ended = factory.run(&[]).ended(2);
    assert!(ended.stderr.contains(message), "'{message}' is missing in:\n{}", ended.stderr);
    assert!(factory.workshop.visible().is_empty(), "something ran: {:?}", factory.workshop.visible());
}

#[test]
fn a_type_that_is_not_run_is_named_wherever_it_stands() {
    let factory = Factory::new();
    let hidden = activity("Notebook", "DatabricksNotebook", json!({ "notebookPath": "/x" }));
    let within = activity("If", "IfCondition", json!({ "expression": "@bool(1)", "ifFalseActivities": [hidden] }));
    refused(&factory, json!([after(within.clone(), "First", "Succeeded")]), "'Notebook' (DatabricksNotebook)");
    factory.workshop.define("pipeline/Child", json!({ "activities": [within] }));
    let call = activity(
        "Call",
        "ExecutePipeline",
        json!({ "pipeline": { "referenceName": "Child", "type": "PipelineReference" } }),
    );
    refused(&factory, json!([after(call, "First", "Failed")]), "'Notebook' (DatabricksNotebook)");
}

#[test]
fn pipelines_that_run_each_other_are_refused() {
    let factory = Factory::new();
    let call = |name: &str, child: &str| {
        activity(
            name,
            "ExecutePipeline",
            json!({ "pipeline": { "referenceName": child, "type": "PipelineReference" } }),
        )
    };
    factory.workshop.define("pipeline/Child", json!({ "activities": [call("Back", "CopyLineitem")] }));
    refused(&factory, json!([call("Call", "Child")]), "'CopyLineitem' runs 'Child' runs 'CopyLineitem'");
    refused(&factory, json!([call("Call", "Chidl")]), "there is no pipeline 'Chidl'");
}

#[test]
fn a_wrong_property_is_named_with_its_path() {
    let factory = Factory::new();
    for (wrong, message) in [
        (activity("W", "Wait", json!({ "waitTimeInSeconds": -1 })), "'waitTimeInSeconds' must be a number of seconds"),
        (activity("E", "ForEach", json!({ "items": "text", "activities": [wait("x")] })), "'items' must be an array"),
        (
            activity("E", "ForEach", json!({ "items": "@range(0,1)", "batchCount": 51, "activities": [wait("x")] })),
            "'batchCount' must be from 1 to 50",
        ),
        (
            activity("I", "IfCondition", json!({ "expression": "@add(1,1)", "ifTrueActivities": [] })),
            "the expression must give true or false",
        ),
        (set("S", "w", "x"), "there is no variable 'w'; did you mean 'v'?"),
        (set("S", "v", "@createArray(1)"), "the variable 'v' is of type String; the value is an array"),
        (
            activity("A", "AppendVariable", json!({ "variableName": "v", "value": "x" })),
            "only an Array can be appended to",
        ),
        (
            activity("U", "Until", json!({ "expression": "@bool(0)", "timeout": "soon", "activities": [wait("x")] })),
            "'timeout' must be a time span",
        ),
        (activity("W", "WebActivity", json!({ "url": "https://h/", "method": "TRACE" })), "'TRACE' is no method"),
        (
            activity(
                "W",
                "WebActivity",
                json!({ "url": "https://h/", "method": "GET", "disableCertValidation": true }),
            ),
            "Ropeway verifies every certificate",
        ),
        (
            activity(
                "L",
                "Lookup",
                json!({ "source": { "type": "SqlServerSource" }, "dataset": dataset("Table", json!({ "name": "region" })) }),
            ),
            "goes with 'SyntheticSource'",
        ),
    ] {
        refused(&factory, json!([wrong]), message);
    }
}

#[test]
fn what_is_wrong_later_is_the_error_of_its_activity() {
    let factory = Factory::new();
    let wrong = after(set("Wrong", "v", "@activity('First').output.nothing"), "First", "Succeeded");
    let seen = after(set("Seen", "v", "@activity('Wrong').error.message"), "Wrong", "Failed");
    factory.pipeline(json!({ "v": { "type": "String" } }), json!([wait("First"), wrong, seen]));
    let report = factory.report(&[], 0);
    let error = &only(&report, "Wrong")["error"];
    assert_eq!(error["errorCode"], "InvalidTemplate");
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("property 'nothing' does not exist")),
        "{error}"
    );
    assert_eq!(only(&report, "Seen")["output"]["value"], error["message"]);
}

#[test]
fn validate_warns_of_what_data_factory_would_not_take() {
    let factory = Factory::new();
    let inner = activity("Inner", "ForEach", json!({ "items": "@range(0,2)", "activities": [set("S", "v", "x")] }));
    let outer = activity("Outer", "ForEach", json!({ "items": "@range(0,2)", "activities": [inner] }));
    let strange = activity("Strange", "ExecuteDataFlow", json!({}));
    factory.pipeline(json!({ "v": { "type": "String" } }), json!([outer, strange]));
    let said = factory.workshop.finish(&["validate", "orders"]).ended(0).stdout;
    for text in [
        "Data Factory does not accept this activity inside",
        "the last one stays",
        "Ropeway does not run ExecuteDataFlow activities",
    ] {
        assert!(said.contains(text), "{text} is missing in\n{said}");
    }
}

#[test]
fn secrets_stay_out_of_reports_and_state() {
    let factory = Factory::new();
    let child = json!({
        "parameters": { "p": { "type": "String" } }, "variables": { "w": { "type": "String" } },
        "activities": [set("Inner", "w", "@concat('x', pipeline().parameters.p)")],
    });
    factory.workshop.define("pipeline/Child", child);
    let pipeline = json!({
        "parameters": { "token": { "type": "SecureString" } },
        "variables": { "v": { "type": "String" } },
        "activities": [
            set("Set", "v", "@concat('k', pipeline().parameters.token)"),
            after(activity("Each", "ForEach", json!({ "items": "@createArray(variables('v'))", "activities": [
                activity("Call", "ExecutePipeline", json!({
                    "pipeline": { "referenceName": "Child", "type": "PipelineReference" }, "parameters": { "p": "@item()" } })),
            ] })), "Set", "Succeeded"),
            after(fail("Stop", "no", "1"), "Each", "Succeeded"),
        ],
    });
    factory.workshop.define("pipeline/CopyLineitem", pipeline);
    let token = format!("token={CANARY}");
    // `run` asserts that the canary is not printed.
    factory.report(&["--run-id", "hidden", "-p", &token], 1);
    let folder = factory.workshop.state().join("ropeway/runs/hidden");
    for name in ["run.json", "activities.jsonl"] {
        let kept = std::fs::read_to_string(folder.join(name)).expect("a record");
        assert!(!kept.contains(CANARY), "{name}: {kept}");
    }
    // The variable is set again, and nothing that ended is.
    let before = std::fs::read_to_string(folder.join("activities.jsonl")).expect("a record");
    let again = factory.workshop.finish(&["resume", "hidden", "-p", &token, "--output", "json"]).ended(1).json();
    assert_eq!(only(&again, "Set")["status"], "Succeeded");
    let after = std::fs::read_to_string(folder.join("activities.jsonl")).expect("a record");
    assert!(after.starts_with(&before) && !after.contains(CANARY));
}

#[test]
fn the_record_is_the_owners_alone() {
    use std::os::unix::fs::MetadataExt as _;
    let factory = Factory::new();
    factory.pipeline(json!({}), json!([wait("w")]));
    factory.report(&["--run-id", "private"], 0);
    let record = factory.workshop.state().join("ropeway/runs/private/activities.jsonl");
    assert_eq!(std::fs::metadata(record).expect("a record").mode() & 0o777, 0o600);
}
