//! Runs scripts and stored procedures.

use std::sync::Arc;

use ropeway_engine::{
    Error, ErrorKind, Result,
    statements::{self, Statements},
};
use ropeway_specs::{Direction, ProcedureCall, Script, ScriptKind, ScriptParameter, Scripts, Settings};
use serde_json::{Map, Value, json};

use super::{
    lookup::billing,
    one::{Doing, Done},
    task,
};

/// Runs the scripts and gives what they gave.
pub(super) async fn scripts(doing: &Doing<'_>, scripts: &Scripts) -> Result<Done> {
    let started = std::time::Instant::now();
    let store = store(doing, &scripts.linked_service_type, &scripts.settings)?;
    let all: Vec<_> = scripts.scripts.iter().map(|script| statement(script, scripts.limit)).collect();
    let answers = store.run(&all).await?;
    let (mut results, mut outputs, mut messages) = (Vec::new(), Map::new(), Vec::new());
    let affected: Option<u64> = answers.iter().map(|answer| answer.affected).fold(None, |all, one| match (all, one) {
        (None, one) => one,
        (all, None) => all,
        (Some(all), Some(one)) => Some(all + one),
    });
    for answer in answers {
        let result = |rows: Vec<Map<String, Value>>| json!({ "rowCount": rows.len(), "rows": rows });
        results.extend(answer.results.into_iter().map(result));
        outputs.extend(answer.outputs);
        messages.extend(answer.messages);
    }
    Ok(task::output(json!({
        "resultSetCount": results.len(),
        "recordsAffected": affected.unwrap_or(0),
        "resultSets": results,
        "outputParameters": outputs,
        "outputLogs": messages.join("\n"),
        "outputTruncated": false,
        "effectiveIntegrationRuntime": "Ropeway",
        "executionDuration": started.elapsed().as_secs(),
        "durationInQueue": { "integrationRuntimeQueue": 0 },
        "billingReference": billing(started.elapsed().as_secs()),
    })))
}

/// Calls the procedure.
pub(super) async fn procedure(doing: &Doing<'_>, call: &ProcedureCall) -> Result<Done> {
    let started = std::time::Instant::now();
    store(doing, &call.linked_service_type, &call.settings)?.call(&call.name, &call.parameters).await?;
    Ok(task::output(json!({
        "effectiveIntegrationRuntime": "Ropeway",
        "executionDuration": started.elapsed().as_secs(),
        "durationInQueue": { "integrationRuntimeQueue": 0 },
        "billingReference": billing(started.elapsed().as_secs()),
    })))
}

fn store(doing: &Doing<'_>, kind: &str, settings: &Settings) -> Result<Arc<dyn Statements>> {
    let crew = doing.crew;
    let store = crew.registry.connect_store(kind, crew.extras.beside(settings.expose().clone(), 1, None))?;
    store.statements().ok_or_else(|| {
        let message = format!(
            "a linked service of type '{kind}' runs no statements; use SqlServer, AzureSqlDatabase, AzureSqlMI or Odbc"
        );
        Error::new(ErrorKind::Spec, message).code("2110")
    })
}

fn statement(script: &Script, limit: std::time::Duration) -> statements::Script {
    statements::Script {
        text: script.text.clone(),
        gives_rows: script.kind == ScriptKind::Query,
        parameters: script.parameters.iter().map(parameter).collect(),
        limit,
    }
}

fn parameter(parameter: &ScriptParameter) -> statements::Parameter {
    statements::Parameter {
        name: parameter.name.clone(),
        value: if parameter.direction == Direction::Output { Value::Null } else { parameter.value.clone() },
        type_name: parameter.type_name.clone(),
        comes_out: parameter.direction != Direction::Input,
        size: parameter.size,
    }
}
