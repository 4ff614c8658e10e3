//! Templates of the Azure Resource Manager, which the service exports factories as.
//!
//! A template is read without Azure: its parameters have the values of a file beside it or their defaults. A
//! definition that needs a value nobody gave loads under the name of what is missing, and does not run; a secret
//! that is missing is one that `--secrets` supplies.

mod call;
mod expression;
mod globals;
mod parameters;
mod repeat;
mod resource;
mod scope;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

pub(crate) use parameters::{given, is_for};

use self::{resource::Reader, scope::Scope};
use crate::{diagnostic::Findings, envelope::Envelope, schema::get};

/// A template as it is written.
pub(crate) struct Template {
    pub(crate) file: PathBuf,
    root: Map<String, Value>,
}

/// What a template takes from the files beside it.
pub(crate) struct Beside<'a> {
    /// The `parameters` of the parameter file, empty without one.
    pub(crate) parameters: Map<String, Value>,
    /// Reads a template that is linked to, by its file's name.
    pub(crate) linked: &'a dyn Fn(&str) -> Option<Map<String, Value>>,
}

/// Whether a file's object is a template.
pub(crate) fn is_template(root: &Map<String, Value>) -> bool {
    let schema = get(root, "$schema").and_then(Value::as_str).unwrap_or_default();
    schema.to_ascii_lowercase().contains("deploymenttemplate") && get(root, "resources").is_some()
}

impl Template {
    pub(crate) fn new(file: &Path, root: Map<String, Value>) -> Self {
        Self { file: file.to_path_buf(), root }
    }

    /// Its definitions, and those of templates in it and beside it.
    pub(crate) fn envelopes(&self, beside: &Beside<'_>, findings: &mut Findings) -> Vec<Envelope> {
        let mut reader = Reader::new(&self.file, beside, findings);
        reader.template(&self.root, &Scope::default(), &beside.parameters, 0);
        reader.finish()
    }

    /// The names of the files that it links to.
    pub(crate) fn links(&self) -> Vec<String> {
        resource::links(&self.root)
    }

    pub(crate) fn into_root(self) -> Map<String, Value> {
        self.root
    }
}

#[cfg(test)]
mod tests;
