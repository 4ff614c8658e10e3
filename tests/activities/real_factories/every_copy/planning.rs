//! Plans the pipelines of a factory, and says what became of each of their copies.

use std::{collections::BTreeMap, fs, path::Path};

use chrono::Utc;
use ropeway_specs::{Activity, Factory, Inputs, ResolvedCopy, Scene, Secrets, Variables};
use serde_json::{Map, Value, json};

use super::{
    laid::{Copy, Ends, Laid},
    values,
    world::World,
};

/// What became of one Copy.
pub(super) enum Verdict {
    /// All is known of it.
    Planned,
    /// The plan says that it depends on what a run finds out; with values for that, all is known of it.
    PlannedWithValues,
    /// What is said instead.
    Failed(String),
}

/// Every Copy of a factory, and what became of it if its ends are stores of Ropeway's.
pub(super) fn plan(laid: &Laid, world: &mut World) -> Vec<(Copy, Option<Verdict>)> {
    let mut planner = Planner { bundle: world.authorities(&laid.real.workshop), laid, world, plans: BTreeMap::new() };
    let judged = |(number, copy): (usize, Copy)| {
        let verdict = matches!(copy.ends, Ends::Ropeways).then(|| planner.judge(&copy, number));
        (copy, verdict)
    };
    laid.copies().into_iter().enumerate().map(judged).collect()
}

/// What `plan` prints of a pipeline, or why it prints nothing.
type Printed = Result<Value, String>;

struct Planner<'a> {
    laid: &'a Laid,
    world: &'a mut World,
    bundle: String,
    /// Those of pipelines that were planned already.
    plans: BTreeMap<String, Printed>,
}

impl Planner<'_> {
    fn judge(&mut self, copy: &Copy, number: usize) -> Verdict {
        let parameters = values::of_parameters(self.laid.pipeline(&copy.pipeline));
        if !self.plans.contains_key(&copy.pipeline) {
            let printed = self.print(&copy.pipeline, &parameters);
            self.plans.insert(copy.pipeline.clone(), printed);
        }
        let depends = match found(&self.plans[&copy.pipeline], &copy.name) {
            Found::Planned => return Verdict::Planned,
            Found::Failing(reason) => return Verdict::Failed(reason),
            Found::Depending(reason) => reason,
        };
        let alone = format!("alone {number}");
        let declared = &self.laid.pipeline(&copy.pipeline)["properties"]["parameters"];
        let properties = json!({ "parameters": declared, "activities": [values::known(&copy.definition)] });
        self.laid.real.define("pipeline", &alone, &properties);
        let printed = self.print(&alone, &parameters);
        match found(&printed, &copy.name) {
            Found::Planned => Verdict::PlannedWithValues,
            Found::Failing(reason) | Found::Depending(reason) => {
                Verdict::Failed(format!("{depends}; with values: {reason}"))
            }
        }
    }

    /// Makes what the copies of a pipeline need, and plans it.
    fn print(&mut self, pipeline: &str, parameters: &Map<String, Value>) -> Printed {
        let real = &self.laid.real;
        let mut problems = String::new();
        let (factory, _) = Factory::load_for_pipeline(Path::new(pipeline), Some(&real.root()));
        if let Ok(pipeline) = factory.pipeline(pipeline) {
            let mut inputs = Inputs::manual("plan", Utc::now());
            inputs.parameters = parameters.clone().into_iter().collect();
            let secrets = fs::read_to_string(real.workshop.data().join(".secrets.json")).expect("secrets");
            inputs.secrets = Secrets::from_text(&secrets).expect("secrets");
            for copy in evaluated(pipeline.activities(), &inputs, &pipeline.variables()) {
                problems.extend(self.world.prepare(&copy).err());
            }
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let given: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        let given = given.iter().flat_map(|given| ["-p", given]);
        let arguments: Vec<&str> = ["plan", pipeline, "--ca-bundle", &self.bundle].into_iter().chain(given).collect();
        let said = real.of_factory(&arguments);
        serde_json::from_str(&said.stdout).map_err(|_| format!("{} {problems}", said.stderr))
    }
}

/// The copies that can be evaluated before a run.
fn evaluated(activities: &[Activity<'_>], inputs: &Inputs, variables: &Variables) -> Vec<ResolvedCopy> {
    let mut all = Vec::new();
    for activity in activities {
        if activity.type_name() == "Copy" {
            all.extend(activity.copy(inputs, &Scene::first(inputs, activity.name(), variables.clone())));
        }
        all.extend(activity.branches().iter().flat_map(|branch| evaluated(&branch.activities, inputs, variables)));
    }
    all
}

/// What a plan says of a Copy.
enum Found {
    Planned,
    Depending(String),
    Failing(String),
}

fn found(printed: &Printed, name: &str) -> Found {
    let document = match printed {
        Ok(document) => document,
        Err(message) => return Found::Failing(message.clone()),
    };
    let mut activities = document["activities"].as_array().into_iter().flatten();
    let Some(activity) = activities.find(|activity| activity["activityName"] == name) else {
        return Found::Failing("the plan does not name it".to_owned());
    };
    let texts = |key: &str| {
        activity[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    };
    let (errors, notes) = (texts("errors"), texts("notes"));
    let has_columns = activity["columns"].as_array().is_some_and(|columns| !columns.is_empty());
    if !errors.is_empty() {
        Found::Failing(errors)
    } else if notes.contains("known when the run is there") {
        Found::Depending(notes)
    } else if has_columns && activity["refused"] == false && activity["statement"].is_string() {
        Found::Planned
    } else {
        Found::Failing(format!("no plan of a copy: {activity:#}"))
    }
}
