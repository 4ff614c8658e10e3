//! Files as one archive of them: one chunk, since an archive is one stream.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::{
    Error, Result,
    chunk::{BatchLimit, Chunk},
    files::FileEntry,
    source::{BatchStream, ChunkTarget, CopiedChunk, Source, SourceDescription},
};

use super::{OpenFile, OpenFiles, locked, plan, plan::Recipe};
use crate::{
    blocking::{self, blocking},
    deletion,
    format::{Gathered, Input, Inputs},
    selection::Selection,
};

/// The files of one Binary dataset, of which the sink gets an archive.
pub(crate) struct ArchiveSource {
    store: Arc<dyn OpenFiles>,
    selection: Selection,
    archive: Arc<Gathered>,
    /// How many files the plan found.
    found: Mutex<Option<usize>>,
}

impl ArchiveSource {
    pub(crate) fn new(store: Arc<dyn OpenFiles>, selection: Selection, archive: Gathered) -> Self {
        Self { store, selection, archive: Arc::new(archive), found: Mutex::default() }
    }
}

#[async_trait]
impl Source for ArchiveSource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(self.archive.schema())
    }

    async fn plan(&self, _target: ChunkTarget) -> Result<Vec<Chunk>> {
        let files = self.selection.files(self.store.files().as_ref()).await?;
        *locked(&self.found) = Some(files.len());
        Ok(vec![plan::one_chunk(files, self.store.as_ref())?])
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let files: VecDeque<FileEntry> = Recipe::of(chunk)?.files()?.into();
        let (store, selection, archive) = (Arc::clone(&self.store), self.selection.clone(), Arc::clone(&self.archive));
        let open = move || -> Box<dyn Inputs> {
            let (store, selection, files) = (Arc::clone(&store), selection.clone(), files.clone());
            Box::new(OneByOne { store, selection, files, open: None })
        };
        Ok(blocking::stream(blocking(move || archive.read(open, limit)).await?))
    }

    async fn retire(&self, copied: &[CopiedChunk<'_>]) -> Result<()> {
        plan::retire(&self.selection, self.store.as_ref(), copied).await
    }

    fn files_of(&self, chunk: &Chunk) -> Vec<String> {
        plan::files_of(&self.selection, chunk)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.archive.working_set(limit).saturating_add(self.store.working_set())
    }

    fn describe(&self) -> SourceDescription {
        let cut = match *locked(&self.found) {
            Some(files) => format!("{files} files, one archive and one chunk"),
            None => "not at all: an archive is one stream".to_owned(),
        };
        SourceDescription {
            statement: format!("{}{}", self.selection, self.archive.announced()),
            cut,
            consistency: deletion::consistency(self.selection.deletes()),
        }
    }
}

/// The files of a chunk, each opened when the one before it was read.
struct OneByOne {
    store: Arc<dyn OpenFiles>,
    selection: Selection,
    files: VecDeque<FileEntry>,
    open: Option<(String, Box<dyn OpenFile>)>,
}

impl Inputs for OneByOne {
    fn next(&mut self) -> io::Result<Option<Input>> {
        if let Some((_, file)) = self.open.take() {
            file.unchanged().map_err(io::Error::other)?;
        }
        let Some(entry) = self.files.pop_front() else { return Ok(None) };
        let file = self.store.open(&entry).map_err(io::Error::other)?;
        let input = file.input().map_err(io::Error::other)?.named(self.selection.relative(&entry.path));
        self.open = Some((entry.path, file));
        Ok(Some(input))
    }

    fn at_fault(&self, error: io::Error) -> io::Error {
        let Some((path, file)) = &self.open else { return error };
        let named = |error: Error| error.with("file", self.store.shown(path));
        io::Error::other(file.unchanged().err().unwrap_or_else(|| named(Gathered::unreadable(error))))
    }
}
