//! A checkpoint in an append-only file: one journal per run, held by one process at a time.

mod entry;
mod folder;
mod frames;
mod journal;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use self::{
    entry::{Entry, State, columns},
    journal::{Journal, SUFFIX},
};
pub use self::{
    entry::{FailureNote, Takeover},
    folder::make_private,
};
use super::{CheckpointStore, Plan, RunRecord};
use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt, RunId},
    division::Division,
    skipping::Skips,
};

/// The journal of one run. While this lives, no other process can open it.
///
/// Every record is on the disk before its call returns, except notes of failures. After a write
/// that failed every later one fails, and the run has to be resumed by a new process, which reads
/// what really stands on the disk.
pub struct FileCheckpoint {
    held: Mutex<Held>,
}

struct Held {
    journal: Journal,
    /// What was read when it was opened, until somebody asks for it or writes more. It is not kept beside what the engine
    /// makes of it: the plan of a hundred thousand files is large.
    read: Option<State>,
}

/// What a journal says about its run.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The frozen plan; `None` for a run that ended before it was planned.
    pub plan: Option<Plan>,
    /// Milliseconds since 1970 when it was planned.
    pub planned_at: u64,
    /// How many processes worked on the run.
    pub epoch: u32,
    /// When each process after the first took the run over.
    pub takeovers: Vec<Takeover>,
    /// Receipts of committed chunks, in chunk order.
    pub receipts: Vec<Receipt>,
    /// Skipped rows of the attempts that committed a chunk, in chunk order.
    pub skips: Vec<Skips>,
    /// Attempts that failed, oldest first.
    pub failures: Vec<FailureNote>,
    /// The report of a run that succeeded.
    pub report: Option<Value>,
    /// Milliseconds since 1970 when it succeeded.
    pub ended_at: Option<u64>,
}

impl FileCheckpoint {
    /// Opens the journal of a run in this folder, or starts it. Folder and file are created for
    /// their owner alone.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if another process holds the run or the disk fails,
    /// [`ErrorKind::Auth`] if it may not be written, [`ErrorKind::Data`] if it is damaged anywhere
    /// but in a last write that a crash cut off.
    pub fn open(folder: &Path, run: &RunId) -> Result<Self> {
        Journal::open(folder, run).map(Self::holding)
    }

    /// The same, even while another process holds the run, one that is stopped or hangs and cannot be ended. From
    /// then on that process fails, fatally, as soon as it records anything; what it still sends to the sink
    /// carries its old epoch.
    ///
    /// # Errors
    /// Those of [`open`](Self::open); [`ErrorKind::Unavailable`] also if a third process takes it over right now.
    pub fn seize(folder: &Path, run: &RunId) -> Result<Self> {
        Journal::seize(folder, run).map(Self::holding)
    }

    fn holding((journal, read): (Journal, State)) -> Self {
        Self { held: Mutex::new(Held { journal, read: Some(read) }) }
    }

    /// What is known of a run, without holding it or counting as a process that worked on it.
    /// `None` if there is no such run.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), except that the run may be held.
    pub fn inspect(folder: &Path, run: &RunId) -> Result<Option<Inspection>> {
        Ok(journal::peek(folder, run)?.map(|state| Inspection {
            skips: state.skips_that_count(),
            plan: state.plan,
            planned_at: state.planned_at,
            epoch: state.epoch,
            takeovers: state.takeovers,
            receipts: state.receipts.into_values().collect(),
            failures: state.failures,
            report: state.report,
            ended_at: state.ended_at,
        }))
    }

    /// The runs that have a journal in this folder, in the order of their ids.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the folder cannot be read; one that does not exist has no runs.
    pub fn list(folder: &Path) -> Result<Vec<RunId>> {
        let failed = |error| {
            Error::new(ErrorKind::Unavailable, "the folder of the runs cannot be read")
                .with("folder", folder.display())
                .caused_by(error)
        };
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let mut runs = Vec::new();
        for file in folder.read_dir().map_err(failed)? {
            let name = PathBuf::from(file.map_err(failed)?.file_name());
            let run = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            runs.extend(run.and_then(|run| RunId::try_from(run.to_owned()).ok()));
        }
        runs.sort();
        Ok(runs)
    }

    fn append(&self, entry: &Entry, durable: bool) -> Result<()> {
        self.with(|held| {
            held.read = None;
            held.journal.append(entry, durable)
        })
    }

    /// No await in here: a run that is dropped leaves whole records or none.
    fn with<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        let locked = || work(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner));
        match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
            // The disk may take long; the other tasks of this thread go on elsewhere.
            Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(locked),
            _ => locked(),
        }
    }
}

#[async_trait]
impl CheckpointStore for FileCheckpoint {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        self.with(|held| {
            let state = held.state()?;
            if state.plan.is_none() {
                return Ok(None);
            }
            held.enter(Entry::Epoch { at: now(), epoch: state.epoch + 1 }, state)
        })
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        self.with(|held| {
            let state = held.state()?;
            if state.plan.is_some() {
                return Err(Error::new(ErrorKind::Bug, "a run was planned twice; please report it"));
            }
            let Plan { fingerprint, schema, chunks, description } = plan;
            let entry = Entry::Plan { at: now(), fingerprint, columns: columns(&schema)?, chunks, description };
            let record = held.enter(entry, state)?;
            record.ok_or_else(|| Error::new(ErrorKind::Bug, "a plan was not kept; please report it"))
        })
    }

    async fn record_opening(&self, opening: &Value) -> Result<()> {
        self.append(&Entry::Opening(opening.clone()), true)
    }

    async fn record_log_opening(&self, opening: &Value) -> Result<()> {
        self.append(&Entry::LogOpening(opening.clone()), true)
    }

    async fn record_skips(&self, skips: &Skips) -> Result<()> {
        self.append(&Entry::Skips(skips.clone()), true)
    }

    async fn record_division(&self, division: &Division) -> Result<()> {
        self.append(&Entry::Division(division.clone()), true)
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        self.append(&Entry::Receipts(receipts.to_vec()), true)
    }

    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()> {
        let (kind, message) = (format!("{:?}", error.kind()), error.to_string());
        self.append(&Entry::Failure(FailureNote { at: now(), chunk, attempt, kind, message }), false)
    }

    async fn close(&self, report: &Value) -> Result<()> {
        self.append(&Entry::Report { at: now(), report: report.clone() }, true)
    }
}

impl Held {
    /// All that the journal says.
    fn state(&mut self) -> Result<State> {
        self.read.take().map_or_else(|| self.journal.state(), Ok)
    }

    /// Appends an entry to a journal that says this. The answer is what it says then, if the run is planned.
    fn enter(&mut self, entry: Entry, mut state: State) -> Result<Option<RunRecord>> {
        self.journal.append(&entry, true)?;
        state.apply(entry)?;
        Ok(state.into_record())
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
