//! The sink: what a definition asks for, decided once, then one blob or a folder of them.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    sink::{ColumnFit, RunContext, Sink, SinkRun, Takes},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    account::Account,
    block::{BlockSizes, StagedBlock},
    client::{Blob, Container},
    commit::{self, RUN},
    folder::FolderRun,
    names, read_back,
    single::SingleBlobRun,
    spec::{Dataset, Ropeway, SinkSettings, SinkSpec},
    upload::{Upload, UploadPlan},
};
use crate::{
    format::{self, Format},
    layout::FolderSettings,
};

const MIB: usize = 1 << 20;
const BLOCK: usize = 8 * MIB;
const SMALL_BLOCK: usize = 4 * MIB;
/// Blocks of one chunk that are on their way at once.
const BLOCKS_IN_FLIGHT: usize = 4;

/// Everything that runs of one sink share.
pub(crate) struct BlobSink {
    pub(crate) container: Container,
    pub(crate) format: Arc<dyn Format>,
    pub(crate) metadata: HashMap<String, String>,
    pub(crate) folder: FolderSettings,
    /// Bytes of a block, at first.
    pub(crate) block: usize,
    target: Target,
}

#[derive(Clone)]
enum Target {
    Blob(String),
    Folder(String),
}

/// Checks the settings; opens no connection.
pub(crate) fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
    let dataset: Dataset = parse("dataset", &spec.dataset)?;
    let settings: SinkSettings = parse("sink", &spec.sink)?;
    let location = dataset.location;
    if location.kind != "AzureBlobStorageLocation" {
        return Err(Error::new(
            ErrorKind::Spec,
            "the dataset's location is not of this store; use AzureBlobStorageLocation",
        )
        .with("type", location.kind.escape_debug()));
    }
    let account = Account::new(&spec.linked_service)?;
    let container = location.container.filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Spec, "the dataset names no container; set 'container' in its location")
    })?;
    names::container(&container)?;
    if let Some(named) = account.container.as_ref().filter(|named| **named != container) {
        return Err(Error::new(
            ErrorKind::Spec,
            "sasUri is for another container than the dataset's; use the SAS of that container",
        )
        .with("sasUri", named.escape_debug())
        .with("container", container.escape_debug()));
    }
    let folder = location.folder_path.unwrap_or_default();
    let target = match location.file_name.filter(|name| !name.is_empty()) {
        Some(file) => Target::Blob(names::blob(&folder, &file)?),
        None => Target::Folder(names::blob(&folder, "")?),
    };
    let format_settings = spec.sink.get("formatSettings");
    Ok(Arc::new(Shared(Arc::new(BlobSink {
        container: Container::new(account, &container, &spec.ropeway)?,
        format: format::for_writing(&spec.dataset, format_settings)?,
        metadata: commit::user_metadata(&settings.store_settings.metadata)?,
        folder: FolderSettings::checked(format_settings)?,
        block: block_size(settings.store_settings.block_size_in_mb, &spec.ropeway)?,
        target,
    }))))
}

struct Shared(Arc<BlobSink>);

#[async_trait]
impl Sink for Shared {
    async fn takes(&self) -> Result<Takes> {
        Ok(self.0.format.takes())
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.0.format.fit(schema)
    }

    fn guarantee(&self) -> String {
        match &self.0.target {
            Target::Blob(_) => "every row exactly once; the blob appears, or is replaced, whole and at once",
            Target::Folder(_) => {
                "every row exactly once in the run's manifest; parts appear one by one, each whole, and _SUCCESS last"
            }
        }
        .to_owned()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let sink = Arc::clone(&self.0);
        match sink.target.clone() {
            Target::Blob(name) => Ok(Box::new(SingleBlobRun::begin(sink, &name, context).await?)),
            Target::Folder(path) => Ok(Box::new(FolderRun::begin(sink, path, context).await?)),
        }
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // The block that is filled, those on the way, and the encoder's bytes that nobody took yet.
        let blocks = BlockSizes::longest(self.0.block) + self.0.in_flight();
        self.0.format.working_set(schema, limit).saturating_add(blocks as u64)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        Ok(self.0.format.read_back(schema)?.working_set(limit).saturating_add(read_back::WORKING_SET))
    }
}

impl BlobSink {
    /// Bytes of one chunk that may be on their way.
    pub(crate) fn in_flight(&self) -> usize {
        let several = (self.block * BLOCKS_IN_FLIGHT).min(BLOCK * BLOCKS_IN_FLIGHT);
        several.max(BlockSizes::longest(self.block))
    }

    /// An upload into this blob.
    pub(crate) fn upload(&self, blob: &Blob, run: &RunContext, part: &str, sizes: BlockSizes) -> Upload {
        Upload::new(UploadPlan {
            blob: blob.clone(),
            run: run.run.to_string(),
            part: part.to_owned(),
            sizes,
            in_flight: self.in_flight(),
        })
    }

    /// Stages bytes that are already whole, such as a trailer.
    pub(crate) async fn stage_all(
        &self,
        blob: &Blob,
        run: &RunContext,
        part: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<StagedBlock>> {
        let sizes = BlockSizes::new(self.block, 1).ok_or_else(no_room)?;
        let mut upload = self.upload(blob, run, part, sizes);
        upload.push(bytes.into()).await?;
        upload.finish().await
    }

    /// The metadata of a blob of this run, the person's included.
    pub(crate) fn metadata_of(&self, run: &RunContext, more: &[(&str, String)]) -> HashMap<String, String> {
        let mut metadata = self.metadata.clone();
        metadata.insert(RUN.to_owned(), run.run.to_string());
        metadata.insert("ropeway_epoch".to_owned(), run.epoch.to_string());
        metadata.extend(more.iter().map(|(name, value)| (format!("ropeway_{name}"), value.clone())));
        metadata
    }

    /// What a browser is told.
    pub(crate) fn content_type(&self) -> &'static str {
        let extension = self.format.extension();
        if extension.starts_with(".parquet") {
            "application/vnd.apache.parquet"
        } else if extension == ".csv" {
            "text/csv"
        } else {
            "application/octet-stream"
        }
    }
}

/// More chunks than one blob has blocks.
pub(crate) fn no_room() -> Error {
    Error::new(
        ErrorKind::Spec,
        "the copy has more chunks than one blob can have blocks; leave the file name out to write a folder",
    )
}

/// The person's block size, else one that fits the memory of one slot.
fn block_size(megabytes: Option<u64>, settings: &Ropeway) -> Result<usize> {
    if let Some(bytes) = settings.block_bytes {
        return Ok(usize::try_from(bytes).unwrap_or(BLOCK).clamp(MIB, BLOCK));
    }
    match megabytes {
        Some(size @ 4..=100) => Ok(size as usize * MIB),
        Some(size) => Err(Error::new(ErrorKind::Spec, "blockSizeInMB is 4 to 100").with("blockSizeInMB", size)),
        None => {
            let slots = u64::from(settings.parallel.unwrap_or(4).max(1));
            let scarce = settings.memory_bytes.is_some_and(|memory| memory / slots < 16 * BLOCK as u64);
            Ok(if scarce { SMALL_BLOCK } else { BLOCK })
        }
    }
}

fn parse<T: DeserializeOwned>(what: &'static str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| {
        Error::new(ErrorKind::Spec, format!("the settings of this AzureBlobStorage {what} are wrong: {error}"))
    })
}
