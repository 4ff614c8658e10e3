//! Loads definitions and secrets, and says what is wrong with them.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Diagnostic, Factory, Inputs, Secrets, Severity};

use crate::{
    request::Request,
    terminal::{self, Safe},
};

/// A pipeline with everything around it.
pub(crate) struct Definitions {
    pub(crate) factory: Factory,
    /// The pipeline's name.
    pub(crate) pipeline: String,
    pub(crate) inputs: Inputs,
    pub(crate) warnings: Vec<String>,
}

/// Loads what a request names. A run that is resumed gives the time of its first start again, for
/// expressions see it.
///
/// # Errors
/// [`ErrorKind::Spec`] after every problem was printed to standard error.
pub(crate) fn load(request: &Request, run: &str, started: DateTime<Utc>) -> Result<Definitions> {
    let mut inputs = Inputs::manual(run, started);
    inputs.parameters = request.parameters.clone();
    inputs.secrets = secrets(request.secrets.as_deref())?;
    inputs.strict = request.strict;
    let (factory, found) = Factory::load_for_pipeline(&request.pipeline, request.factory.as_deref());
    let warnings = accept(found, request.strict)?;
    let Some(pipeline) = factory.pipeline_in(&request.pipeline).map(str::to_owned) else {
        return Err(Error::new(
            ErrorKind::Spec,
            "there is no such pipeline; name a file with properties.activities, a template with one pipeline, or a pipeline of --factory",
        )
        .with("pipeline", request.pipeline.display())
        .with("pipelines of the factory", factory.pipelines().collect::<Vec<_>>().join(", ")));
    };
    Ok(Definitions { factory, pipeline, inputs, warnings })
}

/// The secrets of a file and of the environment.
///
/// # Errors
/// [`ErrorKind::Spec`] for a file that cannot be read or understood; its text is never shown.
pub(crate) fn secrets(file: Option<&Path>) -> Result<Secrets> {
    let secrets = match file {
        Some(file) => from_file(file)?,
        None => Secrets::default(),
    };
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Ok(secrets.with_environment(variables))
}

fn from_file(file: &Path) -> Result<Secrets> {
    let wrong = |message: String| Error::new(ErrorKind::Spec, message).with("file", file.display());
    let text = fs::read_to_string(file).map_err(|error| wrong(format!("the secrets file cannot be read: {error}")))?;
    if fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o077 != 0) {
        tracing::warn!(file = %file.display(), "others can read the secrets file; run chmod 600 on it");
    }
    Secrets::from_text(&text).map_err(|error| wrong(error.to_string()))
}

/// Takes what was found, if nothing of it is an error; gives the warnings.
///
/// # Errors
/// [`ErrorKind::Spec`] after every problem was printed to standard error.
pub(crate) fn accept(mut found: Vec<Diagnostic>, strict: bool) -> Result<Vec<String>> {
    if strict {
        found.iter_mut().for_each(|diagnostic| diagnostic.severity = Severity::Error);
    }
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(refuse(found));
    }
    Ok(found.iter().map(warning).collect())
}

/// Prints every problem and gives the error that ends the command.
pub(crate) fn refuse(mut found: Vec<Diagnostic>) -> Error {
    found.sort();
    found.dedup();
    found.iter_mut().for_each(|diagnostic| diagnostic.file = short(&diagnostic.file));
    for diagnostic in &found {
        terminal::remark(&Safe(diagnostic).to_string());
    }
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    let are = if errors == 1 { "is 1 error".to_owned() } else { format!("are {errors} errors") };
    Error::new(ErrorKind::Spec, format!("there {are} in the definitions; nothing was done"))
}

/// The error of an activity that cannot be done as it is written, with what is wrong: nobody may be there to read
/// anything else.
pub(crate) fn unfit(found: &[Diagnostic]) -> Error {
    let errors = found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    let texts: Vec<_> = errors.clone().map(warning).collect();
    let code = match errors.map(|diagnostic| diagnostic.code).next() {
        Some("expression" | "expression-not-yet") => "InvalidTemplate",
        Some("missing-property" | "missing-parameter") => "2103",
        Some("unsupported-type" | "unsupported-activity") => "2110",
        _ => "2104",
    };
    Error::new(ErrorKind::Spec, texts.join("; ")).code(code)
}

/// A warning without its severity, which the printer says.
pub(crate) fn warning(diagnostic: &Diagnostic) -> String {
    format!("{}: {}: {}", short(&diagnostic.file).display(), diagnostic.path, diagnostic.message)
}

/// The path as a person would type it here.
fn short(file: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    file.strip_prefix(here).unwrap_or(file).to_owned()
}
