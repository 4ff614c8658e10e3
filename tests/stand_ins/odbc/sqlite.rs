//! A SQLite file.

use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;

use super::require_driver;

/// A database in a temporary folder.
pub struct Sqlite {
    folder: TempDir,
}

impl Sqlite {
    /// Makes an empty database.
    pub fn start() -> Self {
        require_driver("SQLite3", "libsqliteodbc");
        Self { folder: TempDir::new().expect("a temporary folder") }
    }

    /// The connection string.
    pub fn connection_string(&self) -> String {
        format!("Driver={{SQLite3}};Database={};", self.folder.path().join("db").display())
    }

    /// Runs statements.
    pub fn run(&self, sql: &str) {
        self.open().execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The rows of a query, reals with the digits that tell them apart.
    pub fn rows(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let connection = self.open();
        let mut statement = connection.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns = statement.column_count();
        let text = |value: ValueRef<'_>| match value {
            ValueRef::Null => None,
            ValueRef::Integer(it) => Some(it.to_string()),
            ValueRef::Real(it) => Some(it.to_string()),
            ValueRef::Text(it) => Some(String::from_utf8_lossy(it).into_owned()),
            ValueRef::Blob(it) => Some(it.iter().map(|byte| format!("{byte:02x}")).collect()),
        };
        let rows = statement.query_map([], |row| (0..columns).map(|at| Ok(text(row.get_ref(at)?))).collect());
        rows.expect("rows").map(|row| row.expect("a row")).collect()
    }

    fn open(&self) -> Connection {
        Connection::open(self.folder.path().join("db")).expect("the database")
    }
}
