//! CREATE and DROP of table types and procedures, and DECLARE of table variables.

use super::super::SqlError;
use super::super::lexer::Kind;
use super::super::syntax::{Parameter, ParameterType, Procedure, Statement, TableOf};
use super::Parser;

impl Parser {
    /// The rest of CREATE TYPE; `start` is where CREATE stands.
    pub(super) fn create_type(&mut self, start: usize) -> Result<Statement, SqlError> {
        let name = self.name()?;
        self.expect("AS")?;
        if !self.accept("TABLE") {
            return Err(SqlError::not_taught("CREATE TYPE of anything but a table"));
        }
        let definition = self.table_definition(name)?;
        Ok(Statement::CreateType { definition, text: self.text_since(start) })
    }

    /// The rest of CREATE PROCEDURE. It takes the batch to its end.
    pub(super) fn create_procedure(&mut self, start: usize) -> Result<Statement, SqlError> {
        let name = self.name()?;
        let in_parentheses = self.accept("(");
        let mut parameters = Vec::new();
        while self.peek().kind == Kind::Variable {
            parameters.push(self.parameter()?);
            if !self.accept(",") {
                break;
            }
        }
        if in_parentheses {
            self.expect(")")?;
        }
        if self.sees("WITH") {
            return Err(SqlError::not_taught("CREATE PROCEDURE ... WITH"));
        }
        self.expect("AS")?;
        let mut body = Vec::new();
        loop {
            while self.accept(";") {}
            if self.peek().kind == Kind::End {
                break;
            }
            let line = self.peek().line;
            body.push((line, self.statement()?));
        }
        if body.is_empty() {
            return Err(self.unexpected());
        }
        Ok(Statement::CreateProcedure(Procedure { name, parameters, body, text: self.text_since(start) }))
    }

    fn parameter(&mut self) -> Result<Parameter, SqlError> {
        let name = self.variable()?;
        self.accept("AS");
        let of = match self.scalar_type()? {
            Some(of) => ParameterType::Scalar(of),
            None => ParameterType::Table(self.name()?),
        };
        self.accept("NULL");
        let default = if self.accept("=") { Some(self.argument_value()?) } else { None };
        let output = self.accept("OUTPUT") || self.accept("OUT");
        let read_only = self.accept("READONLY");
        if matches!(of, ParameterType::Table(_)) != read_only {
            let message = format!("The table-valued parameter \"{name}\" must be declared with the READONLY option.");
            return Err(SqlError::new(352, 15, message));
        }
        Ok(Parameter { name, of, default, output })
    }

    /// A type of the server; `None`, and nothing is taken, where a type of somebody's own comes next.
    pub(super) fn scalar_type(&mut self) -> Result<Option<super::SqlType>, SqlError> {
        let start = self.at;
        match self.data_type(false) {
            Ok(of) => Ok(Some(of)),
            Err(error) if error.number == 2715 => {
                self.at = start;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// What comes behind `DECLARE @name [AS]`, if it is a table.
    pub(super) fn table_variable(&mut self, variable: &str) -> Result<Option<TableOf>, SqlError> {
        if self.accept("TABLE") {
            let name = vec![variable.to_owned()];
            return self.table_definition(name).map(TableOf::Columns).map(Some);
        }
        let start = self.at;
        if self.scalar_type()?.is_some() {
            self.at = start;
            return Ok(None);
        }
        self.name().map(TableOf::Type).map(Some)
    }

    /// The rest of DROP TYPE or DROP PROCEDURE.
    pub(super) fn drop_module(&mut self, kind: &'static str) -> Result<Statement, SqlError> {
        let if_exists = self.accept_all(&["IF", "EXISTS"]);
        Ok(Statement::DropModule { kind, name: self.name()?, if_exists })
    }
}
