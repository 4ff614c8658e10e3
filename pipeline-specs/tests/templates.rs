//! Exports of the service: read with what stands beside them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use ropeway_specs::{Diagnostic, Factory, Inputs, Scene, import, validate};
use serde_json::{Value, json};

const SCHEMA: &str = "http://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#";

fn part(kind: &str, name: &str, properties: Value) -> Value {
    json!({ "name": format!("[concat(parameters('factoryName'), '/{name}')]"), "type": format!("Microsoft.DataFactory/factories/{kind}"), "apiVersion": "2018-06-01", "properties": properties, "dependsOn": [] })
}

/// A copy of a made-up table into a folder that a parameter names.
fn resources() -> Value {
    let on = |service: &str| json!({ "referenceName": service, "type": "LinkedServiceReference" });
    json!([
        part("linkedServices", "Generator", json!({ "type": "Synthetic", "typeProperties": {} })),
        part(
            "linkedServices",
            "Files",
            json!({ "type": "FileServer", "typeProperties": { "host": "[parameters('Files_host')]" } })
        ),
        part(
            "datasets",
            "From",
            json!({ "type": "SyntheticTable", "linkedServiceName": on("Generator"), "typeProperties": { "table": "nation", "scaleFactor": 0.1 } })
        ),
        part(
            "datasets",
            "To",
            json!({ "type": "Parquet", "linkedServiceName": on("Files"), "typeProperties": { "location": { "type": "FileServerLocation", "folderPath": "[concat('out-', parameters('suffix'))]" } } })
        ),
        part(
            "pipelines",
            "Nightly",
            json!({ "activities": [{
            "name": "Copy", "type": "Copy", "inputs": [{ "referenceName": "From", "type": "DatasetReference" }], "outputs": [{ "referenceName": "To", "type": "DatasetReference" }],
            "typeProperties": { "source": { "type": "SyntheticSource" }, "sink": { "type": "ParquetSink", "storeSettings": { "type": "FileServerWriteSettings" } } },
        }] })
        ),
        part("triggers", "Every night", json!({ "type": "ScheduleTrigger" })),
    ])
}

fn template(resources: &Value) -> Value {
    json!({
        "$schema": SCHEMA,
        "parameters": { "factoryName": { "type": "string" }, "Files_host": { "type": "string" }, "suffix": { "type": "string", "defaultValue": "x" } },
        "resources": resources,
    })
}

fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content.to_string()).unwrap();
    }
    folder
}

fn parameters() -> Value {
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#",
        "parameters": { "factoryName": { "value": "f" }, "Files_host": { "value": "/data" } },
    })
}

/// The folder that the pipeline writes to, or what is wrong.
fn target(pipeline: &Path, root: Option<&Path>) -> Result<String, Vec<Diagnostic>> {
    let (factory, found) = Factory::load_for_pipeline(pipeline, root);
    let name = factory.pipeline_in(pipeline).ok_or(found)?;
    let inputs = Inputs::manual("run", "2026-01-02T03:04:05Z".parse().unwrap());
    let pipeline = factory.pipeline(name)?;
    let activity = &pipeline.activities()[0];
    let copy = activity.copy(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables()))?;
    let sink = copy.sink.settings.expose();
    let location = sink["dataset"]["location"]["folderPath"].as_str().unwrap();
    Ok(format!("{}/{location}", sink["linkedService"]["host"].as_str().unwrap()))
}

#[test]
fn a_template_runs_with_the_parameters_beside_it() {
    let files = [
        ("ARMTemplateForFactory.json", template(&resources())),
        ("ARMTemplateParametersForFactory.json", parameters()),
    ];
    let folder = folder(&files);
    let file = folder.path().join("ARMTemplateForFactory.json");
    assert_eq!(target(&file, None).unwrap(), "/data/out-x");
    assert_eq!(target(Path::new("Nightly"), Some(&file)).unwrap(), "/data/out-x");
    assert_eq!(target(Path::new("nightly"), Some(folder.path())).unwrap(), "/data/out-x");
    let coverage = validate(&[file]).coverage;
    assert_eq!(
        (coverage[0].pipelines.runnable, coverage[0].copies.runnable, coverage[0].definitions["others"]),
        (1, 1, 1)
    );
}

#[test]
fn without_a_parameter_it_loads_and_does_not_run() {
    let folder = folder(&[("T.json", template(&resources()))]);
    let file = folder.path().join("T.json");
    let found = target(&file, None).unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, "missing-template-parameter");
    assert!(found[0].message.contains("'Files_host' has no value"), "{}", found[0].message);
    let validation = validate(std::slice::from_ref(&file));
    assert_eq!((validation.coverage[0].pipelines.loaded, validation.coverage[0].pipelines.runnable), (1, 0));
    let names: Vec<_> = import(&file).files.iter().map(|(file, _)| file.display().to_string()).collect();
    let expected = [
        "linkedService/Generator.json",
        "dataset/From.json",
        "dataset/To.json",
        "pipeline/Nightly.json",
        "trigger/Every night.json",
    ];
    assert_eq!(names, expected, "a host that nobody knows is not written down");
}

#[test]
fn linked_templates_are_one_factory() {
    let all = resources();
    let all = all.as_array().unwrap();
    let link = |name: &str| {
        json!({ "name": "d", "type": "Microsoft.Resources/deployments", "properties": {
            "templateLink": { "uri": format!("[concat(parameters('containerUri'), '/{name}', parameters('sas'))]") },
            "parameters": { "factoryName": { "value": "[parameters('factoryName')]" }, "Files_host": { "value": "[parameters('Files_host')]" } },
        } })
    };
    let files = [
        ("ArmTemplate_master.json", template(&json!([link("ArmTemplate_0.json"), link("ArmTemplate_1.json")]))),
        ("ArmTemplate_0.json", template(&all[..3].into())),
        ("ArmTemplate_1.json", template(&all[3..].into())),
        ("ArmTemplateParameters_master.json", parameters()),
    ];
    let folder = folder(&files);
    assert_eq!(target(Path::new("Nightly"), Some(folder.path())).unwrap(), "/data/out-x");
    assert_eq!(target(&folder.path().join("ArmTemplate_master.json"), None).unwrap(), "/data/out-x");
    let said = validate(&[folder.path().to_path_buf()]).diagnostics;
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn files_are_preferred_to_an_export_beside_them() {
    let files = [
        (
            "linkedService/Files.json",
            json!({ "name": "Files", "properties": { "type": "FileServer", "typeProperties": { "host": "/own" } } }),
        ),
        ("export.json", template(&resources())),
        (
            "export.parameters.json",
            json!({ "parameters": { "Files_host": { "value": "/data" }, "suffix": { "value": "[y" } } }),
        ),
    ];
    let folder = folder(&files);
    assert_eq!(target(Path::new("Nightly"), Some(folder.path())).unwrap(), "/own/out-[y");
    let (_, found) = Factory::load(folder.path());
    assert!(found.iter().any(|found| found.code == "also-exported"), "{found:?}");
}

#[test]
fn an_import_has_no_name_that_leads_elsewhere() {
    let escape = json!([{ "name": "f/../../../etc/x", "type": "Microsoft.DataFactory/factories/pipelines", "properties": { "activities": [] } }]);
    let folder = folder(&[("T.json", template(&escape))]);
    let import = import(&folder.path().join("T.json"));
    assert!(import.files.is_empty());
    assert_eq!(import.diagnostics[0].code, "wrong-name");
}
