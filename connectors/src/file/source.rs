//! Files to rows: a chunk is a file, or some row groups of one.

use std::{
    borrow::Cow,
    fs::{File, Metadata},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    skipping::{Portion, PortionStream},
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
};
use serde::{Deserialize, Serialize};

use super::{disk, listing::Selection, paths::Root};
use crate::format::{Batches, Input, Portions, ReadFormat, Slice};

/// The files of one dataset.
pub(super) struct FileSource {
    pub(super) root: Root,
    pub(super) selection: Selection,
    pub(super) format: Arc<dyn ReadFormat>,
    /// How many files and chunks the plan found.
    pub(super) found: Mutex<Option<(usize, usize)>>,
}

/// A slice of a file as it was when the run was planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Recipe {
    /// Below the root.
    path: PathBuf,
    bytes: u64,
    modified_ns: u64,
    slice: Slice,
}

#[async_trait]
impl Source for FileSource {
    async fn schema(&self) -> Result<SchemaRef> {
        let (root, selection, format) = (self.root.clone(), self.selection.clone(), Arc::clone(&self.format));
        disk::blocking(move || {
            let files = selection.files(&root)?;
            let first = files.first().ok_or_else(|| selection.nothing(&root))?;
            let path = root.real(first)?;
            format.schema(disk::input(&path)?).map_err(|error| error.with("file", disk::shown(&path)))
        })
        .await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let (root, selection, format) = (self.root.clone(), self.selection.clone(), Arc::clone(&self.format));
        let (files, chunks) = disk::blocking(move || {
            let files = selection.files(&root)?;
            let mut recipes = Vec::new();
            for path in &files {
                recipes.extend(slices(&root, path, format.as_ref(), target)?);
            }
            let chunks = recipes.into_iter().enumerate().map(|(id, recipe)| chunk(id, &recipe));
            Ok((files.len(), chunks.collect::<Result<Vec<_>>>()?))
        })
        .await?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((files, chunks.len()));
        Ok(chunks)
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        Ok(self.portions(chunk, limit, Tolerance::None).await?.map_ok(|portion| portion.rows).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        self.portions(chunk, limit, Tolerance::Skips).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        self.format.skips().map(Cow::from)
    }

    fn file_of(&self, chunk: &Chunk) -> Option<String> {
        let recipe = Recipe::deserialize(&chunk.recipe).ok()?;
        Some(self.selection.relative(&recipe.path).to_string_lossy().into_owned())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.format.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        let found = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        SourceDescription {
            statement: self.selection.to_string(),
            cut: match found {
                Some((files, chunks)) if chunks > files => format!("{files} files, by their row groups"),
                Some((files, _)) => format!("{files} files, each one chunk"),
                None => "by files".to_owned(),
            },
            consistency: "a file that changes after the plan stops the run".to_owned(),
        }
    }
}

/// What happens with a row that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tolerance {
    /// It ends the read.
    None,
    /// It is left out.
    Skips,
}

impl FileSource {
    async fn portions(&self, chunk: &Chunk, limit: BatchLimit, tolerance: Tolerance) -> Result<PortionStream> {
        let recipe = Recipe::deserialize(&chunk.recipe).map_err(|error| {
            Error::new(ErrorKind::Bug, "the recipe of a file chunk is damaged; start the run anew").caused_by(error)
        })?;
        let (root, format) = (self.root.clone(), Arc::clone(&self.format));
        let expected = self.schema().await?;
        let reading = disk::blocking(move || Reading::open(&root, recipe, format.as_ref(), (limit, tolerance))).await?;
        let next = move |mut reading: Reading| {
            let expected = Arc::clone(&expected);
            async move {
                let (portion, reading) = disk::blocking(move || Ok((reading.next()?, reading))).await?;
                let Some(portion) = portion else { return Ok(None) };
                if portion.rows.schema() != expected {
                    return Err(Error::new(
                        ErrorKind::Data,
                        "the file has other columns than the first file; copy files with different columns separately",
                    )
                    .with("file", disk::shown(&reading.path)));
                }
                Ok(Some((portion, reading)))
            }
        };
        Ok(stream::try_unfold(reading, next).boxed())
    }
}

fn chunk(id: usize, recipe: &Recipe) -> Result<Chunk> {
    let slice = match recipe.slice {
        Slice::Whole => String::new(),
        Slice::RowGroups(from, to) => format!(", row groups {from} to {}", to.saturating_sub(1)),
    };
    let value = serde_json::to_value(recipe)
        .map_err(|error| Error::new(ErrorKind::Spec, "the name of a file is not UTF-8; rename it").caused_by(error))?;
    let id = u32::try_from(id)
        .map_err(|_| Error::new(ErrorKind::Spec, "these are too many files for one run; copy them folder by folder"))?;
    Ok(Chunk { id: ChunkId(id), label: format!("{}{slice}", disk::shown(&recipe.path)), recipe: value })
}

fn slices(root: &Root, path: &Path, format: &dyn ReadFormat, target: ChunkTarget) -> Result<Vec<Recipe>> {
    let whole = root.real(path)?;
    let (bytes, modified_ns) =
        identity(&disk::open(&whole)?.metadata().map_err(|error| disk::failed("open", &whole, error))?);
    // Every slot gets several chunks where the file is large enough to be cut at all.
    let slice_bytes = target.bytes.min(bytes / u64::from(target.chunks.max(1))).max(1 << 20);
    let slices =
        format.slices(disk::input(&whole)?, slice_bytes).map_err(|error| error.with("file", disk::shown(&whole)))?;
    Ok(slices.into_iter().map(|slice| Recipe { path: path.to_owned(), bytes, modified_ns, slice }).collect())
}

fn portions(batches: Batches) -> Portions {
    Box::new(batches.map(|batch| batch.map(Portion::from)))
}

/// What tells a changed file from the one that was planned.
fn identity(metadata: &Metadata) -> (u64, u64) {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    (metadata.len(), modified.map_or(0, |time| time.as_nanos() as u64))
}

/// A file that is being read.
struct Reading {
    path: PathBuf,
    recipe: Recipe,
    /// A second handle, to ask about the file as long as it is read.
    file: File,
    portions: Portions,
}

impl Reading {
    fn open(
        root: &Root,
        recipe: Recipe,
        format: &dyn ReadFormat,
        (limit, tolerance): (BatchLimit, Tolerance),
    ) -> Result<Self> {
        let path = root.real(&recipe.path)?;
        let file = disk::open(&path)?;
        let failed = |error| disk::failed("open", &path, error);
        let input = file.try_clone().and_then(Input::new).map_err(failed)?;
        let reading = Self { portions: Box::new(std::iter::empty()), path, recipe, file };
        reading.unchanged()?;
        let slice = &reading.recipe.slice;
        let portions = match tolerance {
            Tolerance::Skips => format.read_skipping(input, slice, limit),
            Tolerance::None => format.read(input, slice, limit).map(portions),
        };
        Ok(Self { portions: portions.map_err(|error| error.with("file", disk::shown(&reading.path)))?, ..reading })
    }

    fn next(&mut self) -> Result<Option<Portion>> {
        match self.portions.next() {
            Some(portion) => {
                // What looks like bad data may be a file that someone writes to right now.
                let mut portion = portion.map_err(|error| {
                    self.unchanged().err().unwrap_or_else(|| error.with("file", disk::shown(&self.path)))
                })?;
                for row in &mut portion.skipped {
                    row.message = format!("{} File: {}.", row.message, disk::shown(&self.recipe.path)).into();
                }
                Ok(Some(portion))
            }
            None => self.unchanged().map(|()| None),
        }
    }

    fn unchanged(&self) -> Result<()> {
        let open = self.file.metadata().map_err(|error| disk::failed("read", &self.path, error))?;
        let named = std::fs::metadata(&self.path).map_err(|error| disk::failed("read", &self.path, error))?;
        let planned = (self.recipe.bytes, self.recipe.modified_ns);
        if identity(&open) == planned && identity(&named) == planned {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Data,
            "the file changed after the run was planned; start a new run when nobody writes to it",
        )
        .with("file", disk::shown(&self.path))
        .code("DataConsistencySourceDataChanged"))
    }
}

#[cfg(test)]
mod tests;
