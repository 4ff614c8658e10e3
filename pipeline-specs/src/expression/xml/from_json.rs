//! JSON as XML.

use serde_json::{Map, Value};

use super::write::{attribute, text};
use crate::{dotnet, expression::functions::MAX_BYTES, json::MAX_DEPTH};

/// The XML of an object with one property, the root, and perhaps a declaration `?xml`.
pub(in crate::expression) fn of_json(object: &Map<String, Value>) -> Result<String, String> {
    let mut out = String::new();
    let (declarations, roots): (Vec<_>, Vec<_>) = object.iter().partition(|(name, _)| *name == "?xml");
    for (_, value) in declarations {
        out.push_str("<?xml");
        attributes(value.as_object().ok_or("needs an object as '?xml'")?, &mut out)?;
        out.push_str("?>");
    }
    match roots.as_slice() {
        [(name, value)] if !value.is_array() => element(name, value, 1, &mut out)?,
        _ => return Err("needs an object with one property, which is no array: the root element".to_owned()),
    }
    Ok(out)
}

fn element(name: &str, value: &Value, depth: usize, out: &mut String) -> Result<(), String> {
    if out.len() > MAX_BYTES || depth > MAX_DEPTH {
        return Err(format!("needs JSON of at most {MAX_BYTES} bytes and {MAX_DEPTH} levels"));
    }
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| element(name, item, depth + 1, out));
    }
    out.push('<');
    out.push_str(checked(name)?);
    let start = match value {
        Value::Object(object) => {
            attributes(object, out)?;
            out.len()
        }
        _ => out.len(),
    };
    out.push('>');
    match value {
        Value::Object(object) => members(object, depth, out)?,
        value => text(&scalar(value), out),
    }
    if out.len() == start + 1 {
        out.truncate(start);
        out.push_str(" />");
    } else {
        out.push_str("</");
        out.push_str(name);
        out.push('>');
    }
    Ok(())
}

fn attributes(object: &Map<String, Value>, out: &mut String) -> Result<(), String> {
    for (name, value) in object {
        if let Some(name) = name.strip_prefix('@') {
            attribute(checked(name)?, &scalar(value), out);
        }
    }
    Ok(())
}

fn members(object: &Map<String, Value>, depth: usize, out: &mut String) -> Result<(), String> {
    for (name, value) in object.iter().filter(|(name, _)| !name.starts_with('@')) {
        match (name.as_str(), value) {
            ("#text" | "#cdata-section", Value::Array(items)) => {
                items.iter().for_each(|item| text(&scalar(item), out));
            }
            ("#text" | "#cdata-section", value) => text(&scalar(value), out),
            (name, value) => element(name, value, depth + 1, out)?,
        }
    }
    Ok(())
}

/// Booleans as XML has them, not as .NET.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => dotnet::float(float),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn checked(name: &str) -> Result<&str, String> {
    let is_start = |c: char| c.is_alphabetic() || c == '_';
    let is_part = |part: &str| {
        part.starts_with(is_start) && part.chars().all(|c| is_start(c) || c.is_numeric() || matches!(c, '-' | '.'))
    };
    if name.split(':').count() <= 2 && name.split(':').all(is_part) {
        return Ok(name);
    }
    Err(format!(
        "needs names that XML can have: '{name}' begins with no letter, or has other characters than letters, digits, '-', '.' and '_'"
    ))
}
