//! Identity values and rowversions. As on the server they only ever move on: a rollback takes none of them back.

use super::functions::failed;
use super::{SqlError, SqlType};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Last identity value of each table by its object id, and the last rowversion.
pub(super) struct Counters {
    identities: Mutex<HashMap<i64, i64>>,
    rowversion: AtomicU64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { identities: Mutex::default(), rowversion: AtomicU64::new(2_000) }
    }
}

impl Counters {
    fn next(&self, table: i64, seed: i64, step: i64) -> Option<i64> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let next = match identities.get(&table) {
            Some(last) => last.checked_add(step)?,
            None => seed,
        };
        identities.insert(table, next);
        Some(next)
    }

    /// An explicit value beyond the last one is the new last one.
    fn keep(&self, table: i64, step: i64, value: i64) {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        let last = identities.entry(table).or_insert(value);
        *last = if step < 0 { (*last).min(value) } else { (*last).max(value) };
    }

    /// TRUNCATE TABLE: the next value is the seed again.
    pub(super) fn restart(&self, table: i64) {
        self.identities.lock().unwrap_or_else(PoisonError::into_inner).remove(&table);
    }
}

/// Gives SQLite statements the counters as functions.
pub(super) fn register(sqlite: &Connection, counters: &Arc<Counters>) -> rusqlite::Result<()> {
    let own = Arc::clone(counters);
    sqlite.create_scalar_function("tds_identity", 3, FunctionFlags::SQLITE_UTF8, move |context| {
        let next = own.next(context.get(0)?, context.get(1)?, context.get(2)?);
        next.ok_or_else(|| failed(SqlError::overflow_to(SqlType::BigInt.name())))
    })?;
    let own = Arc::clone(counters);
    sqlite.create_scalar_function("tds_keep_identity", 3, FunctionFlags::SQLITE_UTF8, move |context| {
        let value: Value = context.get(2)?;
        if let Value::Integer(number) = value {
            own.keep(context.get(0)?, context.get(1)?, number);
        }
        Ok(value)
    })?;
    let own = Arc::clone(counters);
    sqlite.create_scalar_function("tds_rowversion", 0, FunctionFlags::SQLITE_UTF8, move |_| {
        Ok((own.rowversion.fetch_add(1, Ordering::SeqCst) + 1).to_be_bytes().to_vec())
    })
}
