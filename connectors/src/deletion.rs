//! Files that go once they are copied: `deleteFilesAfterCompletion`.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use ropeway_engine::{
    Result,
    files::{FileEntry, Files},
};

/// Files that are deleted at once.
const DELETIONS: usize = 16;

/// Which consistency files have among each other, and what becomes of them, for a description.
pub(crate) fn consistency(deletes: bool) -> String {
    let deletes = if deletes { "; files are deleted once the copy is published" } else { "" };
    format!("a file that changes after the plan stops the run{deletes}")
}

/// Deletes files, each only as it was when it was listed; one that is gone is no error.
///
/// # Errors
/// A file has changed, or the store refuses.
pub(crate) async fn delete(files: &Arc<dyn Files>, listed: Vec<FileEntry>) -> Result<()> {
    let deletions = listed.into_iter().map(|file| {
        let files = Arc::clone(files);
        async move { files.delete_unchanged(&file).await }
    });
    stream::iter(deletions).buffer_unordered(DELETIONS).try_collect().await
}
