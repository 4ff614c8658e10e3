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
