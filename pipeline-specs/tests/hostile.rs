//! No input ends the loader but by a diagnostic: real shapes of every dialect, with parts of them replaced.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use proptest::{prelude::*, sample::Index};
use ropeway_specs::{Factory, Inputs, Scene, import, validate};
use serde_json::{Value, json};

/// One file of each dialect and kind, each with much of what its kind may have.
fn shapes() -> Vec<Value> {
    let partition = json!([{ "name": "Y", "value": { "type": "DateTime", "date": "SliceStart", "format": "yyyy" } }]);
    vec![
        json!({ "name": "S", "properties": { "type": "OnPremisesFileServer", "typeProperties": { "host": "/x", "userid": "u", "gatewayName": "g" } } }),
        json!({ "name": "D", "properties": {
            "type": "FileShare", "linkedServiceName": "S", "structure": [{ "name": "a", "type": "String" }],
            "typeProperties": { "folderPath": "x/{Y}", "partitionedBy": partition, "format": { "type": "TextFormat", "nullValue": "x" }, "compression": { "type": "GZip" } },
            "availability": { "frequency": "Day", "interval": 1 }, "policy": { "validation": { "minimumRows": 1 } },
        } }),
        json!({ "name": "P", "properties": {
            "start": "2016-01-01", "end": "2016-01-02",
            "activities": [{
                "name": "A", "type": "Copy", "inputs": [{ "name": "D" }], "outputs": [{ "name": "D" }],
                "typeProperties": {
                    "source": { "type": "FileSystemSource", "recursive": true }, "sink": { "type": "FileSystemSink", "copyBehavior": "MergeFiles" },
                    "translator": { "type": "TabularTranslator", "columnMappings": "a: b" }, "x": "$$Text.Format('{0:yyyy}', WindowEnd)",
                },
                "scheduler": { "frequency": "Day", "interval": 1 }, "policy": { "retry": 1, "longRetry": 2 },
            }],
        } }),
        json!({
            "$schema": "deploymentTemplate.json#", "parameters": { "p": { "type": "secureString", "defaultValue": "[variables('v')]" } },
            "variables": { "v": "[concat('a', 'b')]" },
            "resources": [
                { "name": "[concat('f/', parameters('p'))]", "type": "Microsoft.DataFactory/factories/pipelines", "properties": { "activities": [{ "name": "W", "type": "Wait" }] } },
                { "name": "d", "type": "Microsoft.Resources/deployments", "properties": { "templateLink": { "uri": "https://x/y.json" }, "parameters": { "p": { "value": 1 } } } },
            ],
        }),
    ]
}

/// The places of a tree, its root among them.
fn places(value: &Value, pointer: String, found: &mut Vec<String>) {
    found.push(pointer.clone());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, format!("{pointer}/{index}"), found));
        }
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| {
                places(member, format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found)
            });
        }
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!([[{}]])),
        Just(json!({ "type": {}, "name": [], "value": null })),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(1e300)),
        "[$@\\[\\]{}'().,:/\\\\ a-zA-Z0é]{0,12}".prop_map(Value::from),
        Just(json!("$$Text.Format('{0}', SliceStart)")),
        Just(json!("[parameters('p')]")),
        Just(json!("@{dataset().x}")),
    ]
}

fn load_everything(files: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    for (index, file) in files.iter().enumerate() {
        fs::write(folder.path().join(format!("{index}.json")), file.to_string()).unwrap();
    }
    validate(&[folder.path().to_path_buf()]);
    import(folder.path());
    let (factory, _) = Factory::load(folder.path());
    let inputs = Inputs::manual("run", "2026-01-02T03:04:05Z".parse().unwrap());
    for name in factory.pipelines() {
        if let Ok(pipeline) = factory.pipeline(name) {
            let scene = |name: &str| Scene::first(&inputs, name, pipeline.variables());
            pipeline.activities().iter().for_each(|activity| drop(activity.work(&inputs, &scene(activity.name()))));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_change_of_a_definition_panics(changes in prop::collection::vec((any::<Index>(), any::<Index>(), replacement()), 1..4)) {
        let mut files = shapes();
        for (file, place, value) in changes {
            let file = file.get_mut(&mut files);
            let mut found = Vec::new();
            places(file, String::new(), &mut found);
            *file.pointer_mut(place.get::<String>(&found)).unwrap() = value;
        }
        load_everything(&files);
    }
}
