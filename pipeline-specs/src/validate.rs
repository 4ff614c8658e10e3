//! Checking files and folders without running or connecting.

mod activities;
mod older;

use std::path::{Path, PathBuf};

use serde_json::Value;

use activities::Around;

use crate::{
    coverage::Coverage,
    definition::{Definition, Kind, PROPERTIES},
    diagnostic::{Diagnostic, Findings, Severity, property},
    factory::Factory,
    loader, schema,
    support::{self, Moment},
};

/// What there is to say of some definitions.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    /// All problems, errors first per file, each once.
    pub diagnostics: Vec<Diagnostic>,
    /// One for each factory.
    pub coverage: Vec<Coverage>,
}

/// Checks pipelines (with what they refer to), other definition files, templates, and folders (every factory in them).
pub fn validate(paths: &[PathBuf]) -> Validation {
    let mut validation = Validation::default();
    for path in paths {
        one(path, &mut validation);
    }
    let diagnostics = &mut validation.diagnostics;
    diagnostics
        .sort_by(|a, b| (&a.file, a.severity, &a.path, &a.message).cmp(&(&b.file, b.severity, &b.path, &b.message)));
    diagnostics.dedup();
    validation
}

fn one(path: &Path, validation: &mut Validation) {
    if path.is_dir() {
        return folder(path, validation);
    }
    if loader::is_template(path) {
        return whole(path, validation);
    }
    let mut loaded = loader::load(&[path.to_path_buf()]);
    let Some(envelope) = loaded.envelopes.pop() else { return validation.diagnostics.extend(loaded.diagnostics) };
    let (factory, mut diagnostics) = if envelope.kind == Kind::Pipeline {
        let (factory, diagnostics) = Factory::load_for_pipeline(path, None);
        (factory.only_reached(path), diagnostics)
    } else {
        let mut findings = Findings::new(path);
        let definition = Definition::new(envelope, None, &mut findings);
        let refused = definition.refused(Severity::Warning);
        (Factory::alone(path, definition), [loaded.diagnostics, findings.into_vec(), refused].concat())
    };
    diagnostics.extend(factory.definitions().flat_map(|definition| unsupported(definition, Some(&factory))));
    validation.coverage.push(Coverage::of(&factory, &diagnostics));
    validation.diagnostics.extend(diagnostics);
}

fn folder(path: &Path, validation: &mut Validation) {
    // A folder of a factory means its factory, so that references are found.
    let factories = match Kind::of_folder(path) {
        Some(_) => {
            let named = path.parent().filter(|parent| *parent != Path::new(""));
            vec![named.map_or_else(|| path.join(".."), Path::to_path_buf)]
        }
        None => loader::factories_below(path),
    };
    if factories.is_empty() {
        let mut findings = Findings::new(path);
        findings.error(
            "no-factory",
            "$",
            "the folder holds no definitions; name a factory, a folder above factories, or a file",
        );
        validation.diagnostics.extend(findings.into_vec());
    }
    for root in factories {
        whole(&root, validation);
    }
}

fn whole(root: &Path, validation: &mut Validation) {
    let (factory, mut diagnostics) = Factory::load(root);
    diagnostics.extend(factory.definitions().flat_map(|definition| unsupported(definition, Some(&factory))));
    validation.coverage.push(Coverage::of(&factory, &diagnostics));
    validation.diagnostics.extend(diagnostics);
}

/// What of a definition Ropeway ignores or refuses to run.
fn unsupported(definition: &Definition, factory: Option<&Factory>) -> Vec<Diagnostic> {
    let mut findings = Findings::new(&definition.file);
    let family = match definition.kind {
        Kind::Pipeline => {
            let path = property(PROPERTIES, "activities");
            let values =
                definition.properties.get("activities").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            activities::check(values, &path, &Around { factory, containers: &[] }, &mut findings);
            return findings.into_vec();
        }
        Kind::Dataset => "Dataset",
        Kind::LinkedService => "LinkedService",
        Kind::Other => return Vec::new(),
    };
    if let Some(class) = schema::type_properties_class(family, definition.type_name()) {
        let path = property(PROPERTIES, "typeProperties");
        support::check(&definition.type_properties().into(), &class, &path, Moment::Validate, &mut findings);
    }
    if definition.kind == Kind::Dataset {
        older::dataset(definition, &mut findings);
    }
    findings.into_vec()
}
