//! How the text of a value stands in JSON: decided once per column.

use arrow::datatypes::{DataType, Field};
use ropeway_engine::{Error, ErrorKind, Result, source::is_uuid};

use crate::format::delimited_text::cells;

/// What becomes of the text that [`cells`] makes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It is a JSON number.
    Number,
    /// The same, unless it is none at all.
    Float,
    /// `true` and `false` in lower case.
    Boolean,
    /// Text, with a `T` between date and time.
    Moment,
    /// Text in which nothing needs an escape.
    Plain,
    /// Text.
    Text,
}

impl Form {
    /// # Errors
    /// A type without a text form.
    pub(super) fn of(field: &Field) -> Result<Self> {
        cells::text_form(field)?;
        Ok(match field.data_type() {
            DataType::Boolean => Self::Boolean,
            DataType::Float32 | DataType::Float64 => Self::Float,
            DataType::Decimal128(..) => Self::Number,
            integer if integer.is_integer() => Self::Number,
            DataType::Timestamp(..) => Self::Moment,
            DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) => Self::Plain,
            binary if binary.is_binary() || is_uuid(field) => Self::Plain,
            _ => Self::Text,
        })
    }

    /// What stands in the file, for a person.
    pub(super) fn shown(self, field: &Field) -> Result<String> {
        Ok(match self {
            Self::Number => "number, all digits".to_owned(),
            Self::Float => "number, shortest exact".to_owned(),
            Self::Boolean => "true|false".to_owned(),
            Self::Moment => "text, ISO 8601".to_owned(),
            Self::Plain | Self::Text => cells::text_form(field)?.to_owned(),
        })
    }

    /// Adds the value with this text. `ascii` says that other characters are escaped.
    ///
    /// # Errors
    /// A number that JSON has not.
    pub(super) fn write(self, text: &[u8], ascii: bool, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Number => out.extend_from_slice(text),
            Self::Float if text.ends_with(b"y") || text.ends_with(b"N") => {
                return Err(Error::new(
                    ErrorKind::Data,
                    "JSON has no number for infinity and NaN; replace them in the query, or convert the column to String",
                ));
            }
            Self::Float => out.extend_from_slice(text),
            Self::Boolean => out.extend(text.iter().map(u8::to_ascii_lowercase)),
            Self::Moment => {
                out.push(b'"');
                let (day, clock) = text.split_at(text.iter().position(|byte| *byte == b' ').unwrap_or(text.len()));
                out.extend_from_slice(day);
                out.push(b'T');
                out.extend(clock.iter().filter(|byte| **byte != b' '));
                out.push(b'"');
            }
            Self::Plain => {
                out.push(b'"');
                out.extend_from_slice(text);
                out.push(b'"');
            }
            Self::Text => quoted(&String::from_utf8_lossy(text), ascii, out)?,
        }
        Ok(())
    }

    /// The text that a literal was made of, as [`cells`] writes it; `None` for a literal that is none of ours.
    pub(super) fn read(self, literal: &str) -> Option<String> {
        let quoted = literal.starts_with('"');
        match self {
            Self::Number | Self::Float => (!quoted).then(|| literal.to_owned()),
            Self::Boolean => match literal {
                "true" => Some("True".to_owned()),
                "false" => Some("False".to_owned()),
                _ => None,
            },
            Self::Moment => {
                let text: String = serde_json::from_str(literal).ok()?;
                let text = text.replacen('T', " ", 1);
                Some(match text.strip_suffix("+00:00") {
                    Some(moment) => format!("{moment} +00:00"),
                    None => text,
                })
            }
            Self::Plain | Self::Text => serde_json::from_str(literal).ok(),
        }
    }
}

/// Adds a text in quotes.
pub(super) fn quoted(text: &str, ascii: bool, out: &mut Vec<u8>) -> Result<()> {
    let start = out.len();
    serde_json::to_writer(&mut *out, text).map_err(|error| {
        Error::new(ErrorKind::Bug, "a text cannot be written as JSON; please report it").caused_by(error)
    })?;
    if ascii && !text.is_ascii() {
        let written = String::from_utf8_lossy(&out.split_off(start)).into_owned();
        let mut units = [0; 2];
        for c in written.chars() {
            if c.is_ascii() {
                out.push(c as u8);
            } else {
                for unit in c.encode_utf16(&mut units) {
                    out.extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                }
            }
        }
    }
    Ok(())
}
