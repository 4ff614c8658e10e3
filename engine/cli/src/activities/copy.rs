//! Runs one Copy by its policy: attempts, pauses between them, a time limit for each.

use std::{sync::Arc, time::Duration};

use ropeway_connectors::INCONSISTENT_FILES;
use ropeway_engine::{
    Error, ErrorKind, Result, Side,
    chunk::RunId,
    progress::Counters,
    run::{Job, Summary, TOO_LITTLE_MEMORY},
};
use ropeway_specs::{LogLayout, Policy, ResolvedCopy, Skipped};

use super::{
    attempts::{again, timed_out},
    crew::Crew,
    one::{Doing, Done, Trouble},
};
use crate::{
    assemble::{self, Extras},
    event_log::EventLog,
    peak_memory::peak_memory,
    progress::Snapshot,
    report::{Chunks, Copied, SkippedItems},
    settings,
};

/// Runs the Copy in a lane of its own, or on the whole road if it does not fit into one.
pub(super) async fn run(doing: &mut Doing<'_>, copy: ResolvedCopy) -> Result<Done, Trouble> {
    let lanes = &doing.crew.lanes;
    let share = lanes.share(doing.crew.extras, copy.parallel_copies);
    let lane = lanes.one().await?;
    let outcome = within_limits(doing, copy.clone(), &share).await;
    drop(lane);
    let too_narrow = |trouble: &Trouble| trouble.error.symbolic_code() == Some(TOO_LITTLE_MEMORY);
    if lanes.are_several() && outcome.as_ref().is_err_and(too_narrow) {
        let _road = lanes.whole().await?;
        return within_limits(doing, copy, doing.crew.extras).await;
    }
    outcome
}

async fn within_limits(doing: &mut Doing<'_>, copy: ResolvedCopy, extras: &Extras) -> Result<Done, Trouble> {
    let policy = copy.policy.clone();
    let prepared = prepare(doing.crew, &doing.identity, copy, extras)?;
    attempts(doing, &prepared, &policy).await
}

/// A Copy that is ready to run.
struct Prepared {
    job: Job,
    /// What the report says of rows or files that are left out, before there are any.
    skipped: Option<SkippedItems>,
    source_type: String,
    sink_type: String,
}

fn prepare(crew: &Crew<'_>, identity: &str, copy: ResolvedCopy, extras: &Extras) -> Result<Prepared> {
    let (source_type, sink_type) = (copy.source.linked_service_type.clone(), copy.sink.linked_service_type.clone());
    let strict = crew.definitions.inputs.strict;
    let ends = [(Side::Source, source_type.as_str()), (Side::Sink, sink_type.as_str())];
    crew.warn(settings::without_effect(&extras.extra_settings, crew.registry, &ends, strict)?);
    let run: RunId = assemble::copy_id(crew.run, identity)?;
    let log = copy.skipping.as_ref().map(|skipping| skipping.log.as_ref());
    let are_files = copy.skipping.as_ref().is_some_and(|skipping| skipping.what == Skipped::Files);
    let redirected = log.flatten().is_some_and(|log| log.layout == LogLayout::Redirect);
    let job = assemble::job(copy, crew.registry, extras, run)?;
    let skipped = job.skipping.as_ref().map(|skipping| {
        let path = skipping.log.as_ref().map(|log| log.path.clone());
        SkippedItems { path, redirected, are_files, ..SkippedItems::default() }
    });
    Ok(Prepared { job, skipped, source_type, sink_type })
}

/// Tries until it works or the policy is used up. A further attempt goes on where the last one
/// ended: committed chunks stay committed.
async fn attempts(doing: &mut Doing<'_>, prepared: &Prepared, policy: &Policy) -> Result<Done, Trouble> {
    loop {
        let (outcome, copied) = attempt(doing, prepared, policy.timeout).await;
        let copied = Some(Box::new(copied));
        let Err(error) = outcome else { return Ok(Done { copied, ..Done::default() }) };
        if is_hopeless(&error) || doing.report.retries >= policy.retry {
            return Err(Trouble { error, shown: None, copied });
        }
        if again(doing, policy, &error).await.is_err() {
            return Err(Trouble { error, shown: None, copied });
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

async fn attempt(doing: &Doing<'_>, prepared: &Prepared, limit: Duration) -> (Result<Summary>, Copied) {
    let counters = Arc::new(Counters::default());
    let watch = doing.crew.progress.watch(&doing.path, Arc::clone(&counters));
    let outcome = within(limit, doing, &prepared.job, &counters).await;
    let snapshot = watch.end().await;
    let copied = copied(prepared, &counters, &snapshot, outcome.as_ref().ok());
    (outcome, copied)
}

/// One attempt of the engine, stopped when its time is over.
async fn within(limit: Duration, doing: &Doing<'_>, job: &Job, counters: &Arc<Counters>) -> Result<Summary> {
    let crew = doing.crew;
    let checkpoint = crew.folder.checkpoint(&job.run)?;
    let (log, cancel) = (EventLog { activity: doing.path.clone() }, crew.cancel.child_token());
    let run = ropeway_engine::run::run(job, &checkpoint, counters, &log, &cancel);
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => outcome,
        () = tokio::time::sleep(limit) => {
            cancel.cancel();
            match run.await {
                Err(error) if error.kind() == ErrorKind::Cancelled => Err(timed_out(limit, doing.activity.name())),
                outcome => outcome,
            }
        }
    }
}

/// The facts of an attempt: from its summary if it succeeded, else from the counters.
fn copied(prepared: &Prepared, counters: &Counters, snapshot: &Snapshot, summary: Option<&Summary>) -> Copied {
    let skipped = |count, files| prepared.skipped.clone().map(|skipped| SkippedItems { count, files, ..skipped });
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
        is_inconsistent: INCONSISTENT_FILES.iter().any(|code| summary.left_out.contains(*code)),
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
