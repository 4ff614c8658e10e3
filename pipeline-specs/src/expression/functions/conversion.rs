//! From one type to another.

use serde_json::{Map, Value};

use super::{ANY, Function, argument::wrong};
use crate::{
    dotnet,
    expression::{content::Content, scope::Scope, xml},
    json::MAX_DEPTH,
};

pub(super) const TABLE: &[Function] = &[
    Function { name: "array", arguments: 1..=1, call: |a, _| Ok(vec![a[0].clone()].into()) },
    Function { name: "createArray", arguments: 1..=ANY, call: |a, _| Ok(a.to_vec().into()) },
    Function { name: "bool", arguments: 1..=1, call: bool },
    Function { name: "coalesce", arguments: 1..=ANY, call: coalesce },
    Function { name: "float", arguments: 1..=1, call: float },
    Function { name: "int", arguments: 1..=1, call: int },
    Function { name: "json", arguments: 1..=1, call: json },
    Function { name: "string", arguments: 1..=1, call: |a, _| Ok(text_of(&a[0]).into()) },
];

/// A value as text: XML for XML, JSON for other objects and for arrays, `True` and `False`, nothing for null.
pub(in crate::expression) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => if *flag { "True" } else { "False" }.to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() => dotnet::float(float),
            _ => number.to_string(),
        },
        other => match Content::of(other).filter(Content::is_xml).map(Content::into_text) {
            Some(Ok(xml)) => xml,
            _ => other.to_string(),
        },
    }
}

fn bool(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let flag = match &arguments[0] {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_f64().map(|number| number != 0.0),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => Some(false),
        Value::String(text) => text.trim().parse::<i64>().ok().map(|number| number != 0),
        _ => None,
    };
    flag.map(Value::Bool).ok_or_else(|| wrong(arguments, 0, "'true', 'false' or a number"))
}

fn coalesce(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(arguments.iter().find(|value| !value.is_null()).cloned().unwrap_or_default())
}

fn float(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let value = &arguments[0];
    let float = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|float| float.is_finite());
    float.map(Value::from).ok_or_else(|| wrong(arguments, 0, "a number or the text of one"))
}

fn int(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let value = &arguments[0];
    let integer = match value {
        Value::String(text) => text.trim().parse::<i64>().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => value
            .as_i64()
            .or_else(|| value.as_f64().filter(|float| float.abs() < 9e18).map(|float| float.round_ties_even() as i64)),
    };
    integer.map(Value::from).ok_or_else(|| wrong(arguments, 0, "an integer or the text of one"))
}

fn json(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let text = match (&arguments[0], Content::of(&arguments[0])) {
        (Value::Null, _) => return Ok(Map::new().into()),
        (_, Some(content)) if content.is_xml() => return xml::to_json(&content.into_text()?),
        (_, Some(content)) => content.into_text()?,
        (Value::String(text), None) => text.clone(),
        (other, None) => return Ok(other.clone()),
    };
    let value = serde_json::from_str(&text).map_err(|error| format!("needs JSON text as argument 1: {error}"))?;
    if depth(&value) > MAX_DEPTH {
        return Err(format!("needs JSON that is nested at most {MAX_DEPTH} levels deep"));
    }
    Ok(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
