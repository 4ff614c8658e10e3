//! Runs another pipeline for an ExecutePipeline activity.

use std::collections::BTreeMap;

use ropeway_engine::Result;
use ropeway_specs::{Outcomes, Twin};
use serde_json::{Map, Value, json};

use super::{
    beside::{self, Caller},
    crew::{Around, Stage, held},
    flow, inner,
    one::{Doing, Done, Trouble},
    path,
};
use crate::{definitions, report::Failure};

/// What is to be run.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) parameters: BTreeMap<String, Twin>,
    pub(super) wait: bool,
}

/// Runs it, with the parameters that an earlier process gave it.
pub(super) async fn run(doing: &mut Doing<'_>, call: Call) -> Result<Result<Done, Trouble>> {
    let Call { name, mut parameters, wait } = call;
    let secret = parameters.values().any(Twin::is_secret);
    let run = child_run(doing.crew.run.as_str(), &doing.identity);
    let decided = doing.decided.take();
    let plain: Map<_, _> = parameters.iter().map(|(name, value)| (name.clone(), value.real.clone())).collect();
    if !wait && !secret {
        let caller =
            Caller { pipeline: doing.stage.pipeline.name().to_owned(), run: doing.stage.inputs.run_id.clone() };
        let call = match beside::Call::of(decided) {
            Some(call) => call,
            None => {
                let call = beside::Call { child: name.clone(), run: run.clone(), caller, parameters: plain };
                doing.decide(call.decided())?;
                call
            }
        };
        doing.crew.beside.add(doing.path.clone(), call);
        return Ok(Ok(super::task::output(json!({ "pipelineName": name, "pipelineRunId": run }))));
    }
    if !wait {
        let warning = format!(
            "{}: 'waitOnCompletion' is false, and Ropeway waits for the pipeline all the same: a parameter is secret, and is \
             not written down for a pipeline that outlives its caller",
            doing.path
        );
        doing.crew.warn([warning]);
    }
    match decided {
        Value::Object(decided) => {
            parameters = decided.into_iter().map(|(name, value)| (name, Twin::plain(value))).collect();
        }
        _ => doing.decide(if secret { Value::Null } else { plain.into() })?,
    }
    let pipeline = match doing.crew.definitions.factory.pipeline(&name) {
        Ok(pipeline) => pipeline,
        Err(found) => return Ok(Err(definitions::unfit(&found).into())),
    };
    let inputs = doing.stage.inputs.of_child(doing.stage.pipeline.name(), run.clone(), parameters);
    let stage = Stage::new(&pipeline, &inputs, doing.path.clone(), &doing.crew.known());
    let around = Around { prefix: path::within(&doing.path), outcomes: Outcomes::new(), item: None };
    let finished = flow::run(doing.crew, &stage, pipeline.activities(), around).await?;
    let mut output = Twin::plain(json!({ "pipelineName": name, "pipelineRunId": run }));
    if let Some(returned) = held(&stage.returned).take() {
        output.real["pipelineReturnValue"] = returned.real;
        output.masked["pipelineReturnValue"] = returned.masked;
    }
    let target = finished.error.as_ref().map(|(target, _)| target.clone()).unwrap_or_default();
    let outcome = inner::outcome(finished, Done { output, ..Done::default() });
    Ok(outcome.map_err(|trouble| {
        let failure = Failure::of(&trouble.error);
        let message = format!("Operation on target {target} failed: {}", failure.message);
        Trouble { shown: Some(Box::new(Failure { message, ..failure })), ..trouble }
    }))
}

/// The id of a run that an activity starts: the same when the run is resumed.
fn child_run(run: &str, path: &str) -> String {
    let hash = blake3::hash(format!("{run}\n{path}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}
