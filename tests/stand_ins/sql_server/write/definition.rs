//! Statements that define things.

use super::super::bind::{self, Action, Context};
use super::super::catalogue::{self, PartitionFunction};
use super::super::execute::Variables;
use super::super::locks::Mode;
use super::super::state::State;
use super::super::syntax::{Name, Statement};
use super::super::{SqlError, modules, rights, undo};

impl State {
    pub(super) fn define(&self, statement: &Statement, variables: &Variables) -> Result<(), SqlError> {
        let context = self.context(variables);
        let sqlite = &self.storage.sqlite;
        let table = |name: &Name| bind::target(&context, name, Action::Alter);
        match statement {
            Statement::Truncate(name) => {
                let entry = table(name).map_err(|error| missing_to_truncate(error, name))?;
                sqlite.execute(&format!("DELETE FROM {}", entry.physical()), [])?;
                self.shared.counters.restart(entry.object_id);
            }
            Statement::CreateTable(definition) => {
                rights::check_create_table(&context, &definition.name)?;
                bind::lock(&context, &definition.name, Mode::Schema, context.until())?;
                catalogue::create_table(sqlite, &self.database, definition)?;
            }
            Statement::CreateType { definition, text } => {
                rights::check_create(&context, "CREATE TYPE")?;
                modules::create_type(sqlite, &self.database, definition, text)?;
            }
            Statement::CreateProcedure(procedure) => {
                rights::check_create(&context, "CREATE PROCEDURE")?;
                modules::create_procedure(sqlite, &self.database, procedure)?;
            }
            Statement::DropModule { kind, name, if_exists } => {
                if !modules::drop(sqlite, &self.database, name, kind)? && !if_exists {
                    let what = if *kind == modules::TYPE { "type" } else { "procedure" };
                    let message = format!(
                        "Cannot drop the {what} '{}', because it does not exist or you do not have permission.",
                        name.join(".")
                    );
                    return Err(SqlError::new(3701, 11, message).state(5));
                }
            }
            Statement::DropTable { names, if_exists } => self.drop_named(&context, names, *if_exists)?,
            Statement::AlterDatabase { .. } if self.transactions > 0 => {
                let message = "ALTER DATABASE statement not allowed within multi-statement transaction.";
                return Err(SqlError::new(226, 16, message).state(6));
            }
            Statement::AlterDatabase { .. } if undo::is_at_work(sqlite)? => {
                return Err(SqlError::not_taught("ALTER DATABASE while transactions are open"));
            }
            Statement::AlterDatabase { name, option, on } => {
                catalogue::switch(sqlite, name.as_deref().unwrap_or(&self.database), *option, *on)?;
            }
            Statement::AddColumn(name, column) => catalogue::add_column(sqlite, table(name)?, column)?,
            Statement::WidenColumn(name, column) => catalogue::widen_column(sqlite, table(name)?, column)?,
            Statement::DropColumn(..) if self.transactions > 0 => {
                return Err(SqlError::not_taught("ALTER TABLE DROP COLUMN inside of a transaction"));
            }
            Statement::DropColumn(name, column) => catalogue::drop_column(sqlite, table(name)?, column)?,
            Statement::CreateSchema(name) => {
                rights::check_create(&context, "CREATE SCHEMA")?;
                bind::lock_schema(&context, name, Mode::Schema)?;
                catalogue::create_schema(sqlite, &self.database, name)?;
            }
            Statement::DropSchema { name, if_exists } => match catalogue::drop_schema(sqlite, &self.database, name) {
                Err(error) if *if_exists && error.number == 15_151 => {}
                dropped => dropped?,
            },
            Statement::CreateIndex(index) => {
                let entry = table(&index.table)?;
                catalogue::create_index(sqlite, &entry, index)?;
            }
            Statement::CreateStatistics { name, table: of, columns } => {
                catalogue::create_statistics(sqlite, &table(of)?, name, columns)?
            }
            Statement::UpdateStatistics(name) => catalogue::update_statistics(sqlite, &table(name)?)?,
            Statement::CreatePartitionFunction { name, of, right, boundaries } => {
                let mut values = Vec::new();
                for boundary in boundaries {
                    values.push(self.evaluate(boundary, Some(*of), variables)?.1);
                }
                let function = PartitionFunction { id: 0, of: *of, right: *right, boundaries: values };
                catalogue::create_partition_function(sqlite, &self.database, name, &function)?;
            }
            Statement::CreatePartitionScheme { name, function } => {
                catalogue::create_partition_scheme(sqlite, &self.database, name, function)?;
            }
            other => return Err(SqlError::not_taught(format!("{other:?} here"))),
        }
        Ok(())
    }

    fn drop_named(&self, context: &Context<'_>, names: &[Name], if_exists: bool) -> Result<(), SqlError> {
        for name in names {
            bind::lock(context, name, Mode::Schema, context.until())?;
            match catalogue::find(&self.storage.sqlite, name, &self.database)? {
                Some(entry) if rights::may(context, "ALTER", &entry)? => {
                    catalogue::drop_table(&self.storage.sqlite, &entry)?;
                    self.dropped.borrow_mut().push(entry.object_id);
                }
                None if if_exists => {}
                _ => {
                    return Err(SqlError::new(
                        3701,
                        11,
                        format!(
                            "Cannot drop the table '{}', because it does not exist or you do not have permission.",
                            name.join(".")
                        ),
                    )
                    .state(5));
                }
            }
        }
        Ok(())
    }
}

fn missing_to_truncate(error: SqlError, name: &Name) -> SqlError {
    if !matches!(error.number, 208 | 1088) {
        return error;
    }
    let name = name.last().map_or("", String::as_str);
    let message =
        format!("Cannot find the object \"{name}\" because it does not exist or you do not have permissions.");
    SqlError::new(if error.number == 208 { 4701 } else { 1088 }, 16, message)
}
