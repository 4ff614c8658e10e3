//! How a transaction takes its changes back. Every statement is written to SQLite at once, so that several sessions can have
//! transactions open side by side; beside it, statements are kept that undo it, to be run backwards.

use super::SqlError;
use super::bind::literal_sql;
use super::catalogue::{TableEntry, quoted};
use rusqlite::types::Value;
use rusqlite::{Connection, params};

/// The column under which SQLite keeps the place of a row; places are never used twice.
pub(super) const PLACE: &str = "\"ropeway row\"";

/// Makes the table that keeps the statements.
pub(super) fn create_storage(sqlite: &Connection) -> rusqlite::Result<()> {
    sqlite.execute_batch(
        "CREATE TABLE ropeway_undo (seq INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, sql TEXT NOT NULL);
         CREATE INDEX ropeway_undo_owner ON ropeway_undo (owner, seq);",
    )
}

/// Keeps a statement that undoes what the open transaction is about to do. Without one, nothing is kept.
pub(super) fn keep(sqlite: &Connection, statement: &str) -> Result<(), SqlError> {
    sqlite
        .execute("INSERT INTO ropeway_undo (owner, sql) SELECT tds_owner(), ?1 WHERE tds_owner() <> 0", [statement])?;
    Ok(())
}

/// How far the statements of a transaction go now.
pub(super) fn mark(sqlite: &Connection, owner: i64) -> Result<i64, SqlError> {
    let query = "SELECT coalesce(max(seq), 0) FROM ropeway_undo WHERE owner = ?1";
    Ok(sqlite.query_row(query, [owner], |row| row.get(0))?)
}

/// Takes back what a transaction has done since a mark; 0 is its begin. Nothing may be kept meanwhile.
pub(super) fn take_back(sqlite: &Connection, owner: i64, mark: i64) -> Result<(), SqlError> {
    run_backwards(sqlite, "owner = ?1 AND seq > ?2", params![owner, mark])?;
    sqlite.execute("DELETE FROM ropeway_undo WHERE owner = ?1 AND seq > ?2", params![owner, mark])?;
    Ok(())
}

/// Takes back what all other transactions have done, to look at what is committed.
pub(super) fn take_others_back(sqlite: &Connection, owner: i64) -> Result<(), SqlError> {
    run_backwards(sqlite, "owner <> ?1", params![owner])
}

fn run_backwards(sqlite: &Connection, which: &str, of: &[&dyn rusqlite::ToSql]) -> Result<(), SqlError> {
    let statements: Vec<String> = {
        let mut query = sqlite.prepare(&format!("SELECT sql FROM ropeway_undo WHERE {which} ORDER BY seq DESC"))?;
        let found = query.query_map(of, |row| row.get(0))?;
        found.collect::<Result<_, _>>()?
    };
    // Rows of a bulk load may have come past the CHECK constraints.
    sqlite.pragma_update(None, "ignore_check_constraints", true)?;
    let result = statements.iter().try_for_each(|statement| sqlite.execute_batch(statement));
    sqlite.pragma_update(None, "ignore_check_constraints", false)?;
    Ok(result?)
}

/// Whether any transaction has changed something and is not over.
pub(super) fn is_at_work(sqlite: &Connection) -> Result<bool, SqlError> {
    Ok(sqlite.query_row("SELECT EXISTS (SELECT 1 FROM ropeway_undo)", [], |row| row.get(0))?)
}

/// A transaction has committed.
pub(super) fn forget(sqlite: &Connection, owner: i64) -> Result<(), SqlError> {
    sqlite.execute("DELETE FROM ropeway_undo WHERE owner = ?1", [owner])?;
    Ok(())
}

/// A table is gone for good: no statement about its rows is kept.
pub(super) fn forget_table(sqlite: &Connection, owner: i64, object_id: i64) -> Result<(), SqlError> {
    let name = quoted(&format!("t.{object_id}"));
    sqlite.execute("DELETE FROM ropeway_undo WHERE owner = ?1 AND instr(sql, ?2) > 0", params![owner, name])?;
    Ok(())
}

/// Statements that begin to keep what changes and removes rows of a table. Inserted rows are kept as ranges.
pub(super) fn watch_rows(entry: &TableEntry) -> String {
    let table = entry.physical();
    let kept = entry.columns.iter().filter(|column| column.computed.is_none());
    let columns: Vec<String> = kept.map(|column| quoted(&column.name)).collect();
    let places = std::iter::once(PLACE.to_owned()).chain(columns.iter().cloned()).collect::<Vec<_>>();
    let values: Vec<String> = places.iter().map(|column| format!("old.{column}")).collect();
    let restored = listed(&values, ", ", |value| format!("tds_quote({value})"));
    let assigned =
        listed(&columns, ", ", |column| format!("{} || tds_quote(old.{column})", literal(&format!("{column} = "))));
    let removed = literal(&format!("INSERT INTO {table} ({}) VALUES (", places.join(", ")));
    let changed = literal(&format!("UPDATE {table} SET "));
    let at = literal(&format!(" WHERE {PLACE} = "));
    format!(
        "{} {}",
        trigger(entry, "DELETE", &format!("{removed} || {restored} || ')'")),
        trigger(entry, "UPDATE", &format!("{changed} || {assigned} || {at} || old.{PLACE}"))
    )
}

fn trigger(entry: &TableEntry, on: &str, statement: &str) -> String {
    format!(
        "CREATE TRIGGER {} AFTER {on} ON {} WHEN tds_owner() <> 0 BEGIN INSERT INTO ropeway_undo (owner, sql) VALUES (tds_owner(), {statement}); END;",
        trigger_name(entry.object_id, on),
        entry.physical()
    )
}

fn trigger_name(object_id: i64, on: &str) -> String {
    quoted(&format!("undo {on} {object_id}"))
}

/// Statements that end [`watch_rows`].
pub(super) fn unwatch_rows(entry: &TableEntry) -> String {
    ["DELETE", "UPDATE"].map(|on| format!("DROP TRIGGER {};", trigger_name(entry.object_id, on))).concat()
}

/// Keeps what is done to a table of the catalogue, whose rows are told apart by their values.
pub(super) fn watch_catalogue(sqlite: &Connection, table: &str, columns: &[String]) -> rusqlite::Result<()> {
    let is = |row: &str| {
        listed(columns, " AND ", |column| format!("{} || tds_quote({row}.{column})", literal(&format!("{column} IS "))))
    };
    let set =
        listed(columns, ", ", |column| format!("{} || tds_quote(old.{column})", literal(&format!("{column} = "))));
    let old = listed(columns, ", ", |column| format!("tds_quote(old.{column})"));
    let statements = [
        ("INSERT", format!("{} || {}", literal(&format!("DELETE FROM {table} WHERE ")), is("new"))),
        ("DELETE", format!("{} || {old} || ')'", literal(&format!("INSERT INTO {table} VALUES (")))),
        ("UPDATE", format!("{} || {set} || ' WHERE ' || {}", literal(&format!("UPDATE {table} SET ")), is("new"))),
    ];
    for (on, statement) in statements {
        let name = quoted(&format!("undo {on} {}", table.trim_matches('"')));
        sqlite.execute_batch(&format!(
            "CREATE TRIGGER {name} AFTER {on} ON {table} WHEN tds_owner() <> 0 BEGIN INSERT INTO ropeway_undo (owner, sql) VALUES (tds_owner(), {statement}); END;"
        ))?;
    }
    Ok(())
}

/// Parts joined at run time. SQLite limits how deep an expression may be, so long lists are joined in groups.
fn listed(columns: &[String], between: &str, part: impl Fn(&String) -> String) -> String {
    let parts: Vec<String> = columns.iter().map(part).collect();
    let joint = format!(" || {} || ", literal(between));
    let groups: Vec<String> = parts.chunks(40).map(|group| format!("({})", group.join(&joint))).collect();
    format!("({})", groups.join(&joint))
}

fn literal(text: &str) -> String {
    literal_sql(&Value::Text(text.to_owned()))
}
