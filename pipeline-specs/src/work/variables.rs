//! Activities that change variables.

use serde_json::{Map, Value};

use super::{Properties, Task};
use crate::{
    copy,
    definition::PROPERTIES,
    diagnostic::{closest, list, property},
    evaluation::Twin,
    parameter::MASK,
    schema::get,
};

/// The name that stands for what a pipeline gives back.
const RETURN_VALUE: &str = "pipelineReturnValue";

pub(super) fn set(properties: &mut Properties<'_>) -> Option<Task> {
    if properties.flag("setSystemVariable", false) {
        return returned(properties);
    }
    let (name, type_name) = variable(properties)?;
    let value = value(properties)?;
    if !is_of(&type_name, &value.real) {
        let message = format!("the variable '{name}' is of type {type_name}; the value is {}", described(&value.real));
        properties.error("wrong-variable", "value", message);
        return None;
    }
    Some(Task::SetVariable { name, value })
}

pub(super) fn append(properties: &mut Properties<'_>) -> Option<Task> {
    let (name, type_name) = variable(properties)?;
    if !type_name.eq_ignore_ascii_case("Array") {
        let message = format!("the variable '{name}' is of type {type_name}; only an Array can be appended to");
        properties.error("wrong-variable", "variableName", message);
        return None;
    }
    let value = value(properties)?;
    Some(Task::AppendVariable { name, value })
}

/// The declared name and type of the variable that is meant.
fn variable(properties: &mut Properties<'_>) -> Option<(String, String)> {
    let name = properties.text("variableName")?;
    let empty = Map::new();
    let declared =
        properties.activity.pipeline.properties.get("variables").and_then(Value::as_object).unwrap_or(&empty);
    let found = declared.iter().find(|(known, _)| **known == name);
    let found = found.or_else(|| declared.iter().find(|(known, _)| known.eq_ignore_ascii_case(&name)));
    if let Some((name, variable)) = found {
        let type_name = variable.get("type").and_then(Value::as_str).unwrap_or("String");
        return Some((name.clone(), type_name.to_owned()));
    }
    let advice = match closest(&name, declared.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean '{meant}'?"),
        None => format!("{} declares {}", property(PROPERTIES, "variables"), list(declared.keys())),
    };
    properties.error("unknown-variable", "variableName", format!("there is no variable '{name}'; {advice}"));
    None
}

/// A value that is there; null is one, if an expression gives it.
fn value(properties: &mut Properties<'_>) -> Option<Twin> {
    let before = properties.findings.is_empty();
    let value = properties.required("value")?;
    (before == properties.findings.is_empty() || !value.real.is_null()).then_some(value)
}

fn is_of(type_name: &str, value: &Value) -> bool {
    match (type_name.to_ascii_lowercase().as_str(), value) {
        (_, Value::Null) => true,
        ("string", value) => value.is_string(),
        ("array", value) => value.is_array(),
        ("bool" | "boolean", value) => value.is_boolean(),
        ("integer" | "int", value) => value.is_i64() || value.is_u64(),
        _ => true,
    }
}

fn described(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// `[{"key": ..., "value": {"type": ..., "content": ...}}]` as an object.
fn returned(properties: &mut Properties<'_>) -> Option<Task> {
    let name = properties.text("variableName")?;
    if name != RETURN_VALUE {
        let message = format!("'{name}' is no system variable; the one there is is '{RETURN_VALUE}'");
        properties.error("unknown-variable", "variableName", message);
        return None;
    }
    let Twin { real, masked } = properties.required("value")?;
    let masked = content_of(&masked).unwrap_or_else(|| MASK.into());
    let Some(real) = content_of(&real) else {
        let message = "a return value is an array of {\"key\": ..., \"value\": {\"type\": ..., \"content\": ...}}";
        properties.error("wrong-value", "value", message);
        return None;
    };
    Some(Task::ReturnValue(Twin { real, masked }))
}

fn content_of(value: &Value) -> Option<Value> {
    match value {
        Value::Array(pairs) if pairs.iter().all(|pair| pair.get("key").is_some()) => {
            let entry = |pair: &Value| Some((copy::text(pair.get("key")?), content_of(pair.get("value")?)?));
            pairs.iter().map(entry).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Value::Object(object) => match (get(object, "type"), get(object, "content")) {
            (Some(_), Some(content)) => content_of(content),
            (Some(Value::String(name)), None) if name.eq_ignore_ascii_case("Null") => Some(Value::Null),
            _ => Some(value.clone()),
        },
        Value::Array(items) => items.iter().map(content_of).collect(),
        plain => Some(plain.clone()),
    }
}
