//! A source whose columns are mapped.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};

use super::{Mapping, plan::Plan};
use crate::{
    Error, ErrorKind, Result, Side,
    chunk::{BatchLimit, Chunk, ChunkId},
    cpu,
    sink::Sink,
    skipping::PortionStream,
    source::{BatchStream, ChunkTarget, CopiedChunk, Discord, Source, SourceDescription},
};

/// The rows of a source with the columns that a sink shall get.
pub struct MappedSource {
    source: Arc<dyn Source>,
    sink: Arc<dyn Sink>,
    mapping: Mapping,
    /// Made when the columns of both ends are known: with [`Source::schema`].
    plan: Mutex<Option<Arc<Plan>>>,
}

impl MappedSource {
    /// Maps the columns of the source to those of the sink.
    pub fn new(source: Arc<dyn Source>, sink: Arc<dyn Sink>, mapping: Mapping) -> Self {
        Self { source, sink, mapping, plan: Mutex::default() }
    }

    fn plan(&self) -> Option<Arc<Plan>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file that the rows of a chunk come from, if it is one.
    fn file_of(&self, chunk: &Chunk) -> Option<Arc<str>> {
        match self.source.files_of(chunk).as_slice() {
            [file] => Some(Arc::from(file.as_str())),
            _ => None,
        }
    }

    fn planned(&self) -> Result<Arc<Plan>> {
        self.plan().ok_or_else(|| {
            Error::new(ErrorKind::Bug, "rows were asked for before the columns were mapped; please report it")
        })
    }
}

#[async_trait]
impl Source for MappedSource {
    async fn schema(&self) -> Result<SchemaRef> {
        let columns = self.source.schema().await?;
        let takes = self.sink.takes().await.map_err(|error| error.on(Side::Sink))?;
        let plan = Arc::new(Plan::of(&self.mapping, &columns, &takes)?);
        let schema = Arc::clone(&plan.schema);
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(plan);
        Ok(schema)
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        if self.plan().is_some_and(|plan| plan.names_files()) {
            return self.source.plan_by_file(target).await;
        }
        self.source.plan(target).await
    }

    async fn plan_by_file(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.source.plan_by_file(target).await
    }

    async fn plan_whole_files(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.source.plan_whole_files(target).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let (plan, file) = (self.planned()?, self.file_of(chunk));
        let batches = self.source.read(chunk, plan.limit(limit)).await?;
        if plan.is_plain() {
            return Ok(batches.map(move |batch| plan.rows(&batch?, None)).boxed());
        }
        let mapped = batches.and_then(move |batch| {
            let (plan, file) = (Arc::clone(&plan), file.clone());
            async move { cpu::run(move || plan.rows(&batch, file.as_deref())).await? }
        });
        Ok(mapped.boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        let (plan, file) = (self.planned()?, self.file_of(chunk));
        let portions = self.source.read_skipping(chunk, plan.limit(limit)).await?;
        let mapped = portions.and_then(move |portion| {
            let (plan, file) = (Arc::clone(&plan), file.clone());
            async move { cpu::run(move || plan.portion(portion, file.as_deref())).await? }
        });
        Ok(mapped.boxed())
    }

    fn discord(&self, copied: &[CopiedChunk<'_>]) -> Result<Option<Discord>> {
        self.source.discord(copied)
    }

    async fn retire(&self, copied: &[CopiedChunk<'_>]) -> Result<()> {
        self.source.retire(copied).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        let of_source = self.source.skips();
        if self.plan().is_none_or(|plan| !plan.converts()) {
            return of_source;
        }
        let ours = "rows with a value that has no place in the type that the mapping wants";
        Some(of_source.map_or_else(|| ours.into(), |theirs| format!("{theirs}; {ours}").into()))
    }

    fn arrived(&self, chunk: ChunkId) -> Option<u64> {
        self.source.arrived(chunk)
    }

    fn divides(&self, chunk: &Chunk) -> bool {
        self.source.divides(chunk)
    }

    fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        self.source.hasten(chunk, parts)
    }

    fn shares_snapshot(&self, chunks: &[Chunk]) -> bool {
        self.source.shares_snapshot(chunks)
    }

    async fn begin_snapshot(&self, readers: u32) -> Result<()> {
        self.source.begin_snapshot(readers).await
    }

    fn end_snapshot(&self) {
        self.source.end_snapshot();
    }

    fn files_of(&self, chunk: &Chunk) -> Vec<String> {
        self.source.files_of(chunk)
    }

    fn by_file(&self, chunk: &Chunk) -> Result<Vec<Chunk>> {
        self.source.by_file(chunk)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        let Some(plan) = self.plan() else { return self.source.working_set(limit) };
        self.source.working_set(plan.limit(limit)).saturating_add(plan.working_set(limit))
    }

    fn describe(&self) -> SourceDescription {
        self.source.describe()
    }
}
