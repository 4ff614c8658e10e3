//! SQL Server, Azure SQL Database and Azure SQL Managed Instance.

mod arguments;
mod browser;
mod connection_string;
mod cut;
mod declaration;
mod describe;
mod early_end;
mod entra;
mod errors;
mod input;
mod login;
mod numbers;
mod object_name;
mod patience;
mod pool;
mod probe;
mod reading;
mod rows;
mod scripts;
mod settings;
mod sink;
mod snapshot;
mod source;
mod spec;
mod statements;
mod time_span;
mod tls;
mod types;
mod wire;

use std::{marker::PhantomData, sync::Arc};

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

/// SQL Server under one of its names in linked services.
pub(crate) struct SqlServer<S>(PhantomData<S>);

/// A linked service.
pub(crate) trait Service {
    const NAME: &'static str;
}

/// SQL Server on a machine of one's own.
pub(crate) struct OnPremises;

/// Azure SQL Database.
pub(crate) struct AzureSqlDatabase;

/// Azure SQL Managed Instance.
pub(crate) struct AzureSqlManagedInstance;

impl Service for OnPremises {
    const NAME: &'static str = "SqlServer";
}

impl Service for AzureSqlDatabase {
    const NAME: &'static str = "AzureSqlDatabase";
}

impl Service for AzureSqlManagedInstance {
    const NAME: &'static str = "AzureSqlMI";
}

impl<S: Service> SourceKind for SqlServer<S> {
    const NAME: &'static str = S::NAME;
    const SETTINGS: &'static [Setting] = settings::SETTINGS;
    type Spec = SourceSpec;

    fn connect(spec: SourceSpec) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(SqlServerSource::new(spec)?))
    }
}

impl<S: Service> SinkKind for SqlServer<S> {
    const NAME: &'static str = S::NAME;
    const SETTINGS: &'static [Setting] = &[sink::COMMIT];
    type Spec = SinkSpec;

    fn connect(spec: SinkSpec) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(SqlServerSink::new(spec)?))
    }
}

impl<S: Service> StoreKind for SqlServer<S> {
    const NAME: &'static str = S::NAME;
    type Spec = StoreSpec;

    fn connect(spec: StoreSpec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(SqlServerStore::new(Login::of(&spec.linked_service, &spec.ropeway)?)?))
    }
}
