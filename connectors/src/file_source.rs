//! Files to rows, wherever the files are: a chunk is a file, a part of one, or several small ones.

mod gathered;
mod plan;
mod reading;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk},
    files::{FileEntry, Files},
    skipping::PortionStream,
    source::{BatchStream, ChunkTarget, CopiedChunk, Source, SourceDescription},
};
use serde_json::Value;
use tokio::sync::OnceCell;

use self::{
    plan::{Cut, Planned, Recipe},
    reading::{Reading, Tolerance},
};
use crate::{
    binary::{BinarySource, BinaryStore, SkipErrorFile},
    blocking::blocking,
    deletion,
    format::{Input, ReadFormat, Repacking},
    selection::Selection,
};

/// A store whose files are read as rows.
pub(crate) trait OpenFiles: Send + Sync + 'static {
    /// Its files.
    fn files(&self) -> Arc<dyn Files>;
    /// Opens a file that is as it was when it was listed. Blocks, on a thread of the runtime.
    fn open(&self, file: &FileEntry) -> Result<Box<dyn OpenFile>>;
    /// The name of a file for a person.
    fn shown(&self, path: &str) -> String;
    /// Peak bytes that an open file holds.
    fn working_set(&self) -> u64;
}

/// A file that is being read.
pub(crate) trait OpenFile: Send {
    /// Its bytes, for a format.
    fn input(&self) -> Result<Input>;
    /// Whether everything that was read is of the file that was listed. Asked after the last byte, and when a format
    /// found something wrong. Blocks.
    ///
    /// # Errors
    /// What the store said when it gave no bytes, or that the file has changed.
    fn unchanged(&self) -> Result<()>;
}

/// The files of one dataset.
pub(crate) struct FileSource {
    store: Arc<dyn OpenFiles>,
    selection: Selection,
    format: Arc<dyn ReadFormat>,
    /// The columns of the first file, and of its path.
    columns: OnceCell<SchemaRef>,
    /// The files as they were listed for `columns`, until they are planned.
    listed: Mutex<Option<Vec<FileEntry>>>,
    /// What the plan found.
    found: Mutex<Option<Planned>>,
}

impl FileSource {
    pub(crate) fn new(store: Arc<dyn OpenFiles>, selection: Selection, format: Arc<dyn ReadFormat>) -> Self {
        let (columns, listed, found) = (OnceCell::new(), Mutex::default(), Mutex::default());
        Self { store, selection, format, columns, listed, found }
    }

    async fn list(&self) -> Result<Vec<FileEntry>> {
        self.selection.files(self.store.files().as_ref()).await
    }

    async fn columns_of_first(&self) -> Result<SchemaRef> {
        let files = self.list().await?;
        let first = files.first().cloned().ok_or_else(|| {
            Error::new(ErrorKind::Bug, "a list of no files was taken for one of files; please report it")
        })?;
        *locked(&self.listed) = Some(files);
        let (store, format, partitions) =
            (Arc::clone(&self.store), Arc::clone(&self.format), self.selection.partitions().cloned());
        blocking(move || {
            let opened = store.open(&first)?;
            let columns = format.schema(opened.input()?).map_err(|error| {
                opened.unchanged().err().unwrap_or_else(|| error.with("file", store.shown(&first.path)))
            })?;
            partitions.map_or(Ok(Arc::clone(&columns)), |it| it.schema(&columns, &first.path))
        })
        .await
    }

    async fn planned(&self, target: ChunkTarget, cut: Cut) -> Result<Vec<Chunk>> {
        let listed = locked(&self.listed).take();
        let files = match listed {
            Some(files) => files,
            None => self.list().await?,
        };
        let (planned, chunks) = plan::chunks(&self.store, &self.format, files, (target, cut)).await?;
        *locked(&self.found) = Some(planned);
        Ok(chunks)
    }

    async fn portions(&self, chunk: &Chunk, limit: BatchLimit, tolerance: Tolerance) -> Result<PortionStream> {
        let recipe = Recipe::of(chunk)?;
        let expected = self.schema().await?;
        let reading = Reading {
            store: Arc::clone(&self.store),
            format: Arc::clone(&self.format),
            selection: self.selection.clone(),
            expected,
            slice: recipe.slice,
            limit,
            tolerance,
            files: recipe.files()?.into(),
            open: None,
        };
        // The first file is opened at once, so that what is wrong with it is told before a stream is there.
        let reading = blocking(move || reading.begin()).await?;
        let next = |reading: Reading| async move {
            let (portion, reading) = blocking(move || reading.next()).await?;
            Ok(portion.map(|portion| (portion, reading)))
        };
        Ok(stream::try_unfold(reading, next).boxed())
    }
}

#[async_trait]
impl Source for FileSource {
    async fn schema(&self) -> Result<SchemaRef> {
        self.columns.get_or_try_init(|| self.columns_of_first()).await.cloned()
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.planned(target, Cut::Anyhow).await
    }

    async fn plan_by_file(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.planned(target, Cut::ByFile).await
    }

    async fn plan_whole_files(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.planned(target, Cut::WholeFiles).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        Ok(self.portions(chunk, limit, Tolerance::None).await?.map_ok(|portion| portion.rows).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        self.portions(chunk, limit, Tolerance::Skips).await
    }

    async fn retire(&self, copied: &[CopiedChunk<'_>]) -> Result<()> {
        plan::retire(&self.selection, self.store.as_ref(), copied).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        self.format.skips().map(Cow::from)
    }

    fn files_of(&self, chunk: &Chunk) -> Vec<String> {
        plan::files_of(&self.selection, chunk)
    }

    fn by_file(&self, chunk: &Chunk) -> Result<Vec<Chunk>> {
        plan::by_file(chunk, self.store.as_ref())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.format.working_set(limit).saturating_add(self.store.working_set())
    }

    fn describe(&self) -> SourceDescription {
        let cut = match &*locked(&self.found) {
            Some(Planned { files, chunks, grouped }) if *grouped > 0 => {
                format!("{files} files in {chunks} chunks, small files together")
            }
            Some(Planned { files, chunks, .. }) if chunks > files => {
                format!("{files} files, by their row groups, stripes or blocks")
            }
            Some(Planned { files, .. }) => format!("{files} files, each one chunk"),
            None => "by files".to_owned(),
        };
        SourceDescription {
            statement: format!("{}{}", self.selection, self.format.announced()),
            cut,
            consistency: deletion::consistency(self.selection.deletes()),
        }
    }
}

/// The files of a Binary dataset, repacked or as they are.
pub(crate) fn of_binary<S: OpenFiles + BinaryStore>(
    store: Arc<S>,
    selection: Selection,
    repacking: Repacking,
    rules: SkipErrorFile,
) -> Arc<dyn Source> {
    match repacking {
        Repacking::None => Arc::new(BinarySource::new(store, selection, rules)),
        Repacking::Each(format) => Arc::new(FileSource::new(store, selection, format)),
        Repacking::All(archive) => Arc::new(gathered::ArchiveSource::new(store, selection, archive)),
    }
}

/// # Errors
/// [`ErrorKind::Spec`] for columns that only a mapping can add.
pub(crate) fn no_additional_columns(columns: Option<&Value>) -> Result<()> {
    match columns.and_then(Value::as_array).filter(|columns| !columns.is_empty()) {
        Some(_) => Err(Error::new(ErrorKind::Spec, "additionalColumns are not supported for files; remove them")),
        None => Ok(()),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
