//! Declared parameters and the values given to them.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Number, Value};

use crate::{
    diagnostic::{Findings, closest, list, property},
    schema::get,
};

/// The values of all declared parameters, once as they are and once with secrets masked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values {
    pub(crate) real: Map<String, Value>,
    pub(crate) masked: Map<String, Value>,
}

/// Stands for every secret in echoes and fingerprints.
pub(crate) const MASK: &str = "**********";

/// Whose parameters these are and where a wrong value is reported.
pub(crate) struct Owner<'a> {
    /// `pipeline 'CopyOrders'`.
    pub(crate) name: String,
    /// Where the values were given: the path of a reference, or `$.properties.parameters` for the command line.
    pub(crate) path: &'a str,
}

/// Combines `declared` (a `parameters` object) with given values: unknown, missing and wrongly typed ones are
/// errors that list what is known.
pub(crate) fn values(
    declared: Option<&Value>,
    given: &BTreeMap<String, Value>,
    owner: &Owner<'_>,
    findings: &mut Findings,
) -> Values {
    let empty = Map::new();
    let declared = declared.and_then(Value::as_object).unwrap_or(&empty);
    report_unknown(declared, given, owner, findings);
    let mut values = Values::default();
    for (name, specification) in declared {
        // Until a value is found, null: what refers to the parameter is a consequence and not reported again.
        values.real.insert(name.clone(), Value::Null);
        values.masked.insert(name.clone(), Value::Null);
        let type_name = specification.get("type").and_then(Value::as_str).unwrap_or("String");
        let given = given.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let default = specification.as_object().and_then(|object| get(object, "defaultValue"));
        let default = default.map(|value| as_text(value, type_name));
        let Some(value) = given.or(default.as_deref()) else {
            let message = format!(
                "the parameter '{name}' ({type_name}) of {} has no value and no default; give it one",
                owner.name
            );
            findings.error("missing-parameter", owner.path, message);
            continue;
        };
        let Some(value) = convert(value, type_name) else {
            let message = format!("the parameter '{name}' of {} is {type_name}; the given value is not", owner.name);
            findings.error("wrong-parameter", &property(owner.path, name), message);
            continue;
        };
        let secret = type_name.eq_ignore_ascii_case("SecureString");
        values.masked.insert(name.clone(), if secret { MASK.into() } else { value.clone() });
        values.real.insert(name.clone(), value);
    }
    values
}

fn report_unknown(
    declared: &Map<String, Value>,
    given: &BTreeMap<String, Value>,
    owner: &Owner<'_>,
    findings: &mut Findings,
) {
    for name in given.keys().filter(|name| get(declared, name).is_none()) {
        let known = declared.keys().map(String::as_str);
        let advice = match closest(name, known) {
            Some(meant) => format!("did you mean '{meant}'?"),
            None => format!("its parameters are {}", list(declared.keys())),
        };
        findings.error(
            "unknown-parameter",
            &property(owner.path, name),
            format!("{} has no parameter '{name}'; {advice}", owner.name),
        );
    }
}

/// The default of a text as it is, or the JSON text that stands for it: the service's editor keeps a text that is JSON as
/// the object or array it says.
fn as_text<'v>(value: &'v Value, type_name: &str) -> Cow<'v, Value> {
    let is_structure = value.is_object() || value.is_array();
    match is_structure && type_name.eq_ignore_ascii_case("String") && unwrap_secure(value) == value {
        true => Cow::Owned(value.to_string().into()),
        false => Cow::Borrowed(value),
    }
}

/// The value in the declared type; text of a number is a number and the other way round.
fn convert(value: &Value, type_name: &str) -> Option<Value> {
    let value = unwrap_secure(value);
    match (type_name.to_ascii_lowercase().as_str(), value) {
        ("string" | "securestring", Value::String(_)) => Some(value.clone()),
        ("string" | "securestring", Value::Number(number)) => Some(number.to_string().into()),
        ("string" | "securestring", Value::Bool(flag)) => Some(flag.to_string().into()),
        // A default of null is what the user interface writes for an optional parameter.
        (_, Value::Null) => Some(Value::Null),
        ("int", Value::Number(number)) => (number.is_i64() || number.is_u64()).then(|| value.clone()),
        ("int", Value::String(text)) => text.trim().parse::<i64>().ok().map(Value::from),
        ("float", Value::Number(_)) => Some(value.clone()),
        ("float", Value::String(text)) => text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number),
        ("bool" | "boolean", Value::Bool(_)) => Some(value.clone()),
        ("bool" | "boolean", Value::String(text)) => text.trim().to_ascii_lowercase().parse().ok().map(Value::Bool),
        ("array", Value::Array(_)) | ("object", Value::Object(_)) => Some(value.clone()),
        ("array" | "object", Value::String(text)) => {
            let parsed: Value = serde_json::from_str(text).ok()?;
            let wanted = if type_name.eq_ignore_ascii_case("array") { parsed.is_array() } else { parsed.is_object() };
            wanted.then_some(parsed)
        }
        ("string" | "securestring" | "int" | "float" | "bool" | "boolean" | "array" | "object", _) => None,
        // A type that is not known here is not checked.
        _ => Some(value.clone()),
    }
}

/// The text inside `{"type": "SecureString", "value": "..."}`.
fn unwrap_secure(value: &Value) -> &Value {
    let secure =
        value.get("type").and_then(Value::as_str).is_some_and(|name| name.eq_ignore_ascii_case("SecureString"));
    if secure { value.get("value").unwrap_or(value) } else { value }
}
