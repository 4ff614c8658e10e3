//! Global parameters: of a factory that is a resource, and in resources of their own.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{definition::Refusal, envelope::Envelope, kind::Kind};

/// The global parameters of a template.
#[derive(Default)]
pub(super) struct Globals {
    parameters: Map<String, Value>,
    refusals: Vec<Refusal>,
}

impl Globals {
    /// Adds one with its evaluated specification, or why it has none.
    pub(super) fn add(&mut self, name: &str, specification: Value, refusals: Vec<Refusal>) {
        if refusals.is_empty() {
            self.parameters.insert(name.to_owned(), specification);
        }
        self.refusals.extend(refusals);
    }

    /// The definition that a factory in Git has for them; `None` without any.
    pub(super) fn envelope(self, template: &Path) -> Option<Envelope> {
        if self.parameters.is_empty() && self.refusals.is_empty() {
            return None;
        }
        let properties = json!({ "globalParameters": self.parameters });
        Some(Envelope {
            file: format!("{}#factory", template.display()).into(),
            kind: Kind::Other,
            folder: "factory",
            name: "factory".to_owned(),
            properties: properties.as_object().cloned().unwrap_or_default(),
            version_1: false,
            refusals: self.refusals,
            exported: true,
        })
    }
}
