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
    sink::{ColumnFit, Opened, Published, RunContext, Sink, SinkRun, Stored},
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
    let sink = store.sink(dataset, file);
    let job = Job {
        run: RunId::try_from("r".to_owned()).unwrap(),
        fingerprint: "f".to_owned(),
        source: Arc::new(source),
        sink: Arc::new(Sabotaged { sink, store: Arc::clone(store), sabotage: Arc::new(sabotage) }),
        skipping: None,
        settings,
    };
    let cancel = CancellationToken::new();
    ropeway_engine::run::run(&job, &MemoryCheckpoint::default(), &Arc::default(), &Unobserved, &cancel).await
}

type Deed = Arc<dyn Fn(&Store) + Send + Sync>;

struct Sabotaged {
    sink: Arc<dyn Sink>,
    store: Arc<Store>,
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
        Ok(Box::new(SabotagedRun { run, store: Arc::clone(&self.store), sabotage: Arc::clone(&self.sabotage) }))
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.sink.working_set(schema, limit)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        self.sink.read_back_set(schema, limit)
    }
}

struct SabotagedRun {
    run: Box<dyn SinkRun>,
    store: Arc<Store>,
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
        (self.sabotage)(&self.store);
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
