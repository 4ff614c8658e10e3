//! Plans the pipelines of a factory, and says what became of each of their copies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

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
    /// The plan says that it depends on what a run finds out.
    Depends(String),
    /// What is said instead.
    Failed(String),
}

/// Every Copy of a factory, and what became of it if its ends are stores of Ropeway's.
pub(super) fn plan(laid: &Laid, world: &mut World) -> Vec<(Copy, Option<Verdict>)> {
    let (ours, others): (Vec<Copy>, Vec<Copy>) =
        laid.copies().into_iter().partition(|copy| matches!(copy.ends, Ends::Ropeways));
    let bundle = world.authorities(&laid.real.workshop);
    let mut planner = Planner { laid, world, bundle };
    let whole = planner.plans(&ours, str::to_owned);
    let judge = |copy: Copy| (verdict(&whole[&copy.pipeline], &copy.name), copy);
    let (depending, known): (Vec<_>, Vec<_>) =
        ours.into_iter().map(judge).partition(|(verdict, _)| matches!(verdict, Verdict::Depends(_)));
    let depending: Vec<Copy> = depending.into_iter().map(|(_, copy)| copy).collect();
    planner.define_with_values(&depending);
    let with_values = planner.plans(&depending, with_values);
    let judge = |copy: Copy| match verdict(&with_values[&copy.pipeline], &copy.name) {
        Verdict::Planned => (copy, Some(Verdict::PlannedWithValues)),
        Verdict::Depends(reason) => (copy, Some(Verdict::Failed(reason))),
        other => (copy, Some(other)),
    };
    let known = known.into_iter().map(|(verdict, copy)| (copy, Some(verdict)));
    known.chain(depending.into_iter().map(judge)).chain(others.into_iter().map(|copy| (copy, None))).collect()
}

/// The pipeline that has those copies of another one that depend on a run, with values in place of what it finds out.
fn with_values(pipeline: &str) -> String {
    format!("{pipeline} with values")
}

/// What `plan` prints of a pipeline, or why it prints nothing.
type Printed = Result<Value, String>;

struct Planner<'a> {
    laid: &'a Laid,
    world: &'a mut World,
    bundle: String,
}

impl Planner<'_> {
    fn define_with_values(&self, copies: &[Copy]) {
        let mut activities: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for copy in copies {
            activities.entry(&copy.pipeline).or_default().push(values::known(&copy.definition));
        }
        for (pipeline, activities) in activities {
            let parameters = &self.laid.pipeline(pipeline)["properties"]["parameters"];
            let properties = json!({ "parameters": parameters, "activities": activities });
            self.laid.real.define("pipeline", &with_values(pipeline), &properties);
        }
    }

    /// The plans of the pipelines of these copies, or of those that stand for them.
    fn plans(&mut self, copies: &[Copy], stands_for: impl Fn(&str) -> String) -> BTreeMap<String, Printed> {
        let pipelines: BTreeSet<&str> = copies.iter().map(|copy| &*copy.pipeline).collect();
        let (factory, _) = Factory::load(&self.laid.real.root());
        let mut plan = |pipeline: &str| {
            let parameters = values::of_parameters(self.laid.pipeline(pipeline));
            (pipeline.to_owned(), self.print(&factory, &stands_for(pipeline), &parameters))
        };
        pipelines.into_iter().map(&mut plan).collect()
    }

    /// Makes what the copies of a pipeline need, and plans it.
    fn print(&mut self, factory: &Factory, pipeline: &str, parameters: &Map<String, Value>) -> Printed {
        let real = &self.laid.real;
        let mut problems = String::new();
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
fn verdict(printed: &Printed, name: &str) -> Verdict {
    let document = match printed {
        Ok(document) => document,
        Err(message) => return Verdict::Failed(message.clone()),
    };
    let mut activities = document["activities"].as_array().into_iter().flatten();
    let Some(activity) = activities.find(|activity| activity["activityName"] == name) else {
        return Verdict::Failed("the plan does not name it".to_owned());
    };
    let texts = |key: &str| {
        activity[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
    };
    let (errors, notes) = (texts("errors"), texts("notes"));
    let has_columns = activity["columns"].as_array().is_some_and(|columns| !columns.is_empty());
    if !errors.is_empty() {
        Verdict::Failed(errors)
    } else if notes.contains("known when the run is there") {
        Verdict::Depends(notes)
    } else if has_columns && activity["refused"] == false && activity["statement"].is_string() {
        Verdict::Planned
    } else {
        Verdict::Failed(format!("no plan of a copy: {activity:#}"))
    }
}
