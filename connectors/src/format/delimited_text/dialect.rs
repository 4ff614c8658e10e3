//! Delimiters, quotes and escapes.

use ropeway_engine::{Error, ErrorKind, Result};

/// How values stand in a line. Inside quotes, the escape character stands before a quote and before
/// itself; without quotes it stands before a delimiter, a line end and itself.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    pub(crate) column_delimiter: String,
    pub(crate) row_delimiter: String,
    /// True if a reader takes any of CR, LF and CR LF for the end of a row.
    pub(crate) any_line_end: bool,
    pub(crate) quote: Option<u8>,
    pub(crate) escape: Option<u8>,
    pub(crate) null_value: String,
    /// Other texts that a reader takes for null.
    pub(crate) also_null: Vec<String>,
    pub(crate) quote_all_text: bool,
    /// The bytes that make a value need quotes: first bytes of delimiters, quote, escape, CR and LF.
    pub(crate) special: [bool; 256],
}

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    /// It holds a delimiter, and there is neither a quote nor an escape character.
    Delimiter,
    /// It is the text that stands for null, and there is no quote character to tell them apart.
    LooksNull,
}

impl Problem {
    pub(crate) fn of_column(self, column: &str) -> Error {
        let message = match self {
            Self::Delimiter => {
                "a value holds a delimiter or a line end, and the dataset has neither quoteChar nor escapeChar; set one of them"
            }
            Self::LooksNull => {
                "a value is the text that stands for null, and the dataset has no quoteChar; set one, or another nullValue"
            }
        };
        Error::new(ErrorKind::Data, message).with("column", column.escape_debug())
    }
}

impl Dialect {
    /// # Errors
    /// Characters that cannot be told apart.
    pub(crate) fn new(mut dialect: Self) -> Result<Self> {
        let conflict = |what: &'static str| Err(Error::new(ErrorKind::Spec, what));
        let both = [dialect.quote, dialect.escape];
        let delimiters = [dialect.column_delimiter.as_bytes(), dialect.row_delimiter.as_bytes()].concat();
        if both.iter().flatten().any(|c| delimiters.contains(c) || matches!(c, b'\r' | b'\n')) {
            return conflict(
                "quoteChar and escapeChar must differ from the delimiters and from line ends; change one of them",
            );
        }
        if dialect.column_delimiter.contains(&dialect.row_delimiter)
            || dialect.row_delimiter.contains(&dialect.column_delimiter)
        {
            return conflict("columnDelimiter and rowDelimiter must differ; change one of them");
        }
        if dialect.escape.is_none() && dialect.quote.is_some() {
            return conflict(
                "an empty escapeChar needs an empty quoteChar; set escapeChar to the quote character to double quotes",
            );
        }
        // The first byte of a delimiter is enough, and an escape before it never parts a character.
        let firsts = [dialect.column_delimiter.as_bytes()[0], dialect.row_delimiter.as_bytes()[0]];
        for byte in firsts.iter().chain(both.iter().flatten()).chain(b"\r\n") {
            dialect.special[usize::from(*byte)] = true;
        }
        Ok(dialect)
    }

    /// Values as they are, for a comparison: nothing is special, and nothing stands for null.
    pub(in crate::format) fn bare() -> Self {
        Self {
            column_delimiter: String::new(),
            row_delimiter: String::new(),
            any_line_end: false,
            quote: None,
            escape: None,
            null_value: String::new(),
            also_null: Vec::new(),
            quote_all_text: false,
            special: [false; 256],
        }
    }

    /// Whether a text that is read without quotes stands for null.
    pub(crate) fn is_null(&self, text: &str) -> bool {
        text == self.null_value || self.also_null.iter().any(|null| null == text)
    }

    /// A value that is a text.
    pub(crate) fn write_text(&self, text: &str, out: &mut Vec<u8>) -> Result<(), Problem> {
        let plain = !text.bytes().any(|byte| self.special[usize::from(byte)]);
        let looks_null = text == self.null_value;
        match self.quote {
            Some(quote) if self.quote_all_text || !plain || looks_null => {
                out.push(quote);
                self.write_escaped(text, |byte| Some(byte) == self.quote || Some(byte) == self.escape, out);
                out.push(quote);
            }
            None if looks_null && !text.is_empty() => return Err(Problem::LooksNull),
            None if !plain && self.escape.is_none() => return Err(Problem::Delimiter),
            None if !plain => self.write_escaped(text, |byte| self.special[usize::from(byte)], out),
            _ => out.extend_from_slice(text.as_bytes()),
        }
        Ok(())
    }

    /// A value that is no text but may hold delimiters all the same, such as `1,5` or `12:00`.
    pub(crate) fn write_plain(&self, value: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
        if !value.iter().any(|byte| self.special[usize::from(*byte)]) && value != self.null_value.as_bytes() {
            out.extend_from_slice(value);
            return Ok(());
        }
        self.write_text(&String::from_utf8_lossy(value), out)
    }

    fn write_escaped(&self, text: &str, must: impl Fn(u8) -> bool, out: &mut Vec<u8>) {
        for byte in text.bytes() {
            if must(byte) {
                out.extend(self.escape);
            }
            out.push(byte);
        }
    }
}
