//! Runs one Copy by its policy: attempts, pauses between them, a time limit for each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    progress::Counters,
    run::{Job, Summary},
};
use ropeway_specs::{Activity, LogLayout, Outcomes, Policy};
use serde_json::Value;

use crate::{
    activities::Crew,
    assemble, definitions,
    event_log::EventLog,
    peak_memory::peak_memory,
    progress::Snapshot,
    report::{ActivityReport, Chunks, Copied, Failure, Moment, SkippedRows, Status},
    settings,
};

/// Runs the Copy and reports it, whatever happens.
pub(super) async fn run(
    crew: &Crew<'_>,
    activity: &Activity<'_>,
    outcomes: &Outcomes,
    warnings: &mut Vec<String>,
) -> (ActivityReport, Option<Error>) {
    let started = Moment::now();
    let mut report = ActivityReport { started, ..super::idle(activity, Status::InProgress) };
    let outcome = match prepare(crew, activity, outcomes, warnings) {
        Ok(prepared) => attempts(crew, &prepared, &mut report).await,
        Err(error) => Err(error),
    };
    report.ended = Moment::now();
    let Err(error) = outcome else {
        report.status = Status::Succeeded;
        return (report, None);
    };
    report.error = Some(Failure::of(&error));
    report.status = match error.kind() {
        ErrorKind::Cancelled => Status::Cancelled,
        _ if error.symbolic_code() == Some(TIMED_OUT) => Status::TimedOut,
        _ => Status::Failed,
    };
    (report, Some(error))
}

/// The symbolic code of an attempt that ran out of time.
const TIMED_OUT: &str = "ActivityTimedOut";

/// A Copy that is ready to run.
struct Prepared {
    job: Job,
    /// What the report says of rows that do not fit, before there are any.
    skipped: Option<SkippedRows>,
    policy: Policy,
    source_type: String,
    sink_type: String,
    input: Value,
    user_properties: BTreeMap<String, String>,
}

fn prepare(
    crew: &Crew<'_>,
    activity: &Activity<'_>,
    outcomes: &Outcomes,
    warnings: &mut Vec<String>,
) -> Result<Prepared> {
    let copy = activity.resolve(&crew.definitions.inputs, outcomes).map_err(definitions::refuse)?;
    warnings.extend(definitions::accept(copy.warnings.clone(), crew.definitions.inputs.strict)?);
    let (policy, input, user_properties) = (copy.policy.clone(), copy.settings.clone(), copy.user_properties.clone());
    let (source_type, sink_type) = (copy.source.linked_service_type.clone(), copy.sink.linked_service_type.clone());
    let strict = crew.definitions.inputs.strict;
    let ends = [(Side::Source, source_type.as_str()), (Side::Sink, sink_type.as_str())];
    warnings.extend(settings::without_effect(&crew.extras.extra_settings, crew.registry, &ends, strict)?);
    let run = assemble::copy_id(crew.run, activity.name())?;
    let log = copy.skipping.as_ref().map(|skipping| skipping.log.as_ref());
    let redirected = log.flatten().is_some_and(|log| log.layout == LogLayout::Redirect);
    let job = assemble::job(copy, crew.registry, crew.extras, run)?;
    let skipped = job.skipping.as_ref().map(|skipping| {
        let path = skipping.log.as_ref().map(|log| log.path.clone());
        SkippedRows { path, redirected, ..SkippedRows::default() }
    });
    Ok(Prepared { job, skipped, policy, source_type, sink_type, input, user_properties })
}

/// Tries until it works or the policy is used up. A further attempt goes on where the last one
/// ended: committed chunks stay committed.
async fn attempts(crew: &Crew<'_>, prepared: &Prepared, report: &mut ActivityReport) -> Result<()> {
    let policy = &prepared.policy;
    report.user_properties = prepared.user_properties.clone();
    if !policy.secure_input {
        report.input = prepared.input.clone();
    }
    loop {
        let (outcome, copied) = attempt(crew, prepared, &report.name).await;
        report.copied = (!policy.secure_output).then_some(copied);
        let Err(error) = outcome else { return Ok(()) };
        if is_hopeless(&error) || report.retries >= policy.retry {
            return Err(error);
        }
        report.retries += 1;
        let (activity, retry, pause) = (&report.name, report.retries, policy.retry_interval);
        tracing::warn!(activity, retry, ?pause, %error, "the activity failed and is tried again");
        if crew.cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Err(error);
        }
    }
}

/// True where a further attempt cannot end otherwise. `policy.retry` is there for what passes: a store
/// that was away. Nothing but a person changes a definition or a login's
/// password and rights, and wrong logins in a row lock an account. An attempt goes on with the run's
/// frozen plan, so a row that does not fit and columns that changed since the plan are met again; the
/// error says what to change, and `resume` or a new run goes on from there. What is fatal waits for a
/// person in any case.
fn is_hopeless(error: &Error) -> bool {
    error.is_fatal()
        || matches!(error.kind(), ErrorKind::Spec | ErrorKind::Auth | ErrorKind::Data | ErrorKind::Cancelled)
}

async fn attempt(crew: &Crew<'_>, prepared: &Prepared, name: &str) -> (Result<Summary>, Copied) {
    let counters = Arc::new(Counters::default());
    let watch = crew.progress.watch(name, Arc::clone(&counters));
    let outcome = within(prepared.policy.timeout, crew, prepared, &counters, name).await;
    let snapshot = watch.end().await;
    let copied = copied(prepared, &counters, &snapshot, outcome.as_ref().ok());
    (outcome, copied)
}

/// One attempt of the engine, stopped when its time is over.
async fn within(
    limit: Duration,
    crew: &Crew<'_>,
    prepared: &Prepared,
    counters: &Arc<Counters>,
    name: &str,
) -> Result<Summary> {
    let job = &prepared.job;
    let checkpoint = crew.folder.checkpoint(&job.run)?;
    let (log, cancel) = (EventLog { activity: name.to_owned() }, crew.cancel.child_token());
    let run = ropeway_engine::run::run(job, &checkpoint, counters, &log, &cancel);
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => outcome,
        () = tokio::time::sleep(limit) => {
            cancel.cancel();
            match run.await {
                Err(error) if error.kind() == ErrorKind::Cancelled => Err(timed_out(limit, name)),
                outcome => outcome,
            }
        }
    }
}

fn timed_out(limit: Duration, name: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the activity took longer than policy.timeout, {} s; raise it, or resume the run", limit.as_secs()),
    )
    .with("activity", name)
    .code(TIMED_OUT)
}

/// The facts of an attempt: from its summary if it succeeded, else from the counters.
fn copied(prepared: &Prepared, counters: &Counters, snapshot: &Snapshot, summary: Option<&Summary>) -> Copied {
    let skipped = |rows, files| prepared.skipped.clone().map(|skipped| SkippedRows { rows, files, ..skipped });
    let part = Copied {
        source_type: prepared.source_type.clone(),
        sink_type: prepared.sink_type.clone(),
        rows_read: counters.rows_read.get() + counters.rows_skipped.get(),
        skipped: skipped(counters.rows_skipped.get(), Vec::new()),
        rows_copied: counters.rows_copied.get(),
        bytes_read: counters.bytes_read.get(),
        bytes_written: counters.bytes_written.get(),
        chunks: Chunks {
            planned: counters.chunks_planned.get(),
            committed: counters.chunks_done.get(),
            retried: counters.retries.get(),
        },
        slots: snapshot.most_open,
        guarantee: prepared.job.sink.guarantee(),
        source_wait: snapshot.source_wait,
        sink_wait: snapshot.sink_wait,
        peak_memory_bytes: peak_memory(),
        seconds: snapshot.elapsed.as_secs_f64(),
        ..Copied::default()
    };
    let Some(summary) = summary else { return part };
    Copied {
        rows_read: summary.rows + summary.skipped,
        skipped: skipped(summary.skipped, summary.skip_log.clone()),
        rows_copied: summary.rows,
        bytes_read: summary.bytes_read,
        bytes_written: summary.bytes_written,
        files_written: summary.published.files,
        wrote: summary.published.names.clone(),
        chunks: Chunks { planned: summary.chunks, committed: summary.chunks, retried: summary.retries },
        slots: u64::from(summary.slots).min(summary.chunks),
        read_back: summary.read_back,
        digest: summary.digest.to_string(),
        guarantee: summary.guarantee.clone(),
        consistency: summary.description.consistency.clone(),
        seconds: summary.took_ms as f64 / 1000.0,
        ..part
    }
}
