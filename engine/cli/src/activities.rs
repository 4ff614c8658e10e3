//! Runs the activities of a pipeline: those that others depend on first, one after another.

mod copy;
mod verdict;

use std::collections::BTreeMap;

use ropeway_engine::{Error, ErrorKind, Result, chunk::RunId, registry::Registry};
use ropeway_specs::{Activity, Inputs, Next, Outcome, Outcomes, Pipeline, ready};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use verdict::{Ended, verdict};

use crate::{
    assemble::Extras,
    definitions::{self, Definitions},
    progress::Progress,
    report::{ActivityReport, Moment, PipelineReport, Status, json},
    state::{RunFile, RunFolder},
};

/// What every activity of a run works with.
pub(crate) struct Crew<'a> {
    pub(crate) run: &'a RunId,
    pub(crate) definitions: &'a Definitions,
    pub(crate) registry: &'a Registry,
    pub(crate) extras: &'a Extras,
    pub(crate) folder: &'a RunFolder,
    pub(crate) progress: &'a Progress,
    pub(crate) cancel: &'a CancellationToken,
}

/// Refuses before anything starts what can be refused then: activities that Ropeway does not run,
/// and Copies whose definition is wrong. A Copy that waits for others may ask for their outcome, so
/// it is looked at when its turn comes.
///
/// # Errors
/// [`ErrorKind::Spec`] that names the activities, or after every problem was printed.
pub(crate) fn check(pipeline: &Pipeline<'_>, inputs: &Inputs) -> Result<()> {
    let active: Vec<_> = pipeline.activities().iter().filter(|activity| activity.inactive().is_none()).collect();
    let strange = active.iter().filter(|activity| activity.type_name() != "Copy");
    let strange: Vec<_> = strange.map(|activity| format!("'{}' ({})", activity.name(), activity.type_name())).collect();
    if !strange.is_empty() {
        return Err(Error::new(
            ErrorKind::Spec,
            format!("Ropeway runs Copy activities only; deactivate or remove {}", strange.join(", ")),
        )
        .with("pipeline", pipeline.name())
        .code("2110"));
    }
    let first = active.iter().filter(|activity| activity.depends_on().is_empty());
    let found: Vec<_> =
        first.filter_map(|activity| activity.resolve(inputs, &Outcomes::new()).err()).flatten().collect();
    definitions::accept(found, false).map(drop)
}

/// Runs what is left of the pipeline and keeps the report in `file` up to date, on disk as well.
/// Gives the first failure, unless the pipeline handled it.
///
/// # Errors
/// The record of the run cannot be written.
pub(crate) async fn run(crew: &Crew<'_>, pipeline: &Pipeline<'_>, file: &mut RunFile) -> Result<Option<Error>> {
    let earlier = std::mem::take(&mut file.report.activities);
    let mut outcomes = Outcomes::new();
    let mut first = None;
    for activity in pipeline.activities() {
        if crew.cancel.is_cancelled() {
            first.get_or_insert_with(|| {
                Error::new(ErrorKind::Cancelled, "the run was cancelled before this activity")
                    .with("activity", activity.name())
            });
            break;
        }
        let done = earlier.iter().find(|report| report.name == activity.name() && report.status == Status::Succeeded);
        let (report, error) = match done {
            Some(report) => (report.clone(), None),
            None => next(crew, activity, &outcomes, &mut file.report.warnings).await,
        };
        outcomes.insert(activity.name().to_owned(), outcome(activity, &report));
        first = first.or(error);
        file.report.activities.push(report);
        crew.folder.write(file)?;
    }
    file.report.status = match &first {
        Some(error) if error.kind() == ErrorKind::Cancelled => Status::Cancelled,
        _ => verdict(&ended(pipeline, &file.report)),
    };
    if file.report.status == Status::Succeeded {
        return Ok(None);
    }
    file.report.message = first.as_ref().map(ToString::to_string).unwrap_or_default();
    // A pipeline can fail by its conditions alone, as when an activity is marked as failed.
    Ok(first.or_else(|| Some(Error::new(ErrorKind::Spec, "an inactive activity is marked as failed"))))
}

async fn next(
    crew: &Crew<'_>,
    activity: &Activity<'_>,
    outcomes: &Outcomes,
    warnings: &mut Vec<String>,
) -> (ActivityReport, Option<Error>) {
    if activity.inactive().is_some() {
        return (idle(activity, Status::Inactive), None);
    }
    match ready(activity.depends_on(), outcomes) {
        Next::Run => copy::run(crew, activity, outcomes, warnings).await,
        // Activities come in dependency order, so nothing is left to wait for.
        Next::Skip | Next::Wait => (idle(activity, Status::Skipped), None),
    }
}

/// The report of an activity that did not run.
fn idle(activity: &Activity<'_>, status: Status) -> ActivityReport {
    let now = Moment::now();
    ActivityReport {
        name: activity.name().to_owned(),
        kind: activity.type_name().to_owned(),
        id: uuid::Uuid::now_v7().to_string(),
        status,
        started: now,
        ended: now,
        retries: 0,
        user_properties: BTreeMap::new(),
        input: Value::Null,
        copied: None,
        error: None,
    }
}

/// What later activities see of this one.
fn outcome(activity: &Activity<'_>, report: &ActivityReport) -> Outcome {
    let status = match report.status {
        Status::Succeeded => ropeway_specs::Status::Succeeded,
        Status::Skipped => ropeway_specs::Status::Skipped,
        Status::Inactive => activity.inactive().unwrap_or(ropeway_specs::Status::Succeeded),
        _ => ropeway_specs::Status::Failed,
    };
    let error = report.error.as_ref().map_or(Value::Null, |failure| json::error(report, failure));
    Outcome { status, output: json::output(report), error }
}

fn ended<'a>(pipeline: &'a Pipeline<'_>, report: &PipelineReport) -> BTreeMap<&'a str, Ended<'a>> {
    let status_of = |name: &str| report.activities.iter().find(|one| one.name == name).map(|one| one.status);
    let ended = |activity: &'a Activity<'_>| {
        let depends_on = activity.depends_on().iter().map(|dependency| dependency.activity.as_str()).collect();
        let status = match (status_of(activity.name())?, activity.inactive()) {
            (Status::Inactive, Some(ropeway_specs::Status::Failed)) => Status::Failed,
            (Status::Inactive, Some(ropeway_specs::Status::Skipped)) => Status::Skipped,
            (status, _) => status,
        };
        Some((activity.name(), Ended { depends_on, status }))
    };
    pipeline.activities().iter().filter_map(ended).collect()
}
