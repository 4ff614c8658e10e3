//! Trying an ODBC linked service on its own.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use ropeway_engine::{
    Result,
    blocking::ConnectionThreads,
    registry::{ProbeStep, Store, StoreKind},
    statements::Statements,
};

use super::{
    Odbc,
    connection::{Connector, Session},
    scripts::OdbcStatements,
    spec::StoreSpec,
};

impl StoreKind for Odbc {
    const NAME: &'static str = "Odbc";
    type Spec = StoreSpec;

    fn connect(spec: StoreSpec) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(OdbcStore { connector: Connector::new(&spec.linked_service)? }))
    }
}

struct OdbcStore {
    connector: Connector,
}

#[async_trait]
impl Store for OdbcStore {
    // The driver resolves, connects, encrypts and logs in within one call.
    async fn probe(&self) -> Vec<ProbeStep> {
        let connector = self.connector.clone();
        let begun = Instant::now();
        let outcome = match ConnectionThreads::start(1, move || connector.open()) {
            Ok(threads) => threads.call(|session| greeting(session)).await,
            Err(error) => Err(error),
        };
        vec![ProbeStep { name: "Login", took: begun.elapsed(), outcome }]
    }

    fn statements(&self) -> Option<Arc<dyn Statements>> {
        Some(Arc::new(OdbcStatements { connector: self.connector.clone() }))
    }
}

fn greeting(session: &Session) -> Result<String> {
    let name = session.connection.database_management_system_name();
    let name = name.map_err(|error| session.peer.error("asking for the server's name", &error))?;
    let database = session.connection.current_catalog().unwrap_or_default();
    Ok(if database.is_empty() { name } else { format!("{name}, database {}", database.escape_debug()) })
}
