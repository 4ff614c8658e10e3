//! Statements, one after the other.

use super::bind::{Binder, BoundQuery, Context, Variable, bound_query};
use super::catalogue;
use super::parser::parse;
use super::protocol::Over;
use super::response::{Response, SERVER_NAME, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{Expression, Query, Statement};
use super::token::{self, Column};
use super::{SqlError, describe};
use rusqlite::types::{Value, ValueRef};
use std::collections::HashMap;

pub(super) type Variables = HashMap<String, Variable>;

const SELECT_COMMAND: u16 = 0xC1;

/// What a batch does after a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Return,
}

impl State {
    /// Runs a batch. A syntax error anywhere keeps all of it from running.
    pub(super) fn run_batch(
        &mut self,
        batch: &str,
        mut variables: Variables,
        response: &mut Response<'_>,
    ) -> Result<Variables, Stop> {
        match parse(batch) {
            Ok(statements) => {
                if statements.is_empty() {
                    response.done(0, 0, 0)?;
                }
                self.run_all(&statements, &mut variables, response)?;
            }
            Err(error) => {
                self.last_error = error.number;
                response.error(&error)?;
                response.done(token::ERROR, 0, 0)?;
            }
        }
        if self.due.break_after {
            return Err(Over::Gone.into());
        }
        Ok(variables)
    }

    fn run_all(
        &mut self,
        statements: &[(u32, Statement)],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<(), Stop> {
        for (line, statement) in statements {
            response.line = *line;
            match self.run_reported(statement, variables, response)? {
                Some(Flow::Next) => {}
                Some(Flow::Return) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Runs a statement; an error becomes a token. `None` when the error ends the batch.
    fn run_reported(
        &mut self,
        statement: &Statement,
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Option<Flow>, Stop> {
        match self.run(statement, variables, response) {
            Ok(flow) => {
                self.last_error = 0;
                Ok(Some(flow))
            }
            Err(Stop::Error(error)) => {
                self.last_error = error.number;
                self.rows = 0;
                response.error(&error)?;
                let ends_batch = self.options.abort_transaction || ends_batch(&error);
                if self.transactions > 0 && (self.options.abort_transaction || error.ends_transaction()) {
                    self.roll_back(response)?;
                }
                if error.terminates_statement() {
                    response.error(&SqlError::terminated())?;
                }
                response.done(token::ERROR, 0, 0)?;
                Ok(if ends_batch { None } else { Some(Flow::Next) })
            }
            Err(other) => Err(other),
        }
    }

    fn run(
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
                        Some(value) => self.evaluate(value, Some(*of), variables)?.1,
                        None => Value::Null,
                    };
                    variables.insert(key, Variable { of: *of, value });
                }
            }
            Statement::SetVariable(name, value) => {
                let of = variables.get(&name.to_lowercase()).ok_or_else(|| SqlError::undeclared_variable(name))?.of;
                let (_, value) = self.evaluate(value, Some(of), variables)?;
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
            Statement::Use(database) => self.use_database(database, response)?,
            Statement::Begin => self.begin(response)?,
            Statement::Commit => self.commit(response)?,
            Statement::Rollback(name) => self.roll_back_to(name.as_deref(), response)?,
            Statement::Save(name) => self.save_point(name, response)?,
            Statement::If { condition, then, otherwise } => {
                return self.condition(condition, then, otherwise, variables, response);
            }
            Statement::Execute { procedure, arguments } => self.execute(procedure, arguments, variables, response)?,
            Statement::ExecuteText(text) => {
                let (_, text) = self.evaluate(text, Some(SqlType::nvarchar(4000)), variables)?;
                if let Value::Text(text) = text {
                    let fresh = self.globals();
                    self.run_batch(&text, fresh, response)?;
                }
            }
            Statement::Throw(parts) => return Err(self.thrown(parts, variables)?.into()),
            Statement::RaiseError(parts) => {
                let error = self.raised(parts, variables)?;
                if error.class > 10 {
                    return Err(error.into());
                }
                response.error(&error)?;
                response.done(0, 0, 0)?;
            }
            Statement::Print(text) => {
                let (_, text) = self.evaluate(text, Some(SqlType::nvarchar(4000)), variables)?;
                if let Value::Text(message) = text {
                    response.error(&SqlError { number: 0, state: 1, class: 0, message })?;
                }
                response.done(0, 0, 0)?;
            }
            Statement::InsertBulk(definition) => self.announce_bulk(definition, response)?,
            Statement::Return => return Ok(Flow::Return),
            other => self.change(other, variables, response)?,
        }
        Ok(Flow::Next)
    }

    pub(super) fn context<'a>(&'a self, variables: &'a Variables) -> Context<'a> {
        Context { sqlite: &self.sqlite, database: &self.database, user: &self.user, variables }
    }

    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        to: Option<SqlType>,
        variables: &Variables,
    ) -> Result<(SqlType, Value), SqlError> {
        Binder::new(&self.context(variables)).evaluate(expression, to)
    }

    #[expect(clippy::too_many_arguments, reason = "the three parts of an IF, and what every statement needs")]
    fn condition(
        &mut self,
        condition: &Expression,
        then: &[Statement],
        otherwise: &[Statement],
        variables: &mut Variables,
        response: &mut Response<'_>,
    ) -> Result<Flow, Stop> {
        let is_true = {
            let context = self.context(variables);
            let mut binder = Binder::new(&context);
            let sql = binder.condition(condition)?;
            let mut statement = self.sqlite.prepare(&format!("SELECT {sql}")).map_err(SqlError::from)?;
            let mut rows = bound_query(&mut statement, &binder.parameters)?;
            rows.next()?.map_or(Ok(Some(false)), |row| row.get::<_, Option<bool>>(0))?.unwrap_or(false)
        };
        for statement in if is_true { then } else { otherwise } {
            if self.run(statement, variables, response)? == Flow::Return {
                return Ok(Flow::Return);
            }
        }
        Ok(Flow::Next)
    }

    fn select(&mut self, query: &Query, variables: &mut Variables, response: &mut Response<'_>) -> Result<(), Stop> {
        let (bound, parameters) = self.bind(query, variables)?;
        if !bound.assigned.is_empty() {
            return self.assign(query, variables);
        }
        self.send_rows(&bound.sql, &bound.columns, &parameters, response)
    }

    fn bind(&self, query: &Query, variables: &Variables) -> Result<(BoundQuery, Vec<Value>), SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        Ok((binder.query(query)?, binder.parameters))
    }

    /// `SELECT @a = ...`: every row in turn sees what the one before has assigned, and the last one stays.
    fn assign(&mut self, query: &Query, variables: &mut Variables) -> Result<(), Stop> {
        self.rows = 0;
        loop {
            let (bound, parameters) = self.bind(query, variables)?;
            let mut statement =
                self.sqlite.prepare(&format!("SELECT * FROM ({}) LIMIT 1 OFFSET {}", bound.sql, self.rows))?;
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
        let mut statement = self.sqlite.prepare(sql)?;
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

    fn set_option(&mut self, names: &str, value: &str) -> Result<(), SqlError> {
        let on = value == "ON";
        for name in names.split(',') {
            let number = || value.parse::<i64>().map_err(|_| SqlError::syntax(value));
            match name {
                "NOCOUNT" => self.options.no_count = on,
                "XACT_ABORT" => self.options.abort_transaction = on,
                "FMTONLY" => self.options.format_only = on,
                "IDENTITY_INSERT" => self.options.identity_insert = on,
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
        let found = catalogue::has_database(&self.sqlite, name)?;
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

    fn thrown(&self, parts: &[Expression], variables: &Variables) -> Result<SqlError, SqlError> {
        let values: Vec<Value> = parts
            .iter()
            .map(|part| self.evaluate(part, None, variables).map(|(_, value)| value))
            .collect::<Result<_, _>>()?;
        match values.as_slice() {
            [
                Value::Integer(number @ 50_000..=2_147_483_647),
                Value::Text(message),
                Value::Integer(state @ 0..=255),
            ] => Ok(SqlError { number: *number as i32, state: *state as u8, class: 16, message: message.clone() }),
            [Value::Integer(number), ..] => Err(SqlError::new(
                35100,
                16,
                format!(
                    "Error number {number} in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647."
                ),
            )),
            _ => Err(SqlError::syntax("THROW")),
        }
    }

    fn raised(&self, parts: &[Expression], variables: &Variables) -> Result<SqlError, SqlError> {
        let values: Vec<Value> = parts
            .iter()
            .map(|part| self.evaluate(part, None, variables).map(|(_, value)| value))
            .collect::<Result<_, _>>()?;
        match values.as_slice() {
            [Value::Text(message), Value::Integer(class), Value::Integer(state)] => {
                Ok(SqlError { number: 50_000, state: *state as u8, class: *class as u8, message: message.clone() })
            }
            _ => Err(SqlError::not_taught("RAISERROR with a message number or arguments")),
        }
    }

    /// Runs a batch without a client: the rows of its last SELECT as text.
    pub(super) fn run_locally(&mut self, batch: &str) -> Result<Vec<Vec<String>>, SqlError> {
        let mut variables = self.globals();
        let mut shown = Vec::new();
        for (_, statement) in parse(batch)? {
            if let Statement::Query(query) = &statement {
                shown = self.local_rows(query, &variables)?;
                continue;
            }
            self.run_locally_changed(&statement, &mut variables)?;
        }
        Ok(shown)
    }

    fn run_locally_changed(&mut self, statement: &Statement, variables: &mut Variables) -> Result<(), SqlError> {
        match statement {
            Statement::Declare(declared) => {
                for (name, of, value) in declared {
                    let value = value.as_ref().map(|value| self.evaluate(value, Some(*of), variables)).transpose()?;
                    variables.insert(
                        name.to_lowercase(),
                        Variable { of: *of, value: value.map_or(Value::Null, |(_, value)| value) },
                    );
                }
                Ok(())
            }
            other => self.apply(other, variables).map(|_| ()),
        }
    }

    fn local_rows(&self, query: &Query, variables: &Variables) -> Result<Vec<Vec<String>>, SqlError> {
        let context = self.context(variables);
        let mut binder = Binder::new(&context);
        let bound = binder.query(query)?;
        let mut statement = self.sqlite.prepare(&bound.sql)?;
        let mut rows = bound_query(&mut statement, &binder.parameters)?;
        let mut shown = Vec::new();
        while let Some(row) = rows.next()? {
            let mut texts = Vec::new();
            for (index, column) in bound.columns.iter().enumerate() {
                let datum = super::datum::load(row.get_ref(index)?, column.of)?;
                texts.push(match datum {
                    super::datum::Datum::Null => "NULL".to_owned(),
                    super::datum::Datum::Float(n) => n.to_string(),
                    super::datum::Datum::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
                    other => super::text_form::text(&other, column.of)?,
                });
            }
            shown.push(texts);
        }
        Ok(shown)
    }
}

/// Constraint errors and RAISERROR leave the batch running; binding and conversion errors end it.
fn ends_batch(error: &SqlError) -> bool {
    !matches!(
        error.number,
        515 | 544 | 547 | 2601 | 2627 | 2628 | 8152 | 50_000 | 3902 | 3903 | 2714 | 3701 | 8134 | 220 | 8115 | 2812
    ) || error.message.starts_with("The SQL Server stand-in")
}
