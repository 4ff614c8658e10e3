//! Azure Blob Storage over HTTPS: a sink of block blobs, and a store that can be tried.
//!
//! A dataset with a file name is **one blob**: every chunk stages its own blocks, in parallel, and
//! one Put Block List shows them all. A folder is **one blob per chunk**, a manifest and `_SUCCESS`.
//! Either way nothing is visible before it is whole, and every answer may be lost.

mod account;
mod block;
mod client;
mod commit;
mod connection_string;
mod credential;
mod encode;
mod errors;
mod folder;
pub(crate) mod http;
mod names;
mod part;
mod probe;
mod read_back;
mod sas;
mod shared_key;
mod single;
mod sink;
mod spec;
mod upload;

use std::sync::Arc;

use ropeway_engine::{
    Result,
    registry::{SinkKind, Store, StoreKind},
    sink::Sink,
};

/// `AzureBlobStorage` of Data Factory.
pub(crate) struct AzureBlobStorage;

impl SinkKind for AzureBlobStorage {
    const NAME: &'static str = "AzureBlobStorage";
    type Spec = spec::SinkSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Sink>> {
        sink::connect(spec)
    }
}

impl StoreKind for AzureBlobStorage {
    const NAME: &'static str = "AzureBlobStorage";
    type Spec = spec::StoreSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(probe::AzureBlobStore::new(&spec)?))
    }
}
