//! A real factory as a person lays it out to plan it: what it does not bring along lies beside it.

use serde_json::{Map, Value, json};

use super::{
    definitions::Definitions,
    given,
    stores::{End, masked, store},
    templates,
    world::World,
};
use crate::activities::real_factories::real::Real;

pub(super) struct Laid {
    pub(super) real: Real,
    /// Where it is in the repositories.
    pub(super) folder: String,
    pub(super) definitions: Definitions,
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
    /// Copies the factory of a folder and lays beside it what it refers to and lacks; `None` where the machine has no real
    /// definitions.
    pub(super) fn new(folder: &str, world: &World) -> Option<Self> {
        let real = templates::with_values(folder)?;
        let definitions = Definitions::of(&real.root());
        let mut laid = Self { real, folder: folder.to_owned(), definitions };
        for (name, parameters) in laid.definitions.lacking("dataset") {
            if let Some(dataset) = laid.end_of(&name).and_then(|copy| given::dataset(copy, &parameters)) {
                laid.add("dataset", &name, dataset);
            }
        }
        for (name, parameters) in laid.definitions.lacking("linkedService") {
            let mut service = masked(laid.type_of_service(&name).unwrap_or("HttpServer"));
            service["parameters"] = parameters.into_iter().map(|name| (name, json!({ "type": "String" }))).collect();
            laid.add("linkedService", &name, service);
        }
        for (name, _) in laid.definitions.lacking("pipeline") {
            laid.add("pipeline", &name, json!({ "activities": [] }));
        }
        laid.give_secrets(world);
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
        self.definitions.copies().into_iter().map(copy).collect()
    }

    /// A pipeline as version 2 has it.
    pub(super) fn pipeline(&self, name: &str) -> &Value {
        self.definitions.get("pipeline", name).expect("one of the factory's pipelines")
    }

    fn ends(&self, copy: &Value) -> Ends {
        if copy["state"].as_str().is_some_and(|state| state.eq_ignore_ascii_case("inactive")) {
            return Ends::Inactive;
        }
        let is_ropeways = |references: &str, key: &str| {
            let name = copy[references][0]["referenceName"].as_str()?;
            let dataset = &self.definitions.get("dataset", name)?["properties"];
            let service = dataset["linkedServiceName"]["referenceName"].as_str();
            let service = service.and_then(|name| self.definitions.get("linkedService", name));
            let service = service.map(|service| &service["properties"]);
            let copy = &copy["typeProperties"][key];
            Some(store(&End { dataset, service, copy, is_sink: key == "sink" }).is_some())
        };
        match (is_ropeways("inputs", "source"), is_ropeways("outputs", "sink")) {
            (Some(true), Some(true)) => Ends::Ropeways,
            (Some(false), _) | (_, Some(false)) => Ends::Others,
            _ => Ends::Unknown,
        }
    }

    fn add(&mut self, folder: &str, name: &str, properties: Value) {
        self.real.define(folder, name, &properties);
        self.definitions.add(folder, name, json!({ "name": name, "properties": properties }));
    }

    /// Supplies the addresses and secrets of all stores.
    fn give_secrets(&self, world: &World) {
        let data = self.real.workshop.data();
        let secret = |service: &Value| {
            let type_name = service["properties"]["type"].as_str()?;
            Some((service["name"].as_str()?.to_owned(), world.secrets(type_name, &data)?))
        };
        let secrets: Map<String, Value> = self.definitions.in_folder("linkedService").filter_map(secret).collect();
        self.real.secrets(&secrets.into());
    }

    /// The source or sink of the first Copy that this dataset is of.
    fn end_of(&self, dataset: &str) -> Option<&Value> {
        let is_it = |reference: &Value| {
            reference["referenceName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(dataset))
        };
        self.definitions.copies().into_iter().find_map(|(_, copy)| {
            let settings = &copy["typeProperties"];
            let end = |references: &str, key: &str| is_it(&copy[references][0]).then(|| &settings[key]);
            end("inputs", "source").or_else(|| end("outputs", "sink"))
        })
    }

    /// The type of linked service that the datasets on it need.
    fn type_of_service(&self, name: &str) -> Option<&'static str> {
        self.definitions.in_folder("dataset").find_map(|dataset| {
            let dataset = &dataset["properties"];
            let is_there = dataset["linkedServiceName"]["referenceName"].as_str()?.eq_ignore_ascii_case(name);
            let end = End { dataset, service: None, copy: &Value::Null, is_sink: false };
            is_there.then(|| store(&end))?
        })
    }
}
