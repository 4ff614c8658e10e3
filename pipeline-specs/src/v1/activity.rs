//! Activities: references instead of names, and macros that become expressions.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    diagnostic::{element, property},
    older::{Notes, Part},
    schema,
    v1::{
        copy,
        dataset::{Facts, reference},
        schedule::{Schedule, Window},
        slice,
    },
};

/// Types of both dialects beside those of version 2. A type that is not here has the same name.
const TYPES: [(&str, &str); 6] = [
    ("CopyActivity", "Copy"),
    ("CustomActivity", "Custom"),
    ("DotNetActivity", "Custom"),
    ("StoredProcedureActivity", "SqlServerStoredProcedure"),
    ("AzureMLBatchScoring", "AzureMLBatchExecution"),
    ("AzureMLBatchScoringActivity", "AzureMLBatchExecution"),
];

/// An activity of version 2, and the datasets that put it in order.
pub(super) struct Converted {
    pub(super) name: String,
    pub(super) activity: Map<String, Value>,
    /// Names in lower case.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
}

/// Converts one activity.
pub(super) fn convert(mut old: Part, datasets: &BTreeMap<String, Facts>, notes: &mut Notes) -> Converted {
    let name = old.text("name").unwrap_or_default();
    let inputs = Ends::take("inputs", &mut old, notes);
    let outputs = Ends::take("outputs", &mut old, notes);
    let scheduler = old.part("scheduler");
    let of_output =
        || outputs.names.iter().find_map(|name| datasets.get(&name.to_lowercase())?.extras.schedule.clone());
    let schedule = Schedule::read(&scheduler).or_else(of_output);
    if scheduler.peek("offset").or_else(|| scheduler.peek("anchorDateTime")).is_some() {
        let message =
            "slices begin at another time than the pipeline's 'start'; give the one that is meant: -p sliceStart=...";
        notes.dropped(&old.path("scheduler"), message);
    }
    let window = Window::of_activity(schedule.as_ref());
    let settings =
        if old.peek("typeProperties").is_some() { old.part("typeProperties") } else { old.part("transformation") };
    let written = old.text("type").unwrap_or_default();
    let mut activity = Map::from_iter([("name".to_owned(), Value::from(name.as_str()))]);
    // Some pipelines are half of each version.
    for kept in ["description", "dependsOn", "userProperties", "state", "onInactiveMarkAs"] {
        activity.extend(old.take(kept).map(|value| (kept.to_owned(), value)));
    }
    let service = old.take("linkedServiceName");
    if let Some(policy) = policy(old.part("policy"), notes) {
        activity.insert("policy".to_owned(), policy);
    }
    let type_name = TYPES.iter().find(|(old, _)| old.eq_ignore_ascii_case(&written)).map_or(&*written, |(_, new)| new);
    let service = if type_name.eq_ignore_ascii_case("Copy") {
        activity.insert("type".to_owned(), "Copy".into());
        let ends =
            copy::Ends { inputs: &inputs, outputs: &outputs, datasets, window: &window, schedule: schedule.as_ref() };
        activity.extend(copy::convert(settings, &ends, notes));
        None
    } else {
        let (type_name, settings) = other(type_name, settings, &window, notes);
        // A procedure ran in the database of its output.
        let of_output = (type_name == "SqlServerStoredProcedure")
            .then(|| outputs.names.iter().find_map(|name| datasets.get(&name.to_lowercase())?.linked_service.clone()));
        activity.insert("type".to_owned(), type_name.into());
        activity.insert("typeProperties".to_owned(), settings);
        service.or(of_output.flatten())
    };
    if let Some(service) = service {
        activity.insert("linkedServiceName".to_owned(), reference(service, "LinkedServiceReference"));
    }
    old.report_rest("the activity", notes);
    Converted { name, activity, inputs: inputs.lower(), outputs: outputs.lower() }
}

/// The datasets at one end.
pub(super) struct Ends {
    pub(super) names: Vec<String>,
    /// What a reference of version 2 gives to the first one's parameters.
    pub(super) parameters: Option<Value>,
    pub(super) path: String,
}

impl Ends {
    fn take(key: &str, old: &mut Part, notes: &mut Notes) -> Self {
        let path = old.path(key);
        let entries = match old.take(key) {
            Some(Value::Array(entries)) => entries,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        let (mut names, mut parameters) = (Vec::new(), None);
        for (index, entry) in entries.into_iter().enumerate() {
            if let Value::String(name) = entry {
                names.push(name);
                continue;
            }
            let at = element(&path, index);
            let mut entry = Part::of(Some(entry), &at);
            names.extend(entry.text("name").or_else(|| entry.text("referenceName")));
            parameters = parameters.or_else(|| entry.take("parameters").filter(|_| index == 0));
            if entry.peek("startTime").or_else(|| entry.peek("endTime")).is_some() {
                notes.refused(&at, "the activity reads other slices than its own ('startTime', 'endTime'), which one run of one slice cannot");
            }
        }
        Self { names, parameters, path }
    }

    fn lower(&self) -> Vec<String> {
        self.names.iter().map(|name| name.to_lowercase()).collect()
    }
}

/// What a policy of version 2 has of it.
fn policy(mut old: Part, notes: &mut Notes) -> Option<Value> {
    let mut new = Map::new();
    for kept in ["timeout", "retry", "retryIntervalInSeconds", "secureInput", "secureOutput"] {
        new.extend(old.take(kept).map(|value| (kept.to_owned(), value)));
    }
    // No time at all is none that ends.
    new.retain(|name, value| name != "timeout" || !matches!(value.as_str(), Some("0" | "00:00:00")));
    let many = "a run is one slice, so there are no others to be ordered, waited for or run beside it";
    let again = "resume the run instead";
    let left_out = [
        ("concurrency", many),
        ("executionPriorityOrder", many),
        ("style", many),
        ("delay", many),
        ("longRetry", again),
        ("longRetryInterval", again),
    ];
    old.leave_out(&left_out, notes);
    old.report_rest("the policy", notes);
    (!new.is_empty()).then(|| new.into())
}

/// An activity that is no copy: its type, and its settings with what stands in macros.
fn other(type_name: &str, mut settings: Part, window: &Window, notes: &mut Notes) -> (String, Value) {
    let path = settings.place().to_owned();
    let kind = if type_name.eq_ignore_ascii_case("HDInsightActivity") { settings.text("type") } else { None };
    let type_name = kind.map_or_else(|| type_name.to_owned(), |kind| format!("HDInsight{kind}"));
    let type_name = schema::canonical_type("Activity", &type_name).unwrap_or(&type_name).to_owned();
    let mut converted = macros(&settings.rest().into(), window, &path, notes);
    for (name, value) in converted.as_object_mut().into_iter().flatten() {
        if name.to_lowercase().ends_with("linkedservice") {
            *value = reference(value.take(), "LinkedServiceReference");
        } else if type_name == "SqlServerStoredProcedure" && name.eq_ignore_ascii_case("storedProcedureParameters") {
            procedure_parameters(value);
        }
    }
    (type_name, converted)
}

/// Version 1 gave values alone.
fn procedure_parameters(parameters: &mut Value) {
    for (_, value) in parameters.as_object_mut().into_iter().flatten() {
        if !value.is_object() {
            *value = json!({ "value": value.take(), "type": "String" });
        }
    }
}

/// A tree with every macro converted, and every text such that version 2 reads the same text.
pub(super) fn macros(value: &Value, window: &Window, path: &str, notes: &mut Notes) -> Value {
    match value {
        Value::String(text) => match slice::read(text, window) {
            Ok(pieces) => pieces.into_string().into(),
            Err(why) => {
                notes.refused(path, format!("the macro '{text}' cannot be converted: {why}"));
                value.clone()
            }
        },
        Value::Array(items) => {
            let item = |(index, item)| macros(item, window, &element(path, index), notes);
            items.iter().enumerate().map(item).collect()
        }
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| {
                (name.clone(), macros(member, window, &property(path, name), notes))
            };
            members.iter().map(member).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}
