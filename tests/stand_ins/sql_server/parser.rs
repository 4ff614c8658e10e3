//! T-SQL text to [`Statement`]s. What the grammar does not allow is error 102 or 156, as on the server; what it allows and the
//! stand-in has not been taught is an error that says so.

mod bulk;
mod change;
mod definition;
mod expression;
mod flow;
mod module;
mod permission;
mod query;
mod set;

use super::SqlError;
use super::SqlType;
use super::lexer::{Kind, Token, is_reserved, tokens};
use super::sql_type::Argument as TypeArgument;
use super::syntax::{Argument, Expression, Literal, Name, Statement};
use super::temporary::own;

/// The statements of a batch, each with the line on which it starts.
pub(super) fn parse(batch: &str) -> Result<Vec<(u32, Statement)>, SqlError> {
    parse_in(batch, 0)
}

/// As [`parse`], with temporary tables of a session.
pub(super) fn parse_in(batch: &str, session: i64) -> Result<Vec<(u32, Statement)>, SqlError> {
    let mut parser = Parser { session, ..Parser::new(batch)? };
    let mut statements = Vec::new();
    loop {
        while parser.accept(";") {}
        if parser.peek().kind == Kind::End {
            return alone(statements);
        }
        let line = parser.peek().line;
        statements.push((line, parser.statement()?));
    }
}

/// INSERT BULK stands alone in its batch.
fn alone(statements: Vec<(u32, Statement)>) -> Result<Vec<(u32, Statement)>, SqlError> {
    if statements.len() > 1 && statements.iter().any(|(_, statement)| matches!(statement, Statement::InsertBulk(_))) {
        return Err(not_alone());
    }
    Ok(statements)
}

fn not_alone() -> SqlError {
    SqlError::new(428, 16, "Insert bulk cannot be used in a multi-statement batch.")
}

/// A declaration list such as `@a int, @b nvarchar(20) OUTPUT`: names, types, whether output.
pub(super) fn parse_parameters(text: &str) -> Result<Vec<(String, SqlType, bool)>, SqlError> {
    let mut parser = Parser::new(text)?;
    let mut parameters = Vec::new();
    if parser.peek().kind == Kind::End {
        return Ok(parameters);
    }
    loop {
        let name = parser.variable()?;
        parser.accept("AS");
        let of = parser.data_type(false)?;
        let output = parser.accept("OUTPUT") || parser.accept("OUT");
        parameters.push((name, of, output));
        if !parser.accept(",") {
            break;
        }
    }
    if parser.peek().kind == Kind::End { Ok(parameters) } else { Err(parser.unexpected()) }
}

/// A condition on its own, as a CHECK constraint keeps it.
pub(super) fn parse_condition(text: &str) -> Result<Expression, SqlError> {
    let mut parser = Parser::new(text)?;
    let condition = parser.expression()?;
    if parser.peek().kind == Kind::End { Ok(condition) } else { Err(parser.unexpected()) }
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// How many blocks are open.
    depth: usize,
    /// How many CATCH blocks are open.
    catches: usize,
    /// Whose temporary tables are meant.
    session: i64,
}

impl Parser {
    fn new(text: &str) -> Result<Parser, SqlError> {
        Ok(Parser { tokens: tokens(text)?, at: 0, depth: 0, catches: 0, session: 0 })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn peek_ahead(&self, ahead: usize) -> &Token {
        &self.tokens[(self.at + ahead).min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    /// Whether the next token is this word or symbol.
    fn sees(&self, word: &str) -> bool {
        self.sees_ahead(0, word)
    }

    fn sees_ahead(&self, ahead: usize, word: &str) -> bool {
        let token = self.peek_ahead(ahead);
        matches!(token.kind, Kind::Word | Kind::Symbol) && token.text.eq_ignore_ascii_case(word)
    }

    fn accept(&mut self, word: &str) -> bool {
        let seen = self.sees(word);
        self.at += usize::from(seen);
        seen
    }

    /// Takes several words in a row, or none.
    fn accept_all(&mut self, words: &[&str]) -> bool {
        let seen = words.iter().enumerate().all(|(ahead, word)| self.sees_ahead(ahead, word));
        self.at += if seen { words.len() } else { 0 };
        seen
    }

    fn expect(&mut self, word: &str) -> Result<(), SqlError> {
        if self.accept(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The error at the next token; at the end of the batch the server names the last one.
    fn unexpected(&self) -> SqlError {
        let token = self.peek();
        match token.kind {
            Kind::End => SqlError::syntax(self.tokens.get(self.at.wrapping_sub(1)).map_or("", |last| &last.text)),
            Kind::Word if is_reserved(&token.text) => SqlError::syntax_keyword(&token.text),
            Kind::Quoted(ref name) => SqlError::syntax(name),
            Kind::Text { ref value, .. } => SqlError::syntax(value),
            _ => SqlError::syntax(&token.text),
        }
    }

    fn sees_identifier(&self) -> bool {
        match self.peek().kind {
            Kind::Word => !is_reserved(&self.peek().text),
            Kind::Quoted(_) => true,
            _ => false,
        }
    }

    fn identifier(&mut self) -> Result<String, SqlError> {
        if !self.sees_identifier() {
            return Err(self.unexpected());
        }
        let token = self.advance();
        let name = if let Kind::Quoted(name) = token.kind { name } else { token.text };
        if name.is_empty() {
            return Err(SqlError::new(1038, 15, "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. For other statements, look for empty alias names. Aliases defined as \"\" or [] are not allowed. Change the alias to a valid name.").state(4));
        }
        if name.encode_utf16().count() > 128 {
            let start: String = name.chars().take(128).collect();
            return Err(SqlError::new(
                103,
                15,
                format!("The identifier that starts with '{start}' is too long. Maximum length is 128."),
            )
            .state(4));
        }
        Ok(name)
    }

    /// `a`, `a.b`, `a..b`, up to four parts.
    fn name(&mut self) -> Result<Name, SqlError> {
        let mut parts = vec![self.identifier()?];
        while self.accept(".") {
            if self.sees(".") {
                parts.push(String::new());
            } else {
                parts.push(self.identifier()?);
            }
        }
        for part in &mut parts {
            if part.starts_with("##") {
                return Err(SqlError::not_taught("global temporary tables"));
            }
            if part.starts_with('@') {
                return Err(SqlError::not_taught("names that begin with @"));
            }
            if part.starts_with('#') {
                *part = own(part, self.session);
            }
        }
        if parts.len() > 4 {
            return Err(SqlError::new(
                117,
                15,
                format!(
                    "The object name '{}' contains more than the maximum number of prefixes. The maximum is 3.",
                    parts.join(".")
                ),
            ));
        }
        Ok(parts)
    }

    fn variable(&mut self) -> Result<String, SqlError> {
        if self.peek().kind != Kind::Variable || self.peek().text.starts_with("@@") {
            return Err(self.unexpected());
        }
        Ok(self.advance().text)
    }

    fn names_in_parentheses(&mut self) -> Result<Vec<String>, SqlError> {
        self.expect("(")?;
        let mut names = vec![self.identifier()?];
        while self.accept(",") {
            names.push(self.identifier()?);
        }
        self.expect(")")?;
        Ok(names)
    }

    /// A type with its arguments. `in_cast` decides the length that is left out.
    fn data_type(&mut self, in_cast: bool) -> Result<SqlType, SqlError> {
        let mut name = match self.peek().kind {
            Kind::Word if self.sees("NATIONAL") || self.sees("DOUBLE") => {
                return Err(SqlError::not_taught(format!("the type name {}", self.peek().text)));
            }
            _ => self.name()?,
        };
        let name = match name.as_mut_slice() {
            [name] => std::mem::take(name),
            [schema, name] if schema.eq_ignore_ascii_case("sys") => std::mem::take(name),
            _ => {
                return Err(SqlError::new(
                    2715,
                    16,
                    format!("Column, parameter, or variable #1: Cannot find data type {}.", name.join(".")),
                )
                .state(6));
            }
        };
        let mut arguments = Vec::new();
        if self.accept("(") {
            loop {
                if self.accept("MAX") {
                    arguments.push(TypeArgument::Max);
                } else if self.peek().kind == Kind::Integer {
                    let text = self.advance().text;
                    arguments.push(TypeArgument::Number(text.parse().map_err(|_| SqlError::syntax(&text))?));
                } else {
                    return Err(self.unexpected());
                }
                if !self.accept(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        SqlType::named(&name, &arguments, in_cast)
    }

    fn statement(&mut self) -> Result<Statement, SqlError> {
        let token = self.peek().clone();
        let word = if token.kind == Kind::Word { token.text.to_ascii_uppercase() } else { String::new() };
        match word.as_str() {
            "SELECT" | "WITH" => self.query().map(Statement::Query),
            "INSERT" => self.insert(),
            "UPDATE" => self.update(),
            "DELETE" => self.delete(),
            "TRUNCATE" => {
                self.advance();
                self.expect("TABLE")?;
                self.name().map(Statement::Truncate)
            }
            "CREATE" | "ALTER" | "DROP" => self.definition(&word),
            "DECLARE" => self.declare(),
            "SET" => self.set(),
            "USE" => {
                self.advance();
                self.identifier().map(Statement::Use)
            }
            "BEGIN" => self.begin(),
            "COMMIT" | "ROLLBACK" | "SAVE" => self.end_transaction(&word),
            "IF" => self.condition(),
            "WHILE" => self.repetition(),
            "BREAK" | "CONTINUE" => Err(SqlError::not_taught(word)),
            "EXEC" | "EXECUTE" => {
                self.advance();
                self.execute()
            }
            "THROW" | "RAISERROR" | "PRINT" => self.message(&word),
            "MERGE" => Err(SqlError::not_taught("MERGE")),
            "GRANT" | "DENY" | "REVOKE" => self.permit(&word),
            "KILL" => {
                self.advance();
                let id = self.advance();
                let number = if id.kind == Kind::Integer { id.text.parse().ok() } else { None };
                number.map(Statement::Kill).ok_or_else(|| SqlError::syntax(&id.text))
            }
            "RETURN" => {
                self.advance();
                Ok(Statement::Return)
            }
            _ if self.at == 0 && self.sees_identifier() => self.execute(),
            _ => Err(self.unexpected()),
        }
    }

    /// The rest of EXECUTE; at the start of a batch the word itself may be left out.
    fn execute(&mut self) -> Result<Statement, SqlError> {
        if self.accept("(") {
            let text = self.texts()?;
            self.expect(")")?;
            return Ok(Statement::ExecuteText(text));
        }
        let status = if self.peek().kind == Kind::Variable {
            let status = self.variable()?;
            self.expect("=")?;
            Some(status)
        } else {
            None
        };
        let procedure = self.name()?;
        let mut arguments = Vec::new();
        while !matches!(self.peek().kind, Kind::End) && !self.sees(";") && !self.at_statement() {
            let name = if self.peek().kind == Kind::Variable && self.sees_ahead(1, "=") {
                let name = self.variable()?;
                self.expect("=")?;
                Some(name)
            } else {
                None
            };
            let value = self.argument_value()?;
            let output = self.accept("OUTPUT") || self.accept("OUT");
            arguments.push(Argument { name, value, output });
            if !self.accept(",") {
                break;
            }
        }
        Ok(Statement::Execute { status, procedure, arguments })
    }

    /// What EXECUTE takes in parentheses: texts and variables joined by `+`, no other expression.
    fn texts(&mut self) -> Result<Expression, SqlError> {
        let mut joined: Option<Expression> = None;
        loop {
            if !matches!(self.peek().kind, Kind::Text { .. } | Kind::Variable) {
                return Err(self.unexpected());
            }
            let part = self.constant()?;
            joined = Some(match joined {
                Some(left) => Expression::Arithmetic("+", Box::new(left), Box::new(part)),
                None => part,
            });
            if !self.accept("+") {
                return joined.ok_or_else(|| self.unexpected());
            }
        }
    }

    /// An argument of EXECUTE is a constant or a variable, never an expression; a bare word is text.
    fn argument_value(&mut self) -> Result<Expression, SqlError> {
        if self.sees_identifier() {
            let value = self.identifier()?;
            return Ok(Expression::Literal(Literal::Text { value, wide: true }));
        }
        self.constant()
    }

    fn at_statement(&self) -> bool {
        const STARTS: [&str; 23] = [
            "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "ALTER", "DROP", "DECLARE", "SET", "BEGIN",
            "COMMIT", "ROLLBACK", "IF", "WHILE", "EXEC", "EXECUTE", "END", "ELSE", "KILL", "GRANT", "DENY", "REVOKE",
        ];
        STARTS.into_iter().any(|start| self.sees(start))
    }

    fn declare(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let mut variables = Vec::new();
        loop {
            let name = self.variable()?;
            self.accept("AS");
            if let Some(of) = self.table_variable(&name)? {
                if !variables.is_empty() || self.sees(",") {
                    return Err(SqlError::not_taught("DECLARE of a table variable beside others"));
                }
                return Ok(Statement::DeclareTable(name, of));
            }
            let of = self.data_type(false)?;
            let value = if self.accept("=") { Some(self.expression()?) } else { None };
            variables.push((name, of, value));
            if !self.accept(",") {
                return Ok(Statement::Declare(variables));
            }
        }
    }
}
