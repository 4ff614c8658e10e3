//! The functions of templates that need nothing of Azure.

use serde_json::Value;

/// The value of a call; `None` for a function that only Azure evaluates, or that is not known here.
pub(super) fn evaluate(name: &str, arguments: &[Value]) -> Option<Value> {
    Some(match (name, arguments) {
        ("concat", [Value::Array(_), ..]) => {
            arguments.iter().filter_map(Value::as_array).flatten().cloned().collect::<Vec<_>>().into()
        }
        ("concat", _) => arguments.iter().map(text).collect::<String>().into(),
        ("format", [Value::String(format), values @ ..]) => formatted(format, values).into(),
        ("string", [value]) => text(value).into(),
        ("tolower", [Value::String(value)]) => value.to_lowercase().into(),
        ("toupper", [Value::String(value)]) => value.to_uppercase().into(),
        ("trim", [Value::String(value)]) => value.trim().into(),
        ("replace", [Value::String(value), Value::String(from), Value::String(to)]) if !from.is_empty() => {
            value.replace(from.as_str(), to).into()
        }
        ("split", [Value::String(value), Value::String(by)]) if !by.is_empty() => {
            value.split(by.as_str()).map(Value::from).collect::<Vec<_>>().into()
        }
        ("first", [Value::Array(items)]) => items.first().cloned().unwrap_or_default(),
        ("last", [Value::Array(items)]) => items.last().cloned().unwrap_or_default(),
        ("length", [Value::Array(items)]) => items.len().into(),
        ("length", [Value::String(text)]) => text.chars().count().into(),
        ("length", [Value::Object(members)]) => members.len().into(),
        ("add", [left, right]) => left.as_i64()?.checked_add(right.as_i64()?)?.into(),
        ("sub", [left, right]) => left.as_i64()?.checked_sub(right.as_i64()?)?.into(),
        ("mul", [left, right]) => left.as_i64()?.checked_mul(right.as_i64()?)?.into(),
        ("div", [left, right]) => left.as_i64()?.checked_div(right.as_i64()?)?.into(),
        ("mod", [left, right]) => left.as_i64()?.checked_rem(right.as_i64()?)?.into(),
        ("padleft", [value, Value::Number(width), padding @ ..]) => {
            padded(&text(value), width.as_u64()?, padding)?.into()
        }
        ("createarray", _) => arguments.to_vec().into(),
        ("int", [Value::String(value)]) => value.trim().parse::<i64>().ok()?.into(),
        ("int", [value @ Value::Number(_)]) => value.clone(),
        ("json", [Value::String(value)]) => serde_json::from_str(value).ok()?,
        ("true", []) => true.into(),
        ("false", []) => false.into(),
        ("null", []) => Value::Null,
        ("if", [Value::Bool(condition), yes, no]) => (if *condition { yes } else { no }).clone(),
        ("equals", [left, right]) => (left == right).into(),
        ("not", [Value::Bool(flag)]) => (!flag).into(),
        ("empty", [value]) => is_empty(value).into(),
        ("coalesce", [..]) => arguments.iter().find(|value| !value.is_null()).cloned().unwrap_or_default(),
        // An id is a path; those of a factory's own parts end in their names.
        ("resourceid", [..]) => arguments.iter().map(text).collect::<Vec<_>>().join("/").into(),
        _ => return None,
    })
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `padLeft`, up to as many characters as a name has.
fn padded(text: &str, width: u64, padding: &[Value]) -> Option<String> {
    let with = match padding {
        [] => ' ',
        [Value::String(one)] if one.chars().count() == 1 => one.chars().next()?,
        _ => return None,
    };
    let width = usize::try_from(width).ok().filter(|width| *width <= 260)?;
    let missing = width.saturating_sub(text.chars().count());
    Some(std::iter::repeat_n(with, missing).chain(text.chars()).collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// `{0}` is the first value.
fn formatted(format: &str, values: &[Value]) -> String {
    let mut written = format.to_owned();
    for (index, value) in values.iter().enumerate() {
        written = written.replace(&format!("{{{index}}}"), &text(value));
    }
    written
}
