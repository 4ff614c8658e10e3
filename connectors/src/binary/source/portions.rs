//! The files of a chunk with those left out that cannot be copied, if `skipErrorFile` says so.
//!
//! A file is left out only before anything of it was handed on: one that fails later ends the attempt, and the next one
//! meets the failure at the file's beginning. So nothing of it is ever on its way to the sink.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt, stream, stream::BoxStream};
use md5::{Digest, Md5};
use ropeway_engine::{
    Error, ErrorKind, Result, cpu,
    files::Files,
    retry::RetryClass,
    skipping::{LeftOut, Portion, PortionStream},
};

use super::{READS, Read};
use crate::binary::{
    leaving_out::{Cause, SkipErrorFile, advised, skipped},
    same_md5, schema,
    spans::wrong_md5,
};

/// What all chunks of a source share.
pub(super) struct Leaving {
    /// `None` if the copy is about one file: nothing can be left out of it.
    rules: Option<SkipErrorFile>,
    /// Files whose bytes were found not to be those of their MD5.
    damaged: Mutex<HashSet<String>>,
    /// The folder that stands for the store: as long as something is found in it, an error is that of one file.
    folder: String,
}

impl Leaving {
    pub(super) fn new(rules: Option<SkipErrorFile>, folder: String) -> Self {
        Self { rules, damaged: Mutex::default(), folder }
    }

    /// The same for who leaves nothing out.
    pub(super) fn nothing(&self) -> Self {
        Self::new(self.rules.as_ref().map(|_| SkipErrorFile::default()), self.folder.clone())
    }

    pub(super) fn words(&self) -> Option<String> {
        self.rules.as_ref()?.words()
    }

    fn allows(&self, cause: Cause) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.allows(cause))
    }

    /// The error of a file that ends the copy, with what to set instead if that is possible.
    fn fatal(&self, error: Error) -> Error {
        if self.rules.is_some() { advised(error) } else { error }
    }

    /// A file of which nothing was read, if it is to be left out.
    ///
    /// # Errors
    /// The error itself if it is none that a file is left out for, or may be about more than this file.
    pub(super) async fn left_out(&self, read: &Read, error: Error, files: &dyn Files) -> Result<Portion> {
        let Some(cause) = Cause::of(&error).filter(|cause| self.allows(*cause)) else {
            return Err(self.fatal(error));
        };
        let is_of_store = matches!(cause, Cause::Missing | Cause::Forbidden);
        if is_of_store && files.list(&self.folder).try_next().await?.is_none() {
            return Err(error.with("nothing is left in the folder", self.folder.escape_debug()));
        }
        let part = LeftOut { part: read.part, code: error.symbolic_code().unwrap_or_default().into() };
        // A file that lies in several chunks is counted where it begins.
        let is_counted = read.start == 0;
        Ok(Portion {
            read: u64::from(is_counted),
            rows: RecordBatch::new_empty(schema()),
            skipped: is_counted.then(|| skipped(&read.path, &error)).into_iter().collect(),
            left_out: vec![part],
        })
    }

    /// The error that is known of a file before it is read.
    fn known(&self, read: &Read) -> Option<Error> {
        let is_damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).contains(&read.file.path);
        if is_damaged { Some(wrong_md5(&read.path)) } else { self.rules.as_ref()?.refused(&read.path) }
    }

    fn remember_damaged(&self, read: &Read) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(read.file.path.clone());
    }
}

/// The portions of a chunk.
pub(super) fn portions(reads: Vec<Read>, leaving: Arc<Leaving>, files: Arc<dyn Files>) -> PortionStream {
    let outcomes = stream::iter(reads).map({
        let (leaving, files) = (Arc::clone(&leaving), Arc::clone(&files));
        move |read| {
            let (leaving, files) = (Arc::clone(&leaving), Arc::clone(&files));
            async move {
                let outcome = match leaving.known(&read) {
                    Some(error) => Err(error),
                    None => read.bytes(files).await,
                };
                (read, outcome)
            }
            .boxed()
        }
    });
    let sorting = Sorting { outcomes: outcomes.buffered(READS).boxed(), leaving, files, gone: None, hashing: None };
    stream::try_unfold(sorting, |mut sorting| async move {
        while let Some((read, outcome)) = sorting.outcomes.next().await {
            if let Some(portion) = sorting.portion(&read, outcome).await? {
                return Ok(Some((portion, sorting)));
            }
        }
        Ok(None)
    })
    .boxed()
}

/// A chunk that is being read.
struct Sorting {
    /// In order.
    outcomes: BoxStream<'static, (Read, Result<Bytes>)>,
    leaving: Arc<Leaving>,
    files: Arc<dyn Files>,
    /// The file that is left out.
    gone: Option<u32>,
    /// The MD5 of what was read of a file so far.
    hashing: Option<Md5>,
}

impl Sorting {
    /// What goes to the sink of a read; `None` if nothing does.
    async fn portion(&mut self, read: &Read, outcome: Result<Bytes>) -> Result<Option<Portion>> {
        if self.gone == Some(read.part) {
            return Ok(None);
        }
        let outcome = match outcome {
            Ok(bytes) => self.checked(read, bytes).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(bytes) => Ok(Some(read.rows(bytes)?.into())),
            Err(error) if read.is_first => {
                let portion = self.leaving.left_out(read, error, &*self.files).await?;
                self.gone = Some(read.part);
                Ok(Some(portion))
            }
            Err(error) if Cause::of(&error).is_some_and(|cause| self.leaving.allows(cause)) => {
                Err(begun(read).caused_by(error))
            }
            Err(error) => Err(self.leaving.fatal(error)),
        }
    }

    /// Compares a whole file with its MD5, before its last bytes go on, if files are left out that differ.
    async fn checked(&mut self, read: &Read, bytes: Bytes) -> Result<Bytes> {
        let Some(md5) = read.md5.filter(|_| read.is_whole && self.leaving.allows(Cause::Inconsistent)) else {
            return Ok(bytes);
        };
        let mut hasher = if read.is_first { Md5::new() } else { self.hashing.take().unwrap_or_default() };
        let (bytes, hasher) = cpu::run(move || {
            hasher.update(&bytes);
            (bytes, hasher)
        })
        .await?;
        if read.end < read.file.bytes {
            self.hashing = Some(hasher);
            return Ok(bytes);
        }
        same_md5(&read.path, Some(md5), Some(hasher.finalize().into()))
            .inspect_err(|_| self.leaving.remember_damaged(read))?;
        Ok(bytes)
    }
}

/// Bytes of a file are on their way already that turns out to be left out: the chunk is read again without it.
fn begun(read: &Read) -> Error {
    Error::new(ErrorKind::Unavailable, "a file went while it was read; its chunk is read again without it")
        .with("file", read.path.escape_debug())
        .class(RetryClass::Conflict)
}
