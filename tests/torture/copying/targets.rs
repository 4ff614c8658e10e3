//! Places for small copies, looked at apart from Ropeway's own clients.

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use ropeway_engine::{Result, sink::Sink};
use ropeway_tests::{
    azurite::{self, Azurite},
    blob_service::{self, BlobService},
    private_ca::PrivateCa,
    raw_blob::{Raw, signed},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::Target;
use crate::{end_to_end::oracle::Row, torture::readers};

const CONTAINER: &str = "torture";
const FILE: &str = "rows.parquet";

/// A file of this machine.
pub(crate) struct LocalFile(TempDir);

impl LocalFile {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn folder(&self) -> std::path::PathBuf {
        self.0.path().join("out")
    }
}

impl Target for LocalFile {
    fn sink(&self) -> Arc<dyn Sink> {
        let location = json!({"type": "FileServerLocation", "folderPath": "out", "fileName": FILE});
        let service = json!({"type": "FileServer", "host": self.0.path()});
        connect("FileServer", service, location, json!({}))
    }

    async fn rows(&self) -> Result<Option<Vec<Row>>, String> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let visible: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        match visible.as_slice() {
            [] => Ok(None),
            [name] if name == FILE => {
                let bytes = fs::read(self.folder().join(FILE)).map_err(|error| error.to_string())?;
                readers::rows(FILE, &bytes).map(Some)
            }
            _ => Err(format!("more than {FILE} is visible: {visible:?}")),
        }
    }
}

/// A blob service with a container, which sinks reach under another address.
pub(crate) struct BlobStore {
    server: Server,
    via: SocketAddr,
    made: AtomicU32,
}

enum Server {
    Fake(BlobService),
    Real(Box<Azurite>),
}

impl BlobStore {
    /// The service of our own, over HTTPS.
    pub(crate) async fn fake() -> Self {
        let service = BlobService::https(PrivateCa::new(&["127.0.0.1"])).await;
        service.create_container(CONTAINER);
        Self::new(Server::Fake(service))
    }

    /// Azurite, over HTTPS.
    pub(crate) async fn azurite() -> Self {
        let this = Self::new(Server::Real(Box::new(Azurite::start())));
        let (status, text) = this.ask("PUT", "", &[("restype", "container")]).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&text));
        this
    }

    fn new(server: Server) -> Self {
        let endpoint = match &server {
            Server::Fake(fake) => fake.endpoint(),
            Server::Real(azurite) => azurite.endpoint(),
        };
        let via = endpoint.split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address");
        Self { server, via, made: AtomicU32::new(0) }
    }

    /// Where the server itself listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.via
    }

    /// Sinks go there from now on: to a proxy in front of it.
    #[must_use]
    pub(crate) fn via(self, proxy: SocketAddr) -> Self {
        Self { via: proxy, ..self }
    }

    /// The service of our own, to let it fail.
    pub(crate) fn service(&self) -> &BlobService {
        match &self.server {
            Server::Fake(service) => service,
            Server::Real(_) => panic!("Azurite fails at nobody's word"),
        }
    }

    /// A new place for one copy.
    pub(crate) fn place(&self, shape: Shape) -> BlobPlace<'_> {
        self.place_via(self.via, shape)
    }

    /// The same, whose sink goes there: to a proxy in front of the server.
    pub(crate) fn place_via(&self, via: SocketAddr, shape: Shape) -> BlobPlace<'_> {
        BlobPlace { store: self, via, folder: format!("copy-{}", self.made.fetch_add(1, Ordering::Relaxed)), shape }
    }

    /// Requests apart from Ropeway's client, to where its sinks go.
    pub(crate) fn raw(&self) -> Raw<'static> {
        let (_, account, key, ca) = self.login();
        let endpoint = format!("https://{}/{account}", self.via);
        Raw { endpoint, account, key, authority: Some(ca.authority()) }
    }

    /// The path of a blob beside all copies.
    pub(crate) fn path(&self, name: &str) -> String {
        format!("/{CONTAINER}/{name}")
    }

    fn login(&self) -> (String, &'static str, &'static str, &PrivateCa) {
        match &self.server {
            Server::Fake(fake) => {
                (fake.endpoint(), blob_service::ACCOUNT, blob_service::KEY, fake.ca().expect("it speaks HTTPS"))
            }
            Server::Real(azurite) => (azurite.endpoint(), azurite::ACCOUNT, azurite::KEY, azurite.ca()),
        }
    }

    async fn ask(&self, method: &str, path: &str, query: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let (endpoint, account, key, ca) = self.login();
        let raw = Raw { endpoint, account, key, authority: Some(ca.authority()) };
        signed(&raw, method, &format!("/{CONTAINER}{path}"), query, Vec::new()).await
    }
}

/// What a copy makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One blob.
    Single,
    /// A folder of parts, complete once it has `_SUCCESS`.
    Folder,
}

/// A folder of the container, for one copy.
pub(crate) struct BlobPlace<'a> {
    store: &'a BlobStore,
    via: SocketAddr,
    folder: String,
    shape: Shape,
}

impl BlobPlace<'_> {
    async fn visible(&self) -> Vec<String> {
        let prefix = format!("{}/", self.folder);
        let query = [("restype", "container"), ("comp", "list"), ("prefix", prefix.as_str())];
        let (status, text) = self.store.ask("GET", "", &query).await;
        let text = String::from_utf8(text).expect("XML");
        assert_eq!(status, 200, "{text}");
        let names = text.split("<Name>").skip(1).map(|rest| rest.split("</Name>").next().expect("a name"));
        names.map(|name| name.strip_prefix(&prefix).expect("its own prefix").to_owned()).collect()
    }

    async fn read(&self, name: &str) -> Result<Vec<Row>, String> {
        let (status, bytes) = self.store.ask("GET", &format!("/{}/{name}", self.folder), &[]).await;
        assert_eq!(status, 200, "{name}: {}", String::from_utf8_lossy(&bytes));
        readers::rows(name, &bytes)
    }
}

impl Target for BlobPlace<'_> {
    fn sink(&self) -> Arc<dyn Sink> {
        let (_, account, key, ca) = self.store.login();
        let endpoint = format!("https://{}/{account}", self.via);
        let connection = format!("AccountName={account};AccountKey={key};BlobEndpoint={endpoint}");
        let name = (self.shape == Shape::Single).then_some(FILE);
        let location = json!({"type": "AzureBlobStorageLocation", "container": CONTAINER, "folderPath": self.folder,
            "fileName": name});
        let service = json!({"type": "AzureBlobStorage", "connectionString": connection});
        connect("AzureBlobStorage", service, location, json!({"caBundle": ca.authority(), "stallSeconds": 2}))
    }

    async fn rows(&self) -> Result<Option<Vec<Row>>, String> {
        let visible = self.visible().await;
        let parts: Vec<_> = visible.iter().filter(|name| !name.starts_with('_')).collect();
        match self.shape {
            Shape::Single if visible.is_empty() => Ok(None),
            Shape::Single if visible == [FILE] => self.read(FILE).await.map(Some),
            Shape::Single => Err(format!("more than {FILE} is visible: {visible:?}")),
            Shape::Folder if !visible.iter().any(|name| name == "_SUCCESS") => Ok(None),
            Shape::Folder => {
                let mut rows = Vec::new();
                for part in parts {
                    rows.extend(self.read(part).await?);
                }
                Ok(Some(rows))
            }
        }
    }
}

fn connect(kind: &str, service: Value, location: Value, ropeway: Value) -> Arc<dyn Sink> {
    let settings = json!({
        "linkedService": service,
        "dataset": {"type": "Parquet", "location": location},
        "sink": {"type": "ParquetSink", "storeSettings": {"type": format!("{kind}WriteSettings")}},
        "ropeway": ropeway,
    });
    ropeway_connectors::registry().connect_sink(kind, settings).expect("settings of a sink")
}
