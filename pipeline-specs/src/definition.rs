//! A definition as the rest of this crate reads it: its properties normalised, its expressions parsed.

use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::{
    diagnostic::{Diagnostic, Findings, Severity},
    envelope::Envelope,
    expression::{self, Declared},
    globals::Globals,
    schema,
};

pub(crate) use crate::kind::Kind;

/// A definition with canonical keys, nothing evaluated.
#[derive(Debug)]
pub(crate) struct Definition {
    /// The file it stands in; for a resource of a template, the template and the resource in it.
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) properties: Map<String, Value>,
    /// Why nothing that reaches this definition may run.
    pub(crate) refusals: Vec<Refusal>,
}

/// Something of a definition that has no equal here: it loads, and does not run.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) path: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Where the properties of a definition are, in every diagnostic about them.
pub(crate) const PROPERTIES: &str = "$.properties";

impl Definition {
    /// Brings keys to Data Factory's spelling and checks what needs no other definition but the factory's global parameters,
    /// where they are known.
    pub(crate) fn new(envelope: Envelope, globals: Option<&Globals>, findings: &mut Findings) -> Self {
        let Envelope { file, kind, name, properties, refusals, .. } = envelope;
        let properties = match kind.class() {
            Some(class) => normalise((properties, kind, class), globals, findings),
            None => properties,
        };
        Self { file, kind, name, properties, refusals }
    }

    /// The `type` of a dataset or linked service, empty when missing.
    pub(crate) fn type_name(&self) -> &str {
        self.properties.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn type_properties(&self) -> Map<String, Value> {
        self.properties.get("typeProperties").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// The refusals: errors for what is to run, warnings otherwise.
    pub(crate) fn refused(&self, severity: Severity) -> Vec<Diagnostic> {
        let mut findings = Findings::new(&self.file);
        for Refusal { path, code, message } in &self.refusals {
            findings.push(severity, code, path, message.clone());
        }
        findings.into_vec()
    }
}

fn normalise(
    (properties, kind, class): (Map<String, Value>, Kind, &str),
    globals: Option<&Globals>,
    findings: &mut Findings,
) -> Map<String, Value> {
    let normal = schema::normalise(&Value::Object(properties), class, PROPERTIES, findings);
    // A linked service holds secrets, and a password begins with '@' as it likes. Parameters that a template does not
    // tell may be any.
    let is_known = |parameters: &Value| !parameters.is_string();
    if kind != Kind::LinkedService && normal.get("parameters").is_none_or(is_known) {
        let parameters = normal.get("parameters").and_then(Value::as_object).into_iter().flatten();
        let root = if kind == Kind::Dataset { "dataset" } else { "pipeline" };
        let parameters = parameters.map(|(name, _)| name.as_str()).collect();
        let declared = Declared { root, parameters, globals: globals.map(Globals::names) };
        expression::check_tree(&normal, &declared, PROPERTIES, findings);
    }
    match normal {
        Value::Object(normal) => normal,
        _ => Map::new(),
    }
}
