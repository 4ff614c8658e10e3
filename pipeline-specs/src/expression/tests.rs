//! The language: its documented examples, what is decided beyond them, errors and limits.

mod arbitrary;
mod documented;
mod errors;
mod formats;
mod functions;
mod limits;
mod rules;
mod trees;
mod xml;

use serde_json::{Value, json};

use super::{Scope, evaluate_text};

fn scope() -> Scope {
    let activities = [("Lookup".to_owned(), json!({"output": {"firstRow": {"w": "2018-01-01", "": 7}, "count": 1}}))];
    let variables = [("list".to_owned(), json!([1, 2]))];
    Scope::new("2018-04-15T13:00:00Z".parse().unwrap(), "seed")
        .with("pipeline", json!({"RunId": "r", "parameters": {"n": 4, "s": "x", "list": [1, 2], "o": {"a": null}}}))
        .with("item", json!({"table": {"name": "t"}, "list": ["a"]}))
        .with_keyed("activity", "an activity that has ended", activities.into())
        .with_keyed("variables", "a variable", variables.into())
}

fn evaluated(text: &str) -> Value {
    evaluate_text(text, &scope()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match evaluate_text(text, &scope()) {
        Ok(value) => panic!("{text} gives {value}"),
        Err(error) => error.to_string(),
    }
}

/// Each expression has its result.
fn check(cases: &[(&str, Value)]) {
    for (text, expected) in cases {
        assert_eq!(evaluated(&format!("@{text}")), *expected, "{text}");
    }
}
