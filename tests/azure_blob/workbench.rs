//! What the tests of this folder share: targets, a sink on them, rows, and reading back.

use std::{path::PathBuf, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ropeway_engine::{
    Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt, RunId},
    sink::{Opened, RunContext, Sink, SinkRun},
};
use ropeway_tests::{
    azurite::{self, Azurite},
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
    raw_blob::{Raw, Sending, send, signed},
};
use serde_json::{Value, json};

pub(crate) const CONTAINER: &str = "orders";

/// Where a test writes to.
pub(crate) enum Target {
    Real(Box<Azurite>),
    Fake(BlobService),
}

impl Target {
    pub(crate) async fn fake() -> BlobService {
        let service = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
        service.create_container(CONTAINER);
        service
    }

    /// Both, each with the container made.
    pub(crate) async fn both() -> [Self; 2] {
        let target = Self::Real(Box::new(Azurite::start()));
        target.create_container(CONTAINER).await;
        [target, Self::Fake(Self::fake().await)]
    }

    pub(crate) async fn create_container(&self, name: &str) {
        if let Self::Fake(fake) = self {
            return fake.create_container(name);
        }
        let (status, text) = self.request("PUT", &format!("/{name}"), &[("restype", "container")]).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
    }

    /// Names of the blobs that readers see.
    pub(crate) async fn names(&self, container: &str) -> Vec<String> {
        let query = [("restype", "container"), ("comp", "list")];
        let (status, text) = self.request("GET", &format!("/{container}"), &query).await;
        let text = String::from_utf8(text).unwrap();
        assert_eq!(status, 200, "{text}");
        let name = |rest: &str| rest.split("</Name>").next().unwrap().replace("&amp;", "&");
        text.split("<Name>").skip(1).map(name).collect()
    }

    pub(crate) fn service(&self) -> Value {
        match self {
            Self::Real(azurite) => json!({"type": "AzureBlobStorage", "connectionString": azurite.connection_string()}),
            Self::Fake(fake) => json!({"type": "AzureBlobStorage", "connectionString": fake.connection_string()}),
        }
    }

    pub(crate) fn authority(&self) -> PathBuf {
        match self {
            Self::Real(azurite) => azurite.ca().authority(),
            Self::Fake(fake) => fake.ca().unwrap().authority(),
        }
    }

    /// The bytes of a blob by a plain GET, apart from Ropeway's client; `None` if there is none.
    pub(crate) async fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.get_from(CONTAINER, name).await
    }

    /// The same of any container.
    pub(crate) async fn get_from(&self, container: &str, name: &str) -> Option<Vec<u8>> {
        let (status, bytes) = self.request("GET", &format!("/{container}/{name}"), &[]).await;
        match status {
            200 => Some(bytes),
            404 => None,
            other => panic!("{other}: {}", String::from_utf8_lossy(&bytes)),
        }
    }

    /// Puts a blob in one go, as another program would.
    pub(crate) async fn put(&self, name: &str, bytes: &[u8]) {
        let path = format!("/{CONTAINER}/{}", name.split('/').map(encoded).collect::<Vec<_>>().join("/"));
        let headers = [("x-ms-blob-type", "BlockBlob")];
        let sending = Sending { method: "PUT", path: &path, query: &[], headers: &headers, body: bytes };
        let (status, text) = send(&self.raw(), &sending).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
    }

    /// Deletes a blob, as another program would.
    pub(crate) async fn remove(&self, name: &str) {
        let path = format!("/{CONTAINER}/{}", name.split('/').map(encoded).collect::<Vec<_>>().join("/"));
        let (status, text) = self.request("DELETE", &path, &[]).await;
        assert_eq!(status, 202, "{}", String::from_utf8_lossy(&text));
    }

    async fn request(&self, method: &str, path: &str, query: &[(&str, &str)]) -> (u16, Vec<u8>) {
        signed(&self.raw(), method, path, query, Vec::new()).await
    }

    fn raw(&self) -> Raw<'_> {
        let (endpoint, account, key) = match self {
            Self::Real(azurite) => (azurite.endpoint(), azurite::ACCOUNT, azurite::KEY),
            Self::Fake(fake) => (fake.endpoint(), blob_service::ACCOUNT, blob_service::KEY),
        };
        Raw { endpoint, account, key, authority: Some(self.authority()) }
    }
}

/// A piece of an address.
fn encoded(piece: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let shown = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    piece.bytes().map(shown).collect()
}

/// A Parquet sink on this location; `more` is merged into its settings.
pub(crate) fn sink(service: Value, authority: Option<PathBuf>, location: Value, more: Value) -> Result<Arc<dyn Sink>> {
    let mut place = json!({"type": "AzureBlobStorageLocation", "container": CONTAINER});
    merge(&mut place, location);
    let mut settings = json!({
        "linkedService": service,
        "dataset": {"type": "Parquet", "location": place},
        "sink": {"type": "ParquetSink", "storeSettings": {"type": "AzureBlobStorageWriteSettings"}},
        "ropeway": {"caBundle": authority, "stallSeconds": 20},
    });
    merge(&mut settings, more);
    ropeway_connectors::registry().connect_sink("AzureBlobStorage", settings)
}

pub(crate) fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// One run of one sink, as the engine would drive it.
pub(crate) struct Copy {
    pub(crate) run: Box<dyn SinkRun>,
}

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("OrderId", DataType::Int64, false),
        Field::new("Customer", DataType::Utf8, true),
    ]))
}

pub(crate) fn rows(range: std::ops::Range<i64>) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(range.clone()));
    let names: ArrayRef =
        Arc::new(StringArray::from_iter(range.map(|id| (id % 7 != 0).then(|| format!("customer {id}")))));
    RecordBatch::try_new(schema(), vec![ids, names]).unwrap()
}

pub(crate) fn context(run: &str, epoch: u32, chunks: u32, opening: Option<Value>) -> RunContext {
    RunContext {
        run: RunId::try_from(run.to_owned()).unwrap(),
        epoch,
        schema: schema(),
        chunks,
        one_epoch: false,
        leaves_out: false,
        files: Vec::new(),
        opening,
    }
}

pub(crate) fn attempt(epoch: u32, number: u32) -> Attempt {
    Attempt { epoch, number }
}

fn chunk(id: u32) -> Chunk {
    Chunk { id: ChunkId(id), label: format!("chunk {id}"), recipe: Value::Null }
}

impl Copy {
    pub(crate) async fn begin(sink: &dyn Sink, context: RunContext) -> Result<Self> {
        Ok(Self { run: sink.begin(context).await? })
    }

    /// Writes one chunk, in batches of 100 rows.
    pub(crate) async fn write(&self, id: u32, attempt: Attempt, range: std::ops::Range<i64>) -> Result<Receipt> {
        match self.run.open(&chunk(id), attempt).await? {
            Opened::AlreadyCommitted(receipt) => Ok(receipt),
            Opened::Writer(mut writer) => {
                for start in range.clone().step_by(100) {
                    writer.write(rows(start..(start + 100).min(range.end))).await?;
                }
                writer.commit().await
            }
        }
    }
}

/// The ids of a Parquet file, in order.
pub(crate) fn ids(bytes: Vec<u8>) -> Vec<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
    reader
        .flat_map(|batch| {
            let batch = batch.unwrap();
            let ids = batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().clone();
            ids.values().to_vec()
        })
        .collect()
}
