//! Pipelines that nobody waits for: they run beside the one that called them, and the run ends when the last of them has.

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::pin,
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt, stream::FuturesUnordered};
use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_specs::{Inputs, Outcomes, Twin};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::{
    crew::{Around, Crew, Finished, Stage},
    flow,
    forget::forget,
    path,
};
use crate::{definitions, report::Status};

/// How many of them run at once; the others wait for their turn.
const MOST_AT_ONCE: usize = 50;

/// A pipeline that is to be run, with all that it needs when its caller is not there any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The pipeline's name.
    pub(super) child: String,
    /// The id of its run.
    pub(super) run: String,
    /// The pipeline that calls it, and that one's run.
    pub(super) caller: Caller,
    pub(super) parameters: Map<String, Value>,
}

impl Call {
    /// As it is written down: in an array, which tells it from the parameters of a pipeline that is waited for.
    pub(super) fn decided(&self) -> Value {
        json!([self])
    }

    /// What was written down, if that was a call.
    pub(super) fn of(decided: Value) -> Option<Self> {
        let [call] = serde_json::from_value(decided).ok()?;
        Some(call)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Caller {
    pub(super) pipeline: String,
    pub(super) run: String,
}

/// The calls that wait for their turn, each with the path of its activity.
#[derive(Default)]
pub(crate) struct Beside {
    calls: Mutex<VecDeque<(String, Call)>>,
    arrived: Notify,
}

impl Beside {
    pub(super) fn add(&self, path: String, call: Call) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push_back((path, call));
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<(String, Call)> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Takes up what an earlier process ran beside the pipeline: its activity has ended, and is not visited again. What
/// had ended of it is not run again.
///
/// # Errors
/// The record of the run cannot be written.
pub(crate) fn take_up(crew: &Crew<'_>) -> Result<()> {
    let begun = crew.known().decisions("ExecutePipeline");
    for (path, decided) in begun {
        let Some(call) = Call::of(decided) else { continue };
        // One before it may have been its caller, and forgotten it.
        if crew.known().ended(&path).is_none() {
            continue;
        }
        let pipeline = crew.definitions.factory.pipeline(&call.child).map_err(definitions::refuse)?;
        forget(crew, pipeline.activities(), &path::within(&path))?;
        crew.beside.add(path, call);
    }
    Ok(())
}

/// Runs the pipeline that was asked for and whatever it calls without waiting. The run fails where one of them fails.
///
/// # Errors
/// The record of the run cannot be written.
pub(crate) async fn run<'a>(crew: &'a Crew<'a>, pipeline: impl Future<Output = Result<Finished>>) -> Result<Finished> {
    let mut pipeline = pin!(pipeline);
    let mut running = FuturesUnordered::new();
    let mut finished: Option<Finished> = None;
    let mut failed: Option<Finished> = None;
    loop {
        while running.len() < MOST_AT_ONCE
            && let Some((path, call)) = crew.beside.take()
        {
            running.push(one(crew, path, call));
        }
        if finished.is_some() && running.is_empty() {
            break;
        }
        tokio::select! {
            ended = &mut pipeline, if finished.is_none() => finished = Some(ended?),
            Some(ended) = running.next(), if !running.is_empty() => {
                let ended: Finished = ended?;
                failed = failed.or_else(|| (ended.status != Status::Succeeded).then_some(ended));
            }
            () = crew.beside.arrived.notified() => {}
        }
    }
    Ok(match (finished, failed) {
        (Some(finished), failed) if finished.status != Status::Succeeded || failed.is_none() => finished,
        (_, Some(failed)) => failed,
        (finished, None) => finished.unwrap_or_else(nothing),
    })
}

async fn one<'a>(crew: &'a Crew<'a>, path: String, call: Call) -> Result<Finished> {
    let name = call.child.clone();
    let pipeline = match crew.definitions.factory.pipeline(&name) {
        Ok(pipeline) => pipeline,
        Err(found) => return Ok(failed(name, Status::Failed, definitions::unfit(&found))),
    };
    if crew.is_cancelled() {
        let error =
            Error::new(ErrorKind::Cancelled, "the run was cancelled before this pipeline").with("pipeline", &name);
        return Ok(failed(name, Status::Cancelled, error));
    }
    let Call { run, caller, parameters, .. } = call;
    let parameters: BTreeMap<String, Twin> =
        parameters.into_iter().map(|(name, value)| (name, Twin::plain(value))).collect();
    let calling = Inputs { run_id: caller.run, ..crew.definitions.inputs.clone() };
    let inputs = calling.of_child(&caller.pipeline, run, parameters);
    let stage = Stage::new(&pipeline, &inputs, path.clone(), &crew.known());
    let around = Around { prefix: path::within(&path), outcomes: Outcomes::new(), item: None };
    flow::run(crew, &stage, pipeline.activities(), around).await
}

fn failed(name: String, status: Status, error: Error) -> Finished {
    Finished { status, error: Some((name, error)), outcomes: Outcomes::new() }
}

fn nothing() -> Finished {
    Finished { status: Status::Succeeded, error: None, outcomes: Outcomes::new() }
}
