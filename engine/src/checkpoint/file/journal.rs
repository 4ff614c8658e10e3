//! The file of a journal: locked, appended to, synchronised.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, OFlags, flock};

use super::{
    entry::{Entry, State},
    folder::{make_private, sync},
    frames,
};
use crate::{Error, ErrorKind, Result, chunk::RunId, disk_space::free_bytes, retry::RetryClass};

/// A journal that this process holds. Whoever opens it a second time is refused; who seizes it puts another
/// file in its place, which the next append here notices.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    /// Where the next record goes, and its number.
    end: u64,
    next: u64,
    /// A write failed: what stands after `end` is not known, and the kernel may have forgotten that
    /// it could not write. Only a new process, which reads the file again, may go on.
    broken: bool,
}

/// Where the journal of a run stands.
pub(super) fn path(folder: &Path, run: &RunId) -> PathBuf {
    folder.join(format!("{run}{SUFFIX}"))
}

/// How the names of journals end.
pub(super) const SUFFIX: &str = ".journal";

impl Journal {
    /// Opens or starts the journal and reads it; a write that a crash cut off is dropped.
    pub(super) fn open(folder: &Path, run: &RunId) -> Result<(Self, State)> {
        let path = path(folder, run);
        make_private(folder).map_err(|error| failed(&path, error))?;
        let file = lock(&path)?.ok_or_else(|| held(run, &path))?;
        Self::read(file, path, folder)
    }

    /// The same, if need be from a process that holds it and cannot be ended: what it recorded is copied to a
    /// new file with a new epoch, which takes the name of the old one in one step. What the old process still
    /// appends goes to a file without a name, and it is refused there. Of several that seize at once one wins.
    pub(super) fn seize(folder: &Path, run: &RunId) -> Result<(Self, State)> {
        let path = path(folder, run);
        make_private(folder).map_err(|error| failed(&path, error))?;
        if let Some(file) = lock(&path)? {
            return Self::read(file, path, folder);
        }
        let next = folder.join(format!("{run}.next"));
        let file = lock(&next)?.ok_or_else(|| held(run, &path))?;
        let failed = |error| failed(&path, error);
        let old = File::open(&path).map_err(failed)?;
        let bytes = read(&old).map_err(failed)?;
        let scan = frames::scan(&bytes, &path)?;
        let mut state = replay(&scan.payloads, &path)?;
        file.set_len(0).and_then(|()| file.write_all_at(&bytes[..scan.whole], 0)).map_err(failed)?;
        let (end, count) = (scan.whole as u64, scan.payloads.len() as u64);
        let mut journal = Self { file, end, next: count, broken: false, path: next.clone() };
        journal.trim(end).map_err(failed)?;
        if state.plan.is_some() {
            // The old process may be about to take this epoch for itself; ours will be a greater one.
            let entry = Entry::Epoch { at: super::now(), epoch: state.epoch + 1 };
            journal.append(&entry, true)?;
            state.apply(entry)?;
        }
        fs::rename(&next, &path).map_err(failed)?;
        sync(folder).map_err(failed)?;
        let mut journal = Self { path: path.clone(), ..journal };
        // What the old process recorded while we copied: it may rely on it. What it records from now on is refused.
        for entry in recorded_since(&old, count, &path)? {
            journal.append(&entry, true)?;
            state.apply(entry)?;
        }
        Ok((journal, state))
    }

    /// All that it says now.
    pub(super) fn state(&self) -> Result<State> {
        let bytes = rewound(&self.file).map_err(|error| failed(&self.path, error))?;
        replay(&frames::scan(&bytes, &self.path)?.payloads, &self.path)
    }

    fn read(file: File, path: PathBuf, folder: &Path) -> Result<(Self, State)> {
        let failed = |error| failed(&path, error);
        let bytes = read(&file).map_err(failed)?;
        let scan = frames::scan(&bytes, &path)?;
        let state = replay(&scan.payloads, &path)?;
        let mut journal =
            Self { file, end: scan.whole as u64, next: scan.payloads.len() as u64, broken: false, path: path.clone() };
        journal.trim(bytes.len() as u64).map_err(failed)?;
        sync(folder).map_err(failed)?;
        Ok((journal, state))
    }

    fn trim(&mut self, length: u64) -> io::Result<()> {
        if self.end < length {
            tracing::warn!(file = %self.path.display(), bytes = length - self.end, "dropped a write that was cut off");
            self.file.set_len(self.end)?;
        }
        // Of an earlier version this changes one byte.
        self.file.write_all_at(frames::HEADER, 0)?;
        self.end = self.end.max(frames::HEADER.len() as u64);
        self.file.sync_all()
    }

    /// Appends an entry; with `durable` it is on the disk when this returns.
    pub(super) fn append(&mut self, entry: &Entry, durable: bool) -> Result<()> {
        if self.broken {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "an earlier write to the journal of this run failed; resume the run",
            )
            .class(RetryClass::Permanent)
            .with("file", self.path.display()));
        }
        let payload = serde_json::to_vec(entry)
            .map_err(|error| Error::new(ErrorKind::Bug, "a record of the journal is not JSON").caused_by(error))?;
        let mut record = Vec::with_capacity(payload.len() + 32);
        frames::encode(self.next, &payload, &mut record)?;
        self.broken = true;
        self.file.write_all_at(&record, self.end).map_err(|error| failed(&self.path, error))?;
        if durable {
            self.file.sync_data().map_err(|error| failed(&self.path, error))?;
        }
        if !is_named(&self.file, &self.path).map_err(|error| failed(&self.path, error))? {
            return Err(Error::new(
                ErrorKind::Data,
                "the journal of this run was replaced: another process has taken the run over; leave the run to it",
            )
            .class(RetryClass::Fatal)
            .with("file", self.path.display()));
        }
        self.broken = false;
        self.end += record.len() as u64;
        self.next += 1;
        Ok(())
    }
}

/// What the journal of a run says, without holding it; `None` if there is none.
pub(super) fn peek(folder: &Path, run: &RunId) -> Result<Option<State>> {
    let path = path(folder, run);
    let bytes = match OpenOptions::new().read(true).open(&path).and_then(|file| read(&file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&path, error)),
    };
    replay(&frames::scan(&bytes, &path)?.payloads, &path).map(Some)
}

/// Opens the file, or makes it, and locks it; `None` where someone else has it.
fn lock(path: &Path) -> Result<Option<File>> {
    let failed = |error| failed(path, error);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits() as i32)
        .open(path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Between opening and locking another file may have got the name.
        Ok(()) => Ok(is_named(&file, path).map_err(failed)?.then_some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(failed(error.into())),
    }
}

/// True as long as the open file is the one that has this name.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((ours.dev(), ours.ino()) == (named.dev(), named.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of a file of which something was read before.
fn rewound(mut file: &File) -> io::Result<Vec<u8>> {
    file.rewind()?;
    read(file)
}

fn replay(payloads: &[&[u8]], path: &Path) -> Result<State> {
    let mut state = State::default();
    for (number, payload) in payloads.iter().enumerate() {
        state.apply(parse(payload, number, path)?)?;
    }
    Ok(state)
}

/// The records behind the first so many, without epochs.
fn recorded_since(file: &File, count: u64, path: &Path) -> Result<Vec<Entry>> {
    let bytes = rewound(file).map_err(|error| failed(path, error))?;
    let payloads = frames::scan(&bytes, path)?.payloads.into_iter().enumerate().skip(count as usize);
    let entries = payloads.map(|(number, payload)| parse(payload, number, path)).collect::<Result<Vec<_>>>()?;
    Ok(entries.into_iter().filter(|entry| !matches!(entry, Entry::Epoch { .. })).collect())
}

fn parse(payload: &[u8], number: usize, path: &Path) -> Result<Entry> {
    serde_json::from_slice(payload).map_err(|error| {
        Error::new(
            ErrorKind::Spec,
            "the journal of this run was written by another version of Ropeway; resume it with that one, or start a new run",
        )
        .with("file", path.display())
        .with("record", number)
        .caused_by(error)
    })
}

fn held(run: &RunId, path: &Path) -> Error {
    Error::new(ErrorKind::Unavailable, "another process is working on this run; wait for it, or stop it first")
        .class(RetryClass::Permanent)
        .with("run", run)
        .with("file", path.display())
}

fn failed(path: &Path, error: io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            ErrorKind::Auth,
            "the journal of this run may not be written; grant access, or choose another folder with --state",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            ErrorKind::Unavailable,
            "the disk of the journal is full; make room and resume the run, or choose another folder with --state",
        ),
        _ => (ErrorKind::Unavailable, "the journal of this run cannot be read or written; resume the run when it can"),
    };
    let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    let failed = Error::new(kind, advice)
        .class(RetryClass::Permanent)
        .with("file", path.display())
        .with("reason", &error)
        .caused_by(error);
    match free_bytes(path) {
        Some(free) if full => failed.with("free bytes", free),
        _ => failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_while_a_journal_is_copied_is_fetched_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::try_from("r".to_owned()).unwrap();
        let (mut journal, _) = Journal::open(folder.path(), &run).unwrap();
        let old = File::open(path(folder.path(), &run)).unwrap();
        let number = |number: u64| Entry::Opening(number.into());
        journal.append(&number(1), true).unwrap();
        let since = || recorded_since(&old, 1, Path::new("r")).unwrap();
        assert!(since().is_empty());
        journal.append(&Entry::Epoch { at: 1, epoch: 2 }, true).unwrap();
        journal.append(&number(2), true).unwrap();
        assert!(matches!(&since()[..], [Entry::Opening(two)] if *two == 2));
    }

    #[test]
    fn after_a_failed_write_nothing_is_written_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunId::try_from("r".to_owned()).unwrap();
        let (mut journal, _) = Journal::open(folder.path(), &run).unwrap();
        let entry = || Entry::Opening(serde_json::Value::Null);
        journal.append(&entry(), true).unwrap();
        let good = std::mem::replace(&mut journal.file, File::open(path(folder.path(), &run)).unwrap());
        assert!(journal.append(&entry(), true).is_err());
        journal.file = good;
        let error = journal.append(&entry(), true).unwrap_err();
        assert!(error.to_string().contains("earlier write"), "{error}");
    }
}
