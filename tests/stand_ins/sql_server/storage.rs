//! A session's way into the SQLite database that all sessions share.

use super::locks::NewRows;
use super::{Shared, SqlError, counters, functions, undo};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A connection, and what its SQLite functions know of the session.
pub(super) struct Storage {
    pub(super) sqlite: Connection,
    marks: Arc<Marks>,
}

#[derive(Default)]
struct Marks {
    /// Whose undo statements are kept now; 0 for nobody's.
    owner: AtomicI64,
    /// Rows that others had inserted and not committed when the statement began.
    foreign: Mutex<Vec<NewRows>>,
}

impl Storage {
    pub(super) fn open(shared: &Shared) -> Result<Storage, SqlError> {
        Storage::open_file(shared, &shared.sqlite_path())
    }

    pub(super) fn open_file(shared: &Shared, path: &Path) -> Result<Storage, SqlError> {
        let sqlite = Connection::open(path)?;
        sqlite.busy_timeout(Duration::from_secs(30))?;
        // Readers see a snapshot and never wait; nothing outlives the process, so nothing needs to reach the disk.
        sqlite.pragma_update(None, "journal_mode", "WAL")?;
        sqlite.pragma_update(None, "synchronous", "OFF")?;
        functions::register(&sqlite)?;
        counters::register(&sqlite, &shared.counters)?;
        let marks = Arc::new(Marks::default());
        register(&sqlite, &marks)?;
        Ok(Storage { sqlite, marks })
    }

    /// Keeps what undoes the statements to come for this owner; 0 keeps nothing.
    pub(super) fn keep_for(&self, owner: i64) {
        self.marks.owner.store(owner, Ordering::SeqCst);
    }

    /// Rows that the statement must wait for if it comes across them.
    pub(super) fn beware(&self, foreign: Vec<NewRows>) {
        *self.marks.foreign.lock().unwrap_or_else(PoisonError::into_inner) = foreign;
    }

    /// Whether others have uncommitted rows in a table.
    pub(super) fn has_foreign_rows(&self, object: i64) -> bool {
        self.foreign_rows(object).next().is_some()
    }

    pub(super) fn foreign_rows(&self, object: i64) -> impl Iterator<Item = NewRows> + use<> {
        let foreign = self.marks.foreign.lock().unwrap_or_else(PoisonError::into_inner).clone();
        foreign.into_iter().filter(move |rows| rows.object == object)
    }

    /// The place of the last row that was ever inserted into a table.
    pub(super) fn last_place(&self, physical: &str) -> Result<i64, SqlError> {
        let name = physical.trim_matches('"');
        let query = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0)";
        Ok(self.sqlite.query_row(query, [name], |row| row.get(0))?)
    }

    /// Runs statements as one transaction of SQLite. Nobody else may write meanwhile.
    pub(super) fn atomically<T, E: From<SqlError>>(&self, run: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.sqlite.execute_batch("BEGIN IMMEDIATE").map_err(SqlError::from)?;
        let result = run();
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.sqlite.execute_batch(end).map_err(SqlError::from)?;
        result
    }

    /// Runs statements, and takes back all that they have done.
    pub(super) fn tentatively<T>(&self, run: impl FnOnce() -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.sqlite.execute_batch("BEGIN IMMEDIATE")?;
        let result = run();
        self.sqlite.execute_batch("ROLLBACK")?;
        result
    }

    /// Holds on to the state of the database as it is now, until [`Storage::let_go`].
    pub(super) fn hold_still(&self) -> Result<(), SqlError> {
        self.sqlite.execute_batch("BEGIN")?;
        self.sqlite.query_row("SELECT count(*) FROM ropeway_databases", [], |_| Ok(()))?;
        Ok(())
    }

    pub(super) fn let_go(&self) {
        if !self.sqlite.is_autocommit() {
            // Without an open transaction there is nothing to end.
            let _ = self.sqlite.execute_batch("ROLLBACK");
        }
    }

    /// As [`undo::take_back`], with nothing kept.
    pub(super) fn take_back(&self, owner: i64, mark: i64) -> Result<(), SqlError> {
        self.keep_for(0);
        undo::take_back(&self.sqlite, owner, mark)
    }
}

fn register(sqlite: &Connection, marks: &Arc<Marks>) -> rusqlite::Result<()> {
    let own = Arc::clone(marks);
    sqlite.create_scalar_function("tds_owner", 0, FunctionFlags::SQLITE_UTF8, move |_| {
        Ok(own.owner.load(Ordering::SeqCst))
    })?;
    let own = Arc::clone(marks);
    sqlite.create_scalar_function("tds_seen", 2, FunctionFlags::SQLITE_UTF8, move |context| {
        let (object, place): (i64, i64) = (context.get(0)?, context.get(1)?);
        let foreign = own.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let uncommitted =
            foreign.iter().find(|rows| rows.object == object && (rows.first..=rows.last).contains(&place));
        uncommitted.map_or(Ok(true), |rows| Err(functions::failed(rows.blocked())))
    })?;
    let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    sqlite.create_scalar_function("tds_quote", 1, pure, |context| {
        Ok(match context.get(0)? {
            // SQLite ends a text at its first NUL when it reads statements.
            Value::Text(text) if text.contains('\0') => {
                format!("CAST({} AS TEXT)", super::bind::literal_sql(&Value::Blob(text.into_bytes())))
            }
            value => super::bind::literal_sql(&value),
        })
    })
}
