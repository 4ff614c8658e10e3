//! Trying an ODBC linked service on its own.

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use ropeway_engine::{
    Error, ErrorKind, Result,
    registry::{ProbeStep, Store, StoreKind},
};

use super::{
    Odbc,
    connection::{Connector, Session},
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
        let trying = tokio::task::spawn_blocking(move || connector.open().and_then(|session| greeting(&session)));
        let outcome = trying.await.unwrap_or_else(|died| {
            Err(Error::new(ErrorKind::Bug, "trying the connection panicked; please report it").caused_by(died))
        });
        vec![ProbeStep { name: "Login", took: begun.elapsed(), outcome }]
    }
}

fn greeting(session: &Session) -> Result<String> {
    let name = session.connection.database_management_system_name();
    let name = name.map_err(|error| session.peer.error("asking for the server's name", &error))?;
    let database = session.connection.current_catalog().unwrap_or_default();
    Ok(if database.is_empty() { name } else { format!("{name}, database {}", database.escape_debug()) })
}
