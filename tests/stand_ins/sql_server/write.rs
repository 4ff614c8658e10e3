//! Statements that change rows or tables.

use super::bind::{Action, literal_sql};
use super::catalogue::TableEntry;
use super::constraint;
use super::execute::Variables;
use super::functions::type_number;
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{ColumnDefinition, Statement};
use super::token;
use super::undo::{self, PLACE};
use super::{SqlError, bind};
use rusqlite::types::Value;

/// So many row locks of one statement become a lock of the table.
const ESCALATES: i64 = 5000;

const INSERT: u16 = 0xC3;
const DELETE: u16 = 0xC4;
const UPDATE: u16 = 0xC5;

mod change;
mod definition;
mod insert;

impl State {
    /// INSERT, UPDATE, DELETE and definitions, for a client.
    pub(super) fn change(
        &mut self,
        statement: &Statement,
        variables: &Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        if self.doomed {
            return Err(SqlError::uncommittable().into());
        }
        if !matches!(statement, Statement::AlterDatabase { .. }) {
            self.check_may_change()?;
        }
        let command = match statement {
            Statement::Insert { .. } => INSERT,
            Statement::ChangeRows(change) if change.set.is_some() => UPDATE,
            Statement::ChangeRows(_) => DELETE,
            _ => 0,
        };
        let rows = self.writing(|| self.apply(statement, variables))?;
        self.rows = rows as i64;
        let counted = if command == 0 || self.options.no_count { 0 } else { token::COUNT };
        Ok(response.done(counted, command, rows)?)
    }

    /// Changes rows or tables; returns how many rows.
    pub(super) fn apply(&self, statement: &Statement, variables: &Variables) -> Result<u64, SqlError> {
        let context = self.context(variables);
        match statement {
            Statement::Insert { into, hints, columns, rows } => {
                let entry = bind::target(&context, into, Action::Insert(hints))?;
                return self.insert(&entry, columns, rows, variables);
            }
            Statement::ChangeRows(change) => return self.change_rows(change, variables),
            Statement::Permit(permit) => self.permit(permit)?,
            other => self.define(other, variables)?,
        }
        Ok(0)
    }

    /// Rows that were inserted behind this place can be taken back, and others wait for them.
    pub(super) fn keep_inserted(&self, entry: &TableEntry, before: i64) -> Result<(), SqlError> {
        let last = self.storage.last_place(&entry.physical())?;
        // A table variable keeps its rows whatever becomes of the transaction.
        if self.transactions == 0 || last == before || entry.name.starts_with('@') {
            return Ok(());
        }
        let first = before + 1;
        let statement = format!("DELETE FROM {} WHERE {PLACE} BETWEEN {first} AND {last}", entry.physical());
        undo::keep(&self.storage.sqlite, &statement)?;
        self.shared.locks.inserted(self.owner, entry.object_id, (first, last));
        if last - before >= ESCALATES {
            self.shared.locks.escalate(self.owner, &entry.resource());
        }
        Ok(())
    }

    /// A row with the key of one that is not committed must wait: whether it is a duplicate is not decided yet. `again` tries
    /// the statement once more.
    pub(super) fn duplicate(&self, error: SqlError, entry: &TableEntry, mut again: impl FnMut() -> bool) -> SqlError {
        if !matches!(error.number, 2601 | 2627) {
            return error;
        }
        for rows in self.storage.foreign_rows(entry.object_id) {
            let statement = format!("DELETE FROM {} WHERE {PLACE} BETWEEN ?1 AND ?2", entry.physical());
            // The caller takes all of this back.
            if self.storage.sqlite.execute(&statement, [rows.first, rows.last]).is_ok() && again() {
                return rows.blocked();
            }
        }
        error
    }

    pub(super) fn write(&self, sql: &str, parameters: &[Value], entry: &TableEntry) -> Result<u64, SqlError> {
        let mut statement = self.storage.sqlite.prepare(sql)?;
        let count = statement.parameter_count().min(parameters.len());
        for (index, value) in parameters[..count].iter().enumerate() {
            statement.raw_bind_parameter(index + 1, value)?;
        }
        match statement.raw_execute() {
            Ok(rows) => Ok(rows as u64),
            Err(error) => {
                let error = constraint::violated(&self.storage.sqlite, error, entry);
                Err(self.duplicate(error, entry, || statement.raw_execute().is_ok()))
            }
        }
    }
}

/// An explicit identity value moves the counter on.
pub(super) fn kept(sql: String, column: &ColumnDefinition, entry: &TableEntry) -> String {
    match column.identity {
        Some((_, step)) => format!("tds_keep_identity({}, {step}, {sql})", entry.object_id),
        None => sql,
    }
}

/// A value on its way into a column: converted, and refused rather than cut.
pub(super) fn assigned(sql: &str, from: SqlType, column: &ColumnDefinition, entry: &TableEntry) -> String {
    format!(
        "tds_assign({sql}, {}, {}, {}, {})",
        type_number(from),
        type_number(column.of),
        literal_sql(&Value::Text(format!("{}.{}.{}", entry.database, entry.schema, entry.name))),
        literal_sql(&Value::Text(column.name.clone()))
    )
}
