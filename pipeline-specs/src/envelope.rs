//! What a file defines: its name, its kind and its properties, as they are written.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{arm, definition::Refusal, diagnostic::Findings, kind::Kind, schema::get, v1};

/// A definition whose properties nobody has looked at yet.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// See [`crate::definition::Definition::file`].
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
    /// Its folder in Data Factory's Git layout.
    pub(crate) folder: &'static str,
    pub(crate) name: String,
    pub(crate) properties: Map<String, Value>,
    /// Whether it is written in the dialect of 2014 to 2018.
    pub(crate) version_1: bool,
    pub(crate) refusals: Vec<Refusal>,
    /// Whether it is a resource of a template; a file of its own is preferred.
    pub(crate) exported: bool,
}

/// What a file's JSON is.
pub(crate) enum Content {
    /// One definition.
    Definition(Envelope),
    /// A template of the resource manager, which holds several.
    Template(arm::Template),
}

/// Tells what a file's value is. `None` when it is nothing of a factory; the findings say why where that is a mistake.
pub(crate) fn read(file: &Path, value: Value, findings: &mut Findings) -> Option<Content> {
    let folder_kind = file.parent().and_then(Kind::of_folder);
    let Value::Object(root) = value else {
        findings.error("not-a-definition", "$", "a definition is a JSON object with 'name' and 'properties'");
        return None;
    };
    if arm::is_template(&root) {
        return Some(Content::Template(arm::Template::new(file, root)));
    }
    let expected = folder_kind.is_some_and(|kind| kind != Kind::Other);
    let Some(properties) = get(&root, "properties").and_then(Value::as_object) else {
        if expected && is_bare(&root) {
            findings.warning(
                "bare-properties",
                "$",
                "the file holds the properties of a definition without 'name' and 'properties' around them; they are taken, under the file's name",
            );
            return Some(Content::Definition(envelope(file, stem(file), &Map::new(), root)));
        }
        // A package.json or a publish_config.json beside the definitions is nobody's mistake.
        if expected {
            findings.error(
                "not-a-definition",
                "$",
                "'properties' is missing; a definition is {\"name\": ..., \"properties\": {...}}",
            );
        }
        return None;
    };
    let name = match get(&root, "name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => {
            let stem = stem(file);
            findings.warning("missing-name", "$", format!("'name' is missing; the file's name '{stem}' is used"));
            stem
        }
    };
    Some(Content::Definition(envelope(file, name, &root, properties.clone())))
}

fn envelope(file: &Path, name: String, root: &Map<String, Value>, properties: Map<String, Value>) -> Envelope {
    let kind = file.parent().and_then(Kind::of_folder).unwrap_or_else(|| Kind::of_properties(&properties));
    let version_1 = v1::is_version_1(root, &properties);
    Envelope {
        file: file.to_path_buf(),
        kind,
        folder: kind.folder(),
        name,
        properties,
        version_1,
        refusals: Vec::new(),
        exported: false,
    }
}

/// What some repositories keep: the properties alone.
fn is_bare(root: &Map<String, Value>) -> bool {
    let has = |name| get(root, name).is_some();
    has("activities") || (get(root, "type").is_some_and(Value::is_string) && has("typeProperties"))
}

fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
