//! Whether what was left out of the chunks of a copy goes together.

use std::collections::HashMap;

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::ChunkId,
    retry::RetryClass,
    skipping::LeftOut,
    source::{CopiedChunk, Discord},
};

use super::recipe;
use crate::binary::leaving_out::Cause;

/// A file that lies in several chunks is copied by all of them or by none, and a copy that was refused every file has no
/// right to read: that is no matter of single files.
pub(super) fn among(copied: &[CopiedChunk<'_>]) -> Result<Option<Discord>> {
    if copied.iter().all(|chunk| chunk.left_out.is_empty()) {
        return Ok(None);
    }
    // Of each file in ranges: its chunks, and how many of them left it out.
    let mut in_ranges: HashMap<String, (Vec<ChunkId>, usize)> = HashMap::new();
    let mut is_any_copied = false;
    for CopiedChunk { chunk, left_out } in copied {
        let recipe = recipe(chunk)?;
        is_any_copied |= left_out.len() < recipe.files.len();
        if let (Some(_), Some((path, ..))) = (recipe.range, recipe.files.into_iter().next()) {
            let (chunks, left) = in_ranges.entry(path).or_default();
            chunks.push(chunk.id);
            *left += usize::from(!left_out.is_empty());
        }
    }
    if !is_any_copied && copied.iter().flat_map(|chunk| chunk.left_out).any(is_forbidden) {
        return Ok(Some(Discord { chunks: copied.iter().map(|copied| copied.chunk.id).collect(), error: refused() }));
    }
    let torn = in_ranges.into_iter().filter(|(_, (chunks, left))| (1..chunks.len()).contains(left));
    let torn: Vec<_> = torn.collect();
    let Some((path, _)) = torn.first() else { return Ok(None) };
    let error = comes_and_goes(path);
    Ok(Some(Discord { chunks: torn.into_iter().flat_map(|(_, (chunks, _))| chunks).collect(), error }))
}

fn is_forbidden(part: &LeftOut) -> bool {
    Cause::named(&part.code) == Some(Cause::Forbidden)
}

fn refused() -> Error {
    Error::new(
        ErrorKind::Auth,
        "not one file of this copy may be read, so it is the login and not the files; let it read them, then resume the run",
    )
}

fn comes_and_goes(path: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "a file can be read now and then only; resume the run when nobody moves it or changes who may read it",
    )
    .class(RetryClass::Permanent)
    .with("file", path.escape_debug())
}
