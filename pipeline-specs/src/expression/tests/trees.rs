//! Whole JSON trees, evaluated and checked.

use std::path::Path;

use serde_json::json;

use super::{
    super::{Declared, check_tree, evaluate_tree, is_dynamic},
    scope,
};
use crate::diagnostic::Findings;

#[test]
fn trees_are_evaluated_in_both_forms_and_report_every_problem() {
    let mut findings = Findings::new(Path::new("f"));
    let tree = json!({
        "object": {"value": "@pipeline().parameters.n", "type": "Expression"},
        "literal": {"value": "plain", "type": "Expression"},
        "parameter": {"value": "@pipeline().parameters.s", "type": "String"},
        "list": ["@pipeline().RunId", 5],
        "wrong": "@nope()",
        "deep": [{"wrong": "@{1"}],
    });
    let value = evaluate_tree(&tree, &scope(), "$", &mut findings);
    assert_eq!(
        value,
        json!({
            "object": 4, "literal": "plain", "parameter": {"value": "x", "type": "String"},
            "list": ["r", 5], "wrong": null, "deep": [{"wrong": null}],
        })
    );
    let found: Vec<String> = findings.into_vec().into_iter().map(|found| found.path).collect();
    assert_eq!(found, ["$.wrong", "$.deep[0].wrong"]);

    let mut findings = Findings::new(Path::new("f"));
    let declared = Declared { root: "pipeline", parameters: vec!["n", "s"], globals: None };
    check_tree(&tree, &declared, "$", &mut findings);
    let found: Vec<String> = findings.into_vec().into_iter().map(|found| found.path).collect();
    assert_eq!(found, ["$.wrong", "$.deep[0].wrong"]);
    assert!(is_dynamic(&json!("@{1}")) && is_dynamic(&tree["object"]) && !is_dynamic(&json!("a@b")));
}
