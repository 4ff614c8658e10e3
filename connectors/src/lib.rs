//! Sources and sinks of Ropeway, one folder per system, the same file names in each.

mod azure_blob;
mod blocking;
mod entra;
mod file;
mod format;
mod layout;
mod ledger;
mod lenient;
mod misfits;
mod odbc;
mod sql;
mod sql_server;
mod synthetic;
mod text;

use ropeway_engine::registry::Registry;

/// Every connector of Ropeway.
pub fn registry() -> Registry {
    Registry::default()
        .source::<synthetic::Synthetic>()
        .source::<odbc::Odbc>()
        .sink::<odbc::Odbc>()
        .store::<odbc::Odbc>()
        .source::<file::FileServer>()
        .store::<synthetic::Synthetic>()
        .sink::<file::FileServer>()
        .store::<file::FileServer>()
        .sink::<azure_blob::AzureBlobStorage>()
        .store::<azure_blob::AzureBlobStorage>()
        .source::<sql_server::SqlServer>()
        .source::<sql_server::AzureSqlDatabase>()
        .sink::<sql_server::SqlServer>()
        .sink::<sql_server::AzureSqlDatabase>()
        .store::<sql_server::SqlServer>()
        .store::<sql_server::AzureSqlDatabase>()
}
