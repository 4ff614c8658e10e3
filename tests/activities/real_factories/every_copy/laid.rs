//! A real factory as a person lays it out to plan it: what it does not bring along lies beside it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use ropeway_specs::{Severity, import};
use serde_json::{Map, Value, json};

use super::{
    given,
    stores::{End, masked, store},
    values::plain,
    world::World,
};
use crate::activities::real_factories::{blobs, real::Real, tables};

/// Data Factory's gallery of templates.
const GALLERY: &str = "Azure__Azure-DataFactory/templates/";

/// The factory with its definitions as version 2 has them.
pub(super) struct Laid {
    pub(super) real: Real,
    /// Where it is in the repositories.
    pub(super) folder: String,
    /// Why pipelines of it do not load.
    pub(super) refused: String,
    /// The definitions by folder and name in lower case.
    definitions: BTreeMap<(String, String), Value>,
}

/// One Copy of a factory.
pub(super) struct Copy {
    pub(super) pipeline: String,
    pub(super) name: String,
    pub(super) definition: Value,
    pub(super) ends: Ends,
}

/// What the ends of a Copy are.
pub(super) enum Ends {
    /// Stores that Ropeway has.
    Ropeways,
    /// At least one that Ropeway has not.
    Others,
    /// Nobody gives the dataset.
    Unknown,
    /// Whatever they are: a run leaves it out.
    Inactive,
}

impl Laid {
    /// Copies the factory of a folder and lays beside it what it refers to and lacks.
    pub(super) fn new(folder: &str, world: &World) -> Option<Self> {
        let real = match folder.strip_prefix(GALLERY).and_then(|name| Some((name, of_gallery(name)?))) {
            Some((name, parameters)) => {
                let real = Real::template(name)?;
                real.parameters(&parameters);
                real
            }
            None => {
                let real = Real::folder(folder)?;
                give_parameters(&real.root());
                real
            }
        };
        let (definitions, refused) = definitions(&real.root());
        let mut laid = Self { real, folder: folder.to_owned(), refused, definitions };
        for (name, parameters) in laid.lacking("dataset") {
            if let Some(dataset) = laid.end_of(&name).and_then(|copy| given::dataset(copy, &parameters)) {
                laid.add("dataset", &name, dataset);
            }
        }
        for (name, given) in laid.lacking("linkedService") {
            let mut service = masked(laid.type_of_service(&name).unwrap_or("HttpServer"));
            service["parameters"] = given.into_iter().map(|name| (name, json!({ "type": "String" }))).collect();
            laid.add("linkedService", &name, service);
        }
        for (name, _) in laid.lacking("pipeline") {
            laid.add("pipeline", &name, json!({ "activities": [] }));
        }
        let data = laid.real.workshop.data();
        let services = laid.definitions.iter().filter(|((folder, _), _)| folder == "linkedService");
        let secrets: Map<String, Value> = services
            .filter_map(|(_, service)| {
                let type_name = service["properties"]["type"].as_str()?;
                Some((service["name"].as_str()?.to_owned(), world.secrets(type_name, &data)?))
            })
            .collect();
        laid.real.secrets(&secrets.into());
        Some(laid)
    }

    /// Every Copy at any depth.
    pub(super) fn copies(&self) -> Vec<Copy> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let copy = |(pipeline, definition): (&Value, &Value)| Copy {
            pipeline: text(&pipeline["name"]),
            name: text(&definition["name"]),
            ends: self.ends(definition),
            definition: definition.clone(),
        };
        self.all_copies().into_iter().map(copy).collect()
    }

    /// Every Copy with its pipeline.
    fn all_copies(&self) -> Vec<(&Value, &Value)> {
        let mut all = Vec::new();
        for (_, pipeline) in self.definitions.iter().filter(|((folder, _), _)| folder == "pipeline") {
            let mut found = Vec::new();
            collect(&pipeline["properties"], &mut found);
            all.extend(found.into_iter().map(|copy| (pipeline, copy)));
        }
        all
    }

    /// The source or sink of the first Copy that this dataset is of.
    fn end_of(&self, dataset: &str) -> Option<&Value> {
        let is_it = |reference: &Value| {
            reference["referenceName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(dataset))
        };
        self.all_copies().into_iter().find_map(|(_, copy)| {
            let settings = &copy["typeProperties"];
            let end = |references: &str, key: &str| is_it(&copy[references][0]).then(|| &settings[key]);
            end("inputs", "source").or_else(|| end("outputs", "sink"))
        })
    }

    /// A pipeline as version 2 has it.
    pub(super) fn pipeline(&self, name: &str) -> &Value {
        self.get("pipeline", name).expect("one of the factory's pipelines")
    }

    fn ends(&self, copy: &Value) -> Ends {
        if copy["state"].as_str().is_some_and(|state| state.eq_ignore_ascii_case("inactive")) {
            return Ends::Inactive;
        }
        let settings = &copy["typeProperties"];
        let end = |references: &str, key: &str| {
            let name = copy[references][0]["referenceName"].as_str()?;
            let dataset = &self.get("dataset", name)?["properties"];
            let service = dataset["linkedServiceName"]["referenceName"].as_str();
            let service =
                service.and_then(|name| self.get("linkedService", name)).map(|service| &service["properties"]);
            Some(store(&End { dataset, service, copy: &settings[key], is_sink: key == "sink" }).is_some())
        };
        match (end("inputs", "source"), end("outputs", "sink")) {
            (Some(true), Some(true)) => Ends::Ropeways,
            (Some(false), _) | (_, Some(false)) => Ends::Others,
            _ => Ends::Unknown,
        }
    }

    fn get(&self, folder: &str, name: &str) -> Option<&Value> {
        self.definitions.get(&(folder.to_owned(), name.to_lowercase()))
    }

    fn add(&mut self, folder: &str, name: &str, properties: Value) {
        self.real.define(folder, name, &properties);
        let definition = json!({ "name": name, "properties": properties });
        self.definitions.insert((folder.to_owned(), name.to_lowercase()), definition);
    }

    /// Names of this kind that definitions refer to, and that none has, with the parameters that they give.
    fn lacking(&self, folder: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut names = BTreeMap::new();
        self.definitions.values().for_each(|definition| references(definition, folder, &mut names));
        names.retain(|name, _| self.get(folder, name).is_none());
        names
    }

    /// The type of linked service that the datasets on it need.
    fn type_of_service(&self, name: &str) -> Option<&'static str> {
        self.definitions.iter().filter(|((folder, _), _)| folder == "dataset").find_map(|(_, dataset)| {
            let dataset = &dataset["properties"];
            let is_there = dataset["linkedServiceName"]["referenceName"].as_str()?.eq_ignore_ascii_case(name);
            let end = End { dataset, service: None, copy: &Value::Null, is_sink: false };
            is_there.then(|| store(&end))?
        })
    }
}

/// What the gallery fills in where a template leaves the stores open.
fn of_gallery(name: &str) -> Option<Value> {
    Some(match name {
        "Bulk Copy from Database" => tables::of_sql_server(),
        "Copy multiple files containers between File Stores" => blobs::of_containers(),
        "Copy new files only by LastModifiedDate" => blobs::of_new_files(),
        "Delta copy from Database" => tables::of_new_rows(),
        "Move files" => blobs::of_moved_files(),
        _ => return None,
    })
}

/// Gives every parameter of a template that has no value its own name, as a container could have it.
fn give_parameters(root: &Path) {
    let mut files: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for found in import(root).diagnostics {
        if found.code == "missing-template-parameter" {
            let name = found.message.split('\'').nth(2).expect("a name").to_owned();
            let file = found.file.to_string_lossy();
            let (template, _) = file.split_once('#').expect("a part of a template");
            files.entry(template.to_owned()).or_default().insert(name.clone(), json!({ "value": plain(&name) }));
        }
    }
    for (template, parameters) in files {
        let file = template.strip_suffix(".json").expect("a template").to_owned() + ".parameters.json";
        let schema = "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#";
        let text = json!({ "$schema": schema, "contentVersion": "1.0.0.0", "parameters": parameters });
        fs::write(file, text.to_string()).expect("a writable folder");
    }
}

/// The definitions by folder and name in lower case, and why some do not load.
fn definitions(root: &Path) -> (BTreeMap<(String, String), Value>, String) {
    let named = |(file, definition): (PathBuf, Value)| {
        let folder = file.parent()?.to_str()?.to_owned();
        Some(((folder, definition["name"].as_str()?.to_lowercase()), definition))
    };
    let import = import(root);
    let errors = import.diagnostics.iter().filter(|found| found.severity == Severity::Error);
    (import.files.into_iter().filter_map(named).collect(), errors.map(ToString::to_string).collect())
}

/// Every Copy below a value.
fn collect<'v>(value: &'v Value, found: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            if members.get("type").and_then(Value::as_str) == Some("Copy") && members.contains_key("name") {
                return found.push(value);
            }
            members.values().for_each(|member| collect(member, found));
        }
        _ => {}
    }
}

/// The names that references to this kind of definition have, and the parameters that they give.
fn references(value: &Value, folder: &str, names: &mut BTreeMap<String, BTreeSet<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| references(item, folder, names)),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let is_one = text("type").is_some_and(|kind| kind.eq_ignore_ascii_case(&format!("{folder}Reference")));
            // Linked services of version 1 name another one as text.
            let named = text("linkedServiceName").filter(|_| folder == "linkedService");
            if let Some(name) = text("referenceName").filter(|_| is_one).or(named) {
                let given = members.get("parameters").and_then(Value::as_object).into_iter().flatten();
                names.entry(name.to_owned()).or_default().extend(given.map(|(name, _)| name.clone()));
            }
            members.values().for_each(|member| references(member, folder, names));
        }
        _ => {}
    }
}
