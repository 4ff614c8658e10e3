use std::path::Path;

use serde_json::json;

use super::*;
use crate::kind::Kind;

fn read(root: Value, parameters: Value) -> (Vec<Envelope>, Vec<String>) {
    let Value::Object(root) = root else { panic!("a template is an object") };
    let mut findings = Findings::new(Path::new("T.json"));
    let linked = |_: &str| None;
    let beside = Beside { parameters: parameters.as_object().cloned().unwrap_or_default(), linked: &linked };
    let envelopes = Template::new(Path::new("T.json"), root).envelopes(&beside, &mut findings);
    (envelopes, findings.into_vec().iter().map(ToString::to_string).collect())
}

fn template(resources: Value) -> Value {
    json!({
        "$schema": "http://schema.management.azure.com/schemas/2015-01-01/deploymentTemplate.json#",
        "parameters": {
            "factoryName": { "type": "string" },
            "Db_connectionString": { "type": "secureString" },
            "folder": { "type": "string" },
            "rows": { "type": "int", "defaultValue": 7 },
        },
        "variables": { "factoryId": "[concat('Microsoft.DataFactory/factories/', parameters('factoryName'))]" },
        "resources": resources,
    })
}

fn dataset(settings: Value) -> Value {
    template(json!([{
        "name": "[concat(parameters('factoryName'), '/Orders')]",
        "type": "Microsoft.DataFactory/factories/datasets",
        "properties": { "type": "X", "typeProperties": settings },
    }]))
}

#[test]
fn expressions_are_evaluated_and_brackets_unescaped() {
    let settings = json!({
        "a": "[parameters('rows')]",
        "b": "[[dbo].[load]",
        "c": "[concat('x-', parameters('folder'), '-it''s')]",
        "d": "[toUpper(variables('factoryId'))]",
        "e": "[not closed",
        "f": ["@concat('[', 'x')"],
    });
    let given = json!({ "factoryName": { "value": "fab" }, "folder": { "value": "in" } });
    let (envelopes, said) = read(dataset(settings), given);
    assert_eq!(said, [""; 0]);
    assert_eq!((envelopes[0].name.as_str(), envelopes[0].kind), ("Orders", Kind::Dataset));
    assert_eq!(
        envelopes[0].properties["typeProperties"],
        json!({
            "a": 7, "b": "[dbo].[load]", "c": "x-in-it's", "d": "MICROSOFT.DATAFACTORY/FACTORIES/FAB",
            "e": "[not closed", "f": ["@concat('[', 'x')"],
        })
    );
    assert!(envelopes[0].refusals.is_empty());
}

#[test]
fn what_has_no_value_is_refused_by_name_and_the_factory_needs_none() {
    let (envelopes, _) = read(
        dataset(json!({ "a": "[concat(parameters('folder'), '/x')]", "b": "[listKeys('x').keys[0].value]" })),
        json!({}),
    );
    assert_eq!(envelopes[0].name, "Orders");
    let codes: Vec<_> = envelopes[0].refusals.iter().map(|refusal| (refusal.path.as_str(), refusal.code)).collect();
    let expected = [
        ("$.properties.typeProperties.a", "missing-template-parameter"),
        ("$.properties.typeProperties.b", "template-function"),
    ];
    assert_eq!(codes, expected);
    assert!(envelopes[0].refusals[0].message.contains("'folder'"), "{}", envelopes[0].refusals[0].message);
}

#[test]
fn a_secret_without_a_value_is_masked() {
    let service = template(json!([{
        "name": "[concat(parameters('factoryName'), '/Db')]",
        "type": "Microsoft.DataFactory/factories/linkedServices",
        "properties": {
            "type": "SqlServer",
            "typeProperties": {
                "connectionString": "[parameters('Db_connectionString')]",
                "password": { "type": "SecureString", "value": "[parameters('Db_connectionString')]" },
                "userName": "[parameters('folder')]",
            },
        },
    }]));
    let (envelopes, _) = read(service, json!({ "Db_connectionString": { "value": "" } }));
    let settings = &envelopes[0].properties["typeProperties"];
    assert_eq!(settings["connectionString"], "**********");
    assert_eq!(settings["password"]["value"], "**********");
    assert_eq!(envelopes[0].refusals.len(), 1, "a name of a user is no secret");
}

#[test]
fn parts_inside_of_a_factory_and_of_deployments_are_found() {
    let part = |name: &str| json!({ "name": name, "type": "pipelines", "properties": { "activities": [] } });
    let (envelopes, said) = read(
        template(json!([
            { "name": "f", "type": "Microsoft.DataFactory/datafactories", "resources": [part("Inside")] },
            {
                "type": "Microsoft.Resources/deployments",
                "properties": { "template": { "parameters": {}, "resources": [part("[concat('N', string(parameters('rows')))]")] } },
            },
            { "type": "Microsoft.Resources/deployments", "properties": { "templateLink": { "uri": "[concat(parameters('uri'), '/ArmTemplate_0.json', parameters('sas'))]" } } },
            { "name": "w", "type": "Microsoft.Web/sites" },
        ])),
        json!({}),
    );
    let names: Vec<_> = envelopes.iter().map(|envelope| envelope.name.as_str()).collect();
    assert_eq!(names, ["Inside", "N7"]);
    assert!(said[0].contains("'ArmTemplate_0.json', which is not beside it"), "{said:?}");
    assert!(said[1].contains("1 x Microsoft.Web/sites"), "{said:?}");
}

#[test]
fn loops_make_resources_values_and_variables() {
    let mut root = template(json!([{
        "name": "[concat(parameters('factoryName'), '/T', padLeft(copyIndex('tables', 1), 2, '0'))]",
        "type": "Microsoft.DataFactory/factories/datasets",
        "copy": { "name": "tables", "count": "[length(variables('names'))]" },
        "properties": {
            "type": "X",
            "typeProperties": {
                "table": "[variables('names')[copyIndex()]]",
                "copy": [{ "name": "keys", "count": 2, "input": "[concat(variables('names')[copyIndex()], copyIndex('keys'))]" }],
            },
        },
    }]));
    root["variables"] = json!({ "copy": [{ "name": "names", "count": 2, "input": "[concat('t', copyIndex('names', parameters('no')))]" }] });
    let (envelopes, said) = read(root.clone(), json!({}));
    assert!(envelopes.is_empty() && said[0].contains("cannot be followed"), "an offset that is no number: {said:?}");
    root["variables"]["copy"][0]["input"] = json!("[concat('t', copyIndex('names', 5))]");
    let (envelopes, said) = read(root, json!({}));
    assert_eq!(said, [""; 0]);
    let made: Vec<_> = envelopes
        .iter()
        .map(|it| (it.name.as_str(), it.properties["typeProperties"].clone(), it.refusals.len()))
        .collect();
    let settings = |table: &str, keys: [&str; 2]| json!({ "table": table, "keys": keys });
    assert_eq!(made, [("T01", settings("t5", ["t50", "t51"]), 0), ("T02", settings("t6", ["t60", "t61"]), 0)]);
}

#[test]
fn loops_that_make_too_much_are_left_out_by_name() {
    let looped = |count: Value, settings: Value| {
        template(json!([{
            "name": "[concat('f/T', copyIndex())]", "type": "Microsoft.DataFactory/factories/datasets",
            "copy": { "name": "x", "count": count }, "properties": { "type": "X", "typeProperties": settings },
        }]))
    };
    let (all, said) = read(looped(json!(800), json!({})), json!({}));
    assert_eq!((all.len(), said.len()), (800, 0));
    for (count, why) in [
        (json!(801), "takes 800 at most"),
        (json!("[parameters('folder')]"), "needs '{folder}'"),
        (json!(-1), "no number"),
        (Value::Null, "no number"),
    ] {
        let (none, said) = read(looped(count, json!({})), json!({}));
        assert!(none.is_empty() && said[0].contains(why), "{said:?}");
    }
    let again = |input: Value| json!({ "copy": [{ "name": "a", "count": 800, "input": input }] });
    let nested = again(again(again(json!("0123456789"))));
    let (made, _) = read(looped(json!(1), nested), json!({}));
    assert!(made[0].refusals[0].message.contains("make too much"), "{:?}", made[0].refusals[0]);
}

#[test]
fn global_parameters_stand_in_the_factory_or_beside_it() {
    let (envelopes, said) = read(
        template(json!([
            { "name": "f", "type": "Microsoft.DataFactory/factories", "properties": { "globalParameters": {
                "rows": { "type": "Int", "value": "[parameters('rows')]" },
                "folder": { "type": "String", "value": "[parameters('folder')]" },
            } } },
            { "name": "f/default", "type": "Microsoft.DataFactory/factories/globalParameters",
              "properties": { "env": { "type": "String", "value": "dev" } } },
        ])),
        json!({}),
    );
    assert_eq!(said, [""; 0]);
    let globals = json!({ "rows": { "type": "Int", "value": 7 }, "env": { "type": "String", "value": "dev" } });
    assert_eq!((envelopes.len(), &envelopes[0].properties["globalParameters"]), (1, &globals));
    assert!(envelopes[0].refusals[0].message.contains("'folder'"), "what has no value is none");
}

#[test]
fn circles_and_nonsense_end() {
    let mut root = dataset(json!({ "a": "[variables('x')]", "b": "[concat(]", "c": "[unknown('x')]", "d": "[]" }));
    root["variables"] = json!({ "x": "[variables('y')]", "y": "[variables('x')]" });
    let (envelopes, _) = read(root, json!({}));
    assert_eq!(envelopes[0].refusals.len(), 4);
}

#[test]
fn parameter_files_are_told_by_their_names() {
    let is = |file: &str, template: &str| is_for(Path::new(file), Path::new(template));
    assert!(is("ARMTemplateParametersForFactory.json", "ARMTemplateForFactory.json"));
    assert!(is("arm_template_parameters.json", "arm_template.json"));
    assert!(is("X.parameters.json", "X.json"));
    assert!(!is("Y.parameters.json", "X.json"));
    assert!(!is("X.json", "X.json"));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[\\[\\]a-z(),'.0-9é -]{0,40}") {
        let _ = read(dataset(json!({ "a": text })), json!({}));
    }
}
