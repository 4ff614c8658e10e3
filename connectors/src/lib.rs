//! Sources and sinks of Ropeway, one folder per system, the same file names in each.

mod azure_blob;
mod file;
mod format;
mod layout;
mod lenient;
mod sql;
mod sql_server;
mod synthetic;

use ropeway_engine::registry::Registry;

/// Every connector of Ropeway.
pub fn registry() -> Registry {
    Registry::default()
        .source::<synthetic::Synthetic>()
        .source::<file::FileServer>()
        .sink::<file::FileServer>()
        .store::<file::FileServer>()
        .sink::<azure_blob::AzureBlobStorage>()
        .store::<azure_blob::AzureBlobStorage>()
}
