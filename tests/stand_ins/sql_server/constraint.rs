//! Which constraint a refused row violates, in the words of SQL Server.

use super::SqlError;
use super::bind::{Binder, Context};
use super::catalogue::{TableEntry, quoted};
use super::parser::parse_condition;
use rusqlite::Connection;
use std::collections::HashMap;

/// The error of SQL Server for a constraint error of SQLite.
pub(super) fn violated(sqlite: &Connection, error: rusqlite::Error, entry: &TableEntry) -> SqlError {
    let text = error.to_string();
    if let Some(column) = text.strip_prefix("NOT NULL constraint failed: ") {
        let column = column.rsplit('.').next().unwrap_or(column);
        return SqlError::new(515, 16, format!("Cannot insert the value NULL into column '{column}', table '{}.{}.{}'; column does not allow nulls. INSERT fails.", entry.database, entry.schema, entry.name)).state(2);
    }
    if let Some(name) = text.strip_prefix("CHECK constraint failed: ") {
        return SqlError::new(
            547,
            16,
            format!(
                "The INSERT statement conflicted with the CHECK constraint \"{name}\". The conflict occurred in database \"{}\", table \"{}.{}\".",
                entry.database, entry.schema, entry.name
            ),
        );
    }
    match text.strip_prefix("UNIQUE constraint failed: ") {
        Some(place) => unique(sqlite, place, entry).unwrap_or_else(|error| error),
        None => SqlError::from(error),
    }
}

fn unique(sqlite: &Connection, place: &str, entry: &TableEntry) -> Result<SqlError, SqlError> {
    let query = format!(
        "SELECT name, is_primary_key, is_unique_constraint FROM {} WHERE object_id = ?1 AND is_unique = 1 ORDER BY index_id",
        entry.view("indexes")
    );
    let mut statement = sqlite.prepare(&query)?;
    let mut indexes = statement.query([entry.object_id])?;
    while let Some(index) = indexes.next()? {
        let name: String = index.get(0)?;
        if !is_at(sqlite, place, entry, &name)? {
            continue;
        }
        let (primary, constraint): (bool, bool) = (index.get(1)?, index.get(2)?);
        let object = format!("{}.{}", entry.schema, entry.name);
        return Ok(if primary || constraint {
            let kind = if primary { "PRIMARY KEY" } else { "UNIQUE KEY" };
            let message =
                format!("Violation of {kind} constraint '{name}'. Cannot insert duplicate key in object '{object}'.");
            SqlError::new(2627, 14, message)
        } else {
            let message = format!("Cannot insert duplicate key row in object '{object}' with unique index '{name}'.");
            SqlError::new(2601, 14, message)
        });
    }
    Err(SqlError::not_taught(format!("a unique index at {place}")))
}

/// Whether SQLite means this index: it names an index over expressions, and the columns of any other.
fn is_at(sqlite: &Connection, place: &str, entry: &TableEntry, index: &str) -> Result<bool, SqlError> {
    let physical = entry.index(index);
    if let Some(named) = place.strip_prefix("index '") {
        return Ok(named.strip_suffix('\'') == Some(physical.as_str()));
    }
    let mut statement =
        sqlite.prepare(&format!("SELECT name FROM pragma_index_info({}) ORDER BY seqno", quoted(&physical)))?;
    let columns = statement.query_map([], |row| row.get::<_, Option<String>>(0))?;
    let columns: Vec<Option<String>> = columns.collect::<Result<_, _>>()?;
    let table = entry.physical();
    let table = table.trim_matches('"').replace("\"\"", "\"");
    let places: Option<Vec<String>> =
        columns.into_iter().map(|name| name.map(|name| format!("{table}.{name}"))).collect();
    Ok(places.is_some_and(|places| places.join(", ") == place))
}

/// The CHECK constraints of a table for SQLite.
pub(super) fn checks_sql(sqlite: &Connection, entry: &TableEntry) -> Result<Vec<String>, SqlError> {
    let variables = HashMap::new();
    let context = Context { sqlite, database: &entry.database, user: "dbo", variables: &variables, turn: None };
    let mut constraints = Vec::new();
    for (name, condition) in &entry.checks {
        let mut binder = Binder::new(&context);
        binder.see_table(entry);
        let sql = binder.condition(&parse_condition(condition)?)?;
        constraints.push(format!("CONSTRAINT {} CHECK ({sql})", quoted(name)));
    }
    Ok(constraints)
}
