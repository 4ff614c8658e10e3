//! Checking files and folders without running or connecting.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{
    binary,
    coverage::Coverage,
    definition::{Definition, Kind, PROPERTIES},
    diagnostic::{Diagnostic, Findings, Severity, element, property},
    expression::is_dynamic,
    factory::Factory,
    loader, reference, schema, skipping,
    support::{self, End, Moment},
    translator::{self, Reporter},
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
        let definition = Definition::new(envelope, &mut findings);
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
            activities(definition, factory, &mut findings);
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
    findings.into_vec()
}

fn activities(pipeline: &Definition, factory: Option<&Factory>, findings: &mut Findings) {
    let path = property(PROPERTIES, "activities");
    let activities = pipeline.properties.get("activities").and_then(Value::as_array).into_iter().flatten();
    for (index, activity) in activities.enumerate() {
        let path = element(&path, index);
        let type_name = activity.get("type").and_then(Value::as_str).unwrap_or_default();
        if type_name != "Copy" {
            let message =
                format!("Ropeway runs 'Copy' activities only; a pipeline with a {type_name} activity will not run");
            findings.warning("unsupported-activity", &property(&path, "type"), message);
            continue;
        }
        let Some(settings) = activity.get("typeProperties") else { continue };
        for end in [End::Source, End::Sink] {
            if let Some((path, message)) = factory.and_then(|factory| refused_end(activity, &path, end, factory)) {
                findings.warning("unsupported-type", &path, format!("{message}; this copy will not run"));
            }
        }
        let path = property(&path, "typeProperties");
        support::check(settings, "CopyActivityTypeProperties", &path, Moment::Validate, findings);
        skipping::check(settings, &path, factory, Moment::Validate, findings);
        binary::check(settings, &path, Moment::Validate, findings);
        let translator = settings.get("translator").filter(|value| value.is_object() && !is_dynamic(value));
        translator::mapping(translator, settings, &path, &mut Reporter { moment: Moment::Validate, findings });
    }
}

/// Why the types of one end of a copy do not go together, where they are known.
fn refused_end(activity: &Value, path: &str, end: End, factory: &Factory) -> Option<(String, String)> {
    let key = end.references();
    let path = element(&property(path, key), 0);
    let dataset = reference::read(activity.get(key)?.get(0)?, Kind::Dataset, &path)?;
    let dataset = factory.get(Kind::Dataset, &dataset.name)?;
    let service = reference::read(dataset.properties.get("linkedServiceName")?, Kind::LinkedService, &path)?;
    let service = factory.get(Kind::LinkedService, &service.name)?;
    let copy = activity.get("typeProperties")?.get(end.key())?.get("type")?.as_str()?;
    let message = support::refusal(end, service.type_name(), dataset.type_name(), copy)?;
    Some((path, message))
}
