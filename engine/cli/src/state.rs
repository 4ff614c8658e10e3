//! The state folder: what is known of runs after their process is gone. It holds no secret, and
//! nobody but its owner can read it.
//!
//! `runs/<run id>/run.json` is the request and the report, `activities.jsonl` beside it what its activities did;
//! `copies/` holds the engine's checkpoint of each Copy.

mod activity_log;
mod history;
mod places;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use ropeway_engine::{
    Error, ErrorKind, Result,
    checkpoint::file::{FileCheckpoint, make_private},
    chunk::RunId,
};
use serde::{Deserialize, Serialize};

use activity_log::ActivityLog;
pub(crate) use activity_log::{Began, Change, Ended, Record};
pub(crate) use history::History;

use crate::{
    report::{ActivityReport, Moment, PipelineReport},
    request::Request,
};

/// The version of `run.json` that this program writes. Version 1 had its activities in there, and one time for all
/// expressions.
const VERSION: u32 = 2;

/// All runs.
#[derive(Debug)]
pub(crate) struct StateFolder(PathBuf);

/// One run.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// The lock, while this process works on the run.
    held: Option<File>,
    /// What activities do, while this process works on the run.
    log: Option<ActivityLog>,
    /// It may take the copies from a process that holds them as well.
    take_over: bool,
}

/// The content of `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunFile {
    version: u32,
    /// What was asked for.
    pub(crate) request: Request,
    /// What `utcNow()` says in all activities, for a run that was begun when it was the same in all.
    #[serde(default)]
    pub(crate) one_time: Option<Moment>,
    /// What came of it. Its activities are kept beside this file.
    pub(crate) report: PipelineReport,
}

impl RunFile {
    /// In the present version.
    pub(crate) fn new(request: Request, one_time: Option<Moment>, report: PipelineReport) -> Self {
        Self { version: VERSION, request, one_time, report }
    }

    /// What a run of version 1 has of its activities, as records of today.
    fn records(&self) -> Vec<Record> {
        let ended = |report: &ActivityReport| {
            let report = ActivityReport { path: report.name.clone(), ..report.clone() };
            Record::Ended(Box::new(Ended { path: report.name.clone(), report, output_left_out: false, change: None }))
        };
        self.report.activities.iter().map(ended).collect()
    }
}

/// What is known of a run, without making a folder: `None` if nothing is.
///
/// # Errors
/// [`ErrorKind::Spec`] for a record that this program cannot read.
pub(crate) fn read(run: &RunId, named: Option<&Path>) -> Result<Option<RunFile>> {
    StateFolder(root(named)?.join("runs")).run(run).read()
}

fn root(named: Option<&Path>) -> Result<PathBuf> {
    named.map_or_else(default_root, |path| Ok(path.to_owned()))
}

impl StateFolder {
    /// The folder that was named, or the user's own; made if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if it cannot be made or others may write to it.
    pub(crate) fn open(named: Option<&Path>) -> Result<Self> {
        let root = root(named)?;
        // A resume changes the working directory.
        let root =
            std::path::absolute(&root).map_err(|error| wrong("the state folder cannot be found", &root, error))?;
        let runs = root.join("runs");
        make_private(&runs)
            .map_err(|error| wrong("the state folder cannot be made; name another with --state", &runs, error))?;
        let mode = fs::metadata(&root)
            .map_err(|error| wrong("the state folder cannot be read; name another with --state", &root, error))?
            .mode();
        if mode & 0o022 != 0 {
            return Err(Error::new(ErrorKind::Spec, "others can write to the state folder; run chmod go-w on it")
                .with("folder", root.display()));
        }
        Ok(Self(runs))
    }

    /// The folder of a run, which may not exist yet.
    pub(crate) fn run(&self, id: &RunId) -> RunFolder {
        RunFolder::new(self.0.join(id.as_str()))
    }

    /// Every run that has a record, oldest first. A damaged record is passed over with a warning:
    /// it must not hide the others.
    pub(crate) fn runs(&self) -> Result<Vec<RunFile>> {
        let entries =
            fs::read_dir(&self.0).map_err(|error| wrong("the state folder cannot be read", &self.0, error))?;
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| wrong("the state folder cannot be read", &self.0, error))?;
            match RunFolder::new(entry.path()).read() {
                Ok(Some(run)) => runs.push(run),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a run is not listed"),
            }
        }
        runs.sort_by_key(|run| run.report.started);
        Ok(runs)
    }
}

impl RunFolder {
    fn new(path: PathBuf) -> Self {
        Self { path, held: None, log: None, take_over: false }
    }

    /// What is known of the run; `None` for a run that was never begun.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a record that this program cannot read.
    pub(crate) fn read(&self) -> Result<Option<RunFile>> {
        let Some((mut file, records)) = self.read_all()? else { return Ok(None) };
        file.report.activities = History::of(&records).reports();
        Ok(Some(file))
    }

    /// The file and what its activities did.
    fn read_all(&self) -> Result<Option<(RunFile, Vec<Record>)>> {
        let Some(mut file) = self.read_file()? else { return Ok(None) };
        if file.version == 1 {
            file.one_time = Some(file.report.started);
            let records = file.records();
            return Ok(Some((file, records)));
        }
        Ok(Some((file, ActivityLog::read(&self.path)?)))
    }

    fn read_file(&self) -> Result<Option<RunFile>> {
        let path = self.path.join("run.json");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong("the record of the run cannot be read", &path, error)),
        };
        let run: RunFile = serde_json::from_slice(&text).map_err(|error| damaged(&path, error))?;
        if run.version > VERSION {
            return Err(Error::new(ErrorKind::Spec, "the run was begun by a newer ropeway; resume it with that one")
                .with("record", path.display()));
        }
        Ok(Some(run))
    }

    /// Replaces the record in one step.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the disk does not take it, [`ErrorKind::Data`] if the run was taken over.
    pub(crate) fn write(&self, run: &RunFile) -> Result<()> {
        self.still_ours()?;
        let report = PipelineReport { activities: Vec::new(), ..run.report.clone() };
        let run = RunFile { report, ..run.clone() };
        let written = serde_json::to_vec_pretty(&run).map_err(io::Error::other).and_then(|text| {
            make_private(&self.path)?;
            replace(&self.path, "run.json", &text)
        });
        written.map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                "the state folder does not take the record of the run; is the disk full?",
            )
            .with("folder", self.path.display())
            .caused_by(error)
        })
    }

    /// Holds the run as long as this lives: two processes must not both write its record. With `take_over` it
    /// is taken from a process that has it, which notices at the next record that it writes.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if another process has it.
    pub(crate) fn hold(self, take_over: bool) -> Result<Self> {
        let path = self.path.join("lock");
        let failed = |error| wrong("the folder of the run cannot be made", &path, error);
        make_private(&self.path).map_err(failed)?;
        let mut lock = private(&path).map_err(failed)?;
        let is_free = lock.try_lock().is_ok() && is_named(&lock, &path);
        if !is_free && !take_over {
            return Err(self.busy(&path));
        }
        if !is_free {
            // A new file under the old name: whoever has locked the old one has nothing any more.
            let own = self.path.join(format!(".lock.{}", std::process::id()));
            lock = private(&own).map_err(failed)?;
            lock.lock().and_then(|()| fs::rename(&own, &path)).map_err(failed)?;
        }
        // For the one who finds it locked.
        lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { held: Some(lock), take_over, ..self })
    }

    /// Begins to keep what activities do, and gives what is known of them. What did not succeed is to be tried again.
    ///
    /// # Errors
    /// A record that cannot be read, or a disk that takes nothing.
    pub(crate) fn history(&mut self) -> Result<History> {
        self.still_ours()?;
        let known = self.read_all()?;
        let status = known.as_ref().map(|(file, _)| file.report.status);
        let mut records = known.map(|(_, records)| records).unwrap_or_default();
        if let Some(status) = status {
            let again = History::of(&records).to_retry(&records, status);
            records.extend(again);
        }
        self.log = Some(ActivityLog::take(&self.path, &records)?);
        Ok(History::of(&records))
    }

    /// Writes down what an activity did; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the disk does not take it, [`ErrorKind::Data`] if the run was taken over.
    pub(crate) fn append(&self, record: &Record) -> Result<()> {
        self.still_ours()?;
        let Some(log) = &self.log else {
            return Err(Error::new(ErrorKind::Bug, "an activity ran before its run was begun; please report it"));
        };
        log.append(record)
    }

    fn busy(&self, lock: &Path) -> Error {
        let process = fs::read_to_string(lock).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Unavailable,
            "another process works on this run; wait for it to end or end it; if neither is possible, take the run \
             over: ropeway resume --take-over",
        );
        error.with("process", process.trim().escape_debug()).with("run", self.path.display())
    }

    /// # Errors
    /// [`ErrorKind::Data`] if another process has taken the run from this one.
    fn still_ours(&self) -> Result<()> {
        let path = self.path.join("lock");
        if self.held.as_ref().is_none_or(|lock| is_named(lock, &path)) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Data, "another process has taken this run over; leave the run to it")
            .with("run", self.path.display()))
    }

    /// The engine's checkpoint of a Copy.
    ///
    /// # Errors
    /// Those of [`FileCheckpoint::open`], and if another process has taken the run from this one.
    pub(crate) fn checkpoint(&self, copy: &RunId) -> Result<FileCheckpoint> {
        self.still_ours()?;
        let open = if self.take_over { FileCheckpoint::seize } else { FileCheckpoint::open };
        open(&self.checkpoints(), copy)
    }

    /// Where the engine keeps the checkpoints of the Copies.
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.path.join("copies")
    }
}

fn default_root() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("ropeway"))
        .ok_or_else(|| Error::new(ErrorKind::Spec, "there is no home folder to keep runs in; name one with --state"))
}

/// Opens a file of the owner's, or makes it.
fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// True if the open file is the one that has this name.
fn is_named(file: &File, path: &Path) -> bool {
    let identity = |found: fs::Metadata| (found.dev(), found.ino());
    let named = fs::symlink_metadata(path).ok().map(identity);
    named.is_some() && file.metadata().ok().map(identity) == named
}

/// Writes beside the file, then renames: a reader sees the old record or the new one.
fn replace(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    File::open(folder)?.sync_all()
}

fn wrong(what: &'static str, path: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{AlreadyExists, InvalidInput, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem};
    // Everything else is the disk's: the same place may do tomorrow.
    let is_the_place = matches!(
        error.kind(),
        AlreadyExists | InvalidInput | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem
    );
    let kind = if is_the_place { ErrorKind::Spec } else { ErrorKind::Unavailable };
    Error::new(kind, what).with("path", path.display()).caused_by(error)
}

fn damaged(path: &Path, error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Spec, "the record of the run is damaged; start a new run")
        .with("path", path.display())
        .caused_by(error)
}
