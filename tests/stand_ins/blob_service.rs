//! A blob service of our own that keeps the service's rules where the emulator does not: it discards
//! uncommitted blocks, checks every signature and checksum, and fails when told to.

mod answer;
mod authorization;
mod connection;
mod crc64;
mod fault;
mod listing;
mod request;
mod store;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

pub use crc64::crc64;
pub use fault::{Effect, Fault, Operation};
pub use store::Blob;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{private_ca::PrivateCa, shared_key};
use store::Store;

/// The account.
pub const ACCOUNT: &str = "shop";
/// Its key: base64 of a text that a search for leaks finds.
pub const KEY: &str = "Y2FuYXJ5LWFjY291bnQta2V5LXRoYXQtbXVzdC1uZXZlci1sZWFr";

/// A running service. It ends when this is dropped.
pub struct BlobService {
    address: SocketAddr,
    shared: Arc<Shared>,
    ca: Option<PrivateCa>,
    accepting: JoinHandle<()>,
}

/// What connections share.
struct Shared {
    store: Mutex<Store>,
    faults: Mutex<Vec<Fault>>,
    log: Mutex<Vec<String>>,
    failed: AtomicU64,
}

impl BlobService {
    /// Plain HTTP on a free port of this machine.
    pub async fn http() -> Self {
        Self::start(None).await
    }

    /// HTTPS with the certificate of this authority.
    pub async fn https(ca: PrivateCa) -> Self {
        Self::start(Some(ca)).await
    }

    async fn start(ca: Option<PrivateCa>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let shared = Arc::new(Shared {
            store: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            failed: AtomicU64::new(0),
        });
        let tls = ca.as_ref().map(PrivateCa::server_config);
        let accepting = tokio::spawn(connection::accept(listener, tls, shared.clone()));
        Self { address, shared, ca, accepting }
    }

    /// The address of the service, account included.
    pub fn endpoint(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{ACCOUNT}", self.address)
    }

    /// As in a linked service.
    pub fn connection_string(&self) -> String {
        format!("AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={}", self.endpoint())
    }

    /// A SAS URI of the account with these permissions.
    pub fn sas_uri(&self, permissions: &str, expiry: &str) -> String {
        format!("{}?{}", self.endpoint(), shared_key::account_sas(ACCOUNT, KEY, permissions, expiry))
    }

    /// The authority of its certificate.
    pub fn ca(&self) -> Option<&PrivateCa> {
        self.ca.as_ref()
    }

    /// Makes a container, as its owner would have.
    pub fn create_container(&self, name: &str) {
        self.store().create_container(name);
    }

    /// A blob as readers see it.
    pub fn blob(&self, container: &str, name: &str) -> Option<Blob> {
        self.store().blob(container, name).cloned()
    }

    /// Names of the blobs that readers see.
    pub fn names(&self, container: &str) -> Vec<String> {
        self.store().names(container)
    }

    /// Another program writes this blob in one go, which discards its uncommitted blocks.
    pub fn put(&self, container: &str, name: &str, bytes: &[u8]) {
        self.store().put(container, name, bytes);
    }

    /// Another program leaves a blob whose MD5 is not that of its bytes.
    pub fn put_damaged(&self, container: &str, name: &str, bytes: &[u8]) {
        self.store().put(container, name, bytes);
        self.store().damage(container, name);
    }

    /// From now on nobody may read this blob, or everybody may again. It is listed all the same.
    pub fn forbid(&self, container: &str, name: &str, is_forbidden: bool) {
        self.store().forbid(container, name, is_forbidden);
    }

    /// Another program deletes a blob.
    pub fn remove(&self, container: &str, name: &str) {
        self.store().remove(container, name);
    }

    /// Another program leaves a blob that stands for a folder.
    pub fn put_folder(&self, container: &str, name: &str) {
        self.store().put_folder(container, name);
    }

    /// From now on a list has at most so many names a page, as the service may decide at any time.
    pub fn page(&self, names: usize) {
        self.store().page = names;
    }

    /// Throws away uncommitted blocks, as the service does after a week.
    pub fn discard_uncommitted(&self, container: &str, name: &str) {
        self.store().discard_uncommitted(container, name);
    }

    /// Fails requests from now on as told.
    pub fn inject(&self, fault: Fault) {
        locked(&self.shared.faults).push(fault);
    }

    /// Fails nothing more.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// How many requests failed as told so far.
    pub fn faults(&self) -> u64 {
        self.shared.failed.load(Ordering::SeqCst)
    }

    /// Every request so far: method, path and query, without signatures.
    pub fn log(&self) -> Vec<String> {
        locked(&self.shared.log).clone()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.shared.store)
    }
}

impl Drop for BlobService {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
