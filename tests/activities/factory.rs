//! A factory of made-up tables and text files, with activities as a test wants them.

use serde_json::{Value, json};

use crate::cli::workshop::{Finished, Workshop};

/// A workshop with the datasets `Table` (parameter `name`) and `File` (parameter `name`, below `out/`).
pub(super) struct Factory {
    pub(super) workshop: Workshop,
}

impl Factory {
    pub(super) fn new() -> Self {
        let workshop = Workshop::folder(0.001);
        workshop.define(
            "dataset/Table",
            json!({
                "type": "SyntheticTable",
                "linkedServiceName": service("Generator"),
                "parameters": { "name": { "type": "String" }, "scale": { "type": "Float", "defaultValue": 0.001 } },
                "typeProperties": { "table": "@dataset().name", "scaleFactor": "@dataset().scale" },
            }),
        );
        workshop.define(
            "dataset/File",
            json!({
                "type": "DelimitedText",
                "linkedServiceName": service("Files"),
                "parameters": { "name": { "type": "String" } },
                "typeProperties": {
                    "location": { "type": "FileServerLocation", "folderPath": "out", "fileName": "@dataset().name" },
                    "columnDelimiter": ",", "quoteChar": "\"", "escapeChar": "\"", "firstRowAsHeader": true,
                },
            }),
        );
        Self { workshop }
    }

    /// Defines the pipeline that is run.
    pub(super) fn pipeline(&self, variables: Value, activities: Value) {
        self.workshop.define("pipeline/CopyLineitem", json!({ "variables": variables, "activities": activities }));
    }

    /// Runs it and gives its report.
    pub(super) fn report(&self, more: &[&str], code: i32) -> Value {
        self.run(&[&["--output", "json", "--progress", "none"], more].concat()).ended(code).json()
    }

    pub(super) fn run(&self, more: &[&str]) -> Finished {
        self.workshop.run(more)
    }

    /// The content of a file below `out/`.
    pub(super) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.workshop.data().join("out").join(name)).expect("a file that was written")
    }
}

pub(super) fn service(name: &str) -> Value {
    json!({ "referenceName": name, "type": "LinkedServiceReference" })
}

pub(super) fn dataset(name: &str, parameters: Value) -> Value {
    json!({ "referenceName": name, "type": "DatasetReference", "parameters": parameters })
}

/// An activity of this type that waits for nothing.
pub(super) fn activity(name: &str, kind: &str, properties: Value) -> Value {
    json!({ "name": name, "type": kind, "typeProperties": properties })
}

/// The same once another one has ended in this way.
pub(super) fn after(mut activity: Value, other: &str, condition: &str) -> Value {
    let dependency = json!({ "activity": other, "dependencyConditions": [condition] });
    match activity["dependsOn"].as_array_mut() {
        Some(all) => all.push(dependency),
        None => activity["dependsOn"] = json!([dependency]),
    }
    activity
}

/// A Copy of a made-up table to a file; both may be expressions.
pub(super) fn copy(name: &str, table: &str, file: &str) -> Value {
    json!({
        "name": name,
        "type": "Copy",
        "inputs": [dataset("Table", json!({ "name": table }))],
        "outputs": [dataset("File", json!({ "name": file }))],
        "typeProperties": {
            "source": { "type": "SyntheticSource" },
            "sink": {
                "type": "DelimitedTextSink",
                "storeSettings": { "type": "FileServerWriteSettings" },
                "formatSettings": { "type": "DelimitedTextWriteSettings", "fileExtension": ".csv" },
            },
        },
    })
}

pub(super) fn wait(name: &str) -> Value {
    activity(name, "Wait", json!({ "waitTimeInSeconds": 0 }))
}

pub(super) fn fail(name: &str, message: &str, code: &str) -> Value {
    activity(name, "Fail", json!({ "message": message, "errorCode": code }))
}

pub(super) fn set(name: &str, variable: &str, value: &str) -> Value {
    activity(name, "SetVariable", json!({ "variableName": variable, "value": value }))
}

pub(super) fn append(name: &str, variable: &str, value: &str) -> Value {
    activity(name, "AppendVariable", json!({ "variableName": variable, "value": value }))
}

/// The runs of an activity in a report, in the order in which they began.
pub(super) fn runs<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    let all = report["activityRuns"].as_array().expect("activity runs");
    all.iter().filter(|run| run["activityName"] == name).collect()
}

/// The one run of an activity.
#[track_caller]
pub(super) fn only<'a>(report: &'a Value, name: &str) -> &'a Value {
    match runs(report, name).as_slice() {
        [one] => one,
        found => panic!("{} runs of {name} in {report:#}", found.len()),
    }
}

/// What an activity set a variable to.
pub(super) fn value(report: &Value, name: &str) -> Value {
    only(report, name)["output"]["value"].clone()
}
