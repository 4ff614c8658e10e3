//! Statements, one after the other.

use super::bind::{Binder, BoundQuery, Context, Turn, Variable, bound_query};
use super::flow::Flow;
use super::locks::{Until, is_blocked};
use super::response::{Response, Stop};
use super::sql_type::SqlType;
use super::state::State;
use super::syntax::{Expression, Query, Statement};
use super::token::{self, Column};
use super::{SqlError, describe, versions};
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
        self.looked_at.take();
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
            Statement::Query(query) if query.first.into.is_some() => {
                if self.doomed {
                    return Err(SqlError::uncommittable().into());
                }
                self.check_may_change()?;
                let rows = self.writing(|| self.select_into(query, variables))?;
                self.rows = rows as i64;
                let counted = if self.options.no_count { 0 } else { token::COUNT };
                response.done(counted, SELECT_COMMAND, rows)?;
            }
            Statement::DeclareTable(name, of) => self.declare_table(name, of, variables)?,
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
            Statement::SetOption(..)
            | Statement::SetIsolation(_)
            | Statement::SetIdentityInsert(..)
            | Statement::Use(_)
            | Statement::Kill(_) => self.command(statement, variables, response)?,
            Statement::Begin => self.begin(response)?,
            Statement::Commit => self.commit(response)?,
            Statement::Rollback(name) => self.roll_back_to(name.as_deref(), response)?,
            Statement::Save(name) => self.save_point(name, response)?,
            Statement::If { .. } | Statement::While { .. } | Statement::Block(_) | Statement::Try { .. } => {
                return self.run_compound(statement, variables, response);
            }
            Statement::Execute { status, procedure, arguments } => {
                self.execute((procedure, status.as_ref()), arguments, variables, response)?
            }
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
            looked_at: &self.looked_at,
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
        let value = Binder::new(&self.context(variables)).evaluate(expression, to)?;
        self.refuse_versions()?;
        Ok(value)
    }

    fn select(&mut self, query: &Query, variables: &mut Variables, response: &mut Response<'_>) -> Result<(), Stop> {
        let (bound, parameters) = self.reading(|| {
            let (bound, parameters) = self.bind(query, variables)?;
            if bound.assigned.is_empty() {
                self.look_back()?
            } else {
                self.refuse_versions()?
            };
            self.storage.hold_still()?;
            Ok((bound, parameters))
        })?;
        let result = if bound.assigned.is_empty() {
            self.wait_for_rows(&bound.sql, &parameters)
                .map_err(Stop::from)
                .and_then(|()| self.send_rows(&bound.sql, &bound.columns, &parameters, response))
        } else {
            self.assign(query, variables).map_err(Stop::from)
        };
        self.storage.let_go();
        self.end_versions_of_statement();
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
        let mut statement = versions::rows_of(&self.versions, &self.storage).sqlite.prepare(sql)?;
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
