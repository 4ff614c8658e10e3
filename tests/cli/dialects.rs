//! Definitions of other dialects, run by the binary: version 1, and templates of the resource manager.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::workshop::{CANARY, Workshop, copy};

/// A factory of 2016 in one folder: the texts of a day to the texts of a day.
fn version_1(workshop: &Workshop) {
    let texts = |folder: &str| {
        json!({
            "type": "FileShare",
            "linkedServiceName": "Share",
            "structure": [{ "name": "id", "type": "Int32" }, { "name": "name", "type": "String" }],
            "typeProperties": {
                "folderPath": format!(".\\{folder}\\{{Day}}"),
                "fileName": "rows.txt",
                "partitionedBy": [{ "name": "Day", "value": { "type": "DateTime", "date": "SliceStart", "format": "yyyyMMdd" } }],
                "format": { "type": "TextFormat", "columnDelimiter": "|", "rowDelimiter": "\n" },
            },
            "availability": { "frequency": "Day", "interval": 1 },
        })
    };
    let share = json!({
        "type": "OnPremisesFileServer",
        "typeProperties": { "host": workshop.data(), "userid": "nobody", "password": CANARY, "gatewayName": "gate" },
    });
    workshop.define("old/Share", share);
    workshop.define("old/In", texts("in"));
    workshop.define("old/Out", texts("out"));
    let activity = json!({
        "name": "Copy rows",
        "type": "Copy",
        "inputs": [{ "name": "In" }],
        "outputs": [{ "name": "Out" }],
        "typeProperties": { "source": { "type": "FileSystemSource" }, "sink": { "type": "FileSystemSink" } },
        "scheduler": { "frequency": "Day", "interval": 1 },
    });
    workshop.define(
        "old/Daily",
        json!({ "start": "2015-12-31T00:00:00Z", "end": "2016-02-01T00:00:00Z", "activities": [activity] }),
    );
    for (day, rows) in [("20151231", "1|old\n"), ("20160101", "2|new\n3|\n")] {
        let folder = workshop.data().join("in").join(day);
        fs::create_dir_all(&folder).expect("a writable folder");
        fs::write(folder.join("rows.txt"), rows).expect("a writable folder");
    }
}

fn written(workshop: &Workshop) -> Vec<(PathBuf, String)> {
    let out = workshop.data().join("out");
    let files = workshop.visible().into_iter().filter(|file| file.starts_with(&out));
    files.map(|file| (file.strip_prefix(&out).unwrap().to_owned(), fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn a_pipeline_of_version_1_runs_one_slice() {
    let workshop = Workshop::folder(0.001);
    version_1(&workshop);
    let run = ["run", "orders/old/Daily.json"];
    let first = workshop.finish(&run).ended(0);
    assert!(first.stdout.contains("Data Factory version 1"), "{}", first.stdout);
    assert_eq!(written(&workshop), [(PathBuf::from("20151231/rows.txt"), "1|old\n".to_owned())]);
    let slice = [&run[..], &["-p", "sliceStart=2016-01-01T00:00:00Z"]].concat();
    workshop.finish(&slice).ended(0);
    assert_eq!(written(&workshop)[1].0, Path::new("20160101/rows.txt"));
    assert!(written(&workshop)[1].1.starts_with("2|new\n3|"), "{:?}", written(&workshop));
    let nothing = [&run[..], &["-p", "sliceStart=2016-01-02T00:00:00Z"]].concat();
    assert_ne!(workshop.finish(&nothing).code, Some(0), "there is no such folder");
}

#[test]
fn an_import_runs_like_what_it_was_made_from_and_replaces_nothing() {
    let workshop = Workshop::folder(0.001);
    version_1(&workshop);
    let import = ["import", "orders/old", "--out", "new"];
    let said = workshop.finish(&import).ended(0);
    assert!(said.stdout.contains("new/pipeline/Daily.json\n") && said.stdout.contains("4 files written"), "{said:?}");
    let service = workshop.root().with_file_name("new").join("linkedService/Share.json");
    assert_eq!(fs::metadata(&service).unwrap().permissions().mode() & 0o777, 0o600);
    workshop.finish(&["run", "new/pipeline/Daily.json", "-p", "sliceStart=2015-12-31"]).ended(0);
    assert_eq!(written(&workshop), [(PathBuf::from("20151231/rows.txt"), "1|old\n".to_owned())]);
    fs::write(&service, "mine").unwrap();
    let again = workshop.finish(&import).ended(2);
    assert!(again.stderr.contains("nothing was written"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&service).unwrap(), "mine");
}

/// The workshop's factory as an export: one template, with the file server's folder as a parameter.
fn exported(workshop: &Workshop, name: &str) {
    let definition = |name: &str| -> Value {
        let file = workshop.root().join(format!("{name}.json"));
        serde_json::from_slice::<Value>(&fs::read(file).unwrap()).unwrap()["properties"].take()
    };
    let part = |kind: &str, name: &str, properties: Value| json!({ "name": format!("[concat(parameters('factoryName'), '/{name}')]"), "type": format!("Microsoft.DataFactory/factories/{kind}"), "properties": properties });
    let mut files = definition("linkedService/Files");
    files["typeProperties"]["host"] = "[parameters('Files_host')]".into();
    let template = json!({
        "$schema": "http://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "parameters": { "factoryName": { "type": "string" }, "Files_host": { "type": "string" } },
        "resources": [
            part("linkedServices", "Generator", definition("linkedService/Generator")),
            part("linkedServices", "Files", files),
            part("datasets", "Lineitem", definition("dataset/Lineitem")),
            part("datasets", "Target", definition("dataset/Target")),
            part("pipelines", "Nightly", json!({ "activities": [copy("Copy", "Lineitem", "Target")] })),
        ],
    });
    fs::write(workshop.root().with_file_name(name), template.to_string()).unwrap();
}

#[test]
fn a_template_runs_when_its_parameters_are_given() {
    let workshop = Workshop::one_file(0.001);
    exported(&workshop, "T.json");
    let refused = workshop.finish(&["run", "T.json"]).ended(2);
    assert!(refused.stderr.contains("the template's parameter 'Files_host' has no value"), "{}", refused.stderr);
    let parameters = json!({ "parameters": { "Files_host": { "value": workshop.data() } } });
    fs::write(workshop.root().with_file_name("T.parameters.json"), parameters.to_string()).unwrap();
    workshop.finish(&["run", "T.json", "--run-id", "one"]).ended(0);
    assert_eq!(workshop.visible().len(), 1);
    workshop.finish(&["resume", "one"]).ended(0);
    workshop.finish(&["run", "Nightly", "--factory", "T.json"]).ended(0);
    let none = workshop.finish(&["run", "Daily", "--factory", "T.json"]).ended(2);
    assert!(none.stderr.contains("there is no such pipeline") && none.stderr.contains("Nightly"), "{}", none.stderr);
    let validated = workshop.finish(&["validate", "T.json", "--output", "json"]).ended(0).json();
    assert_eq!(validated["coverage"][0]["pipelines"], json!({ "loaded": 1, "runnable": 1 }));
}
