//! `fileListPath`: a text file that names the files, one in each line.

use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry, Files},
};

use super::{MOST_FILES, joined, path, too_many};

/// Bytes of a list at most.
const LONGEST: u64 = 64 << 20;
/// Bytes that are read at once.
const PIECE: u64 = 4 << 20;
/// Files that are looked at at once.
const LOOKS: usize = 16;

/// The files that a list names, each once.
///
/// # Errors
/// [`ErrorKind::Spec`] for a list that is not there or no text, and for the first file that is not there.
pub(super) async fn files(store: &dyn Files, list: &str, base: &str) -> Result<Vec<FileEntry>> {
    let mut paths = Vec::new();
    for line in text(store, list).await?.lines().map(|line| line.trim_end_matches('\r')) {
        let below = path(line).map_err(|error| error.with("fileListPath", list.escape_debug()))?;
        if !below.is_empty() {
            paths.push(joined(base, &below));
        }
        if paths.len() > MOST_FILES {
            return Err(too_many(list));
        }
    }
    paths.sort();
    paths.dedup();
    let looked = stream::iter(paths).map(|path| async move {
        match store.look(&path).await? {
            Some(Entry::File(file)) => Ok(file),
            _ => Err(Error::new(ErrorKind::Spec, "a file that the file list names is not there; correct the list")
                .with("fileListPath", list.escape_debug())
                .with("file", path.escape_debug())
                .code("UserErrorSourceFileNotExist")),
        }
    });
    looked.buffered(LOOKS).try_collect().await
}

async fn text(store: &dyn Files, list: &str) -> Result<String> {
    let refused =
        |message: &'static str| Err(Error::new(ErrorKind::Spec, message).with("fileListPath", list.escape_debug()));
    let Some(Entry::File(file)) = store.look(list).await? else {
        return refused("the file list is not there; fileListPath begins at the container or at the root of the share");
    };
    if file.bytes > LONGEST {
        return refused("the file list is longer than 64 MiB; use wildcards, or several copies");
    }
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < file.bytes {
        let start = bytes.len() as u64;
        bytes.extend_from_slice(&store.read(&file, start..(start + PIECE).min(file.bytes)).await?);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim_start_matches('\u{feff}').to_owned()),
        Err(_) => refused("the file list is no text in UTF-8; save it as such"),
    }
}
