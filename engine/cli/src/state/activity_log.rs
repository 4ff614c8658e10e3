//! What the activities of a run did, one line of JSON each, appended as they begin and end: `activities.jsonl`.
//!
//! A line counts once it is on the disk. A process that is killed leaves a last line that was cut off, which the next
//! one drops; after a line that could not be written, nothing more is.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use ropeway_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::report::ActivityReport;

const NAME: &str = "activities.jsonl";

/// What happened to an activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Record {
    /// It was started, or has decided something.
    Began(Box<Began>),
    /// It ended.
    Ended(Box<Ended>),
    /// It is to be run again where it stopped: how it ended does not count, what was done within it does.
    Retried {
        /// Its path.
        path: String,
    },
    /// It is to be run again from its beginning, with everything within it: what it waited for is run again.
    Forgotten {
        /// Its path.
        path: String,
    },
}

/// The beginning of an activity, or a decision of it that must be the same when the run is resumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Began {
    /// Where it stands in the run: `ForEach1[3]/CopyTable`.
    pub(crate) path: String,
    /// Its report as far as it is known.
    pub(crate) report: ActivityReport,
    /// The items of a ForEach, the branch of an If, the round of an Until; null where there is nothing to decide, or
    /// where it may not be written down.
    #[serde(default)]
    pub(crate) decided: Value,
}

/// The end of an activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Where it stands in the run.
    pub(crate) path: String,
    pub(crate) report: ActivityReport,
    /// Whether its output was left out, because the policy says `secureOutput`, or because it holds a secret.
    #[serde(default)]
    pub(crate) output_left_out: bool,
    /// What it did to a variable.
    #[serde(default)]
    pub(crate) change: Option<Change>,
}

/// A change of what belongs to a pipeline's run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// The path of the activity that runs the pipeline; empty for the first one.
    pub(crate) pipeline: String,
    /// The variable; `None` for what the pipeline gives back.
    pub(crate) variable: Option<String>,
    /// The new value, or the new element.
    pub(crate) value: Value,
    /// Whether the value is added to an array.
    pub(crate) appended: bool,
}

/// The file, held by the process that works on the run.
#[derive(Debug)]
pub(super) struct ActivityLog {
    path: PathBuf,
    /// `None` once a line was not written.
    file: Mutex<Option<File>>,
}

impl ActivityLog {
    /// Reads what is there; nothing if nothing is.
    pub(super) fn read(folder: &Path) -> Result<Vec<Record>> {
        let path = folder.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(|error| unreadable(&path, error))).collect()
    }

    /// Takes the file over: a new one with what is there, so that a process that had it has no file any more.
    pub(super) fn take(folder: &Path, records: &[Record]) -> Result<Self> {
        let path = folder.join(NAME);
        let temporary = folder.join(format!(".{NAME}.{}", std::process::id()));
        let take = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
            for record in records {
                file.write_all(&line(record)?)?;
            }
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(folder)?.sync_all()?;
            Ok(file)
        };
        let file = take().map_err(|error| unwritable(&path, error))?;
        Ok(Self { path, file: Mutex::new(Some(file)) })
    }

    /// Appends a line; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the disk does not take it.
    pub(super) fn append(&self, record: &Record) -> Result<()> {
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut file) = held.take() else {
            return Err(unwritable(&self.path, io::Error::other("an earlier line could not be written")));
        };
        let written = line(record).and_then(|line| file.write_all(&line)).and_then(|()| file.sync_data());
        written.map_err(|error| unwritable(&self.path, error))?;
        *held = Some(file);
        Ok(())
    }
}

fn line(record: &Record) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(record).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

fn unreadable(path: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Spec, "the record of the run's activities cannot be read; start a new run")
        .with("path", path.display())
        .caused_by(error)
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the state folder does not take the record of the run's activities; is the disk full?",
    )
    .with("path", path.display())
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retried(path: &str) -> Record {
        Record::Retried { path: path.to_owned() }
    }

    fn paths(records: &[Record]) -> Vec<&str> {
        let path = |record: &'_ Record| match record {
            Record::Retried { path } => path.clone(),
            _ => unreachable!("only these are written here"),
        };
        records.iter().map(path).map(|path| &*path.leak()).collect()
    }

    #[test]
    fn a_line_that_was_cut_off_is_dropped_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let log = ActivityLog::take(folder.path(), &[]).unwrap();
        log.append(&retried("a")).unwrap();
        log.append(&retried("b")).unwrap();
        let path = folder.path().join(NAME);
        let whole = fs::read(&path).unwrap();
        for length in whole.len() / 2..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            let found = ActivityLog::read(folder.path()).unwrap();
            assert_eq!(paths(&found), ["a"], "{length} bytes");
            ActivityLog::take(folder.path(), &found).unwrap().append(&retried("c")).unwrap();
            assert_eq!(paths(&ActivityLog::read(folder.path()).unwrap()), ["a", "c"]);
        }
        fs::write(&path, [&whole[..whole.len() / 4], b"\n"].concat()).unwrap();
        assert!(ActivityLog::read(folder.path()).is_err(), "damage in the middle is no cut");
    }

    #[test]
    fn who_lost_the_file_changes_nothing_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let old = ActivityLog::take(folder.path(), &[]).unwrap();
        let new = ActivityLog::take(folder.path(), &ActivityLog::read(folder.path()).unwrap()).unwrap();
        old.append(&retried("late")).unwrap();
        new.append(&retried("mine")).unwrap();
        assert_eq!(paths(&ActivityLog::read(folder.path()).unwrap()), ["mine"]);
    }
}
