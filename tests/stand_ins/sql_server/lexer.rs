//! T-SQL tokens.

use super::SqlError;

/// One token, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As written.
    pub(super) text: String,
    /// Byte offset in the batch.
    pub(super) at: usize,
    /// Line in the batch, from 1.
    pub(super) line: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A bare word: keyword or name.
    Word,
    /// `[name]` or `"name"`, with what is inside.
    Quoted(String),
    /// `'text'`, or `N'text'` when wide.
    Text {
        value: String,
        wide: bool,
    },
    Binary(Vec<u8>),
    /// Digits only.
    Integer,
    /// With a point.
    Decimal,
    /// With an exponent.
    Float,
    Money,
    /// `@name` and `@@name`.
    Variable,
    Symbol,
    End,
}

/// All tokens of a batch; the last one is [`Kind::End`].
pub(super) fn tokens(batch: &str) -> Result<Vec<Token>, SqlError> {
    let mut lexer = Lexer { batch, at: 0, line: 1 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank()?;
        let (at, line) = (lexer.at, lexer.line);
        let kind = lexer.next()?;
        let text = batch[at..lexer.at].to_owned();
        lexer.line += text.matches('\n').count() as u32;
        let is_end = kind == Kind::End;
        tokens.push(Token { kind, text, at, line });
        if is_end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    batch: &'a str,
    at: usize,
    line: u32,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.batch[self.at..]
    }

    fn peek(&self, ahead: usize) -> char {
        self.rest().chars().nth(ahead).unwrap_or('\0')
    }

    fn skip_blank(&mut self) -> Result<(), SqlError> {
        loop {
            let blank = self.rest().len() - self.rest().trim_start().len();
            self.line += self.rest()[..blank].matches('\n').count() as u32;
            self.at += blank;
            if self.rest().starts_with("--") {
                self.at += self.rest().find('\n').unwrap_or(self.rest().len());
            } else if self.rest().starts_with("/*") {
                self.skip_comment()?;
            } else {
                return Ok(());
            }
        }
    }

    /// Block comments nest.
    fn skip_comment(&mut self) -> Result<(), SqlError> {
        let mut depth = 0;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                depth += 1;
                self.at += 2;
            } else if rest.starts_with("*/") {
                depth -= 1;
                self.at += 2;
                if depth == 0 {
                    return Ok(());
                }
            } else if let Some(character) = rest.chars().next() {
                self.line += u32::from(character == '\n');
                self.at += character.len_utf8();
            } else {
                return Err(SqlError::new(113, 15, "Missing end comment mark '*/'."));
            }
        }
    }

    fn next(&mut self) -> Result<Kind, SqlError> {
        let first = self.peek(0);
        match first {
            '\0' if self.rest().is_empty() => Ok(Kind::End),
            '[' => self.quoted(']').map(Kind::Quoted),
            '"' => self.quoted('"').map(Kind::Quoted),
            '\'' => self.quoted('\'').map(|value| Kind::Text { value, wide: false }),
            'N' | 'n' if self.peek(1) == '\'' => {
                self.at += 1;
                self.quoted('\'').map(|value| Kind::Text { value, wide: true })
            }
            '0' if matches!(self.peek(1), 'x' | 'X') => Ok(self.binary()),
            '$' if self.peek(1).is_ascii_digit() => {
                self.at += 1;
                self.number();
                Ok(Kind::Money)
            }
            '@' => {
                self.word();
                Ok(Kind::Variable)
            }
            _ if first.is_ascii_digit() || first == '.' && self.peek(1).is_ascii_digit() => Ok(self.number()),
            _ if first.is_alphabetic() || matches!(first, '_' | '#' | '$') => {
                self.word();
                Ok(Kind::Word)
            }
            _ => {
                let two = ["<>", "<=", ">=", "!=", "!<", "!>", "%%", "+=", "-="]
                    .into_iter()
                    .find(|two| self.rest().starts_with(two));
                self.at += two.map_or(first.len_utf8(), str::len);
                Ok(Kind::Symbol)
            }
        }
    }

    fn quoted(&mut self, close: char) -> Result<String, SqlError> {
        let start = self.at + 1;
        self.at = start;
        let mut value = String::new();
        while let Some(character) = self.rest().chars().next() {
            self.at += character.len_utf8();
            if character != close {
                value.push(character);
            } else if self.peek(0) == close {
                self.at += close.len_utf8();
                value.push(close);
            } else {
                return Ok(value);
            }
        }
        Err(SqlError::unclosed_quote(&self.batch[start..]))
    }

    fn word(&mut self) {
        while self.peek(0).is_alphanumeric() || matches!(self.peek(0), '_' | '@' | '#' | '$') {
            self.at += self.peek(0).len_utf8();
        }
    }

    /// An odd digit stands alone in the first byte.
    fn binary(&mut self) -> Kind {
        self.at += 2;
        let digits: Vec<u8> =
            self.rest().chars().map_while(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        self.at += digits.len();
        let odd = digits.len() % 2;
        let mut bytes: Vec<u8> = digits[..odd].to_vec();
        bytes.extend(digits[odd..].chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
        Kind::Binary(bytes)
    }

    fn number(&mut self) -> Kind {
        let mut kind = Kind::Integer;
        loop {
            match self.peek(0) {
                '0'..='9' => {}
                '.' if kind == Kind::Integer => kind = Kind::Decimal,
                'e' | 'E' if kind != Kind::Float => {
                    kind = Kind::Float;
                    if matches!(self.peek(1), '+' | '-') {
                        self.at += 1;
                    }
                }
                _ => return kind,
            }
            self.at += 1;
        }
    }
}

/// Reserved words of T-SQL: they are no names without quotes, and a wrong one is error 156, not 102.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

static RESERVED: &[&str] = &[
    "ADD",
    "ALL",
    "ALTER",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BACKUP",
    "BEGIN",
    "BETWEEN",
    "BREAK",
    "BROWSE",
    "BULK",
    "BY",
    "CASCADE",
    "CASE",
    "CHECK",
    "CHECKPOINT",
    "CLOSE",
    "CLUSTERED",
    "COALESCE",
    "COLLATE",
    "COLUMN",
    "COMMIT",
    "COMPUTE",
    "CONSTRAINT",
    "CONTAINS",
    "CONTAINSTABLE",
    "CONTINUE",
    "CONVERT",
    "CREATE",
    "CROSS",
    "CURRENT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "CURSOR",
    "DATABASE",
    "DBCC",
    "DEALLOCATE",
    "DECLARE",
    "DEFAULT",
    "DELETE",
    "DENY",
    "DESC",
    "DISK",
    "DISTINCT",
    "DISTRIBUTED",
    "DOUBLE",
    "DROP",
    "DUMP",
    "ELSE",
    "END",
    "ERRLVL",
    "ESCAPE",
    "EXCEPT",
    "EXEC",
    "EXECUTE",
    "EXISTS",
    "EXIT",
    "EXTERNAL",
    "FETCH",
    "FILE",
    "FILLFACTOR",
    "FOR",
    "FOREIGN",
    "FREETEXT",
    "FREETEXTTABLE",
    "FROM",
    "FULL",
    "FUNCTION",
    "GOTO",
    "GRANT",
    "GROUP",
    "HAVING",
    "HOLDLOCK",
    "IDENTITY",
    "IDENTITYCOL",
    "IDENTITY_INSERT",
    "IF",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "KILL",
    "LEFT",
    "LIKE",
    "LINENO",
    "LOAD",
    "MERGE",
    "NATIONAL",
    "NOCHECK",
    "NONCLUSTERED",
    "NOT",
    "NULL",
    "NULLIF",
    "OF",
    "OFF",
    "OFFSETS",
    "ON",
    "OPEN",
    "OPENDATASOURCE",
    "OPENQUERY",
    "OPENROWSET",
    "OPENXML",
    "OPTION",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PERCENT",
    "PIVOT",
    "PLAN",
    "PRIMARY",
    "PRINT",
    "PROC",
    "PROCEDURE",
    "PUBLIC",
    "RAISERROR",
    "READ",
    "READTEXT",
    "RECONFIGURE",
    "REFERENCES",
    "REPLICATION",
    "RESTORE",
    "RESTRICT",
    "RETURN",
    "REVERT",
    "REVOKE",
    "RIGHT",
    "ROLLBACK",
    "ROWCOUNT",
    "ROWGUIDCOL",
    "RULE",
    "SAVE",
    "SCHEMA",
    "SECURITYAUDIT",
    "SELECT",
    "SEMANTICKEYPHRASETABLE",
    "SEMANTICSIMILARITYDETAILSTABLE",
    "SEMANTICSIMILARITYTABLE",
    "SESSION_USER",
    "SET",
    "SETUSER",
    "SHUTDOWN",
    "SOME",
    "STATISTICS",
    "SYSTEM_USER",
    "TABLE",
    "TABLESAMPLE",
    "TEXTSIZE",
    "THEN",
    "TO",
    "TOP",
    "TRAN",
    "TRANSACTION",
    "TRIGGER",
    "TRUNCATE",
    "TRY_CONVERT",
    "TSEQUAL",
    "UNION",
    "UNIQUE",
    "UNPIVOT",
    "UPDATE",
    "UPDATETEXT",
    "USE",
    "USER",
    "VALUES",
    "VARYING",
    "VIEW",
    "WAITFOR",
    "WHEN",
    "WHERE",
    "WHILE",
    "WITH",
    "WITHIN",
    "WRITETEXT",
];
