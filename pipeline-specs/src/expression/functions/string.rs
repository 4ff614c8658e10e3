//! Text functions.

use serde_json::Value;

use super::{
    ANY, Function,
    argument::{count, optional_text, text},
    conversion::text_of,
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
    Function { name: "toLower", arguments: 1..=1, call: |a, _| Ok(text(a, 0)?.to_lowercase().into()) },
    Function { name: "toUpper", arguments: 1..=1, call: |a, _| Ok(text(a, 0)?.to_uppercase().into()) },
    Function { name: "trim", arguments: 1..=1, call: |a, _| Ok(text(a, 0)?.trim().into()) },
    Function { name: "guid", arguments: 0..=1, call: guid },
];

fn concat(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(arguments.iter().map(text_of).collect::<String>().into())
}

fn ends_with(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(text(arguments, 0)?.to_lowercase().ends_with(&text(arguments, 1)?.to_lowercase()).into())
}

fn starts_with(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(text(arguments, 0)?.to_lowercase().starts_with(&text(arguments, 1)?.to_lowercase()).into())
}

fn index_of(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (whole, wanted) = (text(arguments, 0)?.to_lowercase(), text(arguments, 1)?.to_lowercase());
    Ok(position(&whole, whole.find(&wanted)))
}

fn last_index_of(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let (whole, wanted) = (text(arguments, 0)?.to_lowercase(), text(arguments, 1)?.to_lowercase());
    Ok(position(&whole, whole.rfind(&wanted)))
}

/// Positions count UTF-16 units, as .NET does.
fn position(whole: &str, byte: Option<usize>) -> Value {
    byte.map_or(Value::from(-1), |byte| whole[..byte].encode_utf16().count().into())
}

fn replace(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    let old = text(arguments, 1)?;
    if old.is_empty() {
        return Err("needs text that is not empty as argument 2".to_owned());
    }
    Ok(text(arguments, 0)?.replace(old, text(arguments, 2)?).into())
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
    let id = scope.next_guid();
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
