//! How much of a factory Ropeway runs, and what of it has no effect or keeps it from running.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    definition::{Definition, PROPERTIES},
    diagnostic::{Diagnostic, Severity, element, property},
    factory::Factory,
    kind::Kind,
    loader::Files,
    reference,
};

/// The coverage of one factory.
#[derive(Clone, Debug)]
pub struct Coverage {
    /// Its folder or template.
    pub factory: PathBuf,
    /// Its JSON files.
    pub files: Files,
    /// How many pipelines, datasets, linked services and other definitions were loaded.
    pub definitions: BTreeMap<&'static str, usize>,
    /// Pipelines, each with everything that it reaches.
    pub pipelines: Runnable,
    /// Copy activities at any depth, each with its datasets and their linked services.
    pub copies: Runnable,
    /// What is ignored or refused, and why: the most frequent first.
    pub left_out: Vec<LeftOut>,
}

/// How many there are and how many of them run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runnable {
    /// All that were loaded.
    pub loaded: usize,
    /// Those of which nothing is wrong and nothing refused.
    pub runnable: usize,
}

/// One thing that is ignored or refused, wherever it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// True where what has it does not run, false where it has no effect.
    pub refused: bool,
    /// See [`Diagnostic::code`].
    pub code: &'static str,
    /// Which, and why.
    pub message: String,
    /// File and JSON path of each.
    pub places: Vec<(PathBuf, String)>,
}

/// What keeps a definition that loads from running.
const REFUSED: [&str; 9] = [
    "unsupported-activity",
    "unsupported-type",
    "unsupported-property",
    "unknown-type",
    "missing-property",
    "version-1-unsupported",
    "missing-template-parameter",
    "template-function",
    "template-expression",
];
/// What has no effect.
const IGNORED: [&str; 4] = ["ignored-property", "unknown-property", "version-1-ignored", "template-resource"];

impl Coverage {
    /// Of what was found in a factory.
    pub(crate) fn of(factory: &Factory, diagnostics: &[Diagnostic]) -> Self {
        let mut refusing: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for diagnostic in diagnostics.iter().filter(|diagnostic| is_refusing(diagnostic)) {
            refusing.entry(&diagnostic.file).or_default().push(&diagnostic.path);
        }
        let pipelines: Vec<&Definition> =
            factory.definitions().filter(|definition| definition.kind == Kind::Pipeline).collect();
        let runs = |definition: &Definition| {
            factory.reached_by(definition).iter().all(|file| !refusing.contains_key(file.as_path()))
        };
        let runnable = pipelines.iter().filter(|pipeline| runs(pipeline)).count();
        let kinds = [Kind::Pipeline, Kind::Dataset, Kind::LinkedService, Kind::Other];
        let names = ["pipelines", "datasets", "linkedServices", "others"];
        Self {
            factory: factory.root().to_path_buf(),
            files: factory.files(),
            definitions: names.into_iter().zip(kinds.map(|kind| factory.count(kind))).collect(),
            pipelines: Runnable { loaded: pipelines.len(), runnable },
            copies: copies(factory, &pipelines, &refusing),
            left_out: left_out(diagnostics),
        }
    }
}

fn is_refusing(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Error || REFUSED.contains(&diagnostic.code)
}

fn copies(factory: &Factory, pipelines: &[&Definition], refusing: &BTreeMap<&Path, Vec<&str>>) -> Runnable {
    let mut counted = Runnable::default();
    for pipeline in pipelines {
        let own = refusing.get(pipeline.file.as_path()).map_or(&[][..], Vec::as_slice);
        let mut found = Vec::new();
        if let Some(activities) = pipeline.properties.get("activities") {
            collect(activities, &property(PROPERTIES, "activities"), &mut found);
        }
        for (path, copy) in found {
            let reached: BTreeSet<PathBuf> = ["inputs", "outputs"]
                .iter()
                .filter_map(|end| reference::read(copy.get(*end)?.get(0)?, Kind::Dataset, &path))
                .filter_map(|dataset| factory.get(Kind::Dataset, &dataset.name))
                .flat_map(|dataset| factory.reached_by(dataset))
                .collect();
            let refused = own.iter().any(|place| place.starts_with(&path) || *place == "$")
                || reached.iter().any(|file| refusing.contains_key(file.as_path()));
            counted.loaded += 1;
            counted.runnable += usize::from(!refused);
        }
    }
    counted
}

/// Every Copy below a value, with its path.
fn collect<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, &element(path, index), found);
            }
        }
        Value::Object(members) => {
            let is_copy = members.get("type").and_then(Value::as_str) == Some("Copy") && members.contains_key("name");
            if is_copy {
                return found.push((path.to_owned(), value));
            }
            for (name, member) in members {
                collect(member, &property(path, name), found);
            }
        }
        _ => {}
    }
}

fn left_out(diagnostics: &[Diagnostic]) -> Vec<LeftOut> {
    let mut found: BTreeMap<(&'static str, &str), LeftOut> = BTreeMap::new();
    for diagnostic in diagnostics {
        let Diagnostic { code, message, file, path, .. } = diagnostic;
        let refused = REFUSED.contains(code);
        if refused || IGNORED.contains(code) {
            let new = || LeftOut { refused, code, message: message.clone(), places: Vec::new() };
            found.entry((code, message)).or_insert_with(new).places.push((file.clone(), path.clone()));
        }
    }
    let mut all: Vec<LeftOut> = found.into_values().collect();
    all.sort_by_key(|one| (one.refused, std::cmp::Reverse(one.places.len())));
    all
}
