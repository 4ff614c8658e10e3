//! Global parameters, from a factory in Git and from its export.

use serde_json::json;

use super::workshop::Workshop;

/// The report's value of the variable that `Set` sets.
fn set(workshop: &Workshop, arguments: &[&str]) -> serde_json::Value {
    let more = ["--output", "json", "--progress", "none"];
    let report = workshop.finish(&[arguments, &more].concat()).ended(0).json();
    report["activityRuns"][0]["output"]["value"].clone()
}

fn pipeline(value: &str) -> serde_json::Value {
    json!({
        "variables": { "v": { "type": "String" } },
        "activities": [{ "name": "Set", "type": "SetVariable", "typeProperties": { "variableName": "v", "value": value } }],
    })
}

#[test]
fn global_parameters_of_git_are_known_to_all_pipelines() {
    let workshop = Workshop::folder(0.001);
    let said = "@concat(pipeline().globalParameters.env, string(add(pipeline().globalParameters.rows, 1)))";
    workshop.define("pipeline/CopyLineitem", pipeline(said));
    let refused = workshop.run(&[]).ended(2);
    assert!(refused.stderr.contains("there is no global parameter 'env'"), "{}", refused.stderr);
    workshop.define(
        "factory/orders",
        json!({ "globalParameters": { "env": { "type": "String", "value": "dev" }, "rows": { "type": "Int", "value": 7 } } }),
    );
    assert_eq!(set(&workshop, &["run", "orders/pipeline/CopyLineitem.json"]), "dev8");
    workshop.define("pipeline/CopyLineitem", pipeline("@pipeline().globalParameters.enw"));
    let refused = workshop.run(&[]).ended(2);
    assert!(refused.stderr.contains("did you mean 'env'?"), "{}", refused.stderr);
}

#[test]
fn global_parameters_and_loops_of_a_template_run_and_are_imported() {
    let workshop = Workshop::folder(0.001);
    let template = json!({
        "$schema": "http://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "parameters": { "factoryName": { "type": "string" }, "env": { "type": "string" } },
        "resources": [
            { "name": "[parameters('factoryName')]", "type": "Microsoft.DataFactory/factories", "properties": {
                "globalParameters": { "env": { "type": "String", "value": "[parameters('env')]" } } } },
            { "name": "[concat(parameters('factoryName'), '/P', copyIndex())]", "type": "Microsoft.DataFactory/factories/pipelines",
              "copy": { "name": "all", "count": 2 },
              "properties": pipeline("@concat(pipeline().globalParameters.env, pipeline().Pipeline)") },
        ],
    });
    let file = workshop.root().join("export.json");
    std::fs::write(&file, template.to_string()).expect("a writable folder");
    let run = |name: &'static str| ["run", name, "--factory", "orders/export.json"];
    let refused = workshop.finish(&run("P1")).ended(2);
    assert!(refused.stderr.contains("there is no global parameter 'env'"), "it has no value: {}", refused.stderr);
    let given = json!({ "parameters": { "factoryName": { "value": "f" }, "env": { "value": "test" } } });
    std::fs::write(workshop.root().join("export.parameters.json"), given.to_string()).expect("a writable folder");
    assert_eq!(set(&workshop, &run("P0")), "testP0");
    assert_eq!(set(&workshop, &run("P1")), "testP1");
    workshop.finish(&["import", "orders/export.json", "--out", "imported"]).ended(0);
    assert_eq!(set(&workshop, &["run", "imported/pipeline/P1.json"]), "testP1");
}
