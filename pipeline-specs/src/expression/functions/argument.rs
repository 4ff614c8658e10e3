//! Reading arguments: each reader says what it needs, which argument it is, and what it got.

use serde_json::Value;

use crate::expression::access::kind;

pub(super) fn text(arguments: &[Value], index: usize) -> Result<&str, String> {
    arguments[index].as_str().ok_or_else(|| wrong(arguments, index, "text"))
}

pub(super) fn array(arguments: &[Value], index: usize) -> Result<&Vec<Value>, String> {
    arguments[index].as_array().ok_or_else(|| wrong(arguments, index, "an array"))
}

pub(super) fn integer(arguments: &[Value], index: usize) -> Result<i64, String> {
    let value = &arguments[index];
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok()).ok_or_else(|| wrong(arguments, index, "an integer"))
}

/// A count or position: an integer that is not negative.
pub(super) fn count(arguments: &[Value], index: usize) -> Result<usize, String> {
    let value = integer(arguments, index)?;
    usize::try_from(value).map_err(|_| format!("needs a number of at least 0 as argument {}, got {value}", index + 1))
}

pub(super) fn optional_text(arguments: &[Value], index: usize) -> Result<Option<&str>, String> {
    match arguments.get(index) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => text(arguments, index).map(Some),
    }
}

pub(super) fn wrong(arguments: &[Value], index: usize, wanted: &str) -> String {
    format!("needs {wanted} as argument {}, got {}", index + 1, kind(&arguments[index]))
}
