//! Statements, one after the other.

use super::bind::{self, Binder, BoundQuery, Context, Turn, Variable, bound_query};
use super::catalogue;
use super::flow::Flow;
use super::locks::{Mode, Until, is_blocked};
use super::response::{Response, SERVER_NAME, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{Expression, Name, Query, Statement};
use super::token::{self, Column};
use super::{SqlError, describe, rights};
use rusqlite::types::{Value, ValueRef};
use std::collections::HashMap;

pub(super) type Variables = HashMap<String, Variable>;

const SELECT_COMMAND: u16 = 0xC1;

impl State {
    pub(super) fn run_once(
        &mut self,
        statement: &Statement,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        variables.extend(self.globals());
        if self.options.format_only
            && !matches!(
                statement,
                Statement::Query(_) | Statement::SetOption(..) | Statement::ExecuteText(_) | Statement::Execute { .. }
            )
        {
            response.done(0, 0, 0)?;
            return Ok(Flow::Next);
        }
        match statement {
            Statement::Query(query) => self.select(query, variables, response)?,
            Statement::Declare(declared) => {
                for (name, of, value) in declared {
                    let key = name.to_lowercase();
                    if variables.contains_key(&key) {
                        return Err(SqlError::new(134, 15, format!("The variable name '{name}' has already been declared. Variable names must be unique within a query batch or stored procedure.")).into());
                    }
                    let value = match value {
                        Some(value) => self.reading(|| self.evaluate(value, Some(*of), variables))?.1,
                        None => Value::Null,
                    };
                    variables.insert(key, Variable { of: *of, value });
                }
            }
            Statement::SetVariable(name, value) => {
                let of = variables.get(&name.to_lowercase()).ok_or_else(|| SqlError::undeclared_variable(name))?.of;
                let (_, value) = self.reading(|| self.evaluate(value, Some(of), variables))?;
                variables.insert(name.to_lowercase(), Variable { of, value });
            }
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
            Statement::Begin => self.begin(response)?,
            Statement::Commit => self.commit(response)?,
            Statement::Rollback(name) => self.roll_back_to(name.as_deref(), response)?,
            Statement::Save(name) => self.save_point(name, response)?,
            Statement::If { .. } | Statement::Block(_) | Statement::Try { .. } => {
                return self.run_compound(statement, variables, response);
            }
            Statement::Execute { procedure, arguments } => self.execute(procedure, arguments, variables, response)?,
            Statement::ExecuteText(text) => {
                let (_, text) = self.evaluate(text, Some(SqlType::nvarchar(4000)), variables)?;
                if let Value::Text(text) = text {
                    let fresh = self.globals();
                    self.run_inner_batch(&text, fresh, response)?;
                }
            }
            Statement::Throw(parts) => return Err(self.thrown(parts, variables)?.into()),
            Statement::RaiseError(parts) => self.raise(parts, variables, response)?,
            Statement::Print(text) => {
                let (_, text) = self.evaluate(text, Some(SqlType::nvarchar(4000)), variables)?;
                if let Value::Text(message) = text {
                    response.error(&SqlError { number: 0, state: 1, class: 0, message })?;
                }
                response.done(0, 0, 0)?;
            }
            Statement::InsertBulk(definition) => self.announce_bulk(definition, response)?,
            Statement::Kill(session) => {
                self.kill(*session)?;
                response.done(0, 0, 0)?;
            }
            Statement::Return => return Ok(Flow::Return),
            other => self.change(other, variables, response)?,
        }
        Ok(Flow::Next)
    }

    pub(super) fn context<'a>(&'a self, variables: &'a Variables) -> Context<'a> {
        let turn = Turn {
            locks: &self.shared.locks,
            storage: &self.storage,
            owner: self.owner,
            isolation: self.options.isolation,
            until: if self.transactions > 0 { Until::TransactionEnds } else { Until::StatementEnds },
        };
        Context {
            sqlite: &self.storage.sqlite,
            database: &self.database,
            user: &self.user,
            variables,
            turn: Some(turn),
        }
    }

    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        to: Option<SqlType>,
        variables: &Variables,
    ) -> Result<(SqlType, Value), SqlError> {
        Binder::new(&self.context(variables)).evaluate(expression, to)
    }

    fn select(&mut self, query: &Query, variables: &mut Variables, response: &mut Response<'_>) -> Result<(), Stop> {
        let (bound, parameters) = self.reading(|| {
            let bound = self.bind(query, variables)?;
            self.storage.hold_still()?;
            Ok(bound)
        })?;
        let result = if bound.assigned.is_empty() {
            self.wait_for_rows(&bound.sql, &parameters)
                .map_err(Stop::from)
                .and_then(|()| self.send_rows(&bound.sql, &bound.columns, &parameters, response))
        } else {
            self.assign(query, variables).map_err(Stop::from)
        };
        self.storage.let_go();
        result
    }

    fn bind(&self, query: &Query, variables: &Variables) -> Result<(BoundQuery, Vec<Value>), SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        if self.options.format_only {
            binder = binder.for_columns_only();
        }
        Ok((binder.query(query)?, binder.parameters))
    }

    /// Whether a query comes across rows that others have not committed is found out before the first row is sent.
    fn wait_for_rows(&self, sql: &str, parameters: &[Value]) -> Result<(), SqlError> {
        if !sql.contains("tds_seen") {
            return Ok(());
        }
        let mut statement = self.storage.sqlite.prepare(sql)?;
        let mut rows = bound_query(&mut statement, parameters)?;
        loop {
            match rows.next().map_err(SqlError::from) {
                Ok(Some(_)) => {}
                Err(error) if is_blocked(&error) => return Err(error),
                // Any other error is told when the rows are sent.
                Ok(None) | Err(_) => return Ok(()),
            }
        }
    }

    /// `SELECT @a = ...`: every row in turn sees what the one before has assigned, and the last one stays.
    fn assign(&mut self, query: &Query, variables: &mut Variables) -> Result<(), SqlError> {
        self.rows = 0;
        loop {
            let (bound, parameters) = self.bind(query, variables)?;
            let sql = format!("SELECT * FROM ({}) LIMIT 1 OFFSET {}", bound.sql, self.rows);
            let mut statement = self.storage.sqlite.prepare(&sql)?;
            let mut rows = bound_query(&mut statement, &parameters)?;
            let Some(row) = rows.next()? else { return Ok(()) };
            for (index, name) in bound.assigned.iter().enumerate() {
                let of = bound.columns[index].of;
                variables.insert(name.clone(), Variable { of, value: row.get(index)? });
            }
            self.rows += 1;
        }
    }

    /// Columns, rows, DONE.
    pub(super) fn send_rows(
        &mut self,
        sql: &str,
        columns: &[Column],
        parameters: &[Value],
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let due = std::mem::take(&mut self.due);
        self.due.break_after = due.break_after;
        let mut statement = self.storage.sqlite.prepare(sql)?;
        response.token(&token::column_metadata(columns))?;
        let mut count = 0;
        if !self.options.format_only {
            let mut rows = bound_query(&mut statement, parameters)?;
            loop {
                if let Some((_, error)) = due.error.clone().filter(|(after, _)| *after == count) {
                    return Err(error.into());
                }
                if self.options.row_count > 0 && count as i64 >= self.options.row_count {
                    break;
                }
                let Some(row) = rows.next()? else { break };
                if let Some(pause) = due.pause {
                    response.pause(pause)?;
                }
                let values = (0..columns.len())
                    .map(|index| row.get_ref(index))
                    .collect::<rusqlite::Result<Vec<ValueRef<'_>>>>()?;
                response.row(columns, &values)?;
                count += 1;
            }
        }
        self.rows = count as i64;
        let counted = if self.options.no_count { 0 } else { token::COUNT };
        Ok(response.done(counted, SELECT_COMMAND, count as u64)?)
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

    pub(super) fn describe(
        &mut self,
        batch: &str,
        parameters: &str,
        variables: &Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        let (sql, columns) = describe::procedure(&self.context(variables), batch, parameters)?;
        self.send_rows(&sql, &columns, &[], response)
    }
}
