//! Files as pieces: a chunk is a range of a large file, or several small ones.

mod discord;
mod portions;

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    files::{FileEntry, Files},
    skipping::PortionStream,
    source::{BatchStream, ChunkTarget, CopiedChunk, Discord, Source, SourceDescription},
};
use serde::{Deserialize, Serialize};

use self::portions::{Leaving, portions};
use super::{PIECE, SkipErrorFile, rows, schema};
use crate::{
    deletion,
    kept::{kept_as_text, kept_in},
    selection::Selection,
};

/// Bytes that are asked for at once.
const READ: u64 = 4 * PIECE;
/// Such reads of a chunk that are on their way at once.
const READS: usize = 4;
/// Small files of one chunk at most.
const FILES: usize = 1000;
/// Ranges of one file at most: a blob has 50,000 blocks, and each range ends with a short one.
pub(crate) const RANGES: u64 = 5000;

/// A store whose files are copied as they are.
pub(crate) trait BinaryStore: Send + Sync + 'static {
    /// Its files.
    fn files(&self) -> Arc<dyn Files>;
    /// The MD5 of a file's content: what the store keeps, or else, where that costs no second download, computed.
    fn md5(&self, file: FileEntry) -> BoxFuture<'static, Result<Option<[u8; 16]>>>;
    /// The name of a file for a person.
    fn shown(&self, path: &str) -> String;
}

/// The files of one dataset.
pub(crate) struct BinarySource {
    store: Arc<dyn BinaryStore>,
    selection: Selection,
    /// How many files and chunks the plan found.
    found: Mutex<Option<(usize, usize)>>,
    leaving: Arc<Leaving>,
}

/// Path, length, version and MD5 of a file when the run was planned.
type Planned = (String, u64, String, Option<[u8; 16]>);

/// A range of one file, or several files.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Recipe {
    files: Vec<Planned>,
    /// Of the only file; all of every file without it.
    range: Option<(u64, u64)>,
}

impl BinarySource {
    /// A dataset that names one file is about that file: it is never left out.
    pub(crate) fn new(store: Arc<dyn BinaryStore>, selection: Selection, rules: SkipErrorFile) -> Self {
        let rules = (!selection.is_one_file()).then_some(rules);
        let leaving = Arc::new(Leaving::new(rules, selection.folder().to_owned()));
        Self { store, selection, found: Mutex::default(), leaving }
    }

    /// The MD5 of a file whose last range this is: its rows have it.
    async fn md5_at_end(&self, recipe: &Recipe) -> Result<Option<[u8; 16]>> {
        match (recipe.range, recipe.files.as_slice()) {
            (Some((_, end)), [file]) if end == file.1 => self.store.md5(entry(file)).await,
            _ => Ok(None),
        }
    }

    /// The reads of a chunk, in order.
    fn reads(&self, recipe: &Recipe, md5_at_end: Option<[u8; 16]>, limit: BatchLimit) -> Vec<Read> {
        let at_once = (limit.bytes / PIECE).min(limit.rows.get().into()).clamp(1, READ / PIECE) * PIECE;
        let mut reads = Vec::new();
        for (part, file) in (0..).zip(&recipe.files) {
            let file = entry(file);
            let (start, end) = recipe.range.unwrap_or((0, file.bytes));
            let read = Read {
                path: self.selection.relative(&file.path).to_owned(),
                part,
                md5: if recipe.range.is_none() { file.md5 } else { md5_at_end },
                file: Arc::new(file),
                is_whole: recipe.range.is_none(),
                is_first: true,
                start,
                end,
            };
            let mut from = start;
            loop {
                let to = (from + at_once).min(end);
                reads.push(Read { start: from, end: to, is_first: from == start, ..read.clone() });
                from = to;
                if from >= end {
                    break;
                }
            }
        }
        reads
    }

    async fn portions(&self, chunk: &Chunk, limit: BatchLimit, leaving: Arc<Leaving>) -> Result<PortionStream> {
        let (recipe, files) = (recipe(chunk)?, self.store.files());
        match self.md5_at_end(&recipe).await {
            Ok(md5) => Ok(portions(self.reads(&recipe, md5, limit), leaving, files)),
            Err(error) => match self.reads(&recipe, None, limit).first() {
                Some(read) => {
                    let portion = leaving.left_out(read, error, &*files).await?;
                    Ok(stream::iter([Ok(portion)]).boxed())
                }
                None => Err(error),
            },
        }
    }
}

/// A few pieces of one file that are asked for together.
#[derive(Clone)]
struct Read {
    /// Below the dataset's folder.
    path: String,
    /// Its place in the recipe.
    part: u32,
    file: Arc<FileEntry>,
    md5: Option<[u8; 16]>,
    /// Whether the chunk has all of the file.
    is_whole: bool,
    /// Whether this is the first read of the file, in this chunk.
    is_first: bool,
    start: u64,
    end: u64,
}

impl Read {
    async fn bytes(&self, files: Arc<dyn Files>) -> Result<Bytes> {
        // There is nothing to ask for in an empty file, but whether it is still there and empty.
        files.read(&self.file, self.start..self.end).await
    }

    fn rows(&self, bytes: Bytes) -> Result<RecordBatch> {
        rows(&self.path, (self.file.bytes, self.start), bytes, self.md5)
    }
}

#[async_trait]
impl Source for BinarySource {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(schema())
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        let files = self.selection.files(self.store.files().as_ref()).await?;
        let count = files.len();
        let total: u64 = files.iter().map(|file| file.bytes).sum();
        // Every slot gets several chunks where there is enough to copy.
        let together = target.bytes.min(total / u64::from(target.chunks.max(1))).max(PIECE);
        let recipes = recipes(files, target.bytes.max(PIECE), together);
        let chunks = recipes.into_iter().enumerate().map(|(id, recipe)| chunk(id, recipe, self.store.as_ref()));
        let chunks = chunks.collect::<Result<Vec<_>>>()?;
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some((count, chunks.len()));
        Ok(chunks)
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let portions = self.portions(chunk, limit, Arc::new(self.leaving.nothing())).await?;
        Ok(portions.map_ok(|portion| portion.rows).boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        self.portions(chunk, limit, Arc::clone(&self.leaving)).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        self.leaving.words().map(Cow::Owned)
    }

    fn discord(&self, copied: &[CopiedChunk<'_>]) -> Result<Option<Discord>> {
        discord::among(copied)
    }

    async fn retire(&self, copied: &[CopiedChunk<'_>]) -> Result<()> {
        if !self.selection.deletes() {
            return Ok(());
        }
        let files = self.store.files();
        for CopiedChunk { chunk, left_out } in copied {
            let is_copied = |part: u32| left_out.iter().all(|left| left.part != part);
            let copies = (0..).zip(recipe(chunk)?.files).filter(|(part, _)| is_copied(*part));
            deletion::delete(&files, copies.map(|(_, file)| entry(&file)).collect()).await?;
        }
        Ok(())
    }

    fn files_of(&self, chunk: &Chunk) -> Vec<String> {
        let files = recipe(chunk).map(|recipe| recipe.files).unwrap_or_default();
        files.iter().map(|(path, ..)| self.selection.relative(path).to_owned()).collect()
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // What is on its way, which a store may hold in parts and as a whole, and one read with its rows.
        limit.bytes.saturating_add((2 * READS as u64 + 2) * READ)
    }

    fn describe(&self) -> SourceDescription {
        let found = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        SourceDescription {
            statement: self.selection.to_string(),
            cut: found.map_or_else(
                || "by files and ranges".to_owned(),
                |(files, chunks)| {
                    format!("{files} files in {chunks} chunks: small files together, large ones in ranges")
                },
            ),
            consistency: deletion::consistency(self.selection.deletes()),
        }
    }
}

fn entry((path, bytes, version, md5): &Planned) -> FileEntry {
    FileEntry { path: path.clone(), bytes: *bytes, modified: None, version: version.clone(), md5: *md5 }
}

fn recipe(chunk: &Chunk) -> Result<Recipe> {
    kept_in(&chunk.recipe)
}

/// Large files in ranges, small ones together, in the order of their paths.
fn recipes(files: Vec<FileEntry>, range: u64, together: u64) -> Vec<Recipe> {
    let (mut recipes, mut gathered): (Vec<Recipe>, u64) = (Vec::new(), u64::MAX);
    for file in files {
        let FileEntry { path, bytes, version, md5, .. } = file;
        let of_file = (path, bytes, version, md5);
        if bytes > range {
            // Ranges begin on the grid of pieces.
            let range = range.max(bytes.div_ceil(RANGES)).next_multiple_of(PIECE);
            let starts = (0..bytes.div_ceil(range)).map(|number| number * range);
            recipes.extend(starts.map(|start| Recipe {
                files: vec![of_file.clone()],
                range: Some((start, (start + range).min(bytes))),
            }));
            gathered = u64::MAX;
            continue;
        }
        let sum = gathered.saturating_add(bytes);
        match recipes.last_mut().filter(|recipe| sum <= together && recipe.files.len() < FILES) {
            Some(recipe) => {
                gathered = sum;
                recipe.files.push(of_file);
            }
            None => {
                gathered = bytes;
                recipes.push(Recipe { files: vec![of_file], range: None });
            }
        }
    }
    recipes
}

fn chunk(id: usize, recipe: Recipe, store: &dyn BinaryStore) -> Result<Chunk> {
    let id = u32::try_from(id)
        .map_err(|_| Error::new(ErrorKind::Spec, "these are too many files for one run; copy them folder by folder"))?;
    let first = recipe.files.first().map_or_else(String::new, |(path, ..)| store.shown(path));
    let label = match recipe.range {
        Some((start, end)) => format!("{first}, bytes {start} to {end}"),
        None if recipe.files.len() > 1 => format!("{first} and {} more files", recipe.files.len() - 1),
        None => first,
    };
    Ok(Chunk { id: ChunkId(id), label, recipe: kept_as_text(&recipe)? })
}
