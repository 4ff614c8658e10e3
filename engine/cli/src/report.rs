//! What a run has to say when it is over. Kept in the state folder and printed by [`text`] and
//! [`json`]: two printers of the same facts.

pub(crate) mod json;
mod moment;
pub(crate) mod text;

use std::collections::BTreeMap;

use ropeway_engine::{Error, ErrorKind, Side};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use moment::Moment;

use crate::terminal::safe_lines;

/// A pipeline run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PipelineReport {
    /// The run's id.
    pub(crate) run: String,
    /// The pipeline's name.
    pub(crate) pipeline: String,
    /// Parameters as text, secure ones left out.
    pub(crate) parameters: BTreeMap<String, String>,
    /// When it began, at the first time.
    pub(crate) started: Moment,
    /// When it ended; `None` while it runs, or if the process was killed.
    pub(crate) ended: Option<Moment>,
    /// How it ended.
    pub(crate) status: Status,
    /// Why it failed; empty otherwise.
    pub(crate) message: String,
    /// What the definitions ask for and Ropeway does not do.
    pub(crate) warnings: Vec<String>,
    /// Activities in the order in which they ran.
    pub(crate) activities: Vec<ActivityReport>,
}

/// Data Factory's words for how a run or an activity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    InProgress,
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
    TimedOut,
    Inactive,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Skipped => "Skipped",
            Self::Cancelled => "Cancelled",
            Self::TimedOut => "TimedOut",
            Self::Inactive => "Inactive",
        }
    }
}

/// An activity's run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ActivityReport {
    /// The activity's name.
    pub(crate) name: String,
    /// Where it stands in the run: `ForEach1[3]/CopyTable`.
    #[serde(default)]
    pub(crate) path: String,
    /// The pipeline it belongs to, if that is not the one that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Owner>,
    /// Its type: `Copy`.
    pub(crate) kind: String,
    /// The id of this run of it.
    pub(crate) id: String,
    /// How it ended.
    pub(crate) status: Status,
    /// When it began.
    pub(crate) started: Moment,
    /// When it ended.
    pub(crate) ended: Moment,
    /// How often the activity was tried again.
    pub(crate) retries: u32,
    /// The evaluated user properties, without secrets.
    #[serde(default)]
    pub(crate) user_properties: BTreeMap<String, String>,
    /// The evaluated type properties, without secrets; null if the policy says `secureInput`.
    pub(crate) input: Value,
    /// What was copied; absent if nothing ran, or if the policy says `secureOutput`.
    pub(crate) copied: Option<Copied>,
    /// What an activity that is no Copy gave, without secrets; null if the policy says `secureOutput`.
    #[serde(default)]
    pub(crate) output: Value,
    /// Why it failed.
    pub(crate) error: Option<Failure>,
}

/// The run of a pipeline that an activity of another one started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// The pipeline's name.
    pub(crate) pipeline: String,
    /// The id of its run.
    pub(crate) run: String,
}

impl ActivityReport {
    /// The report of an activity that has just begun.
    pub(crate) fn blank(name: &str, kind: &str, path: &str, now: Moment) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            owner: None,
            kind: kind.to_owned(),
            id: uuid::Uuid::now_v7().to_string(),
            status: Status::InProgress,
            started: now,
            ended: now,
            retries: 0,
            user_properties: BTreeMap::new(),
            input: Value::Null,
            copied: None,
            output: Value::Null,
            error: None,
        }
    }
}

/// The facts of one copy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// The linked service types.
    pub(crate) source_type: String,
    pub(crate) sink_type: String,
    /// Rows and bytes, those of earlier processes included.
    pub(crate) rows_read: u64,
    pub(crate) rows_copied: u64,
    pub(crate) bytes_read: u64,
    pub(crate) bytes_written: u64,
    /// What was left out, if the copy leaves rows or files out.
    #[serde(default)]
    pub(crate) skipped: Option<SkippedItems>,
    /// True if files were left out because they changed or are not what their MD5 is of.
    #[serde(default)]
    pub(crate) is_inconsistent: bool,
    /// Files or blobs; 0 for a table.
    pub(crate) files_written: u64,
    pub(crate) chunks: Chunks,
    /// Chunks that were open at once, at most.
    pub(crate) slots: u64,
    /// True if the sink was read back, and holds what was read.
    #[serde(default)]
    pub(crate) read_back: bool,
    /// The digest of all rows, equal at the source and at the sink.
    pub(crate) digest: String,
    pub(crate) guarantee: String,
    pub(crate) consistency: String,
    /// Shares of the time of open chunks, from 0 to 1.
    pub(crate) source_wait: f64,
    pub(crate) sink_wait: f64,
    /// The most memory the process ever had resident.
    pub(crate) peak_memory_bytes: u64,
    /// What was written: paths, URLs without a query.
    pub(crate) wrote: Vec<String>,
    /// Seconds in which rows moved, in this process.
    pub(crate) seconds: f64,
}

/// Rows that did not fit, or files that could not be copied.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SkippedItems {
    #[serde(rename = "rows")]
    pub(crate) count: u64,
    #[serde(default)]
    pub(crate) are_files: bool,
    /// The folder of their log as Data Factory names it; `None` if they are only counted.
    pub(crate) path: Option<String>,
    /// True if that is the log of `redirectIncompatibleRowSettings`.
    pub(crate) redirected: bool,
    /// The files of the log, once they are there.
    pub(crate) files: Vec<String>,
}

/// Chunks of a copy.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Chunks {
    pub(crate) planned: u64,
    pub(crate) committed: u64,
    pub(crate) retried: u64,
}

impl Copied {
    /// What the copy waited for most.
    pub(crate) fn bottleneck(&self) -> &'static str {
        match (self.source_wait, self.sink_wait) {
            (source, sink) if source < 0.3 && sink < 0.3 => "cpu",
            (source, sink) if source >= sink => "source",
            _ => "sink",
        }
    }
}

/// Why an activity failed: what is left of an [`Error`] when its process is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The kind's name: `Spec`, `Auth`, `Data`, `Unavailable`, `Cancelled`, `Bug`.
    pub(crate) kind: String,
    /// Data Factory's symbolic code.
    pub(crate) code: Option<String>,
    /// `Source`, `Sink` or neither.
    pub(crate) side: Option<String>,
    pub(crate) message: String,
    /// The chain of underlying errors, outermost first.
    pub(crate) causes: Vec<String>,
}

impl Failure {
    /// Keeps what a person needs of an error.
    pub(crate) fn of(error: &Error) -> Self {
        let side = error.side().map(|side| match side {
            Side::Source => "Source".to_owned(),
            Side::Sink => "Sink".to_owned(),
        });
        Self {
            kind: format!("{:?}", error.kind()),
            code: error.symbolic_code().map(str::to_owned),
            side,
            message: safe_lines(&error.to_string()),
            causes: causes(error),
        }
    }

    /// The error again, as far as it is known.
    pub(crate) fn error(&self) -> Error {
        let kinds = [ErrorKind::Spec, ErrorKind::Auth, ErrorKind::Data, ErrorKind::Unavailable, ErrorKind::Cancelled];
        let kind = kinds.into_iter().find(|kind| format!("{kind:?}") == self.kind).unwrap_or(ErrorKind::Bug);
        Error::new(kind, self.message.clone())
    }

    /// True if the service is at fault and not its user.
    pub(crate) fn is_systems(&self) -> bool {
        self.kind == format!("{:?}", ErrorKind::Unavailable) || self.kind == format!("{:?}", ErrorKind::Bug)
    }
}

/// The underlying errors. A cause that its effect quotes already is left out.
pub(crate) fn causes(error: &Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        let text = safe_lines(&cause.to_string());
        if !shown.iter().any(|earlier| earlier.contains(&text)) {
            shown.push(text);
        }
        next = cause.source();
    }
    shown.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let inner = Error::new(ErrorKind::Auth, "login failed for user 'x'");
        let middle = Error::new(ErrorKind::Auth, "login failed for user 'x'").caused_by(inner);
        let outer = Error::new(ErrorKind::Auth, "cannot open orders; check the password").caused_by(middle);
        assert_eq!(causes(&outer), ["login failed for user 'x'"]);
    }
}
