//! What lives as long as a session or a batch: temporary tables and table variables. They are tables of `tempdb` whose names
//! no other session can say.

use super::SqlError;
use super::bind::{self, Context, Variable};
use super::catalogue;
use super::execute::Variables;
use super::modules;
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{ColumnDefinition, InsertRows, Name, Query, TableDefinition, TableOf};
use super::token::Origin;
use super::{locks, rights, undo};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::sync::{Arc, PoisonError};

/// Between the name that a batch says and the number of the session.
const MARK: char = '\u{1}';

/// `#name` as the session's own.
pub(super) fn own(name: &str, session: i64) -> String {
    format!("{name}{MARK}{session}")
}

/// The names of a session without what makes them its own, for messages.
pub(super) fn without_marks(text: &str) -> String {
    let mut parts = text.split(MARK);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| {
        plain.push_str(part.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.'))
    });
    plain
}

/// Under which variable the place of a table variable is kept; no batch can say it.
pub(super) fn table_key(variable: &str) -> String {
    format!("table {}", variable.to_lowercase())
}

/// As [`table_key`], of a parameter that may not be changed.
pub(super) fn read_only_key(variable: &str) -> String {
    format!("readonly {}", variable.to_lowercase())
}

/// A table variable's place, or the name as it is.
pub(super) fn place(context: &Context<'_>, name: &Name) -> Result<Name, SqlError> {
    let [variable] = name.as_slice() else { return Ok(name.clone()) };
    if !variable.starts_with('@') {
        return Ok(name.clone());
    }
    match context.variables.get(&table_key(variable)) {
        Some(Variable { value: Value::Text(place), .. }) => {
            Ok(vec!["tempdb".to_owned(), "dbo".to_owned(), place.clone()])
        }
        _ => Err(SqlError::new(1087, 15, format!("Must declare the table variable \"{variable}\".")).state(2)),
    }
}

fn names(sqlite: &Connection, session: i64) -> Result<Vec<Name>, SqlError> {
    let mut statement =
        sqlite.prepare("SELECT name FROM ropeway_tables WHERE database = 'tempdb' ORDER BY object_id")?;
    let found = statement.query_map([], |row| row.get::<_, String>(0))?;
    let found: Vec<String> = found.collect::<Result<_, _>>()?;
    let session = session.to_string();
    let own = found
        .into_iter()
        .filter(|name| name.split_once(MARK).is_some_and(|(_, rest)| rest.split('.').next() == Some(session.as_str())));
    Ok(own.map(|name| vec!["tempdb".to_owned(), "dbo".to_owned(), name]).collect())
}

impl State {
    /// Temporary tables and table variables that there are now.
    pub(super) fn temporary(&self) -> Result<Vec<Name>, SqlError> {
        names(&self.storage.sqlite, self.owner)
    }

    /// Drops all but these.
    pub(super) fn drop_temporary_but(&self, kept: &[Name]) -> Result<(), SqlError> {
        let mut gone = self.temporary()?;
        gone.retain(|name| !kept.contains(name));
        self.drop_tables(&gone)
    }

    fn drop_tables(&self, gone: &[Name]) -> Result<(), SqlError> {
        if gone.is_empty() {
            return Ok(());
        }
        self.apart(|| {
            let sqlite = &self.storage.sqlite;
            for name in gone {
                let Some(entry) = catalogue::find(sqlite, name, "tempdb")? else { continue };
                catalogue::drop_table(sqlite, &entry)?;
                catalogue::drop_rows(sqlite, entry.object_id)?;
                if self.transactions > 0 {
                    // What the open transaction did to it can neither be taken back any more nor needs to be.
                    undo::forget_table(sqlite, self.owner, entry.object_id)?;
                }
            }
            Ok(())
        })
    }

    /// Runs statements that no rollback takes back.
    fn apart<T>(&self, run: impl FnOnce() -> Result<T, SqlError>) -> Result<T, SqlError> {
        let shared = Arc::clone(&self.shared);
        let _alone = shared.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.storage.keep_for(0);
        self.storage.atomically(run)
    }

    /// DECLARE of a table variable.
    pub(super) fn declare_table(
        &self,
        variable: &str,
        of: &TableOf,
        variables: &mut Variables,
    ) -> Result<(), SqlError> {
        let key = table_key(variable);
        if variables.contains_key(&key) || variables.contains_key(&variable.to_lowercase()) {
            return Err(SqlError::new(
                134,
                15,
                format!(
                    "The variable name '{variable}' has already been declared. Variable names must be unique within a query batch or stored procedure."
                ),
            ));
        }
        let definition = match of {
            TableOf::Columns(definition) => definition.clone(),
            TableOf::Type(name) => {
                let found = modules::find(&self.storage.sqlite, name, &self.database, modules::TYPE)?;
                found.ok_or_else(|| modules::unknown_type(name))?.table(self.owner)?
            }
        };
        let place = self.empty_table(variable, definition)?;
        variables.insert(key, Variable { of: SqlType::sysname(), value: Value::Text(place) });
        Ok(())
    }

    /// A table for a variable; returns its name in `tempdb`.
    pub(super) fn empty_table(&self, variable: &str, definition: TableDefinition) -> Result<String, SqlError> {
        self.apart(|| {
            let sqlite = &self.storage.sqlite;
            let number = catalogue::next_number(sqlite, "variable", 1)?;
            let place = format!("{}.{number}", own(variable, self.owner));
            let name = vec!["tempdb".to_owned(), "dbo".to_owned(), place.clone()];
            catalogue::create_table(sqlite, "tempdb", &TableDefinition { name, ..definition })?;
            Ok(place)
        })
    }

    /// Table variables end with their batch; parameters belong to the caller.
    pub(super) fn end_variables(&self, variables: &Variables) -> Result<(), SqlError> {
        let mut gone = Vec::new();
        for (key, variable) in variables {
            let Some(name) = key.strip_prefix("table ") else { continue };
            if let Value::Text(place) = &variable.value
                && !variables.contains_key(&read_only_key(name))
            {
                gone.push(vec!["tempdb".to_owned(), "dbo".to_owned(), place.clone()]);
            }
        }
        self.drop_tables(&gone)
    }

    /// SELECT ... INTO: a new table of the columns of the query, and its rows.
    pub(super) fn select_into(&self, query: &Query, variables: &Variables) -> Result<u64, SqlError> {
        let mut plain = query.clone();
        let Some(name) = plain.first.into.take() else { return Err(SqlError::syntax("INTO")) };
        let context = self.context(variables);
        rights::check_create_table(&context, &name)?;
        bind::lock(&context, &name, locks::Mode::Schema, context.until())?;
        let bound = bind::Binder::new(&context).query(&plain)?;
        let mut columns = Vec::new();
        for column in bound.columns {
            if column.name.is_empty() {
                return Err(SqlError::new(1038, 15, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.").state(5));
            }
            if column.origin == Origin::Identity || column.of == SqlType::RowVersion {
                return Err(SqlError::not_taught("SELECT INTO of an identity or rowversion column"));
            }
            columns.push(ColumnDefinition {
                name: column.name,
                of: column.of,
                nullable: column.nullable,
                identity: None,
                default: None,
                computed: None,
            });
        }
        let (indexes, checks) = (Vec::new(), Vec::new());
        let definition = TableDefinition { name: name.clone(), columns, indexes, partition: None, checks };
        catalogue::create_table(&self.storage.sqlite, &self.database, &definition)?;
        let entry = catalogue::table(&self.storage.sqlite, &name, &self.database)?;
        self.insert(&entry, &[], &InsertRows::Query(Box::new(plain)), variables)
    }
}
