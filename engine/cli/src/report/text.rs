//! The report for a person.

use std::fmt::{self, Write as _};

use indicatif::HumanCount;

use crate::{
    byte_size,
    report::{ActivityReport, Copied, PipelineReport, SkippedItems, Status},
    terminal::Safe,
};

/// The report, warnings first. Errors are left out: a command says those on standard error.
pub(crate) fn print(run: &PipelineReport) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_run(&mut text, run);
    text
}

fn write_run(text: &mut String, run: &PipelineReport) -> fmt::Result {
    for warning in &run.warnings {
        writeln!(text, "warning: {}", Safe(warning))?;
    }
    for activity in &run.activities {
        write_activity(text, activity)?;
    }
    let seconds = run.ended.map(|ended| ended.seconds_since(run.started));
    let duration = seconds.map(|seconds| format!(" in {}", show_seconds(seconds))).unwrap_or_default();
    writeln!(text, "{} {}{duration}; run {}", Safe(&run.pipeline), sentence(run.status), Safe(&run.run))
}

fn write_activity(text: &mut String, activity: &ActivityReport) -> fmt::Result {
    let kinds = match &activity.copied {
        Some(copied) => format!(" ({} to {})", copied.source_type, copied.sink_type),
        None => String::new(),
    };
    let again = match activity.retries {
        0 => String::new(),
        n => format!(", tried {} times", n + 1),
    };
    writeln!(text, "{} {}{kinds}: {}{again}", activity.kind, Safe(shown(activity)), sentence(activity.status))?;
    if let Some(copied) = &activity.copied {
        write_copied(text, copied)?;
    }
    Ok(())
}

/// The activity's name, or where it stands within others.
fn shown(activity: &ActivityReport) -> &str {
    if activity.path.contains('/') { &activity.path } else { &activity.name }
}

/// The errors of the activities that failed.
pub(crate) fn errors(run: &PipelineReport) -> String {
    let failed = run.activities.iter().filter_map(|activity| Some((activity, activity.error.as_ref()?)));
    let mut text = String::new();
    for (activity, error) in failed {
        text += &format!("error of {}: {}\n", Safe(shown(activity)), Safe(&error.message));
        text.extend(error.causes.iter().map(|cause| format!("caused by: {}\n", Safe(cause))));
    }
    text
}

fn write_copied(text: &mut String, copied: &Copied) -> fmt::Result {
    let count = HumanCount;
    let pace = (copied.rows_copied as f64 / copied.seconds.max(0.001)) as u64;
    writeln!(text, "  rows        {} read, {} copied", count(copied.rows_read), count(copied.rows_copied))?;
    if let Some(skipped) = &copied.skipped {
        write_skipped(text, skipped)?;
    }
    writeln!(
        text,
        "  bytes       {} read, {} written",
        byte_size::show(copied.bytes_read),
        byte_size::show(copied.bytes_written)
    )?;
    writeln!(text, "  duration    {}, {} rows/s", show_seconds(copied.seconds), count(pace))?;
    let chunks = copied.chunks;
    writeln!(
        text,
        "  chunks      {} planned, {} committed, {} retried; {} at once",
        chunks.planned, chunks.committed, chunks.retried, copied.slots
    )?;
    // A copy that failed has these only in part.
    for (label, value) in [("guarantee", &copied.guarantee), ("source", &copied.consistency)] {
        if !value.is_empty() {
            writeln!(text, "  {label:<12}{}", Safe(value))?;
        }
    }
    if !copied.digest.is_empty() {
        let compared = if copied.read_back { ", and in the sink when it was read back" } else { "" };
        writeln!(text, "  digest      {}, the same at source and sink{compared}", copied.digest)?;
    }
    writeln!(
        text,
        "  bottleneck  {} (waited {:.0} % for the source, {:.0} % for the sink)",
        copied.bottleneck(),
        copied.source_wait * 100.0,
        copied.sink_wait * 100.0
    )?;
    writeln!(text, "  memory      {} at the peak", byte_size::show(copied.peak_memory_bytes))?;
    write_names(text, copied)
}

fn write_skipped(text: &mut String, skipped: &SkippedItems) -> fmt::Result {
    let items = if skipped.are_files { "files" } else { "rows" };
    let count = HumanCount(skipped.count);
    let place = skipped.files.first().or(skipped.path.as_ref());
    match (place, skipped.count) {
        (_, 0) => writeln!(text, "  skipped     no {items}"),
        (Some(place), _) => writeln!(text, "  skipped     {count} {items}, see {}", Safe(place)),
        (None, _) => writeln!(text, "  skipped     {count} {items}; logSettings says where to write them down"),
    }
}

/// Names a few of what was written, and how many there are.
fn write_names(text: &mut String, copied: &Copied) -> fmt::Result {
    const SHOWN: usize = 3;
    for name in copied.wrote.iter().take(SHOWN) {
        writeln!(text, "  wrote       {}", Safe(name))?;
    }
    match copied.wrote.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => writeln!(text, "              and {more} more"),
        _ => Ok(()),
    }
}

/// `0.84 s`, `41.2 s`, `3 min 20 s`.
pub(crate) fn show_seconds(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        s => format!("{} min {} s", s as u64 / 60, s as u64 % 60),
    }
}

fn sentence(status: Status) -> &'static str {
    match status {
        Status::InProgress => "did not end",
        Status::Succeeded => "succeeded",
        Status::Failed => "failed",
        Status::Skipped => "was skipped",
        Status::Cancelled => "was cancelled",
        Status::TimedOut => "ran out of time",
        Status::Inactive => "is inactive",
    }
}
