//! Macros: `$$Text.Format('{0:yyyy}', SliceStart)` becomes an expression of version 2.

pub(super) use call::months;

mod call;
mod parser;

use serde_json::Value;

use crate::{older::Place, v1::schedule::Window};

/// Text that is put together: words as they stand, and expressions between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pieces(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Text(String),
    Expression(String),
}

/// Reads a string of version 1: a macro if it begins with `$$`, otherwise the text that it is.
///
/// # Errors
/// Why a macro cannot be converted.
pub(super) fn read(text: &str, window: &Window) -> Result<Pieces, String> {
    match text.strip_prefix("$$") {
        Some(source) => call::pieces(&parser::parse(source)?, window),
        None => Ok(Pieces::text(text)),
    }
}

impl Pieces {
    pub(super) fn text(text: impl Into<String>) -> Self {
        let mut pieces = Self::default();
        pieces.push_text(&text.into());
        pieces
    }

    pub(super) fn push_text(&mut self, text: &str) {
        match self.0.last_mut() {
            _ if text.is_empty() => {}
            Some(Piece::Text(last)) => last.push_str(text),
            _ => self.0.push(Piece::Text(text.to_owned())),
        }
    }

    pub(super) fn push_expression(&mut self, expression: String) {
        self.0.push(Piece::Expression(expression));
    }

    pub(super) fn append(&mut self, other: Self) {
        for piece in other.0 {
            match piece {
                Piece::Text(text) => self.push_text(&text),
                Piece::Expression(expression) => self.push_expression(expression),
            }
        }
    }

    /// Whether something of it is evaluated.
    fn is_dynamic(&self) -> bool {
        self.0.iter().any(|piece| matches!(piece, Piece::Expression(_)))
    }

    /// As a string of version 2. What is only one expression keeps its type.
    pub(super) fn into_string(self) -> String {
        if let [Piece::Expression(only)] = self.0.as_slice() {
            return format!("@{only}");
        }
        let mut written = String::new();
        for piece in self.0 {
            match piece {
                Piece::Text(text) => {
                    let text = text.replace("@{", "@@{");
                    // A single '@' at the start would make all of it an expression.
                    if written.is_empty() && text.starts_with('@') && !text.starts_with("@@{") {
                        written.push('@');
                    }
                    written.push_str(&text);
                }
                Piece::Expression(expression) => written.push_str(&format!("@{{{expression}}}")),
            }
        }
        written
    }
}

/// A path that is evaluated for every slice.
impl Place for Pieces {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn split_at_slash(self) -> (Self, Self) {
        let (mut before, mut after) = (Self::default(), Self::default());
        let mut split = false;
        for piece in self.0 {
            match piece {
                Piece::Text(text) if !split => {
                    let (left, right) = text.split_once('/').map_or((&*text, None), |(l, r)| (l, Some(r)));
                    before.push_text(left);
                    if let Some(right) = right {
                        split = true;
                        after.push_text(right);
                    }
                }
                piece => (if split { &mut after } else { &mut before }).0.push(piece),
            }
        }
        (before, after)
    }

    fn map_text(self, change: impl Fn(&str) -> String) -> Self {
        let mut changed = Self::default();
        for piece in self.0 {
            match piece {
                Piece::Text(text) => changed.push_text(&change(&text)),
                Piece::Expression(expression) => changed.push_expression(expression),
            }
        }
        changed
    }

    fn trim_slashes(self) -> Self {
        if self.is_dynamic() { self } else { self.map_text(|text| text.trim_matches('/').to_owned()) }
    }

    fn into_value(self) -> Value {
        self.into_string().into()
    }
}

/// Text as a literal in an expression.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests;
