//! `ropeway validate`: every problem of definitions, and how much of them runs, without any connection.

mod coverage;

use ropeway_engine::{ErrorKind, Result};
use ropeway_specs::{Diagnostic, Severity, Validation};
use serde_json::{Value, json};

use crate::{
    args::{OutputShape, ValidateArgs},
    exit_code, request,
    terminal::{self, Safe},
};

/// Prints all diagnostics, the coverage and how many problems there are; exit code 2 says that some are errors.
pub(crate) fn perform(args: &ValidateArgs) -> Result<u8> {
    if let Some(missing) = args.paths.iter().find(|path| !path.exists()) {
        return request::existing("path", missing).map(|_| exit_code::SUCCEEDED);
    }
    let mut found = ropeway_specs::validate(&args.paths);
    if args.strict {
        found.diagnostics.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Error);
    }
    let errors = found.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    terminal::result(&match args.output.output {
        OutputShape::Text => text(&found, errors),
        OutputShape::Json => format!(
            "{:#}\n",
            json!({
                "valid": errors == 0,
                "diagnostics": found.diagnostics.iter().map(document).collect::<Vec<_>>(),
                "coverage": found.coverage.iter().map(coverage::document).collect::<Vec<_>>(),
            })
        ),
    })?;
    Ok(if errors == 0 { exit_code::SUCCEEDED } else { exit_code::of(ErrorKind::Spec) })
}

fn text(found: &Validation, errors: usize) -> String {
    let lines: String = found.diagnostics.iter().map(|diagnostic| format!("{}\n", Safe(diagnostic))).collect();
    let tables: String = found.coverage.iter().map(coverage::text).collect();
    format!("{lines}{tables}{}\n", counted(found.diagnostics.len(), errors))
}

/// `1 error, 2 warnings`.
pub(super) fn counted(all: usize, errors: usize) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!("{}, {}", counted(errors, "error"), counted(all - errors, "warning"))
}

/// A diagnostic as JSON.
pub(super) fn document(diagnostic: &Diagnostic) -> Value {
    json!({
        "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
        "file": diagnostic.file,
        "path": diagnostic.path,
        "code": diagnostic.code,
        "message": diagnostic.message,
    })
}
