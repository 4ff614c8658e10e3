//! The template language: `[concat(parameters('factoryName'), '/X')]`.

/// An expression as it is written.
#[derive(Debug, PartialEq)]
pub(super) enum Expr {
    Text(String),
    Number(i64),
    Call(String, Vec<Expr>),
    Member(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
}

/// Calls in calls beyond this are an accident.
const MAX_DEPTH: usize = 32;

/// The source of a string that is an expression, without its brackets.
pub(super) fn source(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    (!inside.starts_with('[')).then_some(inside)
}

/// A string that is none, its escape undone: `[[` stands for `[`.
pub(super) fn unescaped(text: &str) -> &str {
    if text.starts_with("[[") { &text[1..] } else { text }
}

/// Parses the source of an expression.
///
/// # Errors
/// What was found where something else was expected.
pub(super) fn parse(source: &str) -> Result<Expr, String> {
    let mut reader = Reader { rest: source };
    let parsed = reader.expression(0)?;
    match reader.rest.trim() {
        "" => Ok(parsed),
        rest => Err(format!("'{rest}' stands behind the end of the expression")),
    }
}

struct Reader<'s> {
    rest: &'s str,
}

impl<'s> Reader<'s> {
    fn eat(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: char) -> Result<(), String> {
        if self.eat(symbol) { Ok(()) } else { Err(format!("'{symbol}' is missing")) }
    }

    fn word(&mut self) -> &'s str {
        self.rest = self.rest.trim_start();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn expression(&mut self, depth: usize) -> Result<Expr, String> {
        if depth > MAX_DEPTH {
            return Err(format!("the expression has calls in calls, more than {MAX_DEPTH} deep"));
        }
        let mut value = self.primary(depth)?;
        for _ in 0..=MAX_DEPTH {
            if self.eat('.') {
                value = Expr::Member(Box::new(value), self.word().to_owned());
            } else if self.eat('[') {
                value = Expr::Index(Box::new(value), Box::new(self.expression(depth + 1)?));
                self.expect(']')?;
            } else {
                return Ok(value);
            }
        }
        Err("the expression has too many members of members".to_owned())
    }

    fn primary(&mut self, depth: usize) -> Result<Expr, String> {
        if self.eat('\'') {
            return self.text();
        }
        let negative = self.eat('-');
        let word = self.word();
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let number: i64 = word.parse().map_err(|_| format!("'{word}' is no whole number"))?;
            return Ok(Expr::Number(if negative { -number } else { number }));
        }
        if word.is_empty() || negative {
            return Err(match self.rest.chars().next() {
                Some(other) => format!("'{other}' begins nothing that is known"),
                None => "the expression ends too early".to_owned(),
            });
        }
        let name = word.to_owned();
        // Functions of a namespace: `ns.function()` is a member of a word, which nobody here evaluates.
        self.expect('(')?;
        let mut arguments = Vec::new();
        if self.eat(')') {
            return Ok(Expr::Call(name, arguments));
        }
        loop {
            arguments.push(self.expression(depth + 1)?);
            if self.eat(')') {
                return Ok(Expr::Call(name, arguments));
            }
            self.expect(',')?;
        }
    }

    /// A text in quotes, in which a quote is doubled.
    fn text(&mut self) -> Result<Expr, String> {
        let mut text = String::new();
        loop {
            let Some((before, behind)) = self.rest.split_once('\'') else {
                return Err("a text in quotes has no end".to_owned());
            };
            text.push_str(before);
            match behind.strip_prefix('\'') {
                Some(rest) => {
                    text.push('\'');
                    self.rest = rest;
                }
                None => {
                    self.rest = behind;
                    return Ok(Expr::Text(text));
                }
            }
        }
    }
}
