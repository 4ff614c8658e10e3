//! The characters of an expression, one after the other.

use super::{ExpressionError, Result};

/// A position in the text of an expression.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'t> {
    rest: &'t str,
    position: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { rest: text, position: 0 }
    }

    /// The position in characters, for messages. It is counted on the way: counted from the start at every node, a
    /// long text would take the square of its length.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn starts_with(&self, wanted: &str) -> bool {
        self.rest.starts_with(wanted)
    }

    pub(super) fn take(&mut self, wanted: &str) -> bool {
        let found = self.starts_with(wanted);
        if found {
            self.advance(wanted.len());
        }
        found
    }

    pub(super) fn expect(&mut self, wanted: char, purpose: &str) -> Result<()> {
        self.skip_space();
        if self.take(wanted.encode_utf8(&mut [0; 4])) {
            return Ok(());
        }
        Err(self.error(format!("expected '{wanted}' {purpose}, found {}", self.found())))
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !accept(c)).unwrap_or(self.rest.len());
        self.advance(length)
    }

    /// A name: letters, digits, `_`, and `-` inside, for the language has no minus.
    pub(super) fn name(&mut self) -> Option<&'t str> {
        let first = self.peek()?;
        (first.is_alphabetic() || first == '_' || first == '$')
            .then(|| self.take_while(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '$'))
    }

    /// The inside of a string literal whose opening quote is next; `''` is one quote.
    pub(super) fn string(&mut self) -> Result<String> {
        let start = self.clone();
        self.take("'");
        let mut value = String::new();
        loop {
            value.push_str(self.take_while(|c| c != '\''));
            if !self.take("'") {
                return Err(start.error("this text has no closing single quote".to_owned()));
            }
            if !self.take("'") {
                return Ok(value);
            }
            value.push('\'');
        }
    }

    /// What stands here, in words.
    pub(super) fn found(&self) -> String {
        match self.peek() {
            None => "the end".to_owned(),
            Some('"') => "a double quote; text stands in single quotes".to_owned(),
            Some(c) => format!("'{c}'"),
        }
    }

    pub(super) fn error(&self, message: String) -> ExpressionError {
        ExpressionError { at: self.position(), message, is_early: false }
    }

    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.position += taken.chars().count();
        taken
    }
}
