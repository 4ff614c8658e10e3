//! What is wrong with a definition, where, and what to do next.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// One problem of one file. All problems are collected; none stops the others from being found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// Whether it stops a run.
    pub severity: Severity,
    /// The file, as the caller named it or as it was found below the caller's folder.
    pub file: PathBuf,
    /// The JSON path, such as `$.properties.activities[0].typeProperties.sink`.
    pub path: String,
    /// What is wrong and what to do next. It never holds a secret.
    pub message: String,
    /// A stable name of the kind of problem, for scripts.
    pub code: &'static str,
}

/// The code of an expression that asks too early.
pub(crate) const NOT_YET: &str = "expression-not-yet";

impl Diagnostic {
    /// Whether an expression asks for what a run may have later: `item()`, or the outcome of an activity.
    pub fn is_early(&self) -> bool {
        self.code == NOT_YET
    }

    /// Whether it is about something that Ropeway does not do, whatever the values of a run.
    pub fn is_refused(&self) -> bool {
        let is_refusal = matches!(self.code, "unsupported-activity" | "unsupported-property" | "unsupported-type");
        is_refusal && self.severity == Severity::Error
    }
}

/// Whether a [`Diagnostic`] stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition cannot run as it is written.
    Error,
    /// The definition runs, and something about it is worth a look.
    Warning,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(out, "{}: {}: {severity}: {}", self.file.display(), self.path, self.message)
    }
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Findings {
    file: PathBuf,
    found: Vec<Diagnostic>,
}

impl Findings {
    pub(crate) fn new(file: &Path) -> Self {
        Self { file: file.to_path_buf(), found: Vec::new() }
    }

    /// For findings that nobody reads.
    pub(crate) fn silent() -> Self {
        Self::new(Path::new(""))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.push(Severity::Error, code, path, message.into());
    }

    pub(crate) fn warning(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        self.push(Severity::Warning, code, path, message.into());
    }

    pub(crate) fn push(&mut self, severity: Severity, code: &'static str, path: &str, message: String) {
        self.found.push(Diagnostic {
            severity,
            file: self.file.clone(),
            path: path.to_owned(),
            message: printable(&message),
            code,
        });
    }

    /// Takes over what was found in another file.
    pub(crate) fn absorb(&mut self, other: Vec<Diagnostic>) {
        self.found.extend(other);
    }

    pub(crate) fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }

    /// The value when nothing found so far is an error, and otherwise everything found.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<Diagnostic>), Vec<Diagnostic>> {
        match value {
            Some(value) if !has_errors(&self.found) => Ok((value, self.found)),
            _ => Err(self.found),
        }
    }
}

pub(crate) fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// The JSON path of a property: `$.a.b`, or `$.a['odd name']` where a dot would mislead.
pub(crate) fn property(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    if plain { format!("{path}.{name}") } else { format!("{path}['{}']", printable(name)) }
}

/// The JSON path of an array element.
pub(crate) fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

/// The names as a person lists them: `'a', 'b'`, or `none`.
pub(crate) fn list<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("'{}'", name.as_ref())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The name among `known` that was probably meant.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let length = name.chars().count();
    let most = |candidate: &str| 1 + candidate.len().min(name.len()) / 6;
    known
        .into_iter()
        // What differs more in length is not meant, and comparing it would take memory for both lengths multiplied: a
        // hostile name is long, and a large factory has many.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= most(candidate))
        .map(|candidate| (strsim::damerau_levenshtein(&name, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= most(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Definitions are hostile until checked: a control character in a name must not reach a terminal.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_like_a_compiler_message() {
        let mut findings = Findings::new(Path::new("pipeline/X.json"));
        findings.error("x", &property(&element("$.a", 0), "b c"), "broken\u{1b}[31m");
        assert_eq!(findings.into_vec()[0].to_string(), "pipeline/X.json: $.a[0]['b c']: error: broken\\u{1b}[31m");
    }

    #[test]
    fn suggests_close_names_only() {
        let known = ["sqlReaderQuery", "queryTimeout", "type"];
        assert_eq!(closest("sqlReaderQeury", known), Some("sqlReaderQuery"));
        assert_eq!(closest("tpye", known), Some("type"));
        assert_eq!(closest("partitionOption", known), None);
        assert_eq!(closest("query", known), None);
    }
}
