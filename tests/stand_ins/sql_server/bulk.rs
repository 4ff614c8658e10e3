//! Bulk load (MS-TDS 2.2.6.1): `INSERT BULK` announces it, and the next message carries COLMETADATA, ROWs and DONE.
//!
//! What is checked follows the reference where it speaks, and otherwise the stricter of what servers and clients do: columns
//! bind by position; the type on the wire must be the one that was announced and its NULLABLE flag that of the column (4816);
//! a length beyond the declared one is 4815; bytes that are no value are 4896 or 4897. A stream that is torn (4804), that lacks
//! COLMETADATA (4894) or holds half a UTF-16 unit (4895) has severity 21 in `sys.messages`: the connection closes. NBCROW is
//! not in the grammar of BulkLoadBCP and counts as torn.

mod load;
mod order;
mod stream;

use super::bind;
use super::catalogue::{self, TableEntry};
use super::locks::{Mode, Until};
use super::packet::Message;
use super::protocol::Over;
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{BulkDefinition, ColumnDefinition};
use super::token;
use super::{SqlError, rights};
use std::collections::HashMap;

/// Command of the DONE of a bulk load.
const BULK_COMMAND: u16 = 0xF0;

/// A bulk load whose data is the next message.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    entry: TableEntry,
    targets: Vec<Target>,
    definition: BulkDefinition,
}

/// One announced column.
#[derive(Clone, Debug)]
struct Target {
    column: ColumnDefinition,
    /// The type that INSERT BULK says.
    announced: SqlType,
}

impl Announced {
    /// What faults are looked up by.
    pub(super) fn title(&self) -> String {
        format!("BULK LOAD {}.{}", self.entry.schema, self.entry.name)
    }
}

impl State {
    /// INSERT BULK.
    pub(super) fn announce_bulk(
        &mut self,
        definition: &BulkDefinition,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        if response.in_procedure {
            return Err(SqlError::not_taught("INSERT BULK inside of a procedure call").into());
        }
        if self.doomed {
            return Err(SqlError::uncommittable().into());
        }
        self.check_may_change()?;
        let entry = self.bulk_target(definition)?;
        if entry.schema == "sys" {
            return Err(SqlError::new(259, 16, "Ad hoc updates to system catalogs are not allowed.").into());
        }
        let mut targets: Vec<Target> = Vec::new();
        for (name, announced) in &definition.columns {
            let column = entry.column(name).ok_or_else(|| SqlError::invalid_column(name))?;
            if targets.iter().any(|other| other.column.name == column.name) {
                return Err(SqlError::new(264, 16, format!("The column name '{name}' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.")).into());
            }
            if column.computed.is_some() {
                return Err(SqlError::computed(&column.name).into());
            }
            if column.of == SqlType::RowVersion {
                return Err(SqlError::new(273, 16, "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column.").into());
            }
            targets.push(Target { column: column.clone(), announced: *announced });
        }
        self.order_hint(&entry, definition, response)?;
        self.bulk = Some(Announced { entry, targets, definition: definition.clone() });
        Ok(response.done(0, token::ABORT_COMMAND, 0)?)
    }

    /// The table, locked from now until the load has ended, or the transaction around it.
    fn bulk_target(&self, definition: &BulkDefinition) -> Result<TableEntry, SqlError> {
        let variables = HashMap::new();
        let context = self.context(&variables);
        let entry = bind::table(&context, &definition.table, Mode::Definition, Until::StatementEnds)?;
        if entry.schema != "sys" {
            rights::check(&context, "INSERT", &entry)?;
        }
        let mode = match (definition.locks_table, catalogue::has_indexes(context.sqlite, &entry)?) {
            (false, _) => Mode::Insert,
            (true, false) => Mode::Bulk,
            (true, true) => Mode::Change,
        };
        bind::lock(&context, &definition.table, mode, Until::TransactionEnds)?;
        Ok(entry)
    }

    /// Nothing is announced any more.
    pub(super) fn end_bulk(&mut self) {
        self.bulk = None;
        if self.transactions == 0 {
            self.shared.locks.end_transaction(self.owner);
        }
    }

    /// A hint that names what is not there is ignored, with a message.
    fn order_hint(
        &self,
        entry: &TableEntry,
        definition: &BulkDefinition,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        for (index, (name, _)) in definition.order.iter().enumerate() {
            if entry.column(name).is_none() {
                let message =
                    format!("Could not bulk load. The sorted column '{name}' is not valid. The ORDER hint is ignored.");
                response.error(&SqlError::new(4817, 10, message))?;
            }
            if definition.order[..index].iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                let message = format!(
                    "Could not bulk load. The sorted column '{name}' was specified more than once. The ORDER hint is ignored."
                );
                response.error(&SqlError::new(4818, 10, message))?;
            }
        }
        Ok(())
    }

    /// The data of a bulk load: all rows or none.
    pub(super) fn load_bulk(
        &mut self,
        announced: &Announced,
        message: &Message,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        if message.ignored {
            return Ok(response.done(token::ERROR, token::ABORT_COMMAND, 0)?);
        }
        let result = self.load_in_turn(announced, message, response);
        self.end_bulk();
        match result {
            Ok(rows) => {
                self.rows = rows as i64;
                self.last_error = 0;
                let counted = if self.options.no_count { 0 } else { token::COUNT };
                Ok(response.done(counted, BULK_COMMAND, rows)?)
            }
            Err(Stop::Error(error)) => self.refuse_bulk(&error, response),
            Err(other) => Err(other),
        }
    }

    fn refuse_bulk(&mut self, error: &SqlError, response: &mut Response<'_>) -> Result<(), Stop> {
        self.last_error = error.number;
        self.rows = 0;
        response.error(error)?;
        if error.class >= 20 {
            response.done(token::ERROR, token::ABORT_COMMAND, 0)?;
            response.flush_last()?;
            return Err(Over::Gone.into());
        }
        if self.transactions > 0 && (self.options.abort_transaction || error.ends_transaction()) {
            self.roll_back(response)?;
        }
        let terminated = error.terminates_statement();
        if terminated {
            response.error(&SqlError::terminated())?;
        }
        Ok(response.done(token::ERROR, if terminated { BULK_COMMAND } else { token::ABORT_COMMAND }, 0)?)
    }
}
