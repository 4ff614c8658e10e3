//! Blobs as the files of a source: of rows, or as they are.

use std::sync::Arc;

use futures::{
    FutureExt,
    future::{self, BoxFuture},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    files::{FileEntry, Files},
    source::Source,
};
use tokio::runtime::Handle;

use super::{client::Container, files::BlobFiles, service::Service, spec::SourceSpec};
use crate::{
    binary::{self, BinaryStore},
    file_source::{self, FileSource, OpenFile, OpenFiles, no_additional_columns},
    format::{self, Input},
    memory_share::MemoryShare,
    selection::{Place, Selection},
    windows::{self, Fetch, Windows},
};

/// Checks the settings; opens no connection.
pub(crate) fn connect(service: Service, spec: SourceSpec) -> Result<Arc<dyn Source>> {
    no_additional_columns(spec.source.additional_columns.as_ref())?;
    let account = service.account(&spec.linked_service)?;
    let (container, location) = service.location(&spec.dataset, &account)?;
    let place = Place { container, folder: location.folder_path, file: location.file_name };
    let settings = spec.source.store_settings.unwrap_or_default();
    let only = account.container.clone();
    let account = Arc::new(Container::new(account, "", &spec.ropeway)?);
    let store = Arc::new(Blobs(BlobFiles::new(account, only)));
    if spec.dataset["type"] == binary::DATASET {
        let selection = Selection::of_files(place, settings)?;
        let sink = (spec.sink_compression.as_ref(), spec.sink_is_one_file);
        let repacking = format::for_repacking(&spec.dataset, spec.source.format_settings.as_ref(), sink)?;
        return Ok(file_source::of_binary(store, selection, repacking, spec.skip_error_file));
    }
    let selection = Selection::of_rows(place, settings)?;
    let memory = MemoryShare::new(spec.ropeway.memory_bytes, spec.ropeway.parallel).share();
    let format = format::for_reading(&spec.dataset, spec.source.format_settings.as_ref(), memory)?;
    Ok(Arc::new(FileSource::new(store, selection, format)))
}

/// The blobs of an account.
struct Blobs(BlobFiles);

impl BinaryStore for Blobs {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.0.clone())
    }

    /// What the service keeps: to compute it would be a second download.
    fn md5(&self, file: FileEntry) -> BoxFuture<'static, Result<Option<[u8; 16]>>> {
        future::ready(Ok(file.md5)).boxed()
    }

    fn shown(&self, path: &str) -> String {
        path.escape_debug().to_string()
    }
}

impl OpenFiles for Blobs {
    fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.0.clone())
    }

    fn open(&self, file: &FileEntry) -> Result<Box<dyn OpenFile>> {
        // Threads on which reads may block belong to the runtime.
        Handle::try_current().map_err(|error| {
            Error::new(ErrorKind::Bug, "a blob is opened outside of the runtime; please report it").caused_by(error)
        })?;
        let (files, entry) = (self.0.clone(), file.clone());
        let fetch: Fetch = Arc::new(move |range| {
            let (files, entry) = (files.clone(), entry.clone());
            async move { files.read(&entry, range).await }.boxed()
        });
        Ok(Box::new(OpenBlob(Windows::new(file.bytes, fetch))))
    }

    fn shown(&self, path: &str) -> String {
        path.escape_debug().to_string()
    }

    fn working_set(&self) -> u64 {
        windows::WORKING_SET
    }
}

struct OpenBlob(Windows);

impl OpenFile for OpenBlob {
    fn input(&self) -> Result<Input> {
        self.0.input()
    }

    /// Every range was read under the condition that the blob is still that version.
    fn unchanged(&self) -> Result<()> {
        self.0.fault().map_or(Ok(()), Err)
    }
}
