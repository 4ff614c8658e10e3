//! Comparisons. `if`, `and`, `or` are in `evaluate.rs`.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Function, argument::wrong};
use crate::expression::scope::Scope;

pub(super) const TABLE: &[Function] = &[
    Function { name: "not", arguments: 1..=1, call: not },
    Function { name: "equals", arguments: 2..=2, call: equals },
    Function { name: "greater", arguments: 2..=2, call: |a, _| Ok(compare(a)?.is_gt().into()) },
    Function { name: "greaterOrEquals", arguments: 2..=2, call: |a, _| Ok(compare(a)?.is_ge().into()) },
    Function { name: "less", arguments: 2..=2, call: |a, _| Ok(compare(a)?.is_lt().into()) },
    Function { name: "lessOrEquals", arguments: 2..=2, call: |a, _| Ok(compare(a)?.is_le().into()) },
];

fn not(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let value = arguments[0].as_bool().ok_or_else(|| wrong(arguments, 0, "true or false"))?;
    Ok((!value).into())
}

/// Numbers by value, a boolean and a number as `true` = 1, everything else by structure and case.
fn equals(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(equal(&arguments[0], &arguments[1]).into())
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => compare_numbers(left, right) == Some(Ordering::Equal),
        (Value::Bool(flag), Value::Number(number)) | (Value::Number(number), Value::Bool(flag)) => {
            number.as_f64() == Some(f64::from(u8::from(*flag)))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        _ => left == right,
    }
}

fn compare(arguments: &[Value]) -> Result<Ordering, String> {
    let (left, right) = (&arguments[0], &arguments[1]);
    match (left, right) {
        (Value::String(left), Value::String(right)) => Ok(left.cmp(right)),
        (Value::Number(_), Value::Number(_)) => {
            compare_numbers(left, right).ok_or_else(|| "cannot compare these numbers".to_owned())
        }
        (Value::String(_), _) => Err(wrong(arguments, 1, "text, as argument 1 is")),
        (Value::Number(_), _) => Err(wrong(arguments, 1, "a number, as argument 1 is")),
        _ => Err(wrong(arguments, 0, "a number or text")),
    }
}

/// Integers exactly, everything else as floats.
pub(super) fn compare_numbers(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
