//! Activities that decide what runs.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{Properties, Task};
use crate::{
    activity::{Activity, BranchName, Kind},
    copy,
    diagnostic::{Findings, property},
    evaluation::{Context, Twin},
    policy::integer,
    timespan,
};

/// Iterations that Data Factory runs at once where nothing is said, and at most.
const BATCH_COUNT: u64 = 20;
const MOST_AT_ONCE: u64 = 50;
/// Items that Data Factory takes at most.
const MOST_ITEMS: usize = 100_000;
/// The longest Wait and the default of an Until.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

pub(super) fn wait(properties: &mut Properties<'_>) -> Option<Task> {
    let seconds = properties.required("waitTimeInSeconds")?.real;
    match integer(&seconds).map(Duration::from_secs) {
        Some(time) if time <= 52 * WEEK => Some(Task::Wait(time)),
        _ => {
            properties.error(
                "wrong-value",
                "waitTimeInSeconds",
                "'waitTimeInSeconds' must be a number of seconds, a year at most",
            );
            None
        }
    }
}

pub(super) fn fail(properties: &mut Properties<'_>) -> Option<Task> {
    let (message, code) = (properties.text("message"), properties.text("errorCode"));
    Some(Task::Fail { message: message?, code: code? })
}

pub(super) fn filter(properties: &mut Properties<'_>) -> Option<Task> {
    let items = items(properties)?;
    let Some(condition) = properties.activity.type_property("condition") else {
        properties.error("missing-property", "condition", "a Filter needs a 'condition'");
        return None;
    };
    let path = properties.path_of("condition");
    let mut kept = Vec::new();
    for item in &items {
        let context = properties.context.clone().with("item", item.clone());
        if truth(&context, condition, &path, properties.findings)? {
            kept.push(item.clone());
        }
    }
    Some(Task::Filter { of: items.len(), kept })
}

pub(super) fn for_each(properties: &mut Properties<'_>) -> Option<Task> {
    let items = items(properties)?;
    let sequential = properties.flag("isSequential", false);
    let at_once = properties.number("batchCount").unwrap_or(BATCH_COUNT);
    if !(1..=MOST_AT_ONCE).contains(&at_once) {
        properties.error("wrong-value", "batchCount", format!("'batchCount' must be from 1 to {MOST_AT_ONCE}"));
        return None;
    }
    Some(Task::ForEach { items, at_once: if sequential { 1 } else { at_once as usize } })
}

/// What the definition says of iterations side by side, without evaluating anything.
pub(crate) fn most_at_once(activity: &Activity<'_>) -> u32 {
    let is_sequential = activity.type_property("isSequential").and_then(Value::as_bool) == Some(true);
    if activity.kind() != Some(Kind::ForEach) || is_sequential {
        return 1;
    }
    let most = activity.type_property("batchCount").and_then(integer).unwrap_or(BATCH_COUNT);
    most.clamp(1, MOST_AT_ONCE) as u32
}

/// The elements of `items`, each with its twin.
fn items(properties: &mut Properties<'_>) -> Option<Vec<Twin>> {
    let Twin { real, masked } = properties.required("items")?;
    let Value::Array(real) = real else {
        // What could not be evaluated was reported.
        if !real.is_null() {
            let message = "'items' must be an array; for rows of a Lookup it is @activity('...').output.value";
            properties.error("wrong-value", "items", message);
        }
        return None;
    };
    if real.len() > MOST_ITEMS {
        properties.error(
            "wrong-value",
            "items",
            format!("'items' has {} elements; {MOST_ITEMS} are the most", real.len()),
        );
        return None;
    }
    let masked = match masked {
        Value::Array(masked) if masked.len() == real.len() => masked,
        // The echo shows the expression, so every item is a secret.
        _ => vec![crate::parameter::MASK.into(); real.len()],
    };
    Some(real.into_iter().zip(masked).map(|(real, masked)| Twin { real, masked }).collect())
}

pub(super) fn choose(properties: &mut Properties<'_>) -> Option<Task> {
    let holds = condition(properties.activity, properties.context, properties.findings)?;
    properties.note("expression", holds.into());
    Some(Task::Branch(if holds { BranchName::True } else { BranchName::False }))
}

pub(super) fn switch(properties: &mut Properties<'_>) -> Option<Task> {
    let on = properties.required("on")?.real;
    if on.is_null() {
        return None;
    }
    // Data Factory compares texts, and distinguishes their case.
    let on = copy::text(&on);
    let is_case = |name: &BranchName| matches!(name, BranchName::Case(value) if *value == on);
    let found = properties.activity.branches.iter().find(|branch| is_case(&branch.name));
    Some(Task::Branch(found.map_or(BranchName::Default, |branch| branch.name.clone())))
}

pub(super) fn until(properties: &mut Properties<'_>) -> Option<Task> {
    // It is evaluated after each round; that there is none is known before the first.
    if properties.activity.type_property("expression").is_none() {
        let message = format!("the activity '{}' has no 'expression'", properties.activity.name);
        properties.error("missing-property", "expression", message);
    }
    let limit = match properties.get("timeout") {
        None => Some(WEEK),
        Some(twin) => twin.real.as_str().and_then(timespan::parse).filter(|limit| !limit.is_zero()),
    };
    if limit.is_none() {
        properties.error("wrong-value", "timeout", "'timeout' must be a time span such as '0.12:00:00'");
    }
    limit.map(Task::Until)
}

/// The `expression` of an If or an Until.
pub(crate) fn condition(activity: &Activity<'_>, context: &Context, findings: &mut Findings) -> Option<bool> {
    let path = property(&property(&activity.path, "typeProperties"), "expression");
    let Some(expression) = activity.type_property("expression") else {
        findings.error("missing-property", &path, format!("the activity '{}' has no 'expression'", activity.name));
        return None;
    };
    truth(context, expression, &path, findings)
}

fn truth(context: &Context, expression: &Value, path: &str, findings: &mut Findings) -> Option<bool> {
    let value = context.evaluate(expression, path, findings).real;
    match &value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        // What could not be evaluated was reported.
        Value::Null if !findings.is_empty() => None,
        _ => {
            findings.error("wrong-value", path, "the expression must give true or false");
            None
        }
    }
}

pub(super) fn pipeline(properties: &mut Properties<'_>) -> Option<Task> {
    let Some(name) = properties.activity.child().map(str::to_owned) else {
        let message = format!("the activity '{}' names no 'pipeline'", properties.activity.name);
        properties.error("missing-property", "pipeline", message);
        return None;
    };
    properties.note("pipeline", json!({ "referenceName": name }));
    let given = properties.get("parameters").unwrap_or_default();
    let masked = |name: &str| given.masked.get(name).cloned().unwrap_or_else(|| crate::parameter::MASK.into());
    let parameters: BTreeMap<String, Twin> = given
        .real
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), Twin { real: value.clone(), masked: masked(name) }))
        .collect();
    let wait = properties.flag("waitOnCompletion", true);
    Some(Task::Pipeline { name, parameters, wait })
}
