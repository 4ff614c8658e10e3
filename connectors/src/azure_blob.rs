//! Azure Blob Storage and Data Lake Storage over HTTPS: a source, a sink of block blobs, and a store that can be tried.
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
mod files;
mod folder;
pub(crate) mod http;
mod list_page;
mod names;
mod part;
mod probe;
mod read_back;
mod rows;
mod sas;
mod service;
mod shared_key;
mod single;
mod sink;
mod spec;
mod tree;
mod upload;

use std::sync::Arc;

use ropeway_engine::{
    Result,
    registry::{SinkKind, SourceKind, Store, StoreKind},
    sink::Sink,
    source::Source,
};

pub(crate) use self::names::copied;
use self::service::Service;

/// `AzureBlobStorage` of Data Factory.
pub(crate) struct AzureBlobStorage;

/// `AzureBlobFS` of Data Factory: Data Lake Storage Gen2.
pub(crate) struct AzureBlobFs;

impl SourceKind for AzureBlobStorage {
    const NAME: &'static str = "AzureBlobStorage";
    type Spec = spec::SourceSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Source>> {
        rows::connect(Service::Blob, spec)
    }
}

impl SinkKind for AzureBlobStorage {
    const NAME: &'static str = "AzureBlobStorage";
    type Spec = spec::SinkSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Sink>> {
        sink::connect(Service::Blob, &spec)
    }
}

impl StoreKind for AzureBlobStorage {
    const NAME: &'static str = "AzureBlobStorage";
    type Spec = spec::StoreSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(probe::AzureBlobStore::new(Service::Blob, &spec)?))
    }
}

impl SourceKind for AzureBlobFs {
    const NAME: &'static str = "AzureBlobFS";
    type Spec = spec::SourceSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Source>> {
        rows::connect(Service::DataLake, spec)
    }
}

impl SinkKind for AzureBlobFs {
    const NAME: &'static str = "AzureBlobFS";
    type Spec = spec::SinkSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Sink>> {
        sink::connect(Service::DataLake, &spec)
    }
}

impl StoreKind for AzureBlobFs {
    const NAME: &'static str = "AzureBlobFS";
    type Spec = spec::StoreSpec;

    fn connect(spec: Self::Spec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(probe::AzureBlobStore::new(Service::DataLake, &spec)?))
    }
}
