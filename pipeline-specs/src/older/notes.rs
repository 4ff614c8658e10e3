//! What a conversion has to say.

use std::path::Path;

use crate::{
    definition::Refusal,
    diagnostic::{Diagnostic, Findings, Severity},
    support::Moment,
};

/// What a person reads of every definition in the dialect of version 1.
const CONVERTED: &str = "this is a definition of Data Factory version 1 (2014 to 2018), which is converted to version 2 in memory; paths \
                         in other messages are those of what became of it, which 'ropeway import' writes";

/// What has no equal in the form that a definition is brought to.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Path and message of what is left out.
    dropped: Vec<(String, String)>,
    /// Path and message of what cannot be left out.
    refused: Vec<(String, String)>,
}

impl Notes {
    /// Something that is left out, and what is copied stays the same.
    pub(crate) fn dropped(&mut self, path: &str, message: &str) {
        self.dropped.push((path.to_owned(), message.to_owned()));
    }

    /// Something that cannot be left out: nothing that reaches the definition may run.
    pub(crate) fn refused(&mut self, path: &str, message: impl Into<String>) {
        self.refused.push((path.to_owned(), message.into()));
    }

    /// As what there is to say of a whole definition of version 1, and why it does not run.
    pub(crate) fn of_version_1(self, file: &Path) -> (Vec<Diagnostic>, Vec<Refusal>) {
        let mut findings = Findings::new(file);
        findings.warning("version-1", "$", CONVERTED);
        for (path, message) in self.dropped {
            findings.warning("version-1-ignored", &path, message);
        }
        let refusal = |(path, message)| Refusal { path, code: "version-1-unsupported", message };
        (findings.into_vec(), self.refused.into_iter().map(refusal).collect())
    }

    /// As what there is to say of one copy of version 2.
    pub(crate) fn report(self, moment: Moment, findings: &mut Findings) {
        let ignored = if moment == (Moment::Run { strict: true }) { Severity::Error } else { Severity::Warning };
        for (path, message) in self.dropped {
            findings.push(ignored, "ignored-property", &path, message);
        }
        for (path, message) in self.refused {
            let (severity, message) = match moment {
                Moment::Validate => (Severity::Warning, format!("{message}; a copy with it will not run")),
                Moment::Run { .. } => (Severity::Error, message),
            };
            findings.push(severity, "unsupported-property", &path, message);
        }
    }
}
