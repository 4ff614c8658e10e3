//! `test-connection` for a file server: whether its folder is there, and what we may do in it.

use std::{fs, path::PathBuf, sync::Arc, time::Instant};

use async_trait::async_trait;
use ropeway_engine::{
    Result,
    files::Files,
    registry::{ProbeStep, Store},
};

use super::{disk, files::LocalFiles, paths::Root};

/// The folder of a linked service.
pub(super) struct FileStore {
    pub(super) root: Root,
}

#[async_trait]
impl Store for FileStore {
    async fn probe(&self) -> Vec<ProbeStep> {
        let checks: [(&'static str, fn(PathBuf) -> Result<String>); 3] =
            [("Path", exists), ("Permission to read", readable), ("Permission to write", writable)];
        let mut steps = Vec::new();
        for (name, check) in checks {
            let (started, path) = (Instant::now(), self.root.path().to_owned());
            let outcome = disk::blocking(move || check(path)).await;
            let failed = outcome.is_err();
            steps.push(ProbeStep { name, took: started.elapsed(), outcome });
            if failed {
                break;
            }
        }
        steps
    }

    fn files(&self) -> Option<Arc<dyn Files>> {
        Some(Arc::new(LocalFiles::new(self.root.clone())))
    }
}

fn exists(path: PathBuf) -> Result<String> {
    let real = fs::canonicalize(&path).map_err(|error| disk::failed("open", &path, error))?;
    fs::read_dir(&real).map(|_| disk::shown(&real)).map_err(|error| disk::failed("open", &path, error))
}

fn readable(path: PathBuf) -> Result<String> {
    let entries = fs::read_dir(&path).map_err(|error| disk::failed("list", &path, error))?;
    Ok(format!("{} entries", entries.take(10_000).count()))
}

fn writable(path: PathBuf) -> Result<String> {
    let probe = path.join(format!(".ropeway-probe-{}", uuid::Uuid::new_v4()));
    disk::create_new(&probe)?;
    disk::remove_file(&probe)?;
    Ok("a file was created and removed".to_owned())
}
