//! Files to chunks.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Chunk, ChunkId},
    files::FileEntry,
    source::{ChunkTarget, CopiedChunk},
};
use serde::{Deserialize, Serialize};

use super::OpenFiles;
use crate::{
    blocking::blocking,
    deletion,
    format::{ReadFormat, Slice},
    kept::{kept_as_text, kept_in},
    selection::Selection,
};

/// Small files are gathered so that there are about so many chunks of them. Each chunk costs a record in the journal and a
/// part in the sink, which is made durable by itself; a hundred thousand files would cost a hundred thousand.
const SMALL_FILES: usize = 1000;

/// Files that are looked into at once while the plan is made.
const LOOKS: usize = 8;

/// How chunks and files go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Large files in slices, small ones together.
    Anyhow,
    /// Large files in slices, no two in one chunk.
    ByFile,
    /// Files whole, small ones together.
    WholeFiles,
}

/// What a plan made of files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) files: usize,
    pub(super) chunks: usize,
    /// Chunks of several files.
    pub(super) grouped: usize,
}

/// One slice of one file, or several files, as they were when the run was planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// Path, length and version of each.
    files: Vec<(String, u64, String)>,
    pub(super) slice: Slice,
}

impl Recipe {
    fn new(files: Vec<FileEntry>, slice: Slice) -> Self {
        Self { files: files.into_iter().map(|file| (file.path, file.bytes, file.version)).collect(), slice }
    }

    pub(super) fn of(chunk: &Chunk) -> Result<Self> {
        kept_in(&chunk.recipe)
    }

    /// The files, at least one.
    pub(super) fn files(self) -> Result<Vec<FileEntry>> {
        if self.files.is_empty() {
            return Err(Error::new(ErrorKind::Bug, "the recipe of a chunk has no files; start the run anew"));
        }
        let entry = |(path, bytes, version)| FileEntry { path, bytes, modified: None, version, md5: None };
        Ok(self.files.into_iter().map(entry).collect())
    }

    fn label(&self, store: &dyn OpenFiles) -> String {
        let first = self.files.first().map_or_else(String::new, |(path, ..)| store.shown(path));
        match self.slice {
            Slice::RowGroups(from, to) => format!("{first}, row groups {from} to {}", to.saturating_sub(1)),
            Slice::Stripes(from, to) => format!("{first}, stripes {from} to {}", to.saturating_sub(1)),
            Slice::Bytes(from, to) => format!("{first}, bytes {from} to {}", to.saturating_sub(1)),
            Slice::Whole if self.files.len() > 1 => format!("{first} and {} more files", self.files.len() - 1),
            Slice::Whole => first,
        }
    }

    fn chunk(self, id: usize, store: &dyn OpenFiles) -> Result<Chunk> {
        let id = u32::try_from(id).map_err(|_| {
            Error::new(ErrorKind::Spec, "these are too many files for one run; copy them folder by folder")
        })?;
        let label = self.label(store);
        let recipe = kept_as_text(&self)?;
        Ok(Chunk { id: ChunkId(id), label, recipe })
    }
}

/// The chunks of these files, in their order. Files that are too small to be cut are not looked into, and where there are
/// too many of them several share a chunk.
pub(super) async fn chunks(
    store: &Arc<dyn OpenFiles>,
    format: &Arc<dyn ReadFormat>,
    files: Vec<FileEntry>,
    (target, cut): (ChunkTarget, Cut),
) -> Result<(Planned, Vec<Chunk>)> {
    let count = files.len();
    let together = if cut == Cut::ByFile { 1 } else { count.div_ceil(SMALL_FILES) };
    let slice = if cut == Cut::WholeFiles { ChunkTarget { bytes: u64::MAX, chunks: 1, ..target } } else { target };
    let recipes: Vec<Vec<Recipe>> = stream::iter(groups(files, target, together))
        .map(|group| recipes(Arc::clone(store), Arc::clone(format), group, slice))
        .buffered(LOOKS)
        .try_collect()
        .await?;
    let recipes = recipes.into_iter().flatten();
    let mut grouped = 0;
    let chunks = recipes.enumerate().map(|(id, recipe)| {
        grouped += usize::from(recipe.files.len() > 1);
        recipe.chunk(id, store.as_ref())
    });
    let chunks = chunks.collect::<Result<Vec<_>>>()?;
    Ok((Planned { files: count, chunks: chunks.len(), grouped }, chunks))
}

/// The chunk file by file. Only whole files share one.
pub(super) fn by_file(chunk: &Chunk, store: &dyn OpenFiles) -> Result<Vec<Chunk>> {
    let Recipe { files, slice } = Recipe::of(chunk)?;
    let apart = files.into_iter().map(|file| Recipe { files: vec![file], slice });
    apart.map(|recipe| recipe.chunk(chunk.id.0 as usize, store)).collect()
}

/// All files in one chunk.
pub(super) fn one_chunk(files: Vec<FileEntry>, store: &dyn OpenFiles) -> Result<Chunk> {
    Recipe::new(files, Slice::Whole).chunk(0, store)
}

/// The files of a chunk, below the folder that is copied.
pub(super) fn files_of(selection: &Selection, chunk: &Chunk) -> Vec<String> {
    let files = Recipe::of(chunk).and_then(Recipe::files).unwrap_or_default();
    files.iter().map(|file| selection.relative(&file.path).to_owned()).collect()
}

/// Deletes the files of these chunks, if that is asked for.
pub(super) async fn retire(selection: &Selection, store: &dyn OpenFiles, copied: &[CopiedChunk<'_>]) -> Result<()> {
    if !selection.deletes() {
        return Ok(());
    }
    let files = store.files();
    for CopiedChunk { chunk, .. } in copied {
        deletion::delete(&files, Recipe::of(chunk)?.files()?).await?;
    }
    Ok(())
}

/// Small files together, large ones alone.
fn groups(files: Vec<FileEntry>, target: ChunkTarget, together: usize) -> Vec<Vec<FileEntry>> {
    let (mut groups, mut bytes): (Vec<Vec<FileEntry>>, u64) = (Vec::new(), u64::MAX);
    for file in files {
        let longer = bytes.saturating_add(file.bytes);
        match groups.last_mut().filter(|group| group.len() < together && longer <= target.bytes) {
            Some(group) => {
                bytes = longer;
                group.push(file);
            }
            None => {
                bytes = file.bytes;
                groups.push(vec![file]);
            }
        }
    }
    groups
}

async fn recipes(
    store: Arc<dyn OpenFiles>,
    format: Arc<dyn ReadFormat>,
    files: Vec<FileEntry>,
    target: ChunkTarget,
) -> Result<Vec<Recipe>> {
    let [file] = files.as_slice() else { return Ok(vec![Recipe::new(files, Slice::Whole)]) };
    // Every slot gets several chunks where the file is large enough to be cut at all.
    let slice_bytes = target.bytes.min(file.bytes / u64::from(target.chunks.max(1))).max(1 << 20);
    if file.bytes <= slice_bytes {
        return Ok(vec![Recipe::new(files, Slice::Whole)]);
    }
    blocking(move || {
        let [file] = files.as_slice() else { return Ok(Vec::new()) };
        let opened = store.open(file)?;
        let slices = format
            .slices(opened.input()?, slice_bytes)
            .map_err(|error| opened.unchanged().err().unwrap_or_else(|| error.with("file", store.shown(&file.path))))?;
        Ok(slices.into_iter().map(|slice| Recipe::new(files.clone(), slice)).collect())
    })
    .await
}
