//! Files as such: for whoever lists, deletes or copies them instead of reading rows.

use std::{ops::Range, time::SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::Result;

/// The files of a store, by their paths below its root. A path has `/` between its pieces, none at either end, and no
/// piece `..`; the root is the empty path. In a store of blobs the first piece is the container.
#[async_trait]
pub trait Files: Send + Sync + 'static {
    /// What is at a path; `None` if nothing is. A folder of a store of blobs is there as long as a blob is in it.
    async fn look(&self, path: &str) -> Result<Option<Entry>>;

    /// What lies directly in a folder, fetched page by page, in the order of the store; nothing if there is no such
    /// folder.
    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry>>;

    /// All files in a folder and in those below it whose paths begin with `prefix`, which need not end at a piece.
    fn below(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>>;

    /// Bytes of a file that is as it was when it was listed.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it has changed since, or ends early.
    async fn read(&self, file: &FileEntry, range: Range<u64>) -> Result<Bytes>;

    /// Deletes a file. One that is not there any more counts as deleted, because the answer of an earlier attempt may
    /// have been lost.
    async fn delete(&self, path: &str) -> Result<()>;

    /// The same for a file that is as it was when it was listed.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if it has changed since; it stays.
    async fn delete_unchanged(&self, file: &FileEntry) -> Result<()>;
}

/// What lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file or a blob.
    File(FileEntry),
    /// A folder, by its path.
    Folder(String),
}

/// A file, and what tells it from a changed one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path below the root of the store.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was last written, if the store says so.
    pub modified: Option<SystemTime>,
    /// The store's name of this state of the file: an ETag, or what a file system has instead.
    pub version: String,
    /// The MD5 that the store keeps of its content, if it does.
    pub md5: Option<[u8; 16]>,
}
