//! `.name`, `['name']` and `[0]` on a value.

use std::borrow::Cow;

use serde_json::Value;

use crate::diagnostic::list;

/// The member of `value` under `key`. `Ok(None)` when a safe access finds nothing.
pub(super) fn member<'v>(value: Cow<'v, Value>, key: &Value, safe: bool) -> Result<Cow<'v, Value>, String> {
    let found = match &value {
        Cow::Borrowed(borrowed) => find(borrowed, key).map(Cow::Borrowed),
        Cow::Owned(owned) => find(owned, key).cloned().map(Cow::Owned),
    };
    match found {
        Some(found) => Ok(found),
        None if safe => Ok(Cow::Owned(Value::Null)),
        None => Err(missing(&value, key)),
    }
}

fn find<'v>(value: &'v Value, key: &Value) -> Option<&'v Value> {
    match (value, key) {
        (Value::Object(object), Value::String(name)) => object
            .get(name)
            .or_else(|| object.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)),
        (Value::Array(items), index) => items.get(usize::try_from(whole(index)?).ok()?),
        _ => None,
    }
}

fn whole(index: &Value) -> Option<i64> {
    index.as_i64().or_else(|| index.as_str()?.parse().ok())
}

fn missing(value: &Value, key: &Value) -> String {
    let key = match key {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    match value {
        Value::Object(object) => {
            format!("property '{key}' does not exist; available properties are {}", list(object.keys()))
        }
        Value::Array(items) => format!("index {key} is outside the array, which has {} elements", items.len()),
        Value::Null => format!("property '{key}' cannot be read from null; '?.' gives null instead of this error"),
        _ => format!("property '{key}' cannot be read from {}", kind(value)),
    }
}

/// What a value is, in words.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a float",
        Value::Number(_) => "an integer",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
