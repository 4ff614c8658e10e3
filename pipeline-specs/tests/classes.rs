//! Every class of Data Factory is known by its name: it loads, and what Ropeway cannot run is refused by name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use ropeway_specs::{Factory, Inputs, Scene, Severity};
use serde_json::{Value, json};

fn tables() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/schema.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn family(name: &str) -> Vec<String> {
    tables()["families"][name].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn written(linked_service: &str, dataset: &str, activity: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, properties) in [
        ("linkedService/L", json!({ "type": linked_service, "typeProperties": {} })),
        (
            "dataset/D",
            json!({ "type": dataset, "linkedServiceName": { "referenceName": "L", "type": "LinkedServiceReference" }, "typeProperties": {} }),
        ),
        ("pipeline/P", json!({ "activities": [activity] })),
    ] {
        let file = folder.path().join(format!("{name}.json"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, json!({ "name": &name[name.len() - 1..], "properties": properties }).to_string()).unwrap();
    }
    folder
}

fn copy(source: &str, sink: &str) -> Value {
    let ends = json!([{ "referenceName": "D", "type": "DatasetReference" }]);
    json!({
        "name": "A", "type": "Copy", "inputs": ends, "outputs": ends,
        "typeProperties": { "source": { "type": source }, "sink": { "type": sink } },
    })
}

/// What is said while it loads that a name is not known, and why it does not run.
fn said(folder: &Path) -> (Vec<String>, Vec<String>) {
    let (factory, found) = Factory::load(folder);
    let unknown = found.iter().filter(|found| found.code == "unknown-type").map(ToString::to_string).collect();
    let pipeline = factory.pipeline("P").unwrap();
    let inputs = Inputs::manual("run", "2026-01-02T03:04:05Z".parse().unwrap());
    let activity = &pipeline.activities()[0];
    let scene = Scene::first(&inputs, activity.name(), pipeline.variables());
    let refused = activity.work(&inputs, &scene).err().unwrap_or_default();
    let errors = refused.iter().filter(|found| found.severity == Severity::Error);
    (unknown, errors.map(ToString::to_string).collect())
}

#[test]
fn every_linked_service_dataset_source_and_sink_is_known_and_refused_by_name() {
    for service in family("LinkedService") {
        let (unknown, refused) = said(written(&service, "Xml", &copy("XmlSource", "JsonSink")).path());
        assert!(unknown.is_empty(), "{unknown:?}");
        // Its settings are those of what it is called since.
        let service = if service == "AzureStorage" { "AzureBlobStorage" } else { &service };
        assert!(
            refused.iter().any(|why| why.contains(&format!("'{service}'")) || why.contains(&format!(" on {service} "))),
            "{service}: {refused:?}"
        );
    }
    for dataset in family("Dataset") {
        let (unknown, refused) = said(written("FileServer", &dataset, &copy("XmlSource", "BinarySink")).path());
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(refused.iter().any(|why| why.contains(&format!("'{dataset}'"))), "{dataset}: {refused:?}");
    }
    for source in family("CopySource").iter().filter(|source| *source != "ParquetSource") {
        let (unknown, refused) = said(written("FileServer", "Parquet", &copy(source, "ParquetSink")).path());
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(refused.iter().any(|why| why.contains(&format!("'{source}'"))), "{source}: {refused:?}");
    }
    for sink in family("CopySink").iter().filter(|sink| *sink != "ParquetSink") {
        let (unknown, refused) = said(written("FileServer", "Parquet", &copy("ParquetSource", sink)).path());
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(refused.iter().any(|why| why.contains(&format!("'{sink}'"))), "{sink}: {refused:?}");
    }
}

#[test]
fn every_activity_is_known() {
    for activity in family("Activity") {
        let (unknown, refused) = said(
            written("FileServer", "Parquet", &json!({ "name": "A", "type": activity, "typeProperties": {} })).path(),
        );
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(refused.iter().any(|why| why.contains(&activity) || why.contains("'A'")), "{activity}: {refused:?}");
    }
}

#[test]
fn a_name_that_is_none_is_told() {
    let (unknown, _) = said(written("QuantumStore", "Xml", &copy("XmlSource", "JsonSink")).path());
    assert!(unknown[0].contains("'QuantumStore'"), "{unknown:?}");
}

/// The facts that the tables were made from, where the machine has them: no class of a definition is missing.
#[test]
fn the_tables_have_every_class() {
    let shared = std::env::var_os("ROPEWAY_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), Into::into);
    let Ok(facts) = fs::read_to_string(shared.join("reference/adf/schema-facts.json")) else {
        println!("no facts here: set ROPEWAY_SHARED to compare the tables with them");
        return;
    };
    let facts: Value = serde_json::from_str(&facts).unwrap();
    let tables = tables();
    let known = tables["classes"].as_object().unwrap();
    let names: Vec<&String> = facts.as_object().unwrap().keys().filter(|name| !name.starts_with('_')).collect();
    assert_eq!(names.len(), 166);
    let missing: Vec<_> = names.iter().filter(|name| !known.contains_key(**name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (family, names) in facts["_typeNames"].as_object().unwrap() {
        let known = tables["families"][family].as_array().unwrap();
        let missing: Vec<_> = names.as_array().unwrap().iter().filter(|name| !known.contains(name)).collect();
        assert!(missing.is_empty(), "{family}: {missing:?}");
    }
}
