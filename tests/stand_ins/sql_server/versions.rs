//! SNAPSHOT: a transaction sees what was committed when it first read data, however often it reads and whoever changes rows
//! meanwhile. What it sees is a copy of the whole storage, made in that moment, in which nothing uncommitted is left.

use super::catalogue::{self, TableEntry};
use super::state::State;
use super::storage::Storage;
use super::syntax::DatabaseOption;
use super::{SqlError, undo};
use rusqlite::OptionalExtension;
use std::cell::OnceCell;
use std::sync::{Arc, PoisonError};
use tempfile::NamedTempFile;

/// As `SET TRANSACTION ISOLATION LEVEL` numbers it.
const SNAPSHOT: u8 = 5;

/// The versions of rows that a transaction sees.
pub(super) struct Versions {
    storage: Storage,
    _file: NamedTempFile,
}

/// Where a query that was bound reads its rows.
pub(super) fn rows_of<'a>(versions: &'a OnceCell<Versions>, storage: &'a Storage) -> &'a Storage {
    versions.get().map_or(storage, |versions| &versions.storage)
}

impl State {
    /// Under SNAPSHOT, makes the versions that the bound query reads. Nobody may write meanwhile.
    pub(super) fn look_back(&self) -> Result<(), SqlError> {
        let looked_at = self.looked_at.take();
        if looked_at.is_empty() {
            return Ok(());
        }
        let began_under = if self.transactions > 0 { self.began_under } else { self.options.isolation };
        if self.options.isolation != SNAPSHOT {
            if began_under == SNAPSHOT {
                return Err(SqlError::not_taught("another isolation level inside of a SNAPSHOT transaction"));
            }
            return Ok(());
        }
        for entry in &looked_at {
            let database = &entry.database;
            if began_under != SNAPSHOT {
                return Err(SqlError::new(
                    3951,
                    16,
                    format!(
                        "Transaction failed in database '{database}' because the statement was run under snapshot isolation but the transaction did not start in snapshot isolation. You cannot change the isolation level of the transaction to snapshot after the transaction has started unless the transaction was originally started under snapshot isolation level."
                    ),
                ));
            }
            if !catalogue::is_on(&self.storage.sqlite, database, DatabaseOption::AllowSnapshots)? {
                return Err(SqlError::new(
                    3952,
                    16,
                    format!(
                        "Snapshot isolation transaction failed accessing database '{database}' because snapshot isolation is not allowed in this database. Use ALTER DATABASE to allow snapshot isolation."
                    ),
                ));
            }
        }
        if self.versions.get().is_none() {
            // It is empty: nobody has set it between here and there.
            let _ = self.versions.set(self.versions_now()?);
        }
        looked_at.iter().try_for_each(|entry| self.is_as_it_was(entry))
    }

    fn versions_now(&self) -> Result<Versions, SqlError> {
        let file = NamedTempFile::new_in(self.shared.folder.path()).map_err(SqlError::not_taught)?;
        let path = file.path().to_string_lossy().into_owned();
        self.storage.sqlite.execute("VACUUM INTO ?1", [path])?;
        let storage = Storage::open_file(&self.shared, file.path())?;
        undo::take_others_back(&storage.sqlite, self.owner)?;
        Ok(Versions { storage, _file: file })
    }

    /// There are no versions of definitions.
    fn is_as_it_was(&self, entry: &TableEntry) -> Result<(), SqlError> {
        let definition = |storage: &Storage| -> Result<Option<String>, SqlError> {
            let query = "SELECT definition FROM ropeway_tables WHERE object_id = ?1";
            Ok(storage.sqlite.query_row(query, [entry.object_id], |row| row.get(0)).optional()?)
        };
        let then = self.versions.get().map(|versions| definition(&versions.storage)).transpose()?.flatten();
        if then.is_some() && then == definition(&self.storage)? {
            return Ok(());
        }
        Err(SqlError::new(
            3961,
            16,
            format!(
                "Snapshot isolation transaction failed in database '{}' because the object accessed by the statement has been modified by a DDL statement in another concurrent transaction since the start of this transaction. It is disallowed because the metadata is not versioned. A concurrent update to metadata can lead to inconsistency if mixed with snapshot isolation.",
                entry.database
            ),
        ))
    }

    /// Without a transaction every statement sees what is committed when it begins.
    pub(super) fn end_versions_of_statement(&mut self) {
        if self.transactions == 0 {
            self.versions.take();
        }
    }

    /// Anything but a query that reads rows under SNAPSHOT.
    pub(super) fn refuse_versions(&self) -> Result<(), SqlError> {
        if self.looked_at.take().is_empty() || self.options.isolation != SNAPSHOT {
            return Ok(());
        }
        Err(SqlError::not_taught("reading rows under SNAPSHOT by anything but a query"))
    }

    /// Whether anything can be changed here at all.
    pub(super) fn check_may_change(&self) -> Result<(), SqlError> {
        if self.options.isolation == SNAPSHOT || self.transactions > 0 && self.began_under == SNAPSHOT {
            return Err(SqlError::not_taught("changes under SNAPSHOT"));
        }
        let shared = Arc::clone(&self.shared);
        let _alone = shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if catalogue::is_on(&self.storage.sqlite, &self.database, DatabaseOption::ReadOnly)? {
            let message = format!("Failed to update database \"{}\" because the database is read-only.", self.database);
            return Err(SqlError::new(3906, 16, message));
        }
        Ok(())
    }
}
