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

#[cfg(test)]
mod tests {
    use ropeway_engine::chunk::Chunk;
    use serde_json::json;

    use super::*;
    use crate::binary::{BLOB_FORBIDDEN, FILE_MISSING};

    fn chunk(id: u32, files: &[&str], range: Option<(u64, u64)>) -> Chunk {
        let files: Vec<_> = files.iter().map(|path| json!([path, 9, "v", null])).collect();
        Chunk { id: ChunkId(id), label: String::new(), recipe: json!({"files": files, "range": range}) }
    }

    fn left(part: u32, code: &'static str) -> LeftOut {
        LeftOut { part, code: code.into() }
    }

    /// The chunks that are copied again, and the kind of the error should that not help.
    fn verdict(chunks: &[Chunk], left_out: &[Vec<LeftOut>]) -> Option<(Vec<u32>, ErrorKind)> {
        let copied = chunks.iter().zip(left_out).map(|(chunk, left_out)| CopiedChunk { chunk, left_out });
        let discord = among(&copied.collect::<Vec<_>>()).unwrap()?;
        let mut ids: Vec<_> = discord.chunks.iter().map(|id| id.0).collect();
        ids.sort_unstable();
        Some((ids, discord.error.kind()))
    }

    #[test]
    fn a_file_is_in_all_of_its_chunks_or_in_none() {
        let chunks = [chunk(0, &["a", "b"], None), chunk(1, &["c"], Some((0, 5))), chunk(2, &["c"], Some((5, 9)))];
        let missing = |part| vec![left(part, FILE_MISSING)];
        assert_eq!(verdict(&chunks, &[vec![], vec![], vec![]]), None);
        assert_eq!(verdict(&chunks, &[missing(1), missing(0), missing(0)]), None);
        for torn in [[missing(1), missing(0), vec![]], [vec![], vec![], missing(0)]] {
            assert_eq!(verdict(&chunks, &torn), Some((vec![1, 2], ErrorKind::Unavailable)));
        }
    }

    #[test]
    fn a_login_that_may_read_nothing_is_no_matter_of_files() {
        let chunks = [chunk(0, &["a", "b"], None), chunk(1, &["c"], None)];
        let all = |code| [vec![left(0, code), left(1, code)], vec![left(0, code)]];
        assert_eq!(verdict(&chunks, &all(BLOB_FORBIDDEN)), Some((vec![0, 1], ErrorKind::Auth)));
        assert_eq!(verdict(&chunks, &all(FILE_MISSING)), None, "they may all have been taken away");
        assert_eq!(verdict(&chunks, &[vec![left(0, BLOB_FORBIDDEN)], vec![left(0, BLOB_FORBIDDEN)]]), None);
    }
}
