//! Sources and sinks of Ropeway, one folder per system, the same file names in each.

mod azure_blob;
mod binary;
mod blocking;
mod chosen_files;
mod deletion;
mod entra;
mod file;
mod file_source;
mod format;
mod kept;
mod layout;
mod ledger;
mod lenient;
mod memory_share;
mod odbc;
mod selection;
mod shared_snapshot;
mod sql;
mod sql_server;
mod synthetic;
mod unfit;
pub mod web;
mod windows;

pub use self::{binary::INCONSISTENT_FILES, chosen_files::chosen_files};

use ropeway_engine::registry::Registry;

use self::sql_server::{AzureSqlDatabase, AzureSqlManagedInstance, OnPremises, SqlServer};

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
        .source::<azure_blob::AzureBlobStorage>()
        .sink::<azure_blob::AzureBlobStorage>()
        .store::<azure_blob::AzureBlobStorage>()
        .source::<azure_blob::AzureBlobFs>()
        .sink::<azure_blob::AzureBlobFs>()
        .store::<azure_blob::AzureBlobFs>()
        .source::<SqlServer<OnPremises>>()
        .source::<SqlServer<AzureSqlDatabase>>()
        .source::<SqlServer<AzureSqlManagedInstance>>()
        .sink::<SqlServer<OnPremises>>()
        .sink::<SqlServer<AzureSqlDatabase>>()
        .sink::<SqlServer<AzureSqlManagedInstance>>()
        .store::<SqlServer<OnPremises>>()
        .store::<SqlServer<AzureSqlDatabase>>()
        .store::<SqlServer<AzureSqlManagedInstance>>()
}
