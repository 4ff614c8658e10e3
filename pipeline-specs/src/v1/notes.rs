//! What a conversion has to say.

use std::path::Path;

use crate::{
    definition::Refusal,
    diagnostic::{Diagnostic, Findings},
};

/// What a person reads of every definition in the old dialect.
const CONVERTED: &str = "this is a definition of Data Factory version 1 (2014 to 2018), which is converted to version 2 in memory; paths \
                         in other messages are those of what became of it, which 'ropeway import' writes";

/// Why a definition that has no equal does not run.
const REFUSED: &str = "version-1-unsupported";

/// The warnings and refusals of one definition.
pub(super) struct Notes {
    findings: Findings,
    refusals: Vec<Refusal>,
}

impl Notes {
    pub(super) fn new(file: &Path) -> Self {
        let mut findings = Findings::new(file);
        findings.warning("version-1", "$", CONVERTED);
        Self { findings, refusals: Vec::new() }
    }

    /// Something that is left out, and what is copied stays the same.
    pub(super) fn dropped(&mut self, path: &str, message: &str) {
        self.findings.warning("version-1-ignored", path, message);
    }

    /// Something that cannot be left out: nothing that reaches the definition may run.
    pub(super) fn refused(&mut self, path: &str, message: impl Into<String>) {
        self.refusals.push(Refusal { path: path.to_owned(), code: REFUSED, message: message.into() });
    }

    pub(super) fn finish(self) -> (Vec<Diagnostic>, Vec<Refusal>) {
        (self.findings.into_vec(), self.refusals)
    }
}
