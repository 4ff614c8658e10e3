//! The settings of files on a file server.

use std::sync::Arc;

use ropeway_engine::{Result, registry::SinkKind, sink::Sink};
use serde::Deserialize;
use serde_json::Value;

use super::{paths::Root, sink::FileSink};
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
