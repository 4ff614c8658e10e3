//! What a person reads, word for word, except for what differs from run to run.

use serde_json::{Value, json};

use super::workshop::{CANARY, Workshop};

#[test]
fn the_plan_says_what_a_run_would_do() {
    let workshop = Workshop::one_file(0.002);
    let plan = workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--parallel", "2"]).ended(0);
    insta::assert_snapshot!("plan", scrubbed(&workshop, &plan.stdout));
    assert!(!workshop.state().exists() && workshop.visible().is_empty(), "a plan writes nothing");
    let json = workshop.finish(&["plan", "orders/pipeline/CopyLineitem.json", "--parallel", "2", "--output", "json"]);
    let activity = &json.ended(0).json()["activities"][0];
    assert_eq!(activity["chunks"].as_array().map(Vec::len), Some(8), "{activity:#}");
    assert_eq!(activity["columns"][0]["sourceType"], "bigint");
    assert_eq!(activity["refused"], false);
}

#[test]
fn the_report_of_a_run() {
    let workshop = Workshop::one_file(0.002);
    let run = workshop.run(&["--run-id", "golden", "--parallel", "2"]).ended(0);
    insta::assert_snapshot!("run", scrubbed(&workshop, &run.stdout));
}

#[test]
fn validate_names_file_path_and_severity() {
    let workshop = Workshop::one_file(0.002);
    workshop.change("dataset/Lineitem", |dataset| dataset["typeProperties"]["tabel"] = "lineitem".into());
    let validated = workshop.finish(&["validate", "orders"]);
    insta::assert_snapshot!("validate", format!("{}exit code {:?}", validated.stdout, validated.code));
}

#[test]
fn the_json_of_a_run_has_all_parameters_and_user_properties() {
    let workshop = Workshop::one_file(0.002);
    workshop.change("pipeline/CopyLineitem", |pipeline| {
        pipeline["parameters"] = json!({
            "day": { "type": "String", "defaultValue": "2026-11-22" },
            "tables": { "type": "Array", "defaultValue": ["lineitem", "orders"] },
            "limit": { "type": "Int", "defaultValue": 3 },
            "token": { "type": "SecureString", "defaultValue": CANARY },
        });
        pipeline["activities"][0]["userProperties"] = json!([
            { "name": "Source", "value": "lineitem" },
            { "name": "Day", "value": "@{pipeline().parameters.day} of @{pipeline().Pipeline}" },
            { "name": "Limit", "value": "@pipeline().parameters.limit" },
            { "name": "Hidden", "value": "@pipeline().parameters.token" },
        ]);
    });
    let arguments = ["--run-id", "golden", "--parallel", "2", "--output", "json", "-p", "limit=7"];
    let run = workshop.run(&arguments).ended(0).json();
    assert_eq!(run["activityRuns"][0]["userProperties"]["Limit"], "7");
    insta::assert_snapshot!("run_json", shape(&run, "").join("\n"));
    let failed = workshop.run(&["--output", "json", "-p", "limit=many"]);
    assert_eq!(failed.code, Some(2), "{failed:?}");
}

/// Every member with its value, or with its type where the value differs from run to run.
fn shape(value: &Value, path: &str) -> Vec<String> {
    let stable = ["parameters", "userProperties", "status", "Name", "Type", "annotations", "runDimensions", "rows"];
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().flat_map(|(name, member)| shape(member, &format!("{path}.{name}"))).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().flat_map(|item| shape(item, &format!("{path}[]"))).collect()
        }
        _ if stable.iter().any(|part| path.contains(part)) && !path.contains(".input") => {
            vec![format!("{path} = {value}")]
        }
        Value::Null => vec![format!("{path}: null")],
        Value::Bool(_) => vec![format!("{path}: bool")],
        Value::Number(_) => vec![format!("{path}: number")],
        Value::String(_) => vec![format!("{path}: string")],
        empty => vec![format!("{path} = {empty}")],
    }
}

/// Without the workshop's folder, times, waits and sizes: they differ between machines and versions.
fn scrubbed(workshop: &Workshop, text: &str) -> String {
    let data = workshop.data();
    let text = text.replace(data.to_str().expect("a plain path"), "DATA");
    let differs = ["duration", "bottleneck", "memory", "bytes"];
    let scrub = |line: &str| {
        if let Some(label) = line.strip_prefix("  ").and_then(|line| line.split(' ').next())
            && differs.contains(&label)
        {
            return format!("  {label} ...");
        }
        match line.split_once(" succeeded in ") {
            Some((pipeline, rest)) => {
                format!("{pipeline} succeeded in ...;{}", rest.split_once(';').map_or("", |parts| parts.1))
            }
            None => line.to_owned(),
        }
    };
    text.lines().map(scrub).collect::<Vec<_>>().join("\n")
}
