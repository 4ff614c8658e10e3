//! Connections that block, each on a thread of its own, and a queue in front of them that has room for everybody.

use std::sync::Arc;

use ropeway_engine::{Error, ErrorKind, Result, blocking::ConnectionThreads};
use tokio::sync::Semaphore;

use super::super::connection::{Connector, Session};

/// A fixed number of connections to one database.
#[derive(Clone)]
pub(super) struct Connections {
    threads: Arc<ConnectionThreads<Session>>,
    free: Arc<Semaphore>,
}

impl Connections {
    /// Connections that write: strict, and patient only for a while. Without `transactions` each statement is one.
    pub(super) fn start(connector: &Connector, count: usize, transactions: bool) -> Result<Self> {
        let connector = connector.clone();
        let connect = move || {
            let session = connector.open()?;
            let failed = |error: odbc_api::Error| session.peer.error("beginning a session that writes", &error);
            for statement in session.peer.driver.dialect.session {
                session.say(Some(statement))?;
            }
            if transactions {
                // Without any, the guarantee says so.
                session.begin_transactions().map_err(failed)?;
            }
            Ok(session)
        };
        let threads = Arc::new(ConnectionThreads::start(count, connect)?);
        Ok(Self { threads, free: Arc::new(Semaphore::new(count)) })
    }

    /// Runs a job on the next connection that is free. After an error its connection is closed.
    ///
    /// # Errors
    /// Those of connecting and of the job.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let free = Arc::clone(&self.free).acquire_owned().await;
        let place =
            free.map_err(|_| Error::new(ErrorKind::Bug, "the queue for connections is closed; please report it"))?;
        self.threads
            .call(move |session| {
                // Given back when the job ends, also if nobody waits for it any more.
                let _place = place;
                job(session)
            })
            .await
    }
}
