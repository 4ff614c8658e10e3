//! Blocks, conditions, transactions, messages: what decides which statement comes next.

use super::super::SqlError;
use super::super::lexer::Kind;
use super::super::syntax::Statement;
use super::{Parser, not_alone};

impl Parser {
    pub(super) fn begin(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("TRAN") || self.accept("TRANSACTION") {
            if self.sees_identifier() {
                self.identifier()?;
            }
            return Ok(Statement::Begin);
        }
        if self.accept("TRY") {
            return self.attempt();
        }
        if self.sees("DISTRIBUTED") {
            return Err(SqlError::not_taught("BEGIN DISTRIBUTED"));
        }
        self.at -= 1;
        Ok(Statement::Block(self.block()?))
    }

    /// The rest of `BEGIN TRY ... END TRY BEGIN CATCH ... END CATCH`. A TRY may be empty, and so may a CATCH.
    fn attempt(&mut self) -> Result<Statement, SqlError> {
        let attempt = self.statements_until_end()?;
        self.expect("TRY")?;
        self.expect("BEGIN")?;
        self.expect("CATCH")?;
        self.catches += 1;
        let handler = self.statements_until_end()?;
        self.catches -= 1;
        self.expect("CATCH")?;
        Ok(Statement::Try { attempt, handler })
    }

    pub(super) fn end_transaction(&mut self, word: &str) -> Result<Statement, SqlError> {
        self.advance();
        let named = self.accept("TRAN") || self.accept("TRANSACTION");
        if !named {
            self.accept("WORK");
        }
        let name = if named && self.sees_identifier() { Some(self.identifier()?) } else { None };
        match (word, name) {
            ("COMMIT", _) => Ok(Statement::Commit),
            ("ROLLBACK", name) => Ok(Statement::Rollback(name)),
            (_, Some(name)) if named => Ok(Statement::Save(name)),
            _ => Err(self.unexpected()),
        }
    }

    pub(super) fn condition(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let condition = self.expression()?;
        let then = self.block()?;
        self.accept(";");
        let otherwise = if self.accept("ELSE") { self.block()? } else { Vec::new() };
        Ok(Statement::If { condition, then, otherwise })
    }

    pub(super) fn repetition(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let condition = self.expression()?;
        Ok(Statement::While { condition, body: self.block()? })
    }

    /// One statement, or several between BEGIN and END.
    fn block(&mut self) -> Result<Vec<Statement>, SqlError> {
        if self.sees("INSERT") && self.sees_ahead(1, "BULK") {
            return Err(not_alone());
        }
        let opens =
            self.sees("BEGIN") && !["TRAN", "TRANSACTION", "TRY"].into_iter().any(|word| self.sees_ahead(1, word));
        if !opens {
            self.depth += 1;
            let statement = self.statement()?;
            self.depth -= 1;
            return Ok(vec![statement]);
        }
        self.advance();
        let statements = self.statements_until_end()?;
        // An empty block is no block.
        if statements.is_empty() { Err(SqlError::syntax_keyword("END")) } else { Ok(statements) }
    }

    /// Statements up to END, which is taken.
    fn statements_until_end(&mut self) -> Result<Vec<Statement>, SqlError> {
        self.depth += 1;
        let mut statements = Vec::new();
        loop {
            while self.accept(";") {}
            if self.accept("END") {
                self.depth -= 1;
                return Ok(statements);
            }
            if self.sees("INSERT") && self.sees_ahead(1, "BULK") {
                return Err(not_alone());
            }
            statements.push(self.statement()?);
        }
    }

    fn ends_statement(&self) -> bool {
        self.peek().kind == Kind::End || self.sees(";") || self.sees("END")
    }

    pub(super) fn message(&mut self, word: &str) -> Result<Statement, SqlError> {
        self.advance();
        match word {
            "PRINT" => self.expression().map(Statement::Print),
            "THROW" if self.catches > 0 && self.ends_statement() => Ok(Statement::Throw(Vec::new())),
            "THROW" if self.ends_statement() => Err(SqlError::new(
                10704,
                15,
                "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement inside a CATCH block, or add error parameters to the THROW statement.",
            )),
            "THROW" => {
                let mut parts = vec![self.constant()?];
                for _ in 0..2 {
                    self.expect(",")?;
                    parts.push(self.constant()?);
                }
                Ok(Statement::Throw(parts))
            }
            _ => {
                self.expect("(")?;
                let parts = self.expressions()?;
                self.expect(")")?;
                Ok(Statement::RaiseError(parts))
            }
        }
    }
}
