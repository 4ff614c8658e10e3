//! The files below the root of a file server.

use std::{
    fs::{self, File, Metadata, ReadDir},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{Entry, FileEntry, Files},
};
use rustix::io::Errno;

use super::{
    disk::{self, blocking},
    paths::{Root, listed},
};
use crate::binary::{CHANGED, FILE_FORBIDDEN, FILE_MISSING};

/// Names that are fetched at once.
const PAGE: usize = 1000;

/// Folders below each other at most; deeper is a loop of links or mounts.
const DEEPEST: usize = 64;

/// The files below the folder of a linked service.
#[derive(Clone)]
pub(super) struct LocalFiles {
    root: Root,
}

impl LocalFiles {
    pub(super) fn new(root: Root) -> Self {
        Self { root }
    }

    /// Opens a file that is as it was when it was listed. Blocks.
    pub(super) fn open(&self, file: &FileEntry) -> Result<Opened> {
        let path = self.root.real(&listed(&file.path)?).map_err(of_a_file)?;
        let opened = disk::open(&path).map_err(of_a_file)?;
        let opened = Opened { file: opened, path, bytes: file.bytes, version: file.version.clone() };
        opened.unchanged()?;
        Ok(opened)
    }
}

/// A file that is being read.
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) path: PathBuf,
    bytes: u64,
    version: String,
}

impl Opened {
    /// # Errors
    /// [`ErrorKind::Data`] if the file, or the one that has its name now, is not the one that was listed.
    pub(super) fn unchanged(&self) -> Result<()> {
        let failed = |error| of_a_file(disk::failed("read", &self.path, error));
        let open = self.file.metadata().map_err(failed)?;
        let named = fs::metadata(&self.path).map_err(failed)?;
        let same = |found: &Metadata| found.len() == self.bytes && version(found) == self.version;
        if same(&open) && same(&named) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Data,
            "the file changed after the run was planned; start a new run when nobody writes to it",
        )
        .with("file", disk::shown(&self.path))
        .code(CHANGED))
    }
}

#[async_trait]
impl Files for LocalFiles {
    async fn look(&self, path: &str) -> Result<Option<Entry>> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || {
            let below = listed(&path)?;
            match fs::metadata(root.path().join(&below)) {
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    Ok(None)
                }
                Err(error) => Err(disk::failed("look at", &root.path().join(&below), error)),
                // A name that a link leads out of the root is not looked behind.
                Ok(found) => {
                    let real = root.real(&below)?;
                    entry(path, &found).map(Some).ok_or_else(|| disk::irregular(&real))
                }
            }
        })
        .await
    }

    fn list(&self, folder: &str) -> BoxStream<'static, Result<Entry>> {
        let (root, folder) = (self.root.clone(), folder.to_owned());
        stream::once(async move {
            let opened = blocking(move || Listing::open(root, folder)).await?;
            Ok::<_, Error>(stream::try_unfold(opened, |listing| async move {
                let Some(listing) = listing else { return Ok(None) };
                let (page, rest) = blocking(move || listing.page()).await?;
                Ok((!page.is_empty()).then_some((stream::iter(page).map(Ok), rest)))
            }))
        })
        .try_flatten()
        .try_flatten()
        .boxed()
    }

    fn below(&self, prefix: &str) -> BoxStream<'static, Result<FileEntry>> {
        let (this, prefix) = (self.clone(), prefix.to_owned());
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        // The folders that are still to be listed; those of one folder in the order of their names.
        let open = vec![folder];
        stream::try_unfold(open, move |mut open| {
            let (this, prefix) = (this.clone(), prefix.clone());
            async move {
                let Some(folder) = open.pop() else { return Ok::<_, Error>(None) };
                let (mut files, mut folders) = (Vec::new(), Vec::new());
                let mut entries = this.list(&folder);
                while let Some(entry) = entries.try_next().await? {
                    match entry {
                        Entry::File(file) if file.path.starts_with(&prefix) => files.push(file),
                        Entry::Folder(path) if path.starts_with(&prefix) || prefix.starts_with(&format!("{path}/")) => {
                            folders.push(path);
                        }
                        _ => {}
                    }
                }
                if let Some(deep) = folders.iter().find(|path| path.split('/').count() > DEEPEST) {
                    return Err(Error::new(
                        ErrorKind::Spec,
                        "these are too many folders below each other for one copy; narrow the folder or the wildcards",
                    )
                    .with("folder", deep.escape_debug()));
                }
                folders.sort_by(|one, other| other.cmp(one));
                open.extend(folders);
                Ok(Some((stream::iter(files).map(Ok), open)))
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn read(&self, file: &FileEntry, range: Range<u64>) -> Result<Bytes> {
        let (this, file) = (self.clone(), file.clone());
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        // Allocated here and not on the thread that reads: the allocator keeps for each thread what others free, and there
        // are many threads that may block.
        let mut bytes = vec![0; length];
        blocking(move || {
            let opened = this.open(&file)?;
            let read = opened.file.read_exact_at(&mut bytes, range.start);
            // Bytes are those of the listed file only if it still is that one afterwards.
            opened.unchanged()?;
            read.map_err(|error| disk::failed("read", &opened.path, error))?;
            Ok(bytes.into())
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let (root, path) = (self.root.clone(), path.to_owned());
        blocking(move || match parent_and_name(&root, &path)? {
            Some(path) => remove(&path),
            None => Ok(()),
        })
        .await
    }

    async fn delete_unchanged(&self, file: &FileEntry) -> Result<()> {
        let (this, file) = (self.clone(), file.clone());
        blocking(move || {
            let Some(path) = parent_and_name(&this.root, &file.path)? else { return Ok(()) };
            if !path.exists() {
                return Ok(());
            }
            this.open(&file)?;
            remove(&path)
        })
        .await
    }
}

/// An error of the system with the code of what it says of a file that was listed.
fn of_a_file(error: Error) -> Error {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => error.code(FILE_MISSING),
        Some(io::ErrorKind::PermissionDenied) => error.code(FILE_FORBIDDEN),
        _ => error,
    }
}

/// Deletes a name, durably. A link is deleted, not what it leads to.
fn remove(path: &Path) -> Result<()> {
    disk::remove_file(path)?;
    path.parent().map_or(Ok(()), disk::sync_folder)
}

/// The name as it really is, without following a link at its last piece; `None` if its folder is not there.
fn parent_and_name(root: &Root, path: &str) -> Result<Option<PathBuf>> {
    let below = listed(path)?;
    let Some(name) = below.file_name() else {
        return Err(Error::new(
            ErrorKind::Spec,
            "the folder of the linked service itself cannot be deleted; name a file",
        ));
    };
    let folder = below.parent().unwrap_or(Path::new(""));
    if !root.path().join(folder).exists() {
        return Ok(None);
    }
    Ok(Some(root.real(folder)?.join(name)))
}

/// What tells a changed file from the one that was listed, besides its length.
pub(super) fn version(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    modified.map_or(0, |time| time.as_nanos()).to_string()
}

/// A regular file or a folder; nothing else can be copied.
fn entry(path: String, found: &Metadata) -> Option<Entry> {
    if found.is_dir() {
        return Some(Entry::Folder(path));
    }
    found.is_file().then(|| {
        Entry::File(FileEntry {
            path,
            bytes: found.len(),
            modified: found.modified().ok(),
            version: version(found),
            md5: None,
        })
    })
}

/// A folder whose names are being read.
struct Listing {
    root: Root,
    folder: String,
    real: PathBuf,
    names: ReadDir,
}

impl Listing {
    fn open(root: Root, folder: String) -> Result<Option<Self>> {
        let below = listed(&folder)?;
        if !root.path().join(&below).is_dir() && root.path().is_dir() {
            return Ok(None);
        }
        let real = root.real(&below)?;
        let names = fs::read_dir(&real).map_err(|error| disk::failed("list", &real, error))?;
        Ok(Some(Self { root, folder, real, names }))
    }

    /// The next entries, and the listing unless they are the last.
    fn page(mut self) -> Result<(Vec<Entry>, Option<Self>)> {
        let mut page = Vec::new();
        while page.len() < PAGE {
            let Some(next) = self.names.next() else { return Ok((page, None)) };
            let next = next.map_err(|error| disk::failed("list", &self.real, error))?;
            // A name that is not UTF-8 cannot have been meant by a JSON text.
            let Ok(name) = next.file_name().into_string() else { continue };
            let found = match fs::metadata(next.path()) {
                Ok(found) => found,
                // It was deleted, or is a link that leads nowhere.
                Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::LOOP)) => continue,
                Err(error) => return Err(disk::failed("look at", &next.path(), error)),
            };
            let path = if self.folder.is_empty() { name } else { format!("{}/{name}", self.folder) };
            if next.path().is_symlink() {
                self.root.real(Path::new(&path))?;
            }
            page.extend(entry(path, &found));
        }
        Ok((page, Some(self)))
    }
}

#[cfg(test)]
mod tests;
