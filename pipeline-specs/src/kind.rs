//! The kinds of definitions, and how a folder, a resource or a definition itself tells which one it is.

use std::path::Path;

use serde_json::{Map, Value};

use crate::schema::{self, get};

/// What a definition defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Pipeline,
    Dataset,
    LinkedService,
    /// Triggers, integration runtimes, data flows: part of a factory, not of a copy.
    Other,
}

/// The folders of Data Factory's Git layout, what else they are called in repositories, in templates and in version 1,
/// and what they hold.
const FOLDERS: [(&str, &[&str], Kind); 9] = [
    ("pipeline", &["pipelines", "datapipelines"], Kind::Pipeline),
    ("dataset", &["datasets", "tables"], Kind::Dataset),
    ("linkedService", &["linkedservices"], Kind::LinkedService),
    ("trigger", &["triggers"], Kind::Other),
    ("integrationRuntime", &["integrationruntimes", "gateways"], Kind::Other),
    ("dataflow", &["dataflows"], Kind::Other),
    ("factory", &[], Kind::Other),
    ("credential", &["credentials"], Kind::Other),
    ("managedVirtualNetwork", &["managedvirtualnetworks"], Kind::Other),
];

impl Kind {
    /// The kind that a folder of Data Factory's Git layout holds.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        Self::named(folder.file_name()?.to_str()?).map(|(kind, _)| kind)
    }

    /// The kind of the resources of a template that have a type which ends like this, and their folder in Git.
    pub(crate) fn named(plural: &str) -> Option<(Self, &'static str)> {
        let is_named = |name: &&str| name.eq_ignore_ascii_case(plural);
        let row = FOLDERS.iter().find(|(name, others, _)| is_named(name) || others.iter().any(is_named));
        row.map(|(name, _, kind)| (*kind, *name))
    }

    /// The folder of Data Factory's Git layout; there are several for [`Kind::Other`].
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Pipeline => "pipeline",
            Self::Dataset => "dataset",
            Self::LinkedService => "linkedService",
            Self::Other => "",
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

    pub(crate) fn class(self) -> Option<&'static str> {
        match self {
            Self::Pipeline => Some("Pipeline"),
            Self::Dataset => Some("Dataset"),
            Self::LinkedService => Some("LinkedService"),
            Self::Other => None,
        }
    }

    /// From the shape of the properties, for files that lie in no telling folder.
    pub(crate) fn of_properties(properties: &Map<String, Value>) -> Self {
        let has = |name| get(properties, name).is_some();
        let type_name = get(properties, "type").and_then(Value::as_str).unwrap_or_default();
        if has("activities") {
            Self::Pipeline
        } else if type_name.ends_with("LinkedService") {
            Self::LinkedService
        } else if has("linkedServiceName") || get(properties, "location").is_some_and(Value::is_object) {
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
