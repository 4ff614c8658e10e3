//! Global parameters: what all pipelines of a factory know by name, as `pipeline().globalParameters.x`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    definition::PROPERTIES,
    diagnostic::{Diagnostic, Findings, property},
    envelope::Envelope,
    parameter::{Owner, values},
    schema::get,
};

/// The global parameters of a factory, with their values.
#[derive(Debug, Default)]
pub(crate) struct Globals(Map<String, Value>);

impl Globals {
    /// Takes those of a factory's own definition; another definition has none. One that is known already stays.
    pub(crate) fn take(&mut self, envelope: &Envelope, diagnostics: &mut Vec<Diagnostic>) {
        let Some(written) = get(&envelope.properties, "globalParameters").and_then(Value::as_object) else { return };
        let mut findings = Findings::new(&envelope.file);
        for refusal in &envelope.refusals {
            findings.warning(refusal.code, &refusal.path, refusal.message.clone());
        }
        let declared = written.iter().map(|(name, specification)| {
            let member = |key| specification.as_object().and_then(|it| get(it, key)).cloned().unwrap_or_default();
            (name.clone(), json!({ "type": member("type"), "defaultValue": member("value") }))
        });
        let declared = Value::Object(declared.collect());
        let path = property(PROPERTIES, "globalParameters");
        let owner = Owner { name: "the factory".to_owned(), path: &path };
        let read = values(Some(&declared), &BTreeMap::new(), &owner, &mut findings);
        for (name, value) in read.real {
            self.0.entry(name).or_insert(value);
        }
        diagnostics.extend(findings.into_vec());
    }

    /// What `pipeline().globalParameters` is.
    pub(crate) fn as_value(&self) -> Value {
        self.0.clone().into()
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
