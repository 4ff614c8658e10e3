//! References between definitions.

use serde_json::Value;

use crate::{
    definition::{Definition, Kind, PROPERTIES},
    diagnostic::{Diagnostic, Findings, element, property},
    factory::Factory,
};

/// A reference found in a definition.
#[derive(Debug, PartialEq)]
pub(crate) struct Reference<'d> {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The values it gives to the target's parameters, not evaluated.
    pub(crate) parameters: Option<&'d Value>,
    pub(crate) path: String,
}

/// Reads `{"referenceName": ..., "parameters": {...}}`, and the older plain name or `{"name": ...}`.
pub(crate) fn read<'d>(value: &'d Value, kind: Kind, path: &str) -> Option<Reference<'d>> {
    let name = match value {
        Value::String(name) => name,
        _ => value.get("referenceName").or_else(|| value.get("name"))?.as_str()?,
    };
    let parameters = value.get("parameters").filter(|parameters| !parameters.is_null());
    Some(Reference { kind, name: name.to_owned(), parameters, path: path.to_owned() })
}

/// Every dataset, linked service and pipeline that a definition refers to by a plain name.
pub(crate) fn all(definition: &Definition) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for (key, value) in &definition.properties {
        collect(value, key, &property(PROPERTIES, key), &mut found);
    }
    found.retain(|reference| !reference.name.contains('@'));
    found
}

/// Reports every reference to a definition that does not exist.
pub(crate) fn check(factory: &Factory, definition: &Definition) -> Vec<Diagnostic> {
    let mut findings = Findings::new(&definition.file);
    let is_refused = |path: &str| definition.refusals.iter().any(|refusal| refusal.path.starts_with(path));
    // A name that a template does not tell is missing already.
    for reference in all(definition).into_iter().filter(|reference| !is_refused(&reference.path)) {
        if factory.get(reference.kind, &reference.name).is_none() {
            let code = match reference.kind {
                Kind::Dataset => "missing-dataset",
                Kind::Pipeline => "missing-pipeline",
                _ => "missing-linked-service",
            };
            findings.error(code, &reference.path, factory.missing(reference.kind, &reference.name));
        }
    }
    findings.into_vec()
}

fn collect<'d>(value: &'d Value, key: &str, path: &str, found: &mut Vec<Reference<'d>>) {
    match (value, key) {
        (_, "linkedServiceName") if !value.is_null() => found.extend(read(value, Kind::LinkedService, path)),
        (Value::Array(items), "inputs" | "outputs") => {
            for (index, item) in items.iter().enumerate() {
                found.extend(read(item, Kind::Dataset, &element(path, index)));
            }
        }
        (Value::Object(_), _) if value.get("type").and_then(Value::as_str) == Some("DatasetReference") => {
            found.extend(read(value, Kind::Dataset, path));
        }
        (Value::Object(_), _) if value.get("type").and_then(Value::as_str) == Some("LinkedServiceReference") => {
            found.extend(read(value, Kind::LinkedService, path));
        }
        (Value::Object(_), _) if value.get("type").and_then(Value::as_str) == Some("PipelineReference") => {
            found.extend(read(value, Kind::Pipeline, path));
        }
        (Value::Object(object), _) => {
            for (key, item) in object {
                collect(item, key, &property(path, key), found);
            }
        }
        (Value::Array(items), _) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, "", &element(path, index), found);
            }
        }
        _ => {}
    }
}
