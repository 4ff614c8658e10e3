//! INSERT, UPDATE, DELETE.

use super::super::SqlError;
use super::super::lexer::Kind;
use super::super::syntax::{Assignment, Expression, InsertRows, Name, RowChange, Statement};
use super::Parser;

impl Parser {
    pub(super) fn insert(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("BULK") {
            return self.insert_bulk();
        }
        self.accept("INTO");
        let into = self.table_or_variable()?;
        let hints = if self.sees("WITH") { self.hints()? } else { Vec::new() };
        let columns = if self.sees("(") { self.names_in_parentheses()? } else { Vec::new() };
        self.no_output()?;
        let rows = if self.accept_all(&["DEFAULT", "VALUES"]) {
            InsertRows::Defaults
        } else if self.accept("VALUES") {
            InsertRows::Values(self.value_rows()?)
        } else if self.sees("SELECT") || self.sees("WITH") {
            InsertRows::Query(Box::new(self.query()?))
        } else {
            return Err(self.unexpected());
        };
        if let InsertRows::Values(rows) = &rows
            && rows.len() > 1000
        {
            return Err(SqlError::new(
                10738,
                15,
                "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values.",
            ));
        }
        Ok(Statement::Insert { into, hints, columns, rows })
    }

    /// The name of a table, or of a table variable.
    pub(super) fn table_or_variable(&mut self) -> Result<Name, SqlError> {
        if self.peek().kind == Kind::Variable { Ok(vec![self.variable()?]) } else { self.name() }
    }

    pub(super) fn value_rows(&mut self) -> Result<Vec<Vec<Expression>>, SqlError> {
        let mut rows = Vec::new();
        loop {
            self.expect("(")?;
            rows.push(self.expressions()?);
            self.expect(")")?;
            if !self.accept(",") {
                return Ok(rows);
            }
        }
    }

    pub(super) fn update(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("STATISTICS") {
            let table = self.name()?;
            // Every statistic here is from a full scan anyway.
            self.accept_all(&["WITH", "FULLSCAN"]);
            return Ok(Statement::UpdateStatistics(table));
        }
        let top = self.top_in_parentheses()?;
        let table = self.table_or_variable()?;
        let hints = if self.sees("WITH") { self.hints()? } else { Vec::new() };
        self.expect("SET")?;
        let mut set = Vec::new();
        loop {
            set.push(self.assignment()?);
            if !self.accept(",") {
                break;
            }
        }
        self.no_output()?;
        let from = if self.accept("FROM") { self.sources()? } else { Vec::new() };
        let condition = self.where_clause()?;
        Ok(Statement::ChangeRows(RowChange { table, hints, top, set: Some(set), from, condition }))
    }

    /// `column = value`, also with `+=` and `-=`.
    fn assignment(&mut self) -> Result<Assignment, SqlError> {
        let column = self.name()?.pop().unwrap_or_default();
        let operators = [("+=", "+"), ("-=", "-")];
        let operator = operators.into_iter().find(|(sign, _)| self.accept(sign)).map(|(_, operator)| operator);
        if operator.is_none() {
            self.expect("=")?;
        }
        Ok(Assignment { column, operator, value: self.expression()? })
    }

    pub(super) fn delete(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let top = self.top_in_parentheses()?;
        self.accept("FROM");
        let table = self.table_or_variable()?;
        let hints = if self.sees("WITH") { self.hints()? } else { Vec::new() };
        self.no_output()?;
        let from = if self.accept("FROM") { self.sources()? } else { Vec::new() };
        let condition = self.where_clause()?;
        Ok(Statement::ChangeRows(RowChange { table, hints, top, set: None, from, condition }))
    }

    /// Where rows are changed, TOP needs its parentheses.
    fn top_in_parentheses(&mut self) -> Result<Option<Expression>, SqlError> {
        if !self.accept("TOP") {
            return Ok(None);
        }
        if self.sees("(") { self.top().map(Some) } else { Err(self.unexpected()) }
    }

    fn no_output(&self) -> Result<(), SqlError> {
        if self.sees("OUTPUT") { Err(SqlError::not_taught("the OUTPUT clause")) } else { Ok(()) }
    }

    pub(super) fn where_clause(&mut self) -> Result<Option<Expression>, SqlError> {
        if self.accept("WHERE") { self.expression().map(Some) } else { Ok(None) }
    }
}
