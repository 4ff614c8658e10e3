//! Schemas.

use super::super::SqlError;
use super::views;
use super::{next_number, physical};
use rusqlite::{Connection, OptionalExtension, params};

/// CREATE SCHEMA.
pub(in super::super) fn create_schema(sqlite: &Connection, database: &str, name: &str) -> Result<(), SqlError> {
    if schema_id(sqlite, database, name).is_ok() {
        return Err(
            SqlError::new(2714, 16, format!("There is already an object named '{name}' in the database.")).state(6)
        );
    }
    let id = next_number(sqlite, "schema", 5)?;
    views::add_schema(sqlite, database, name, id)
}

/// DROP SCHEMA: only one without objects.
pub(in super::super) fn drop_schema(sqlite: &Connection, database: &str, name: &str) -> Result<(), SqlError> {
    let id = schema_id(sqlite, database, name).map_err(|_| {
        SqlError::new(
            15_151,
            16,
            format!("Cannot drop the schema '{name}', because it does not exist or you do not have permission."),
        )
    })?;
    // dbo, guest, INFORMATION_SCHEMA and sys.
    if id < 5 {
        return Err(SqlError::new(15_150, 16, format!("Cannot drop the schema '{name}'.")));
    }
    let inside = "SELECT name FROM ropeway_tables WHERE database = ?1 AND schema = ?2 LIMIT 1";
    let inside: Option<String> = sqlite.query_row(inside, params![database, name], |row| row.get(0)).optional()?;
    if let Some(object) = inside {
        return Err(SqlError::new(
            3729,
            16,
            format!("Cannot drop schema '{name}' because it is being referenced by object '{object}'."),
        ));
    }
    views::remove_schema(sqlite, database, id)
}

pub(in super::super) fn schema_id(sqlite: &Connection, database: &str, schema: &str) -> Result<i64, SqlError> {
    let query =
        format!("SELECT schema_id FROM {} WHERE name = ?1 COLLATE NOCASE", physical(database, "sys", "schemas"));
    let found = sqlite.query_row(&query, [schema], |row| row.get(0)).optional()?;
    found.ok_or_else(|| no_schema(schema))
}

/// Whether there is a schema of this name.
pub(in super::super) fn has_schema(sqlite: &Connection, database: &str, name: &str) -> Result<bool, SqlError> {
    match schema_id(sqlite, database, name) {
        Ok(_) => Ok(true),
        Err(error) if error.number == 2760 => Ok(false),
        Err(error) => Err(error),
    }
}

/// The error of a schema that is not there, or that one may not use.
pub(in super::super) fn no_schema(schema: &str) -> SqlError {
    SqlError::new(
        2760,
        16,
        format!(
            "The specified schema name \"{schema}\" either does not exist or you do not have permission to use it."
        ),
    )
}
