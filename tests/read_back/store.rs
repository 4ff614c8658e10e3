//! Files and blobs, a sink on them, and what a saboteur does to them.

use std::{fs, sync::Arc};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use ropeway_connectors::registry;
use ropeway_engine::{
    Result,
    checkpoint::memory::MemoryCheckpoint,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    progress::Unobserved,
    run::{Job, Settings, Summary},
    sink::{ColumnFit, Opened, Published, RunContext, Sink, SinkDescription, SinkRun, Stored, TargetSource},
    source::{BatchStream, Source},
};
use ropeway_tests::{blob_service::BlobService, private_ca::PrivateCa};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const CONTAINER: &str = "orders";

/// Where a run writes to.
pub(crate) enum Store {
    Files(TempDir),
    Blobs(BlobService),
}

impl Store {
    pub(crate) fn files() -> Arc<Self> {
        Arc::new(Self::Files(tempfile::tempdir().unwrap()))
    }

    pub(crate) async fn blobs() -> Arc<Self> {
        let service = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
        service.create_container(CONTAINER);
        Arc::new(Self::Blobs(service))
    }

    /// A sink of this dataset in `out`: a file of this name, or the folder.
    pub(crate) fn sink(&self, dataset: &Value, file: Option<&str>) -> Arc<dyn Sink> {
        let mut dataset = dataset.clone();
        match self {
            Self::Files(root) => {
                dataset["location"] = json!({"type": "FileServerLocation", "folderPath": "out", "fileName": file});
                let service = json!({"type": "FileServer", "host": root.path().to_str().unwrap()});
                let spec = json!({"linkedService": service, "dataset": dataset, "sink": {}});
                registry().connect_sink("FileServer", spec).unwrap()
            }
            Self::Blobs(service) => {
                dataset["location"] = json!({
                    "type": "AzureBlobStorageLocation", "container": CONTAINER, "folderPath": "out", "fileName": file,
                });
                let linked = json!({"type": "AzureBlobStorage", "connectionString": service.connection_string()});
                let authority = service.ca().unwrap().authority();
                let spec = json!({
                    "linkedService": linked, "dataset": dataset, "sink": {}, "ropeway": {"caBundle": authority},
                });
                registry().connect_sink("AzureBlobStorage", spec).unwrap()
            }
        }
    }

    /// The names of the files that hold rows, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Files(root) => {
                let entries = fs::read_dir(root.path().join("out")).unwrap();
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
            }
            Self::Blobs(service) => {
                let names = service.names(CONTAINER);
                names.iter().filter_map(|name| Some(name.strip_prefix("out/")?.to_owned())).collect()
            }
        };
        names.retain(|name| !name.starts_with(['_', '.']));
        names.sort();
        names
    }

    pub(crate) fn get(&self, name: &str) -> Vec<u8> {
        match self {
            Self::Files(root) => fs::read(root.path().join("out").join(name)).unwrap(),
            Self::Blobs(service) => service.blob(CONTAINER, &format!("out/{name}")).unwrap().bytes,
        }
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        match self {
            Self::Files(root) => fs::write(root.path().join("out").join(name), bytes).unwrap(),
            Self::Blobs(service) => service.put(CONTAINER, &format!("out/{name}"), bytes),
        }
    }

    /// Removes a file; a blob becomes an empty one.
    pub(crate) fn remove(&self, name: &str) {
        match self {
            Self::Files(root) => fs::remove_file(root.path().join("out").join(name)).unwrap(),
            Self::Blobs(_) => self.put(name, b""),
        }
    }
}

/// A copy whose sink is sabotaged between publication and read-back.
pub(crate) async fn copy(
    store: &Arc<Store>,
    (dataset, file): (&Value, Option<&str>),
    source: impl Source,
    settings: Settings,
    sabotage: impl Fn(&Store) + Send + Sync + 'static,
) -> Result<Summary> {
    let (sink, store) = (store.sink(dataset, file), Arc::clone(store));
    // Names of files are made of the run's.
    let run_id = RunId::try_from("r".to_owned()).unwrap();
    let job = Job { run: run_id, ..job(sink, Arc::new(source), settings, move || sabotage(&store)) };
    run(&job, &MemoryCheckpoint::default(), &CancellationToken::new()).await
}

/// A job whose sink is sabotaged, with a name of its own.
pub(crate) fn job(
    sink: Arc<dyn Sink>,
    source: Arc<dyn Source>,
    settings: Settings,
    sabotage: impl Fn() + Send + Sync + 'static,
) -> Job {
    Job {
        run: RunId::try_from(format!("run-{}", uuid::Uuid::new_v4())).unwrap(),
        fingerprint: "f".to_owned(),
        source,
        sink: Arc::new(Sabotaged { sink, sabotage: Arc::new(sabotage) }),
        skipping: None,
        settings,
    }
}

pub(crate) async fn run(job: &Job, journal: &MemoryCheckpoint, cancel: &CancellationToken) -> Result<Summary> {
    ropeway_engine::run::run(job, journal, &Arc::default(), &Unobserved, cancel).await
}

type Deed = Arc<dyn Fn() + Send + Sync>;

struct Sabotaged {
    sink: Arc<dyn Sink>,
    sabotage: Deed,
}

#[async_trait]
impl Sink for Sabotaged {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.sink.fit(schema).await
    }

    fn guarantee(&self) -> String {
        self.sink.guarantee()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let run = self.sink.begin(context).await?;
        Ok(Box::new(SabotagedRun { run, sabotage: Arc::clone(&self.sabotage) }))
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.sink.working_set(schema, limit)
    }

    fn describe(&self) -> SinkDescription {
        self.sink.describe()
    }

    fn as_source(&self, schema: &SchemaRef) -> Result<Option<TargetSource>> {
        self.sink.as_source(schema)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        self.sink.read_back_set(schema, limit)
    }
}

struct SabotagedRun {
    run: Box<dyn SinkRun>,
    sabotage: Deed,
}

#[async_trait]
impl SinkRun for SabotagedRun {
    fn opening(&self) -> Value {
        self.run.opening()
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        self.run.open(chunk, attempt).await
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        self.run.lost(receipts).await
    }

    fn moved(&self) -> u64 {
        self.run.moved()
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        let published = self.run.finish(receipts).await?;
        (self.sabotage)();
        Ok(published)
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        self.run.stored(receipts).await
    }

    async fn read_back(&self, slice: &Value, limit: BatchLimit) -> Result<BatchStream> {
        self.run.read_back(slice, limit).await
    }

    async fn abort(&self) -> Result<()> {
        self.run.abort().await
    }
}

/// A copy between tables that is read back.
pub(crate) async fn verified(source: Arc<dyn Source>, sink: Arc<dyn Sink>) -> Result<Summary> {
    let settings = Settings { read_back: true, ..Settings::default() };
    let summary =
        run(&job(sink, source, settings, || {}), &MemoryCheckpoint::default(), &CancellationToken::new()).await?;
    assert!(summary.read_back);
    Ok(summary)
}
