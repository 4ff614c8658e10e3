//! Text functions.

use serde_json::Value;

use super::{
    ANY, Function, MAX_BYTES,
    argument::{count, optional_text, text},
    conversion::text_of,
    too_large,
};
use crate::expression::scope::Scope;

pub(super) const TABLE: &[Function] = &[
    Function { name: "concat", arguments: 1..=ANY, call: concat },
    Function { name: "endsWith", arguments: 2..=2, call: ends_with },
    Function { name: "startsWith", arguments: 2..=2, call: starts_with },
    Function { name: "indexOf", arguments: 2..=2, call: index_of },
    Function { name: "lastIndexOf", arguments: 2..=2, call: last_index_of },
    Function { name: "replace", arguments: 3..=3, call: replace },
    Function { name: "split", arguments: 2..=2, call: split },
    Function { name: "substring", arguments: 2..=3, call: substring },
    Function { name: "toLower", arguments: 1..=1, call: |a, _| Ok(mapped(text(a, 0)?, lower).into()) },
    Function { name: "toUpper", arguments: 1..=1, call: |a, _| Ok(mapped(text(a, 0)?, upper).into()) },
    Function { name: "trim", arguments: 1..=1, call: |a, _| Ok(text(a, 0)?.trim().into()) },
    Function { name: "guid", arguments: 0..=1, call: guid },
];

fn concat(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let mut whole = String::new();
    for argument in arguments {
        whole.push_str(&text_of(argument));
        if whole.len() > MAX_BYTES {
            return Err(too_large());
        }
    }
    Ok(whole.into())
}

fn ends_with(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(without_case(arguments, 0)?.ends_with(&without_case(arguments, 1)?).into())
}

fn starts_with(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(without_case(arguments, 0)?.starts_with(&without_case(arguments, 1)?).into())
}

fn index_of(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    position(arguments, |whole, wanted| whole.find(wanted))
}

fn last_index_of(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    position(arguments, |whole, wanted| whole.rfind(wanted))
}

/// Positions count UTF-16 units of the text as it is, as .NET does.
fn position(arguments: &[Value], find: fn(&str, &str) -> Option<usize>) -> Result<Value, String> {
    let whole = without_case(arguments, 0)?;
    let Some(byte) = find(&whole, &without_case(arguments, 1)?) else { return Ok((-1).into()) };
    let before = whole[..byte].chars().count();
    Ok(text(arguments, 0)?.chars().take(before).map(char::len_utf16).sum::<usize>().into())
}

/// The text in the form in which .NET compares without case: letter by letter in upper case.
fn without_case(arguments: &[Value], index: usize) -> Result<String, String> {
    Ok(mapped(text(arguments, index)?, upper))
}

fn mapped(text: &str, letter: fn(char) -> char) -> String {
    text.chars().map(letter).collect()
}

/// In .NET's invariant culture a letter becomes one letter: `ß` has no upper case, and `İ` no lower one.
fn upper(letter: char) -> char {
    only(letter.to_uppercase()).unwrap_or(letter)
}

fn lower(letter: char) -> char {
    only(letter.to_lowercase()).unwrap_or(letter)
}

fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

fn replace(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (whole, old, new) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    if old.is_empty() {
        return Err("needs text that is not empty as argument 2".to_owned());
    }
    let length = whole.matches(old).count().saturating_mul(new.len());
    if length > MAX_BYTES {
        return Err(too_large());
    }
    Ok(whole.replace(old, new).into())
}

fn split(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (whole, delimiter) = (text(arguments, 0)?, text(arguments, 1)?);
    if delimiter.is_empty() {
        return Ok(vec![Value::from(whole)].into());
    }
    Ok(whole.split(delimiter).map(Value::from).collect())
}

fn substring(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let units: Vec<u16> = text(arguments, 0)?.encode_utf16().collect();
    let start = count(arguments, 1)?;
    let length = match arguments.get(2) {
        Some(_) => count(arguments, 2)?,
        None => units.len().saturating_sub(start),
    };
    let end = start.checked_add(length).filter(|end| *end <= units.len() && start <= units.len());
    let end = end.ok_or_else(|| {
        format!(
            "needs a part that lies inside the text: start {start} and length {length} leave its {} characters",
            units.len()
        )
    })?;
    String::from_utf16(&units[start..end]).map(Value::from).map_err(|_| "would cut a character in two".to_owned())
}

fn guid(arguments: &[Value], scope: &Scope) -> Result<Value, String> {
    let id = uuid::Builder::from_random_bytes(scope.draw()).into_uuid();
    let text = match optional_text(arguments, 0)?.unwrap_or("D") {
        "D" | "d" => id.hyphenated().to_string(),
        "N" | "n" => id.simple().to_string(),
        "B" | "b" => id.braced().to_string(),
        "P" | "p" => format!("({})", id.hyphenated()),
        "X" | "x" => {
            let (a, b, c, rest) = id.as_fields();
            let rest: Vec<String> = rest.iter().map(|byte| format!("{byte:#04x}")).collect();
            format!("{{{a:#010x},{b:#06x},{c:#06x},{{{}}}}}", rest.join(","))
        }
        other => return Err(format!("knows the formats N, D, B, P and X, not '{other}'")),
    };
    Ok(text.into())
}
