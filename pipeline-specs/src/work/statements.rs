//! Activities that run SQL.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Properties;
use crate::{
    copy, dataset,
    definition::Kind,
    diagnostic::{element, property},
    policy::integer,
    reference,
    secret::Settings,
    timespan,
};

/// A StoredProcedure that can run.
#[derive(Debug)]
pub struct ProcedureCall {
    /// The linked service's type: the key of the connector.
    pub linked_service_type: String,
    /// `{"linkedService": ...}`.
    pub settings: Settings,
    /// The procedure as the definition names it.
    pub name: String,
    /// `name -> value`, or `name -> {"value": ..., "type": ...}`.
    pub parameters: Map<String, Value>,
}

/// A Script activity that can run.
#[derive(Debug)]
pub struct Scripts {
    /// The linked service's type: the key of the connector.
    pub linked_service_type: String,
    /// `{"linkedService": ...}`.
    pub settings: Settings,
    /// What is run, one after the other, in one session.
    pub scripts: Vec<Script>,
    /// How long one of them may take.
    pub limit: Duration,
}

/// One script.
pub struct Script {
    /// Its text. It may hold secrets.
    pub text: String,
    /// Whether it gives rows.
    pub kind: ScriptKind,
    /// Its parameters.
    pub parameters: Vec<ScriptParameter>,
}

/// What a script gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptKind {
    /// Rows.
    Query,
    /// The number of rows it changed.
    NonQuery,
}

/// A parameter of a script.
pub struct ScriptParameter {
    /// Its name, with or without `@`; null for the markers of ODBC, which go by position.
    pub name: Option<String>,
    /// Its value.
    pub value: Value,
    /// Data Factory's name of its type.
    pub type_name: String,
    /// Which way it goes.
    pub direction: Direction,
    /// The most characters or bytes of an output.
    pub size: Option<u64>,
}

/// Which way a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the script.
    Input,
    /// From the script.
    Output,
    /// Both ways.
    InputOutput,
}

/// The default of `scriptBlockExecutionTimeout`.
const LIMIT: Duration = Duration::from_secs(2 * 3600);

pub(super) fn procedure(properties: &mut Properties<'_>) -> Option<ProcedureCall> {
    let name = properties.text("storedProcedureName");
    let parameters = properties.get("storedProcedureParameters").unwrap_or_default().real;
    let (linked_service_type, settings) = service(properties)?;
    let parameters = match parameters {
        Value::Object(parameters) => parameters,
        Value::Null => Map::new(),
        _ => {
            properties.error(
                "wrong-value",
                "storedProcedureParameters",
                "'storedProcedureParameters' must be an object",
            );
            return None;
        }
    };
    Some(ProcedureCall { linked_service_type, settings, name: name?, parameters })
}

pub(super) fn scripts(properties: &mut Properties<'_>) -> Option<Scripts> {
    let written = properties.required("scripts")?.real;
    let limit = match properties.get("scriptBlockExecutionTimeout") {
        None => Some(LIMIT),
        Some(twin) => twin.real.as_str().and_then(timespan::parse).filter(|limit| !limit.is_zero()),
    };
    if limit.is_none() {
        let message = "'scriptBlockExecutionTimeout' must be a time span such as '02:00:00'";
        properties.error("wrong-value", "scriptBlockExecutionTimeout", message);
    }
    logs(properties)?;
    let (linked_service_type, settings) = service(properties)?;
    let Some(written) = written.as_array().filter(|scripts| !scripts.is_empty()) else {
        properties.error("wrong-value", "scripts", "'scripts' must be an array of scripts");
        return None;
    };
    let path = properties.path_of("scripts");
    let scripts: Vec<_> =
        written.iter().enumerate().map(|(index, one)| script(one, &element(&path, index), properties)).collect();
    let scripts = scripts.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Scripts { linked_service_type, settings, scripts, limit: limit? })
}

/// What scripts print goes into the output; a store for it is not written to.
fn logs(properties: &mut Properties<'_>) -> Option<()> {
    let settings = properties.get("logSettings").unwrap_or_default().real;
    let place = settings.get("logDestination").and_then(Value::as_str).unwrap_or("ActivityOutput");
    if place.eq_ignore_ascii_case("ActivityOutput") {
        return Some(());
    }
    let message = "logs of scripts are written to the activity's output only; set 'logDestination' to 'ActivityOutput'";
    properties.error("unsupported-property", "logSettings", message);
    None
}

fn script(value: &Value, path: &str, properties: &mut Properties<'_>) -> Option<Script> {
    let text = value.get("text").filter(|text| !text.is_null()).map(copy::text).filter(|text| !text.trim().is_empty());
    let kind = match value.get("type").and_then(Value::as_str).unwrap_or("Query") {
        name if name.eq_ignore_ascii_case("Query") => Some(ScriptKind::Query),
        name if name.eq_ignore_ascii_case("NonQuery") => Some(ScriptKind::NonQuery),
        _ => None,
    };
    if text.is_none() {
        properties.findings.error("missing-property", &property(path, "text"), "the script has no 'text'");
    }
    if kind.is_none() {
        properties.findings.error("wrong-value", &property(path, "type"), "'type' must be 'Query' or 'NonQuery'");
    }
    let written = value.get("parameters").and_then(Value::as_array).into_iter().flatten();
    let path = property(path, "parameters");
    let parameters: Vec<_> =
        written.enumerate().map(|(index, one)| parameter(one, &element(&path, index), properties)).collect();
    Some(Script { text: text?, kind: kind?, parameters: parameters.into_iter().collect::<Option<_>>()? })
}

fn parameter(value: &Value, path: &str, properties: &mut Properties<'_>) -> Option<ScriptParameter> {
    let direction = match value.get("direction").and_then(Value::as_str).unwrap_or("Input") {
        name if name.eq_ignore_ascii_case("Input") => Direction::Input,
        name if name.eq_ignore_ascii_case("Output") => Direction::Output,
        name if name.eq_ignore_ascii_case("InputOutput") => Direction::InputOutput,
        _ => {
            let message = "'direction' must be 'Input', 'Output' or 'InputOutput'";
            properties.findings.error("wrong-value", &property(path, "direction"), message);
            return None;
        }
    };
    Some(ScriptParameter {
        name: value.get("name").and_then(Value::as_str).map(str::to_owned),
        value: value.get("value").cloned().unwrap_or_default(),
        type_name: value.get("type").and_then(Value::as_str).unwrap_or("String").to_owned(),
        direction,
        size: value.get("size").and_then(integer),
    })
}

/// The linked service that the activity itself names.
fn service(properties: &mut Properties<'_>) -> Option<(String, Settings)> {
    let path = property(&properties.activity.path, "linkedServiceName");
    let named = properties.activity.value.get("linkedServiceName").filter(|value| !value.is_null());
    let reference = named.and_then(|value| reference::read(value, Kind::LinkedService, &path));
    let around = (properties.context, properties.inputs);
    let owner = &properties.activity.path;
    let (name, service) =
        dataset::linked_service(properties.activity.factory, reference, owner, around, properties.findings)?;
    properties.note("linkedServiceName", json!({ "referenceName": name }));
    Some((service.type_name, Settings::new(json!({ "linkedService": service.settings.real }))))
}

impl std::fmt::Debug for Script {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Script").field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ScriptParameter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ScriptParameter").field("name", &self.name).finish_non_exhaustive()
    }
}
