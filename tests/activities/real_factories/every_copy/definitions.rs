//! The definitions of a factory as version 2 has them, whatever dialect they are written in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use ropeway_specs::{Severity, import};
use serde_json::Value;

pub(super) struct Definitions {
    /// By folder and name in lower case.
    all: BTreeMap<(String, String), Value>,
    /// Why some are not among them.
    pub(super) refused: String,
}

impl Definitions {
    pub(super) fn of(root: &Path) -> Self {
        let named = |(file, definition): (PathBuf, Value)| {
            let folder = file.parent()?.to_str()?.to_owned();
            Some(((folder, definition["name"].as_str()?.to_lowercase()), definition))
        };
        let import = import(root);
        let errors = import.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let refused = errors.map(ToString::to_string).collect();
        Self { all: import.files.into_iter().filter_map(named).collect(), refused }
    }

    pub(super) fn add(&mut self, folder: &str, name: &str, definition: Value) {
        self.all.insert((folder.to_owned(), name.to_lowercase()), definition);
    }

    pub(super) fn get(&self, folder: &str, name: &str) -> Option<&Value> {
        self.all.get(&(folder.to_owned(), name.to_lowercase()))
    }

    /// Those of a folder.
    pub(super) fn in_folder(&self, folder: &str) -> impl Iterator<Item = &Value> {
        self.all.iter().filter(move |((own, _), _)| own == folder).map(|(_, definition)| definition)
    }

    /// Every Copy at any depth, with its pipeline.
    pub(super) fn copies(&self) -> Vec<(&Value, &Value)> {
        let mut all = Vec::new();
        for pipeline in self.in_folder("pipeline") {
            let mut found = Vec::new();
            collect_copies(&pipeline["properties"], &mut found);
            all.extend(found.into_iter().map(|copy| (pipeline, copy)));
        }
        all
    }

    /// Names of this kind that definitions refer to, and that none has, with the parameters that they give.
    pub(super) fn lacking(&self, folder: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut names = BTreeMap::new();
        self.all.values().for_each(|definition| collect_references(definition, folder, &mut names));
        names.retain(|name, _| self.get(folder, name).is_none());
        names
    }
}

fn collect_copies<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_copies(item, found)),
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("Copy") && members.contains_key("name") {
                return found.push(value);
            }
            members.values().for_each(|member| collect_copies(member, found));
        }
        _ => {}
    }
}

fn collect_references(value: &Value, folder: &str, names: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, folder, names)),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let is_one = text("type").is_some_and(|kind| kind.eq_ignore_ascii_case(&format!("{folder}Reference")));
            // Linked services of version 1 name another one as text.
            let named = text("linkedServiceName").filter(|_| folder == "linkedService");
            if let Some(name) = text("referenceName").filter(|_| is_one).or(named) {
                let given = members.get("parameters").and_then(Value::as_object).into_iter().flatten();
                names.entry(name.to_owned()).or_default().extend(given.map(|(name, _)| name.clone()));
            }
            members.values().for_each(|member| collect_references(member, folder, names));
        }
        _ => {}
    }
}
