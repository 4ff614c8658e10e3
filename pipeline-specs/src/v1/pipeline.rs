//! Pipelines: the slice becomes parameters, and an order that followed from datasets is written down.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    diagnostic::element,
    older::{Notes, Part},
    v1::{
        activity::{self, Converted},
        dataset::Facts,
        schedule,
    },
};

/// The properties of version 2.
pub(super) fn convert(mut old: Part, datasets: &BTreeMap<String, Facts>, notes: &mut Notes) -> Map<String, Value> {
    let mut new = Map::new();
    for kept in ["description", "parameters", "variables", "annotations", "folder"] {
        new.extend(old.take(kept).map(|value| (kept.to_owned(), value)));
    }
    let path = old.path("activities");
    let activities = match old.take("activities") {
        Some(Value::Array(activities)) => activities,
        _ => Vec::new(),
    };
    let parts =
        activities.into_iter().enumerate().map(|(index, activity)| Part::of(Some(activity), &element(&path, index)));
    let converted: Vec<Converted> = parts.map(|part| activity::convert(part, datasets, notes)).collect();
    let activities = in_order(converted);
    let start = old.text("start");
    report_schedule(&mut old, notes);
    old.report_rest("the pipeline", notes);
    let sliced = Value::from(activities.clone()).to_string().contains("pipeline().parameters.sliceStart");
    if (sliced || start.is_some())
        && let Value::Object(declared) = schedule::pipeline_parameters(start.as_deref())
    {
        match new.entry("parameters").or_insert_with(|| json!({})) {
            Value::Object(parameters) => parameters.extend(declared),
            other => *other = declared.into(),
        }
    }
    new.insert("activities".to_owned(), activities.into());
    new
}

/// An activity that reads what another one writes comes after it.
fn in_order(converted: Vec<Converted>) -> Vec<Value> {
    let outputs: Vec<(String, Vec<String>)> =
        converted.iter().map(|one| (one.name.clone(), one.outputs.clone())).collect();
    let activity = |(index, mut one): (usize, Converted)| {
        let earlier = outputs
            .iter()
            .enumerate()
            .filter(|(other, (_, written))| *other != index && written.iter().any(|name| one.inputs.contains(name)));
        let waits: Vec<Value> =
            earlier.map(|(_, (name, _))| json!({ "activity": name, "dependencyConditions": ["Succeeded"] })).collect();
        if !waits.is_empty() && !one.activity.contains_key("dependsOn") {
            one.activity.insert("dependsOn".to_owned(), waits.into());
        }
        Value::Object(one.activity)
    };
    converted.into_iter().enumerate().map(activity).collect()
}

/// A slice is run when it is asked for: nobody waits for its time.
fn report_schedule(old: &mut Part, notes: &mut Notes) {
    let left_out = [
        ("end", "a run is one slice, the first one or the one that -p sliceStart=... names"),
        ("pipelineMode", "a run is one slice"),
        ("isPaused", "the pipeline runs when it is asked to"),
        ("hubName", "version 2 has no hubs"),
        ("expirationTime", "a pipeline stays until it is deleted"),
        ("runtimeInfo", "it is the service's own"),
    ];
    old.leave_out(&left_out, notes);
    if old.take("datasets").is_some() {
        let path = old.path("datasets");
        notes.refused(&path, "datasets inside of a pipeline are not converted; write them as files of their own");
    }
}
