//! Data Factory's expression language: parsed by a grammar, evaluated within limits, no input or output.
//!
//! A string is an expression when it begins with one `@`; otherwise its `@{...}` parts are; `@@` is a plain `@`.
//! An object `{"value": "...", "type": "Expression"}` stands for its evaluated `value`. A string that is one
//! whole expression keeps the type of its result; interpolation always gives text.
//!
//! Decided here because nothing public states it: `if`, `and`, `or` evaluate only what they need, so an
//! expression that Data Factory evaluates gives the same value, and some that it refuses work too.

mod access;
mod check;
mod content;
mod dotnet_date;
mod evaluate;
mod functions;
mod parser;
mod scanner;
mod scope;
mod template;
mod time_zone;
mod xml;
mod xpath;

use std::fmt;

use serde_json::{Map, Value};

pub(crate) use check::Declared;
pub(crate) use scope::Scope;

use crate::diagnostic::{Findings, NOT_YET, element, property};

/// What is wrong with an expression, and at which character of its string (from 0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ExpressionError {
    pub(crate) at: usize,
    pub(crate) message: String,
    /// Whether it asks for what a run may have later: `item()`, or the outcome of an activity.
    pub(crate) is_early: bool,
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} (at character {} of the expression)", self.message, self.at + 1)
    }
}

type Result<T> = std::result::Result<T, ExpressionError>;

/// Evaluates one string of a definition.
pub(crate) fn evaluate_text(text: &str, scope: &Scope) -> Result<Value> {
    evaluate::template(&template::parse(text)?, scope)
}

/// Evaluates every string of a JSON tree; a string that fails is reported under its path and becomes null.
pub(crate) fn evaluate_tree(value: &Value, scope: &Scope, path: &str, findings: &mut Findings) -> Value {
    match value {
        Value::String(text) => evaluate_reported(text, scope, path, findings),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| evaluate_tree(item, scope, &element(path, index), findings))
            .collect(),
        Value::Object(object) => match expression_text(object) {
            Some(text) => evaluate_reported(text, scope, &property(path, "value"), findings),
            None => object
                .iter()
                .map(|(key, item)| (key.clone(), evaluate_tree(item, scope, &property(path, key), findings)))
                .collect::<Map<_, _>>()
                .into(),
        },
        other => other.clone(),
    }
}

/// Reports what is wrong with the strings of a JSON tree without evaluating anything.
pub(crate) fn check_tree(value: &Value, declared: &Declared<'_>, path: &str, findings: &mut Findings) {
    match value {
        Value::String(text) => check_text(text, declared, path, findings),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check_tree(item, declared, &element(path, index), findings);
            }
        }
        Value::Object(object) => {
            for (key, item) in object.iter().filter(|(key, item)| !is_plain(key, item)) {
                check_tree(item, declared, &property(path, key), findings);
            }
        }
        _ => {}
    }
}

/// What is text to Data Factory whatever it looks like: remarks, and columns such as `@odata.etag`.
fn is_plain(key: &str, value: &Value) -> bool {
    matches!(key, "description" | "annotations" | "folder")
        || (matches!(key, "schema" | "structure") && value.is_array())
}

fn check_text(text: &str, declared: &Declared<'_>, path: &str, findings: &mut Findings) {
    match template::parse(text) {
        Err(error) => findings.error("expression", path, error.to_string()),
        Ok(template) => {
            let mut problems = Vec::new();
            check::template(&template, declared, &mut problems);
            for (severity, at, message) in problems {
                findings.push(
                    severity,
                    "expression",
                    path,
                    ExpressionError { at, message, is_early: false }.to_string(),
                );
            }
        }
    }
}

/// The text of `{"value": "...", "type": "Expression"}`.
pub(crate) fn expression_text(object: &Map<String, Value>) -> Option<&str> {
    let is_expression = object.get("type")?.as_str()?.eq_ignore_ascii_case("Expression");
    object.get("value").and_then(Value::as_str).filter(|_| is_expression)
}

/// Whether a value still has to be evaluated, so that its final form is unknown.
pub(crate) fn is_dynamic(value: &Value) -> bool {
    match value {
        Value::String(text) => !matches!(template::parse(text), Ok(template::Template::Text(_))),
        Value::Object(object) => expression_text(object).is_some(),
        _ => false,
    }
}

fn evaluate_reported(text: &str, scope: &Scope, path: &str, findings: &mut Findings) -> Value {
    evaluate_text(text, scope).unwrap_or_else(|error| {
        let code = if error.is_early { NOT_YET } else { "expression" };
        findings.error(code, path, error.to_string());
        Value::Null
    })
}

#[cfg(test)]
mod tests;
