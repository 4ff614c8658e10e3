//! Arithmetic: integers stay integers and overflow is an error; a float on either side makes a float.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::{
    ANY, Function,
    argument::{integer, wrong},
    logical::compare_numbers,
};
use crate::expression::scope::Scope;

pub(super) const TABLE: &[Function] = &[
    Function { name: "add", arguments: 2..=2, call: |a, _| arithmetic(a, i64::checked_add, |x, y| x + y) },
    Function { name: "sub", arguments: 2..=2, call: |a, _| arithmetic(a, i64::checked_sub, |x, y| x - y) },
    Function { name: "mul", arguments: 2..=2, call: |a, _| arithmetic(a, i64::checked_mul, |x, y| x * y) },
    Function { name: "div", arguments: 2..=2, call: |a, _| arithmetic(divisible(a)?, i64::checked_div, |x, y| x / y) },
    Function { name: "mod", arguments: 2..=2, call: |a, _| arithmetic(divisible(a)?, i64::checked_rem, |x, y| x % y) },
    Function { name: "min", arguments: 1..=ANY, call: |a, _| extreme(a, Ordering::is_lt) },
    Function { name: "max", arguments: 1..=ANY, call: |a, _| extreme(a, Ordering::is_gt) },
    Function { name: "range", arguments: 2..=2, call: range },
    Function { name: "rand", arguments: 2..=2, call: rand },
];

/// The longest array `range` makes; Data Factory has the same limit.
const MAX_RANGE: i64 = 100_000;

fn arithmetic(
    arguments: &[Value],
    exact: fn(i64, i64) -> Option<i64>,
    float: fn(f64, f64) -> f64,
) -> Result<Value, String> {
    if let (Some(left), Some(right)) = (arguments[0].as_i64(), arguments[1].as_i64()) {
        return exact(left, right).map(Value::from).ok_or_else(|| "gives a number beyond 64 bits".to_owned());
    }
    let result = float(number(arguments, 0)?, number(arguments, 1)?);
    Number::from_f64(result).map(Value::Number).ok_or_else(|| "gives no finite number".to_owned())
}

fn divisible(arguments: &[Value]) -> Result<&[Value], String> {
    if number(arguments, 1)? == 0.0 {
        return Err("divides by zero".to_owned());
    }
    Ok(arguments)
}

fn number(arguments: &[Value], index: usize) -> Result<f64, String> {
    arguments[index].as_f64().ok_or_else(|| wrong(arguments, index, "a number"))
}

/// Of the arguments, or of the one argument that is an array.
fn extreme(arguments: &[Value], better: fn(Ordering) -> bool) -> Result<Value, String> {
    let items = match arguments {
        [Value::Array(items)] => items,
        _ => arguments,
    };
    let mut best: Option<&Value> = None;
    for (index, item) in items.iter().enumerate() {
        number(items, index)?;
        if best.is_none_or(|known| compare_numbers(item, known).is_some_and(better)) {
            best = Some(item);
        }
    }
    best.cloned().ok_or_else(|| "needs at least one number".to_owned())
}

fn range(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (start, count) = (integer(arguments, 0)?, integer(arguments, 1)?);
    if !(0..=MAX_RANGE).contains(&count) {
        return Err(format!("needs a count from 0 to {MAX_RANGE}, got {count}"));
    }
    let end = start.checked_add(count).ok_or_else(|| "gives a number beyond 64 bits".to_owned())?;
    Ok((start..end).map(Value::from).collect())
}

/// From the least number to before the greatest; the same again when a run is resumed.
fn rand(arguments: &[Value], scope: &Scope) -> Result<Value, String> {
    let (least, end) = (integer(arguments, 0)?, integer(arguments, 1)?);
    let span = u64::try_from(i128::from(end) - i128::from(least)).ok().filter(|span| *span > 0);
    let span = span.ok_or_else(|| format!("needs an end that is greater than the least number {least}, got {end}"))?;
    let [a, b, c, d, e, f, g, h, ..] = scope.draw();
    let share = (u128::from(u64::from_le_bytes([a, b, c, d, e, f, g, h])) * u128::from(span)) >> 64;
    let drawn = i64::try_from(i128::from(least) + share as i128);
    drawn.map(Value::from).map_err(|_| "gives a number beyond 64 bits".to_owned())
}
