//! ALTER TABLE: the columns of a table.

use super::super::SqlError;
use super::super::sql_type::{Length, SqlType};
use super::super::syntax::ColumnDefinition;
use super::super::undo;
use super::{TableEntry, physical_column, quoted, save, views};
use rusqlite::Connection;

/// ALTER TABLE ... ADD column.
pub(in super::super) fn add_column(
    sqlite: &Connection,
    mut entry: TableEntry,
    column: &ColumnDefinition,
) -> Result<(), SqlError> {
    if entry.column(&column.name).is_some() {
        return Err(SqlError::new(2705, 16, format!("Column names in each table must be unique. Column name '{}' in table '{}' is specified more than once.", column.name, entry.name)).state(4));
    }
    if column.computed.is_some() || !column.nullable || column.identity.is_some() {
        return Err(SqlError::not_taught("ALTER TABLE ADD with NOT NULL or IDENTITY"));
    }
    let (table, before) = (entry.physical(), entry.clone());
    entry.columns.push(column.clone());
    sqlite.execute_batch(&format!(
        "{} ALTER TABLE {table} ADD COLUMN {}; {}",
        undo::unwatch_rows(&before),
        physical_column(column),
        undo::watch_rows(&entry)
    ))?;
    undo::keep(
        sqlite,
        &format!(
            "{} ALTER TABLE {table} DROP COLUMN {}; {}",
            undo::unwatch_rows(&entry),
            quoted(&column.name),
            undo::watch_rows(&before)
        ),
    )?;
    save(sqlite, &entry, false)?;
    views::replace_columns(sqlite, &entry)
}

/// ALTER TABLE ... ALTER COLUMN, of texts that may be longer from now on. What is not said of the column is what it would
/// be for a new one: a column that was NOT NULL takes nulls, and its collation is that of the database.
pub(in super::super) fn widen_column(
    sqlite: &Connection,
    mut entry: TableEntry,
    wanted: &ColumnDefinition,
) -> Result<(), SqlError> {
    let Some(at) = entry.columns.iter().position(|column| column.name.eq_ignore_ascii_case(&wanted.name)) else {
        return Err(missing("ALTER TABLE ALTER COLUMN", &wanted.name, &entry));
    };
    let before = &entry.columns[at];
    let is_plain = before.computed.is_none() && wanted.identity.is_none() && wanted.default.is_none();
    if !is_plain || !widens(before.of, wanted.of) || before.nullable != wanted.nullable {
        return Err(SqlError::not_taught("ALTER COLUMN that does more than making a text longer"));
    }
    if views::indexed_columns(sqlite, &entry)?.iter().any(|name| name.eq_ignore_ascii_case(&wanted.name)) {
        return Err(SqlError::not_taught("ALTER COLUMN of a column with an index or constraint"));
    }
    entry.columns[at].of = wanted.of;
    save(sqlite, &entry, false)?;
    views::replace_columns(sqlite, &entry)
}

/// Another collation is another order of the rows that are there.
fn widens(from: SqlType, to: SqlType) -> bool {
    let longer = |from, to| match (from, to) {
        (Length::Of(from), Length::Of(to)) => to >= from,
        (_, to) => to == Length::Max,
    };
    match (from, to) {
        (SqlType::NVarChar(from, collation), SqlType::NVarChar(to, same))
        | (SqlType::VarChar(from, collation), SqlType::VarChar(to, same)) => {
            collation.name == same.name && longer(from, to)
        }
        _ => false,
    }
}

fn missing(statement: &str, column: &str, entry: &TableEntry) -> SqlError {
    let message = format!("{statement} failed because column '{column}' does not exist in table '{}'.", entry.name);
    SqlError::new(4924, 16, message)
}

/// ALTER TABLE ... DROP COLUMN.
pub(in super::super) fn drop_column(sqlite: &Connection, mut entry: TableEntry, name: &str) -> Result<(), SqlError> {
    if entry.column(name).is_none() {
        return Err(missing("ALTER TABLE DROP COLUMN", name, &entry));
    }
    let statement =
        format!("{} ALTER TABLE {} DROP COLUMN {}", undo::unwatch_rows(&entry), entry.physical(), quoted(name));
    sqlite.execute_batch(&statement).map_err(|_| {
        SqlError::new(
            4922,
            16,
            format!("ALTER TABLE DROP COLUMN {name} failed because one or more objects access this column."),
        )
        .state(9)
    })?;
    entry.columns.retain(|column| !column.name.eq_ignore_ascii_case(name));
    sqlite.execute_batch(&undo::watch_rows(&entry))?;
    save(sqlite, &entry, false)?;
    views::replace_columns(sqlite, &entry)
}
