//! `sp_rename` of a table.

use super::SqlError;
use super::bind::{self, Action};
use super::catalogue;
use super::locks::Mode;
use super::response::{Response, Stop};
use super::rpc::Parameter;
use super::state::State;
use rusqlite::types::Value;

impl State {
    pub(super) fn rename(&self, parameters: &[Parameter], response: &mut Response<'_>) -> Result<(), Stop> {
        let named = |wanted: &str, position: usize| {
            let found = parameters.iter().find(|parameter| parameter.name.eq_ignore_ascii_case(wanted));
            let found = found.or_else(|| parameters.get(position).filter(|parameter| parameter.name.is_empty()));
            found.and_then(|parameter| if let Value::Text(text) = &parameter.value { Some(text.clone()) } else { None })
        };
        let (Some(old), Some(new)) = (named("@objname", 0), named("@newname", 1)) else {
            return Err(super::rpc::missing("sp_rename", "@newname").into());
        };
        if let Some(kind) = named("@objtype", 2).filter(|kind| !kind.eq_ignore_ascii_case("OBJECT")) {
            return Err(SqlError::not_taught(format!("sp_rename of a {kind}")).into());
        }
        if self.doomed {
            return Err(SqlError::uncommittable().into());
        }
        self.writing(|| self.rename_table(&old, &new))?;
        let caution = "Caution: Changing any part of an object name could break scripts and stored procedures.";
        Ok(response.error(&SqlError::new(15_477, 10, caution))?)
    }

    fn rename_table(&self, old: &str, new: &str) -> Result<(), SqlError> {
        let variables = self.globals();
        let context = self.context(&variables);
        let name = bind::name_of(old).unwrap_or_default();
        if name.is_empty() || catalogue::find(context.sqlite, &name, &self.database)?.is_none() {
            // A table that is being made or dropped is waited for before it is said to be missing.
            bind::lock(&context, &name, Mode::Definition, context.until())?;
            return Err(SqlError::new(
                15_225,
                11,
                format!(
                    "No item by the name of '{old}' could be found in the current database '{}', given that @itemtype was input as '(null)'.",
                    self.database
                ),
            ));
        }
        let entry = bind::target(&context, &name, Action::Alter)?;
        // The new name is one name, whatever brackets or points are in it.
        let target = vec![entry.database.clone(), entry.schema.clone(), new.to_owned()];
        bind::lock(&context, &target, Mode::Schema, context.until())?;
        if catalogue::find(context.sqlite, &target, &self.database)?.is_some() {
            return Err(SqlError::new(
                15_335,
                11,
                format!(
                    "Error: The new name '{new}' is already in use as a OBJECT name and would cause a duplicate that is not permitted."
                ),
            ));
        }
        catalogue::rename_table(context.sqlite, &entry, new)
    }
}
