//! Functions of arrays, objects and text as a row of characters.

use serde_json::Value;

use super::{
    Function, MAX_BYTES,
    argument::{array, count, text, wrong},
    conversion::text_of,
    too_large,
};
use crate::expression::scope::Scope;

pub(super) const TABLE: &[Function] = &[
    Function { name: "contains", arguments: 2..=2, call: contains },
    Function { name: "empty", arguments: 1..=1, call: empty },
    Function { name: "first", arguments: 1..=1, call: first },
    Function { name: "last", arguments: 1..=1, call: last },
    Function { name: "length", arguments: 1..=1, call: length },
    Function { name: "join", arguments: 2..=2, call: join },
    Function { name: "skip", arguments: 2..=2, call: skip },
    Function { name: "take", arguments: 2..=2, call: take },
];

fn contains(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let found = match &arguments[0] {
        Value::String(whole) => whole.contains(&text_of(&arguments[1])),
        Value::Array(items) => items.contains(&arguments[1]),
        Value::Object(object) => object.contains_key(text(arguments, 1)?),
        _ => return Err(wrong(arguments, 0, "text, an array or an object")),
    };
    Ok(found.into())
}

fn empty(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let empty = match &arguments[0] {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => return Err(wrong(arguments, 0, "text, an array or an object")),
    };
    Ok(empty.into())
}

fn first(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    end(arguments, |items| items.first().cloned(), |text| text.chars().next())
}

fn last(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    end(arguments, |items| items.last().cloned(), |text| text.chars().next_back())
}

/// Null of an empty collection, so that `first(...)?.x` can be asked of what may have no elements.
fn end(
    arguments: &[Value],
    of_array: fn(&[Value]) -> Option<Value>,
    of_text: fn(&str) -> Option<char>,
) -> Result<Value, String> {
    match &arguments[0] {
        Value::Array(items) => Ok(of_array(items).unwrap_or_default()),
        Value::String(text) => Ok(of_text(text).map(|c| c.to_string().into()).unwrap_or_default()),
        _ => Err(wrong(arguments, 0, "an array or text")),
    }
}

fn length(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    match &arguments[0] {
        Value::Array(items) => Ok(items.len().into()),
        Value::String(text) => Ok(text.encode_utf16().count().into()),
        _ => Err(wrong(arguments, 0, "an array or text")),
    }
}

fn join(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (items, delimiter) = (array(arguments, 0)?, text(arguments, 1)?);
    if items.len().saturating_mul(delimiter.len()) > MAX_BYTES {
        return Err(too_large());
    }
    let items: Vec<String> = items.iter().map(text_of).collect();
    Ok(items.join(delimiter).into())
}

fn skip(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let wanted = count(arguments, 1)?;
    match &arguments[0] {
        Value::Array(items) => Ok(items.iter().skip(wanted).cloned().collect()),
        Value::String(text) => Ok(text.chars().skip(wanted).collect::<String>().into()),
        _ => Err(wrong(arguments, 0, "an array or text")),
    }
}

fn take(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let wanted = count(arguments, 1)?;
    match &arguments[0] {
        Value::Array(items) => Ok(items.iter().take(wanted).cloned().collect()),
        Value::String(text) => Ok(text.chars().take(wanted).collect::<String>().into()),
        _ => Err(wrong(arguments, 0, "an array or text")),
    }
}
