//! What concerns the session itself, or another one: SET, USE, KILL.

use super::bind;
use super::catalogue;
use super::execute::Variables;
use super::locks::{Mode, Until};
use super::response::{Response, SERVER_NAME, Stop};
use super::state::State;
use super::syntax::{Name, Statement};
use super::token;
use super::{SqlError, rights};

impl State {
    pub(super) fn command(
        &mut self,
        statement: &Statement,
        variables: &Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        match statement {
            Statement::SetOption(name, value) => {
                self.set_option(name, value)?;
                response.done(0, 0xBE, 0)?;
            }
            Statement::SetIsolation(level) => {
                self.options.isolation = *level;
                response.done(0, 0xBE, 0)?;
            }
            Statement::SetIdentityInsert(table, on) => {
                self.set_identity_insert(table, *on, variables)?;
                response.done(0, 0xBE, 0)?;
            }
            Statement::Use(database) => self.use_database(database, response)?,
            Statement::Kill(session) => {
                self.kill(*session)?;
                response.done(0, 0, 0)?;
            }
            other => return Err(SqlError::not_taught(format!("{other:?} as a command")).into()),
        }
        Ok(())
    }

    /// KILL: the connection ends, and with it the transaction of the session.
    fn kill(&self, session: i64) -> Result<(), SqlError> {
        if self.transactions > 0 {
            return Err(SqlError::new(6115, 16, "KILL command cannot be used inside user transactions."));
        }
        let variables = self.globals();
        if rights::has(&self.context(&variables), None, "SERVER", "ALTER ANY CONNECTION")? == Some(false) {
            return Err(SqlError::new(6102, 14, "User does not have permission to use the KILL statement."));
        }
        if session == i64::from(self.spid) {
            return Err(SqlError::new(6104, 16, "Cannot use KILL to kill your own process."));
        }
        let known = u16::try_from(session).is_ok_and(|spid| self.shared.close(spid));
        if known {
            return Ok(());
        }
        Err(SqlError::new(6106, 16, format!("Process ID {session} is not an active process ID.")))
    }

    /// One table at a time, and only one that has an identity column.
    fn set_identity_insert(&mut self, name: &Name, on: bool, variables: &Variables) -> Result<(), SqlError> {
        let context = self.context(variables);
        let entry = bind::table(&context, name, Mode::Definition, Until::StatementEnds)?;
        let table = name.join(".");
        if !entry.columns.iter().any(|column| column.identity.is_some()) {
            return Err(SqlError::new(
                8106,
                16,
                format!("Table '{table}' does not have the identity property. Cannot perform SET operation."),
            ));
        }
        let other = match self.options.identity_insert.filter(|other| on && *other != entry.object_id) {
            Some(other) => catalogue::object_name(&self.storage.sqlite, &self.database, other)?,
            None => None,
        };
        if let Some(other) = other {
            return Err(SqlError::new(
                8107,
                16,
                format!(
                    "IDENTITY_INSERT is already ON for table '{other}'. Cannot perform SET operation for table '{table}'."
                ),
            ));
        }
        if on || self.options.identity_insert == Some(entry.object_id) {
            self.options.identity_insert = on.then_some(entry.object_id);
        }
        Ok(())
    }

    fn set_option(&mut self, names: &str, value: &str) -> Result<(), SqlError> {
        let on = value == "ON";
        for name in names.split(',') {
            let number = || value.parse::<i64>().map_err(|_| SqlError::syntax(value));
            match name {
                "NOCOUNT" => self.options.no_count = on,
                "XACT_ABORT" => self.options.abort_transaction = on,
                "FMTONLY" => self.options.format_only = on,
                "ROWCOUNT" => self.options.row_count = number()?,
                "LOCK_TIMEOUT" => self.options.lock_timeout = number()?,
                "TEXTSIZE" if number()? < -1 => {
                    return Err(SqlError::not_taught(format!("SET TEXTSIZE {value}")));
                }
                "IMPLICIT_TRANSACTIONS" | "ANSI_DEFAULTS" | "NUMERIC_ROUNDABORT" if on => {
                    return Err(SqlError::not_taught(format!("SET {name} ON")));
                }
                "ANSI_NULLS" | "CONCAT_NULL_YIELDS_NULL" | "QUOTED_IDENTIFIER" | "ANSI_PADDING" if !on => {
                    return Err(SqlError::not_taught(format!("SET {name} OFF")));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn use_database(&mut self, name: &str, response: &mut Response<'_>) -> Result<(), Stop> {
        let found = catalogue::has_database(&self.storage.sqlite, name)?;
        let found = found.ok_or_else(|| {
            SqlError::new(
                911,
                16,
                format!("Database '{name}' does not exist. Make sure that the name is entered correctly."),
            )
        })?;
        let old = std::mem::replace(&mut self.database, found.clone());
        response.token(&token::environment_text(1, &found, &old))?;
        let message = format!("Changed database context to '{found}'.");
        response.token(&token::error(
            &SqlError { number: 5701, state: 1, class: 0, message },
            SERVER_NAME,
            "",
            response.line,
        ))?;
        Ok(response.done(0, 0, 0)?)
    }
}
