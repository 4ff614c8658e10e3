//! SET.

use super::super::SqlError;
use super::super::lexer::Kind;
use super::super::syntax::Statement;
use super::Parser;

impl Parser {
    pub(super) fn set(&mut self) -> Result<Statement, SqlError> {
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
            let table = self.name()?;
            let on = self.accept("ON");
            if !on {
                self.expect("OFF")?;
            }
            return Ok(Statement::SetIdentityInsert(table, on));
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
