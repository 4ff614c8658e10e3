//! The translator of a Copy: passed on when it does nothing but name conversions, refused when it would change
//! the columns.

use serde_json::Value;

use crate::{
    diagnostic::{Findings, Severity, property},
    schema::get,
    support::Moment,
};

/// Members that change which columns are written, or their values.
const CHANGES: [&str; 6] = [
    "mappings",
    "columnMappings",
    "schemaMapping",
    "collectionReference",
    "mapComplexValuesToString",
    "columnFlattenSettings",
];

/// Checks an evaluated translator and gives it as an object. One written as JSON text is read.
pub(crate) fn check(translator: &Value, path: &str, moment: Moment, findings: &mut Findings) -> Option<Value> {
    let translator = match translator {
        Value::Null => return None,
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    let Some(object) = translator.as_object() else {
        findings.error(
            "wrong-translator",
            path,
            "the translator is no object; Data Factory takes an object or the JSON text of one",
        );
        return None;
    };
    for name in CHANGES {
        if get(object, name).is_some_and(asks_for_something) {
            let (severity, consequence) = match moment {
                Moment::Validate => (Severity::Warning, "a copy with it will not run"),
                Moment::Run { .. } => {
                    (Severity::Error, "remove it to copy all columns by name, or rename columns in the source's query")
                }
            };
            let message = format!("column mappings ('{name}') are not supported by Ropeway yet; {consequence}");
            findings.push(severity, "unsupported-translator", &property(path, name), message);
        }
    }
    if get(object, "typeConversion").is_some_and(|value| *value == Value::Bool(true)) && is_unusual(object) {
        let severity = if moment == (Moment::Run { strict: true }) { Severity::Error } else { Severity::Warning };
        let message =
            "'typeConversionSettings' is ignored: Ropeway keeps the source's types and never truncates a value"
                .to_owned();
        findings.push(severity, "ignored-property", &property(path, "typeConversionSettings"), message);
    }
    Some(translator)
}

fn asks_for_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    }
}

/// Whether the settings are others than those the user interface writes for every copy.
fn is_unusual(translator: &serde_json::Map<String, Value>) -> bool {
    let settings = get(translator, "typeConversionSettings").and_then(Value::as_object);
    settings.into_iter().flatten().any(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "allowdatatruncation" => false,
        "treatbooleanasnumber" => *value == Value::Bool(true),
        _ => asks_for_something(value),
    })
}
