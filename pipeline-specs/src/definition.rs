//! One file of a factory: its envelope read, its properties normalised, its expressions parsed.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{
    diagnostic::{Diagnostic, Findings},
    expression::{self, Declared},
    json,
    schema::{self, get},
};

/// A definition as the rest of this crate reads it: canonical keys, nothing evaluated.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) file: PathBuf,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) properties: Map<String, Value>,
    /// Whether it is written in the dialect of 2014 to 2018; then keys are as they were written.
    pub(crate) version_1: bool,
}

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pipeline,
    Dataset,
    LinkedService,
    /// Triggers, integration runtimes, data flows: part of a factory, not of a copy.
    Other,
}

/// Where the properties of a definition are, in every diagnostic about them.
pub(crate) const PROPERTIES: &str = "$.properties";

impl Kind {
    /// The kind that a folder of Data Factory's Git layout holds.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        match folder.file_name()?.to_str()?.to_ascii_lowercase().as_str() {
            "pipeline" | "pipelines" => Some(Self::Pipeline),
            "dataset" | "datasets" | "tables" => Some(Self::Dataset),
            "linkedservice" | "linkedservices" => Some(Self::LinkedService),
            "trigger"
            | "triggers"
            | "integrationruntime"
            | "integrationruntimes"
            | "dataflow"
            | "dataflows"
            | "factory"
            | "credential"
            | "managedvirtualnetwork" => Some(Self::Other),
            _ => None,
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Dataset => "dataset",
            Self::LinkedService => "linked service",
            Self::Other => "definition",
        }
    }

    fn class(self) -> Option<&'static str> {
        match self {
            Self::Pipeline => Some("Pipeline"),
            Self::Dataset => Some("Dataset"),
            Self::LinkedService => Some("LinkedService"),
            Self::Other => None,
        }
    }

    /// From the shape of the properties, for files that lie in no telling folder.
    fn of_properties(properties: &Map<String, Value>) -> Self {
        let has = |name| get(properties, name).is_some();
        let type_name = get(properties, "type").and_then(Value::as_str).unwrap_or_default();
        if has("activities") {
            Self::Pipeline
        } else if has("linkedServiceName") {
            Self::Dataset
        } else if schema::canonical_type("LinkedService", type_name).is_some()
            || (has("typeProperties") && !has("pipelines") && !has("pipeline") && type_name.starts_with("OnPremises"))
        {
            Self::LinkedService
        } else {
            Self::Other
        }
    }
}

/// Reads a file's text. `None` when it holds no definition; the diagnostics say why.
pub(crate) fn read(file: &Path, text: &str) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut findings = Findings::new(file);
    let definition = json::parse(text, &mut findings).and_then(|value| envelope(file, &value, &mut findings));
    (definition, findings.into_vec())
}

fn envelope(file: &Path, value: &Value, findings: &mut Findings) -> Option<Definition> {
    let folder_kind = file.parent().and_then(Kind::of_folder);
    let Some(root) = value.as_object() else {
        findings.error("not-a-definition", "$", "a definition is a JSON object with 'name' and 'properties'");
        return None;
    };
    let Some(properties) = get(root, "properties").and_then(Value::as_object) else {
        // A package.json or a publish_config.json beside the definitions is nobody's mistake.
        if folder_kind.is_some_and(|kind| kind != Kind::Other) {
            findings.error(
                "not-a-definition",
                "$",
                "'properties' is missing; a definition is {\"name\": ..., \"properties\": {...}}",
            );
        }
        return None;
    };
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = match get(root, "name").and_then(Value::as_str) {
        Some(name) => name.to_owned(),
        None => {
            findings.warning("missing-name", "$", format!("'name' is missing; the file's name '{stem}' is used"));
            stem
        }
    };
    let kind = folder_kind.unwrap_or_else(|| Kind::of_properties(properties));
    let version_1 = is_version_1(root, properties);
    let definition = |properties| Some(Definition { file: file.to_path_buf(), kind, name, properties, version_1 });
    let Some(class) = kind.class() else { return definition(properties.clone()) };
    if version_1 {
        findings.warning("version-1", "$", VERSION_1);
        return definition(properties.clone());
    }
    let normal = schema::normalise(&Value::Object(properties.clone()), class, PROPERTIES, findings);
    // A linked service holds secrets, and a password begins with '@' as it likes.
    if kind != Kind::LinkedService {
        let parameters = normal.get("parameters").and_then(Value::as_object).into_iter().flatten();
        let root = if kind == Kind::Dataset { "dataset" } else { "pipeline" };
        let declared = Declared { root, parameters: parameters.map(|(name, _)| name.as_str()).collect() };
        expression::check_tree(&normal, &declared, PROPERTIES, findings);
    }
    let Value::Object(properties) = normal else { return None };
    definition(properties)
}

/// What is said of a definition in the old dialect.
pub(crate) const VERSION_1: &str = "this is a definition of Data Factory version 1 (2014 to 2018), with slices instead of \
                                    triggers, which Ropeway does not run yet; convert it to version 2";

/// Version 1 is told by what version 2 has no more: schedules, gateways, references by plain name.
fn is_version_1(root: &Map<String, Value>, properties: &Map<String, Value>) -> bool {
    let schema = get(root, "$schema").and_then(Value::as_str).unwrap_or_default();
    let type_name = get(properties, "type").and_then(Value::as_str).unwrap_or_default();
    let has = |name| get(properties, name).is_some();
    let plain_reference = get(properties, "linkedServiceName").is_some_and(Value::is_string);
    let first_location = !has("typeProperties") && get(properties, "location").is_some_and(Value::is_object);
    schema.contains("2015-")
        || type_name.starts_with("OnPremises")
        || type_name.ends_with("LinkedService")
        || (has("activities") && has("start") && has("end"))
        || has("availability")
        || has("hubName")
        || plain_reference
        || first_location
        || get(properties, "activities")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(is_version_1_activity))
}

/// Its types and its references by `name` have no other reading.
fn is_version_1_activity(activity: &Value) -> bool {
    let member = |name| activity.as_object().and_then(|object| get(object, name));
    let type_name = member("type").and_then(Value::as_str).unwrap_or_default();
    let by_name = |end: Option<&Value>| {
        let ends = end.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
        ends.clone().any(|end| get(end, "name").is_some() && get(end, "referenceName").is_none())
    };
    matches!(type_name, "CopyActivity" | "CustomActivity" | "HDInsightActivity" | "DotNetActivity")
        || by_name(member("inputs"))
        || by_name(member("outputs"))
}

impl Definition {
    /// The `type` of a dataset or linked service, empty when missing.
    pub(crate) fn type_name(&self) -> &str {
        self.properties.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn type_properties(&self) -> Map<String, Value> {
        self.properties.get("typeProperties").and_then(Value::as_object).cloned().unwrap_or_default()
    }
}
