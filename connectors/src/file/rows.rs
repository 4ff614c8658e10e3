//! The files of a file server as those of a source: of rows, which are read through the page cache without copies of
//! ours, or as they are.

use std::{io::Read, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use md5::{Digest, Md5};

use ropeway_engine::{
    Result,
    files::{FileEntry, Files},
};

use super::{
    disk::{self, blocking},
    files::{LocalFiles, Opened},
    paths::Root,
};
use crate::{
    binary::BinaryStore,
    file_source::{OpenFile, OpenFiles},
    format::Input,
};

/// The files below the folder of a linked service.
pub(super) struct LocalRows {
    root: Root,
    files: LocalFiles,
}

impl LocalRows {
    pub(super) fn new(root: Root) -> Self {
        Self { files: LocalFiles::new(root.clone()), root }
    }
}

impl OpenFiles for LocalRows {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.files.clone())
    }

    fn open(&self, file: &FileEntry) -> Result<Box<dyn OpenFile>> {
        Ok(Box::new(self.files.open(file)?))
    }

    fn shown(&self, path: &str) -> String {
        disk::shown(&self.root.path().join(path))
    }

    fn working_set(&self) -> u64 {
        0
    }
}

impl BinaryStore for LocalRows {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.files.clone())
    }

    /// Reads the whole file, whose last range is about to be read as well.
    fn md5(&self, file: FileEntry) -> BoxFuture<'static, Result<Option<[u8; 16]>>> {
        let files = self.files.clone();
        blocking(move || {
            let opened = files.open(&file)?;
            let (mut hasher, mut bytes) = (Md5::new(), vec![0; HASHED]);
            loop {
                let read =
                    (&opened.file).read(&mut bytes).map_err(|error| disk::failed("read", &opened.path, error))?;
                if read == 0 {
                    break;
                }
                hasher.update(&bytes[..read]);
            }
            opened.unchanged()?;
            Ok(Some(hasher.finalize().into()))
        })
        .boxed()
    }

    fn shown(&self, path: &str) -> String {
        disk::shown(&self.root.path().join(path))
    }
}

/// Bytes that are read at once to be hashed.
const HASHED: usize = 1 << 20;

impl OpenFile for Opened {
    fn input(&self) -> Result<Input> {
        self.file.try_clone().and_then(Input::new).map_err(|error| disk::failed("open", &self.path, error))
    }

    fn unchanged(&self) -> Result<()> {
        Self::unchanged(self)
    }
}

#[cfg(test)]
mod tests;
