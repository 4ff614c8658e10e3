//! T-SQL text to [`Statement`]s. What the grammar does not allow is error 102 or 156, as on the server; what it allows and the
//! stand-in has not been taught is an error that says so.

mod bulk;
mod definition;
mod expression;
mod query;

use super::SqlError;
use super::SqlType;
use super::lexer::{Kind, Token, is_reserved, tokens};
use super::sql_type::Argument as TypeArgument;
use super::syntax::{Argument, Expression, InsertRows, Name, Statement};

/// The statements of a batch, each with the line on which it starts.
pub(super) fn parse(batch: &str) -> Result<Vec<(u32, Statement)>, SqlError> {
    let mut parser = Parser { tokens: tokens(batch)?, at: 0 };
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
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
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
    let mut parser = Parser { tokens: tokens(text)?, at: 0 };
    let condition = parser.expression()?;
    if parser.peek().kind == Kind::End { Ok(condition) } else { Err(parser.unexpected()) }
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
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
            "EXEC" | "EXECUTE" => {
                self.advance();
                self.execute()
            }
            "THROW" | "RAISERROR" | "PRINT" => self.message(&word),
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
            let text = self.expression()?;
            self.expect(")")?;
            return Ok(Statement::ExecuteText(text));
        }
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
        Ok(Statement::Execute { procedure, arguments })
    }

    /// An argument of EXECUTE is a constant or a variable, never an expression; a bare word is text.
    fn argument_value(&mut self) -> Result<Expression, SqlError> {
        if self.sees_identifier() {
            let value = self.identifier()?;
            return Ok(Expression::Literal(super::syntax::Literal::Text { value, wide: true }));
        }
        self.constant()
    }

    fn at_statement(&self) -> bool {
        const STARTS: [&str; 18] = [
            "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "CREATE", "ALTER", "DROP", "DECLARE", "SET", "BEGIN",
            "COMMIT", "ROLLBACK", "IF", "EXEC", "EXECUTE", "END", "ELSE",
        ];
        STARTS.into_iter().any(|start| self.sees(start))
    }

    fn insert(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("BULK") {
            return self.insert_bulk();
        }
        self.accept("INTO");
        let into = self.name()?;
        if self.sees("WITH") {
            self.hints()?;
        }
        let columns = if self.sees("(") { self.names_in_parentheses()? } else { Vec::new() };
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
        Ok(Statement::Insert { into, columns, rows })
    }

    fn value_rows(&mut self) -> Result<Vec<Vec<Expression>>, SqlError> {
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

    fn update(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("STATISTICS") {
            let table = self.name()?;
            // Every statistic here is from a full scan anyway.
            self.accept_all(&["WITH", "FULLSCAN"]);
            return Ok(Statement::UpdateStatistics(table));
        }
        let table = self.name()?;
        if self.sees("WITH") {
            self.hints()?;
        }
        self.expect("SET")?;
        let mut set = Vec::new();
        loop {
            let column = self.identifier()?;
            self.expect("=")?;
            set.push((column, self.expression()?));
            if !self.accept(",") {
                break;
            }
        }
        let condition = self.where_clause()?;
        Ok(Statement::Update { table, set, condition })
    }

    fn delete(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        self.accept("FROM");
        let table = self.name()?;
        if self.sees("WITH") {
            self.hints()?;
        }
        let condition = self.where_clause()?;
        Ok(Statement::Delete { table, condition })
    }

    fn where_clause(&mut self) -> Result<Option<Expression>, SqlError> {
        if self.accept("WHERE") { self.expression().map(Some) } else { Ok(None) }
    }

    fn declare(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let mut variables = Vec::new();
        loop {
            let name = self.variable()?;
            self.accept("AS");
            let of = self.data_type(false)?;
            let value = if self.accept("=") { Some(self.expression()?) } else { None };
            variables.push((name, of, value));
            if !self.accept(",") {
                return Ok(Statement::Declare(variables));
            }
        }
    }

    fn set(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.peek().kind == Kind::Variable {
            let name = self.variable()?;
            self.expect("=")?;
            return Ok(Statement::SetVariable(name, self.expression()?));
        }
        if self.accept_all(&["TRANSACTION", "ISOLATION", "LEVEL"]) {
            return self.isolation().map(Statement::SetIsolation);
        }
        let mut option = self.advance().text.to_ascii_uppercase();
        let known = OPTIONS.iter().find(|known| known.name == option);
        let Some(known) = known else {
            return Err(SqlError::new(195, 15, format!("'{option}' is not a recognized SET option.")).state(5));
        };
        if known.takes == Takes::OnOrOff {
            while self.accept(",") {
                let next = self.advance().text.to_ascii_uppercase();
                if !OPTIONS.iter().any(|known| known.name == next && known.takes == Takes::OnOrOff) {
                    return Err(SqlError::new(195, 15, format!("'{next}' is not a recognized SET option.")).state(5));
                }
                option = format!("{option},{next}");
            }
            let value = self.advance().text.to_ascii_uppercase();
            if !matches!(value.as_str(), "ON" | "OFF") {
                self.at -= 1;
                return Err(self.unexpected());
            }
            return Ok(Statement::SetOption(option, value));
        }
        if known.name == "IDENTITY_INSERT" {
            self.name()?;
        }
        let sign = if self.accept("-") { "-" } else { "" };
        let value = self.advance();
        let fits = match known.takes {
            Takes::Number => value.kind == Kind::Integer,
            _ => matches!(value.kind, Kind::Word | Kind::Text { .. } | Kind::Integer | Kind::Variable),
        };
        if !fits {
            self.at -= 1;
            return Err(self.unexpected());
        }
        Ok(Statement::SetOption(option, format!("{sign}{}", value.text)))
    }

    /// Numbers as in `sys.dm_exec_sessions.transaction_isolation_level`.
    fn isolation(&mut self) -> Result<u8, SqlError> {
        let levels: [(&[&str], u8); 5] = [
            (&["READ", "UNCOMMITTED"], 1),
            (&["READ", "COMMITTED"], 2),
            (&["REPEATABLE", "READ"], 3),
            (&["SERIALIZABLE"], 4),
            (&["SNAPSHOT"], 5),
        ];
        let found = levels.into_iter().find(|(words, _)| self.accept_all(words));
        found.map(|(_, level)| level).ok_or_else(|| self.unexpected())
    }

    fn begin(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        if self.accept("TRAN") || self.accept("TRANSACTION") {
            if self.sees_identifier() {
                self.identifier()?;
            }
            return Ok(Statement::Begin);
        }
        if self.sees("TRY") || self.sees("DISTRIBUTED") {
            return Err(SqlError::not_taught(format!("BEGIN {}", self.peek().text)));
        }
        self.at -= 1;
        let statements = self.block()?;
        let always = Expression::Compare("=", Box::new(expression::one()), Box::new(expression::one()));
        Ok(Statement::If { condition: always, then: statements, otherwise: Vec::new() })
    }

    fn end_transaction(&mut self, word: &str) -> Result<Statement, SqlError> {
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

    fn condition(&mut self) -> Result<Statement, SqlError> {
        self.advance();
        let condition = self.expression()?;
        let then = self.block()?;
        self.accept(";");
        let otherwise = if self.accept("ELSE") { self.block()? } else { Vec::new() };
        Ok(Statement::If { condition, then, otherwise })
    }

    /// One statement, or several between BEGIN and END.
    fn block(&mut self) -> Result<Vec<Statement>, SqlError> {
        if self.sees("INSERT") && self.sees_ahead(1, "BULK") {
            return Err(not_alone());
        }
        if !self.sees("BEGIN") || self.sees_ahead(1, "TRAN") || self.sees_ahead(1, "TRANSACTION") {
            return Ok(vec![self.statement()?]);
        }
        self.advance();
        let mut statements = Vec::new();
        loop {
            while self.accept(";") {}
            if self.sees("END") && !statements.is_empty() {
                self.advance();
                return Ok(statements);
            }
            if self.sees("INSERT") && self.sees_ahead(1, "BULK") {
                return Err(not_alone());
            }
            statements.push(self.statement()?);
        }
    }

    fn message(&mut self, word: &str) -> Result<Statement, SqlError> {
        self.advance();
        match word {
            "PRINT" => self.expression().map(Statement::Print),
            "THROW" if self.peek().kind == Kind::End || self.sees(";") => Err(SqlError::new(
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    OnOrOff,
    Number,
    Word,
}

struct SetOption {
    name: &'static str,
    takes: Takes,
}

const fn option(name: &'static str, takes: Takes) -> SetOption {
    SetOption { name, takes }
}

static OPTIONS: &[SetOption] = &[
    option("ANSI_DEFAULTS", Takes::OnOrOff),
    option("ANSI_NULLS", Takes::OnOrOff),
    option("ANSI_NULL_DFLT_ON", Takes::OnOrOff),
    option("ANSI_PADDING", Takes::OnOrOff),
    option("ANSI_WARNINGS", Takes::OnOrOff),
    option("ARITHABORT", Takes::OnOrOff),
    option("CONCAT_NULL_YIELDS_NULL", Takes::OnOrOff),
    option("CURSOR_CLOSE_ON_COMMIT", Takes::OnOrOff),
    option("FMTONLY", Takes::OnOrOff),
    option("IMPLICIT_TRANSACTIONS", Takes::OnOrOff),
    option("NOCOUNT", Takes::OnOrOff),
    option("NO_BROWSETABLE", Takes::OnOrOff),
    option("NUMERIC_ROUNDABORT", Takes::OnOrOff),
    option("QUOTED_IDENTIFIER", Takes::OnOrOff),
    option("XACT_ABORT", Takes::OnOrOff),
    option("DATEFIRST", Takes::Number),
    option("LOCK_TIMEOUT", Takes::Number),
    option("ROWCOUNT", Takes::Number),
    option("TEXTSIZE", Takes::Number),
    option("DATEFORMAT", Takes::Word),
    option("DEADLOCK_PRIORITY", Takes::Word),
    option("LANGUAGE", Takes::Word),
    option("CONTEXT_INFO", Takes::Word),
    option("IDENTITY_INSERT", Takes::Word),
];
