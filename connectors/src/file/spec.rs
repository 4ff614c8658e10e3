//! The settings of files on a file server.

use std::sync::{Arc, Mutex};

use ropeway_engine::{
    Error, ErrorKind, Result,
    registry::{SinkKind, SourceKind, Store, StoreKind},
    sink::Sink,
    source::Source,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    listing::{ReadSettings, Selection},
    paths::Root,
    sink::FileSink,
    source::FileSource,
    store::FileStore,
};
use crate::{format, layout::FolderSettings, lenient};

/// The connector `FileServer`.
pub(crate) struct FileServer;

impl SinkKind for FileServer {
    const NAME: &'static str = "FileServer";
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        let location = Location::of(&spec.dataset)?;
        let settings = spec.sink.format_settings.as_ref();
        Ok(Arc::new(FileSink {
            root: Root::new(&spec.linked_service.host)?,
            target: location.checked()?,
            format: format::for_writing(&spec.dataset, settings)?,
            folder: FolderSettings::checked(settings)?,
        }))
    }
}

impl SourceKind for FileServer {
    const NAME: &'static str = "FileServer";
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        let source = spec.source;
        if source
            .additional_columns
            .is_some_and(|columns| columns.as_array().is_some_and(|columns| !columns.is_empty()))
        {
            return Err(Error::new(ErrorKind::Spec, "additionalColumns are not supported for files; remove them"));
        }
        Ok(Arc::new(FileSource {
            root: Root::new(&spec.linked_service.host)?,
            selection: Selection::new(
                Location::of(&spec.dataset)?.checked()?,
                source.store_settings.unwrap_or_default(),
            )?,
            format: format::for_reading(&spec.dataset, source.format_settings.as_ref(), spec.ropeway.share())?,
            found: Mutex::new(None),
        }))
    }
}

impl StoreKind for FileServer {
    const NAME: &'static str = "FileServer";
    type Spec = StoreSpec;

    fn connect(spec: StoreSpec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(FileStore { root: Root::new(&spec.linked_service.host)? }))
    }
}

/// `{ linkedService }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreSpec {
    linked_service: LinkedService,
}

/// `{ linkedService, dataset, source }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceSpec {
    linked_service: LinkedService,
    dataset: Value,
    source: SourceProperties,
    #[serde(default)]
    ropeway: Ropeway,
}

/// What is ours, not Data Factory's.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Ropeway {
    memory_bytes: Option<u64>,
    parallel: Option<u32>,
}

impl Ropeway {
    /// The memory that one chunk's decompressed pages may take: its share of all.
    fn share(&self) -> u64 {
        self.memory_bytes.unwrap_or(MEMORY) / u64::from(self.parallel.unwrap_or(PARALLEL).max(1))
    }
}

/// Where nothing is said, as the command line would.
const MEMORY: u64 = 1 << 30;
const PARALLEL: u32 = 4;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceProperties {
    store_settings: Option<ReadSettings>,
    format_settings: Option<Value>,
    additional_columns: Option<Value>,
}

/// `{ linkedService, dataset, sink }`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SinkSpec {
    linked_service: LinkedService,
    dataset: Value,
    sink: SinkProperties,
}

/// The linked service; a user and a password belong to a mounted share, not to us.
#[derive(Debug, Deserialize)]
pub(super) struct LinkedService {
    #[serde(deserialize_with = "lenient::text")]
    pub(super) host: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SinkProperties {
    format_settings: Option<Value>,
}

/// `location` of a dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Location {
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) folder_path: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(super) file_name: Option<String>,
}
