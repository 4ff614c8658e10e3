//! The hidden folder in which a run gathers its pieces before they get their names.
//!
//! It stands beside the target, so that a rename is atomic, and only its owner can look into it, so
//! the files in it may already have the permissions they will have in the end. Every attempt writes
//! under names of its own: what a dead process still writes is never part of anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, RunId},
    retry::RetryClass,
};

use super::disk;

/// The prefix of the files that say which epochs began.
const EPOCH: &str = "epoch-";

#[derive(Clone, Debug)]
pub(super) struct Staging {
    path: PathBuf,
    epoch: u32,
}

impl Staging {
    /// The staging folder of a run for `name`: a file, or nothing for the whole folder.
    pub(super) fn new(folder: &Path, name: Option<&str>, run: &RunId, epoch: u32) -> Self {
        let path = folder.join(format!(".{}.{}.ropeway", name.unwrap_or("parts"), run.short()));
        Self { path, epoch }
    }

    /// Creates it, and says that this epoch began.
    pub(super) fn begin(&self) -> Result<()> {
        disk::create_private_folder(&self.path)?;
        let mark = self.path.join(format!("{EPOCH}{}", self.epoch));
        if disk::length(&mark).is_none() {
            disk::create_new(&mark)?;
        }
        disk::sync_folder(&self.path)
    }

    /// False once the run is published.
    pub(super) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of what an attempt writes.
    pub(super) fn piece_name(chunk: ChunkId, attempt: Attempt, piece: u32) -> String {
        format!("{:05}-{piece:05}-{}.{}", chunk.0, attempt.epoch, attempt.number)
    }

    /// Where this process gathers something.
    pub(super) fn own(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}-{}", self.epoch))
    }

    /// Where this process gathers what outlives the staging folder, hidden as well.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.path.with_extension(format!("{name}-{}", self.epoch))
    }

    /// Removes what this process and earlier ones gathered there.
    pub(super) fn remove_beside(&self, name: &str) -> Result<()> {
        (1..=self.epoch).try_for_each(|epoch| disk::remove_file(&Self { epoch, ..self.clone() }.beside(name)))
    }

    /// # Errors
    /// Another process has taken the run over.
    pub(super) fn still_ours(&self) -> Result<()> {
        let entries = fs::read_dir(&self.path).map_err(|error| disk::failed("list", &self.path, error))?;
        let epochs =
            entries.flatten().filter_map(|entry| entry.file_name().to_str()?.strip_prefix(EPOCH)?.parse::<u32>().ok());
        match epochs.max() {
            Some(newest) if newest > self.epoch => {
                Err(Error::new(ErrorKind::Data, "another process has taken this run over; leave the run to it")
                    .class(RetryClass::Fatal)
                    .with("folder", disk::shown(&self.path)))
            }
            _ => Ok(()),
        }
    }

    /// Removes it, durably: after a power cut it would stand there again, and nobody would come back for it. This
    /// also makes the names beside it durable, whichever process gave them.
    pub(super) fn remove(&self) -> Result<()> {
        disk::remove_folder(&self.path)?;
        self.path.parent().map_or(Ok(()), disk::sync_folder)
    }
}
