//! One state of a PostgreSQL database that many connections see. Transactions that stay open hold it and export it; who
//! reads a chunk begins by importing it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use odbc_api::Cursor;
use ropeway_engine::{Error, ErrorKind, Result, blocking::ConnectionThreads, registry::Setting, retry::RetryClass};

use super::connection::{Connector, Session};
use crate::shared_snapshot::lost;

/// Data Factory has no such property for ODBC.
pub(super) const ISOLATION_LEVEL: Setting = Setting { name: "isolationLevel", values: &["Unspecified", "Snapshot"] };

/// Connections that hold it, each by itself: as long as one of them lives, every chunk can be read.
const HOLDERS: usize = 3;

/// States with which PostgreSQL says that the transaction which exported a snapshot is over.
const OVER: [&str; 3] = ["22023", "42704", "55000"];

/// No transaction that holds the snapshot shall be ended for being idle. Settings that an older server lacks are left out.
const NEVER_TOO_LONG: &str = "SELECT set_config(name, '0', false) FROM pg_settings \
     WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')";

const ONE_STATE: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// Those who hold it.
pub(super) struct Snapshot {
    /// A thread each, whose connection has an open transaction. They end when this is dropped.
    _holders: Vec<ConnectionThreads<Session>>,
    /// The names under which it is exported, the same state under each.
    names: Mutex<Vec<String>>,
}

impl Snapshot {
    /// Holds the state of this moment.
    pub(super) async fn begin(connector: &Connector) -> Result<Self> {
        let (mut holders, mut names) = (Vec::new(), Vec::<String>::new());
        for _ in 0..HOLDERS {
            let connector = connector.clone();
            let holder = ConnectionThreads::start(1, move || connector.open())?;
            let first = names.first().cloned();
            names.push(holder.call(move |session| export(session, first.as_deref())).await?);
            holders.push(holder);
        }
        Ok(Self { _holders: holders, names: Mutex::new(names) })
    }

    /// Begins a transaction that sees it.
    ///
    /// # Errors
    /// Nobody holds it any more.
    pub(super) fn enter(&self, session: &Session) -> Result<()> {
        let name = self.names().first().cloned().ok_or_else(lost)?;
        let failed = |error: odbc_api::Error| session.peer.error("beginning a transaction", &error);
        session.connection.set_autocommit(false).map_err(failed)?;
        run(session, ONE_STATE)?;
        let imported = session.connection.execute(&import(&name)?, (), None);
        let Err(error) = imported.map(drop) else { return Ok(()) };
        if !OVER.contains(&session.peer.complaint(&error).state.as_str()) {
            return Err(failed(error));
        }
        let mut names = self.names();
        names.retain(|other| *other != name);
        tracing::warn!(left = names.len(), "a connection that held the shared snapshot is lost");
        if names.is_empty() {
            return Err(lost());
        }
        // Nothing can be asked in this transaction any more.
        Err(Error::new(
            ErrorKind::Unavailable,
            "a connection that held the shared snapshot is lost; another one holds it",
        )
        .class(RetryClass::Redo))
    }

    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a transaction, in the state of this moment or in one that another holds, and tells its name for it.
fn export(session: &Session, of: Option<&str>) -> Result<String> {
    let failed = |error: odbc_api::Error| session.peer.error("exporting a snapshot", &error);
    run(session, NEVER_TOO_LONG)?;
    session.connection.set_autocommit(false).map_err(failed)?;
    run(session, ONE_STATE)?;
    if let Some(of) = of {
        run(session, &import(of)?)?;
    }
    let exported = session.connection.execute("SELECT pg_export_snapshot()", (), None).map_err(failed)?;
    let mut name = Vec::new();
    if let Some(mut cursor) = exported {
        let read = cursor.next_row().and_then(|row| row.map(|mut row| row.get_text(1, &mut name)).transpose());
        drop(cursor.into_stmt());
        read.map_err(failed)?;
    }
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// The statement that takes a state over. It takes no parameters.
fn import(name: &str) -> Result<String> {
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !is_plain {
        return Err(Error::new(
            ErrorKind::Data,
            "the database exports a snapshot without a name; leave out \
             source.isolationLevel",
        )
        .with("snapshot", name.escape_debug()));
    }
    Ok(format!("SET TRANSACTION SNAPSHOT '{name}'"))
}

fn run(session: &Session, statement: &str) -> Result<()> {
    match session.connection.execute(statement, (), None) {
        Ok(Some(cursor)) => {
            // Freed without closing: odbc-api panics if closing fails.
            drop(cursor.into_stmt());
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(error) => Err(session.peer.error("beginning a snapshot", &error)),
    }
}

/// Whether the setting asks for it.
///
/// # Errors
/// [`ErrorKind::Spec`] for a value that it does not take.
pub(super) fn is_asked(level: Option<&str>) -> Result<bool> {
    let Some(level) = level else { return Ok(false) };
    let known = ISOLATION_LEVEL.values.iter().position(|known| known.eq_ignore_ascii_case(level));
    known.map(|position| position > 0).ok_or_else(|| {
        Error::new(ErrorKind::Spec, "source.isolationLevel of an ODBC source is Unspecified or Snapshot")
            .with("isolationLevel", level.escape_debug())
    })
}

/// The setting asks for what this database is not known to have.
pub(super) fn unknown_here(database: &str) -> Error {
    Error::new(
        ErrorKind::Spec,
        format!(
            "source.isolationLevel=Snapshot is for PostgreSQL; how connections with {database} share a snapshot is not \
             known: leave it out, and read in one chunk (partitionOption None) where one state matters"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_declared_value_is_read_and_no_other() {
        let asked = ISOLATION_LEVEL.values.iter().map(|value| is_asked(Some(value)).unwrap());
        assert!(asked.eq([false, true]));
        assert!(!is_asked(None).unwrap() && is_asked(Some("snapshot")).unwrap());
        assert_eq!(is_asked(Some("Chaos")).unwrap_err().kind(), ErrorKind::Spec);
    }

    #[test]
    fn a_name_is_no_place_for_statements() {
        assert_eq!(import("00000003-0000001B-1").unwrap(), "SET TRANSACTION SNAPSHOT '00000003-0000001B-1'");
        for name in ["", "x'; DROP TABLE t; --"] {
            assert!(import(name).is_err(), "{name}");
        }
    }
}
