//! The sink: what a definition asks for, decided once, then one blob or a folder of them.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    sink::{ColumnFit, RunContext, Sink, SinkRun, Takes},
};
use serde::Deserialize;

use super::{
    block::{BlockSizes, StagedBlock},
    client::{Blob, Container},
    commit::{self, RUN},
    folder::FolderRun,
    names, read_back,
    service::Service,
    single::SingleBlobRun,
    spec::{Ropeway, SinkSettings, SinkSpec},
    tree::TreeSink,
    upload::{Upload, UploadPlan},
};
use crate::{
    binary::{self, BinaryFiles, CopyBehavior, Naming},
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
}

/// Where a run writes to.
enum Target {
    Rows(Rows),
    /// Each file to a blob of its own.
    Files(Naming),
}

/// Where rows, or the bytes of all files together, are written to.
#[derive(Clone)]
enum Rows {
    Blob(String),
    Folder(String),
}

/// Checks the settings; opens no connection.
pub(crate) fn connect(service: Service, spec: &SinkSpec) -> Result<Arc<dyn Sink>> {
    let settings = SinkSettings::deserialize(&spec.sink).map_err(|error| {
        Error::new(ErrorKind::Spec, format!("the settings of this sink in a storage account are wrong: {error}"))
    })?;
    let account = service.account(&spec.linked_service)?;
    let (container, location) = service.location(&spec.dataset, &account)?;
    let folder = location.folder_path.unwrap_or_default();
    let path = names::blob(&folder, "")?;
    let file =
        location.file_name.filter(|name| !name.is_empty()).map(|file| names::blob(&folder, &file)).transpose()?;
    let is_binary = spec.dataset["type"] == binary::DATASET;
    let target = if is_binary {
        let behavior = binary::behavior(settings.store_settings.copy_behavior.as_deref())?;
        of_files(behavior, file, &path, spec)?
    } else {
        Target::Rows(file.map_or_else(|| Rows::Folder(path.clone()), Rows::Blob))
    };
    let format_settings = spec.sink.get("formatSettings");
    let format: Arc<dyn Format> =
        if is_binary { Arc::new(BinaryFiles) } else { format::for_writing(&spec.dataset, format_settings)? };
    let layout = FolderSettings::checked(format_settings, settings.store_settings.copy_behavior.as_deref())?;
    let target = match (target, layout.behavior) {
        (Target::Rows(Rows::Folder(path)), Some(CopyBehavior::MergeFiles)) => {
            let name = format!("{}{}", binary::merged_name(spec.ropeway.run.as_ref())?, format.extension());
            Target::Rows(Rows::Blob(names::blob(&path, &name)?))
        }
        (target, _) => target,
    };
    let sink = Arc::new(BlobSink {
        container: Container::new(account, &container, &spec.ropeway)?,
        format,
        metadata: commit::user_metadata(&settings.store_settings.metadata)?,
        folder: layout,
        block: block_size(settings.store_settings.block_size_in_mb, &spec.ropeway)?,
    });
    Ok(match target {
        Target::Files(naming) => Arc::new(TreeSink { sink, naming, folder: path }),
        Target::Rows(rows) => Arc::new(Shared { sink, rows }),
    })
}

/// Where files go that are copied as they are.
fn of_files(behavior: CopyBehavior, file: Option<String>, folder: &str, spec: &SinkSpec) -> Result<Target> {
    Ok(match (behavior, file) {
        (CopyBehavior::MergeFiles, file) => {
            let ending = format::merged_ending(&spec.dataset)?;
            let made = || names::blob(folder, &format!("{}{ending}", binary::merged_name(spec.ropeway.run.as_ref())?));
            Target::Rows(Rows::Blob(file.map_or_else(made, Ok)?))
        }
        (_, Some(file)) => Target::Files(Naming::One(file)),
        (CopyBehavior::PreserveHierarchy, None) => Target::Files(Naming::Below(folder.to_owned())),
        (CopyBehavior::FlattenHierarchy, None) => Target::Files(Naming::Flat(folder.to_owned())),
    })
}

struct Shared {
    sink: Arc<BlobSink>,
    rows: Rows,
}

#[async_trait]
impl Sink for Shared {
    async fn takes(&self) -> Result<Takes> {
        Ok(self.sink.format.takes())
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.sink.format.fit(schema)
    }

    fn guarantee(&self) -> String {
        match &self.rows {
            Rows::Blob(_) => "every row exactly once; the blob appears, or is replaced, whole and at once",
            Rows::Folder(_) => {
                "every row exactly once in the run's manifest; parts appear one by one, each whole, and _SUCCESS last"
            }
        }
        .to_owned()
    }

    fn keeps_files(&self) -> bool {
        matches!(self.rows, Rows::Folder(_)) && self.sink.folder.behavior.is_some()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let sink = Arc::clone(&self.sink);
        match self.rows.clone() {
            Rows::Blob(name) => Ok(Box::new(SingleBlobRun::begin(sink, &name, context).await?)),
            Rows::Folder(path) => Ok(Box::new(FolderRun::begin(sink, path, context).await?)),
        }
    }

    fn begins_again(&self) -> bool {
        true
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // The block that is filled, those on the way, and the encoder's bytes that nobody took yet.
        let blocks = BlockSizes::longest(self.sink.block) + self.sink.in_flight();
        self.sink.format.working_set(schema, limit).saturating_add(blocks as u64)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        Ok(self.sink.format.read_back(schema)?.working_set(limit).saturating_add(read_back::WORKING_SET))
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
        Upload::new(self.upload_plan(blob, run, part, sizes))
    }

    /// How that goes.
    pub(crate) fn upload_plan(&self, blob: &Blob, run: &RunContext, part: &str, sizes: BlockSizes) -> UploadPlan {
        UploadPlan {
            blob: blob.clone(),
            run: run.run.to_string(),
            part: part.to_owned(),
            sizes,
            in_flight: self.in_flight(),
        }
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
