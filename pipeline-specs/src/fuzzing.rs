//! Doors for the fuzz targets to what is private. Nothing else uses them.

use chrono::DateTime;
use serde_json::json;

use crate::{
    connection_string,
    diagnostic::Findings,
    expression::{Declared, Scope, check_tree, evaluate_text},
};

/// Checks and evaluates one string of a definition, where every root has a value.
///
/// # Panics
/// If an error stands behind the text.
pub fn expression(text: &str) {
    let declared = Declared { root: "pipeline", parameters: vec!["n", "s"], globals: None };
    check_tree(&json!(text), &declared, "$", &mut Findings::silent());
    let ended = [("Lookup".to_owned(), json!({"output": {"firstRow": {"w": "2018-01-01", "": 7}, "count": 1}}))];
    let variables = [("v".to_owned(), json!("x"))];
    let scope = Scope::new(DateTime::UNIX_EPOCH, "seed")
        .with("pipeline", json!({"RunId": "r", "parameters": {"n": 4, "s": "x", "list": [1, 2.5, "a", null]}}))
        .with("dataset", json!({"name": "d"}))
        .with("item", json!({"a": [1, {"b": true}]}))
        .with_keyed("activity", "an activity that has ended", ended.into())
        .with_keyed("variables", "a variable", variables.into());
    if let Err(error) = evaluate_text(text, &scope) {
        assert!(error.at <= text.chars().count(), "an error stands behind the text");
    }
}

/// Masks a connection string.
pub fn masked_connection_string(text: &str) -> String {
    connection_string::masked(text)
}
