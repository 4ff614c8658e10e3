//! How many runs of one pipeline go on at once: its `concurrency`. Each has a place, a locked file below
//! `pipelines/`, for as long as its process lives.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use ropeway_engine::{Result, checkpoint::file::make_private};

use super::{StateFolder, wrong};

/// Places that are looked at, at most.
const MOST: u64 = 1_000;

impl StateFolder {
    /// A place among so many runs of the pipeline that this file defines; `None` if all are taken.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(crate) fn place(&self, pipeline: &Path, concurrency: u64) -> Result<Option<File>> {
        let name = blake3::hash(pipeline.as_os_str().as_encoded_bytes()).to_hex();
        let folder = self.0.with_file_name("pipelines").join(&name[..32]);
        let failed = |error| wrong("the folder of the pipeline's runs cannot be made", &folder, error);
        make_private(&folder).map_err(failed)?;
        for number in 0..concurrency.min(MOST) {
            let path = folder.join(number.to_string());
            let place =
                OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
            match place.try_lock() {
                Ok(()) => return Ok(Some(place)),
                Err(fs::TryLockError::WouldBlock) => {}
                Err(fs::TryLockError::Error(error)) => return Err(failed(io::Error::other(error))),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_places_as_the_pipeline_says() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::open(Some(folder.path())).unwrap();
        let place = |pipeline: &str| state.place(Path::new(pipeline), 2).unwrap();
        let (first, second) = (place("/a"), place("/a"));
        assert!(first.is_some() && second.is_some() && place("/a").is_none());
        assert!(place("/b").is_some(), "another pipeline has its own");
        drop(first);
        assert!(place("/a").is_some());
    }
}
