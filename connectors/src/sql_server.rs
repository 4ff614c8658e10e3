//! SQL Server and Azure SQL Database.

mod browser;
mod connection_string;
mod cut;
mod declaration;
mod describe;
mod entra;
mod errors;
mod input;
mod login;
mod numbers;
mod pool;
mod probe;
mod reading;
mod rows;
mod settings;
mod sink;
mod source;
mod spec;
mod statements;
mod tls;
mod types;
mod wire;

use std::sync::Arc;

use ropeway_engine::{
    Result,
    registry::{Setting, SinkKind, SourceKind, Store, StoreKind},
    sink::Sink,
    source::Source,
};

pub(crate) use self::numbers::{Meaning, meaning};
use self::{
    login::Login,
    probe::SqlServerStore,
    sink::SqlServerSink,
    source::SqlServerSource,
    spec::{SinkSpec, SourceSpec, StoreSpec},
};

/// SQL Server on a machine of one's own.
pub(crate) struct SqlServer;

/// Azure SQL Database.
pub(crate) struct AzureSqlDatabase;

impl SourceKind for SqlServer {
    const NAME: &'static str = "SqlServer";
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(SqlServerSource::new(spec)?))
    }
}

impl SinkKind for SqlServer {
    const NAME: &'static str = "SqlServer";
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(SqlServerSink::new(spec)?))
    }
}

impl StoreKind for SqlServer {
    const NAME: &'static str = "SqlServer";
    type Spec = StoreSpec;

    fn connect(spec: StoreSpec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(SqlServerStore::new(Login::of(&spec.linked_service, &spec.ropeway)?)?))
    }
}

impl SourceKind for AzureSqlDatabase {
    const NAME: &'static str = "AzureSqlDatabase";
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        <SqlServer as SourceKind>::connect(spec)
    }
}

impl SinkKind for AzureSqlDatabase {
    const NAME: &'static str = "AzureSqlDatabase";
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        <SqlServer as SinkKind>::connect(spec)
    }
}

impl StoreKind for AzureSqlDatabase {
    const NAME: &'static str = "AzureSqlDatabase";
    type Spec = StoreSpec;

    fn connect(spec: StoreSpec) -> Result<Arc<dyn Store>> {
        <SqlServer as StoreKind>::connect(spec)
    }
}
