//! Rows to files: one file of all chunks, or a folder with a file per chunk.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    sink::{ColumnFit, Opened, Published, RunContext, Sink, SinkRun, Stored, Takes},
    source::BatchStream,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    disk,
    paths::{Root, Target},
    publish::{Folder, Publication, Recipe, SingleFile},
    staging::Staging,
    writer::{FLUSH_BYTES, FileWriter, Pieces},
};
use crate::{
    blocking,
    format::Format,
    layout::{FolderSettings, PartNames},
};

/// Where files of one dataset go.
pub(super) struct FileSink {
    pub(super) root: Root,
    pub(super) target: Target,
    pub(super) format: Arc<dyn Format>,
    pub(super) folder: FolderSettings,
}

#[async_trait]
impl Sink for FileSink {
    async fn takes(&self) -> Result<Takes> {
        Ok(self.format.takes())
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.format.fit(schema)
    }

    fn guarantee(&self) -> String {
        match &self.target.file {
            Some(_) => "every row exactly once; the file appears complete or not at all",
            None => "every row exactly once; each file appears complete, and _SUCCESS when all are there",
        }
        .to_owned()
    }

    fn keeps_files(&self) -> bool {
        self.target.file.is_none() && self.folder.behavior.is_some()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let names = PartNames::new(self.folder.clone(), &context.run, self.format.extension(), &context.files)?;
        let (root, target) = (self.root.clone(), self.target.clone());
        let (run, epoch) = (context.run.clone(), context.epoch);
        let staging = disk::blocking(move || prepare(&root, &target, &run, epoch)).await?;
        let folder: PathBuf = self.root.real(&self.target.folder)?;
        let shared = Shared {
            run: context.run,
            schema: context.schema,
            format: Arc::clone(&self.format),
            folder,
            staging,
            moved: Arc::default(),
        };
        let names = Arc::new(names);
        let publication: Arc<dyn Publication> = match &self.target.file {
            Some(name) => Arc::new(SingleFile { shared: shared.clone(), name: name.clone() }),
            None => Arc::new(Folder { shared: shared.clone(), names: Arc::clone(&names) }),
        };
        let pieces = match &self.target.file {
            Some(_) => Pieces::OfAFile,
            None => Pieces::Files { rows_at_most: self.folder.max_rows_per_file },
        };
        Ok(Box::new(FileRun { shared, publication, names, pieces }))
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.format.working_set(schema, limit).saturating_add(2 * FLUSH_BYTES as u64)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        Ok(self.format.read_back(schema)?.working_set(limit))
    }
}

/// Creates the target folder and the staging folder in it.
pub(super) fn prepare(root: &Root, target: &Target, run: &RunId, epoch: u32) -> Result<Staging> {
    // The root itself is never created: a share that is not mounted must not become a local folder.
    let base = root.real(std::path::Path::new(""))?;
    let mut folder = base;
    for piece in &target.folder {
        folder.push(piece);
        disk::create_folder(&folder)?;
    }
    let staging = Staging::new(&root.real(&target.folder)?, target.file.as_deref(), run, epoch);
    staging.begin()?;
    Ok(staging)
}

/// What every part of a run needs to know.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) run: RunId,
    pub(super) schema: SchemaRef,
    pub(super) format: Arc<dyn Format>,
    /// The target folder, links resolved.
    pub(super) folder: PathBuf,
    pub(super) staging: Staging,
    /// Bytes that went into files, and pieces that were joined.
    pub(super) moved: Arc<AtomicU64>,
}

struct FileRun {
    shared: Shared,
    publication: Arc<dyn Publication>,
    names: Arc<PartNames>,
    pieces: Pieces,
}

#[async_trait]
impl SinkRun for FileRun {
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        let is_one_file = !self.names.has_several(chunk.id);
        let writer = FileWriter::new(self.shared.clone(), (chunk.id, attempt), self.pieces, is_one_file);
        Ok(Opened::Writer(Box::new(writer)))
    }

    fn moved(&self) -> u64 {
        self.shared.moved.load(Ordering::Relaxed)
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        let (publication, receipts) = (Arc::clone(&self.publication), receipts.to_vec());
        disk::blocking(move || publication.lost(&receipts)).await
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let (publication, receipts) = (Arc::clone(&self.publication), receipts.to_vec());
        disk::blocking(move || publication.publish(&receipts)).await
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        let (publication, receipts) = (Arc::clone(&self.publication), receipts.to_vec());
        disk::blocking(move || publication.stored(&receipts)).await
    }

    async fn read_back(&self, slice: &Value, limit: BatchLimit) -> Result<BatchStream> {
        let Recipe { name, slice } = Recipe::deserialize(slice).map_err(|error| {
            Error::new(ErrorKind::Bug, "a file cannot be found again; please report it").caused_by(error)
        })?;
        let shared = self.shared.clone();
        let open = move || {
            let format = shared.format.read_back(&shared.schema)?;
            format.read(disk::input(&shared.folder.join(name))?, &slice, limit)
        };
        Ok(blocking::stream(disk::blocking(open).await?))
    }

    async fn abort(&self) -> Result<()> {
        let staging = self.shared.staging.clone();
        disk::blocking(move || staging.remove()).await
    }
}

#[cfg(test)]
mod tests;
