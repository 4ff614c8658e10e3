//! The settings of files on a file server.

use std::sync::Arc;

use ropeway_engine::{
    Result,
    chunk::RunId,
    registry::{SinkKind, SourceKind, Store, StoreKind},
    sink::Sink,
    source::Source,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    paths::{Root, Target},
    rows::LocalRows,
    sink::FileSink,
    store::FileStore,
    tree::TreeSink,
};
use crate::{
    binary::{self, BinaryFiles, CopyBehavior, Naming, SkipErrorFile},
    file_source::{self, FileSource, no_additional_columns},
    format,
    layout::FolderSettings,
    lenient,
    memory_share::MemoryShare,
    selection::{Place, ReadSettings, Selection},
};

/// The connector `FileServer`.
pub(crate) struct FileServer;

impl SinkKind for FileServer {
    const NAME: &'static str = "FileServer";
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        let mut target = Location::of(&spec.dataset)?.checked()?;
        let root = Root::new(&spec.linked_service.host)?;
        if spec.dataset["type"] == binary::DATASET {
            return of_files(root, target, &spec);
        }
        let settings = spec.sink.format_settings.as_ref();
        let format = format::for_writing(&spec.dataset, settings)?;
        let behavior = spec.sink.store_settings.as_ref().and_then(|settings| settings.copy_behavior.as_deref());
        let folder = FolderSettings::checked(settings, behavior)?;
        if folder.behavior == Some(CopyBehavior::MergeFiles) && target.file.is_none() {
            target.file = Some(format!("{}{}", binary::merged_name(spec.ropeway.run.as_ref())?, format.extension()));
        }
        Ok(Arc::new(FileSink { root, target, format, folder }))
    }
}

/// Where files go that are copied as they are.
fn of_files(root: Root, mut target: Target, spec: &SinkSpec) -> Result<Arc<dyn Sink>> {
    let behavior = spec.sink.store_settings.as_ref().and_then(|settings| settings.copy_behavior.as_deref());
    let naming = match (binary::behavior(behavior)?, &target.file) {
        (CopyBehavior::MergeFiles, named) => {
            let ending = format::merged_ending(&spec.dataset)?;
            let made = || Ok(format!("{}{ending}", binary::merged_name(spec.ropeway.run.as_ref())?));
            target.file = Some(named.clone().map_or_else(made, Ok)?);
            let (format, folder) = (Arc::new(BinaryFiles), FolderSettings::default());
            return Ok(Arc::new(FileSink { root, target, format, folder }));
        }
        (_, Some(file)) => Naming::One(file.clone()),
        (CopyBehavior::PreserveHierarchy, None) => Naming::Below(String::new()),
        (CopyBehavior::FlattenHierarchy, None) => Naming::Flat(String::new()),
    };
    Ok(Arc::new(TreeSink { root, target, naming }))
}

impl SourceKind for FileServer {
    const NAME: &'static str = "FileServer";
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        let source = spec.source;
        no_additional_columns(source.additional_columns.as_ref())?;
        let location = Location::of(&spec.dataset)?;
        let place = Place { container: String::new(), folder: location.folder_path, file: location.file_name };
        let settings = source.store_settings.unwrap_or_default();
        let store = Arc::new(LocalRows::new(Root::new(&spec.linked_service.host)?));
        if spec.dataset["type"] == binary::DATASET {
            let selection = Selection::of_files(place, settings)?;
            let sink = (spec.sink_compression.as_ref(), spec.sink_is_one_file);
            let repacking = format::for_repacking(&spec.dataset, source.format_settings.as_ref(), sink)?;
            return Ok(file_source::of_binary(store, selection, repacking, spec.skip_error_file));
        }
        let selection = Selection::of_rows(place, settings)?;
        let format = format::for_reading(&spec.dataset, source.format_settings.as_ref(), spec.ropeway.share())?;
        Ok(Arc::new(FileSource::new(store, selection, format)))
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
    skip_error_file: SkipErrorFile,
    /// `compression` of the sink's dataset, where files are copied as they are.
    sink_compression: Option<Value>,
    /// Whether the sink has one file for all of them.
    #[serde(default)]
    sink_is_one_file: bool,
    #[serde(default)]
    ropeway: MemoryShare,
}

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
    #[serde(default)]
    ropeway: Ropeway,
}

/// What is ours, not Data Factory's.
#[derive(Debug, Default, Deserialize)]
struct Ropeway {
    /// The run, for names that are made.
    run: Option<RunId>,
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
    store_settings: Option<WriteSettings>,
    format_settings: Option<Value>,
}

/// `FileServerWriteSettings`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WriteSettings {
    #[serde(deserialize_with = "lenient::option::text")]
    copy_behavior: Option<String>,
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
