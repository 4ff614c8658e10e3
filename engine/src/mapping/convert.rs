//! How the values of a column become another type: decided once per column, by the types of both ends.
//!
//! A conversion gives what the value is in the new type, exactly, or nothing. Where cutting off is allowed, digits that
//! the new type does not have are left out, never rounded; what is too large for it stays an error.

mod bytes;
mod moments;
mod numbers;

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, StringBuilder},
    compute::cast,
    datatypes::{DataType, Field},
};

use super::{Interim, Rules, TimeFormat};
use crate::{Error, ErrorKind, Result};

/// A conversion of one column.
pub(super) struct Conversion {
    /// What its values are afterwards.
    pub(super) to: Interim,
    /// The type that they have in batches.
    pub(super) data_type: DataType,
    /// What the column's source would call it.
    pub(super) source_type: &'static str,
    /// Whether digits, or a part of a moment, may be left out: the definition allows it, and the new type may have fewer.
    pub(super) may_cut: bool,
    /// The type that [`apply`](Self::apply) takes; another layout of the same values is brought into it first.
    takes: DataType,
    apply: Apply,
}

type Apply = Box<dyn Fn(&ArrayRef) -> Option<Converted> + Send + Sync>;

/// Values in their new type.
pub(super) struct Converted {
    pub(super) array: ArrayRef,
    /// The rows whose values have no place in it; there stands a null.
    pub(super) misfits: Vec<usize>,
}

/// What a column is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// For whatever the sink makes of the type.
    Values,
    /// For a table's column of this type. Its sink reads dates and times from texts, in which they are exact whatever the
    /// type of the column is, and it checks what goes from one kind of date to another.
    Table,
}

/// What to do with a column; `None` if its values are as they are wanted.
///
/// # Errors
/// There is no such conversion.
pub(super) fn conversion(from: &Field, to: Interim, aim: Aim, rules: &Rules) -> Result<Option<Conversion>, String> {
    let refused = || match Interim::of(from) {
        Some(interim) => format!("Data Factory has no conversion from {} to {}", interim.name(), to.name()),
        None => format!("values of type {} are not converted", from.data_type()),
    };
    let interim = Interim::of(from).ok_or_else(refused)?;
    if interim == to {
        return Ok(None);
    }
    let made = if interim.is_number() || interim == Interim::Boolean {
        numbers::from_numbers(to, rules)
    } else if interim == Interim::String && (to.is_number() || to == Interim::Boolean) {
        numbers::from_texts(to, rules)
    } else if interim == Interim::Guid
        || interim == Interim::ByteArray
        || matches!(to, Interim::Guid | Interim::ByteArray)
    {
        bytes::conversion(interim, to, from.data_type())
    } else {
        moments::conversion(interim, to, aim, rules)
    };
    let made = made.ok_or_else(refused)?;
    let Made { data_type, apply } = match made {
        Way::AsItIs => return Ok(None),
        Way::Made(made) => made,
    };
    // What a table reads from a text, it does not want declared.
    let is_read = aim == Aim::Table && data_type == DataType::Utf8;
    let source_type = if is_read { Interim::String.source_type() } else { to.source_type() };
    let may_cut = rules.cuts && interim.has_more_than(to);
    Ok(Some(Conversion { to, source_type, may_cut, data_type, takes: plain(from.data_type()), apply }))
}

impl Conversion {
    /// # Errors
    /// A column of another type than was announced.
    pub(super) fn apply(&self, array: &ArrayRef) -> Result<Converted> {
        let bug = || Error::new(ErrorKind::Bug, crate::text::OTHER_TYPE).with("type", array.data_type());
        let array = match *array.data_type() == self.takes {
            true => Arc::clone(array),
            false => cast(array, &self.takes).map_err(|error| bug().caused_by(error))?,
        };
        (self.apply)(&array).ok_or_else(bug)
    }

    /// What is said of a value that has no place in the type.
    pub(super) fn reason(&self) -> &'static str {
        match self.to {
            Interim::Boolean => "it is no Boolean",
            Interim::SByte => "it is no SByte, or digits would be lost",
            Interim::Byte => "it is no Byte, or digits would be lost",
            Interim::Int16 => "it is no Int16, or digits would be lost",
            Interim::UInt16 => "it is no UInt16, or digits would be lost",
            Interim::Int32 => "it is no Int32, or digits would be lost",
            Interim::UInt32 => "it is no UInt32, or digits would be lost",
            Interim::Int64 => "it is no Int64, or digits would be lost",
            Interim::UInt64 => "it is no UInt64, or digits would be lost",
            Interim::Single => "it is no Single, or digits would be lost",
            Interim::Double => "it is no Double, or digits would be lost",
            Interim::Decimal { .. } => "it is no Decimal with these digits, or digits would be lost",
            Interim::String => "it has no text in this format",
            Interim::Date => "it is no Date in this format, or the time of day would be lost",
            Interim::DateTime => "it is no DateTime in this format, or an offset or digits would be lost",
            Interim::DateTimeOffset => "it is no DateTimeOffset in this format, or digits would be lost",
            Interim::TimeSpan => "it is no TimeSpan in this format within a day",
            Interim::Guid => "it is no Guid",
            Interim::ByteArray => "it is no base64",
        }
    }

    /// Bytes that a converted value takes at most, where the old one does not say.
    pub(super) fn width(&self) -> u64 {
        match self.data_type.primitive_width() {
            Some(width) => width as u64,
            None => TEXT_WIDTH,
        }
    }
}

/// Bytes of the text of a number, a date or a time, with its offset in the array.
const TEXT_WIDTH: u64 = 64;

/// What becomes of values.
enum Way {
    /// They stay what they are.
    AsItIs,
    Made(Made),
}

struct Made {
    data_type: DataType,
    apply: Apply,
}

fn made(data_type: DataType, apply: impl Fn(&ArrayRef) -> Option<Converted> + Send + Sync + 'static) -> Option<Way> {
    Some(Way::Made(Made { data_type, apply: Box::new(apply) }))
}

/// The layout that kernels know.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Dictionary(_, values) => plain(values),
        text if text.is_string() => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

/// Converts every value that is there.
fn each<A, V>(array: &dyn Array, value: impl Fn(usize) -> Option<V>) -> Converted
where
    A: Array + FromIterator<Option<V>> + 'static,
{
    let mut misfits = Vec::new();
    let values: A = (0..array.len())
        .map(|row| {
            let value = array.is_valid(row).then(|| value(row))?;
            if value.is_none() {
                misfits.push(row);
            }
            value
        })
        .collect();
    Converted { array: Arc::new(values), misfits }
}

/// Writes the text of every value that is there; false says that it has none.
fn written(array: &dyn Array, write: impl Fn(usize, &mut String) -> bool) -> Converted {
    let (mut misfits, mut text) = (Vec::new(), String::new());
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 16);
    for row in 0..array.len() {
        text.clear();
        if array.is_null(row) {
            texts.append_null();
        } else if write(row, &mut text) {
            texts.append_value(&text);
        } else {
            misfits.push(row);
            texts.append_null();
        }
    }
    Converted { array: Arc::new(texts.finish()), misfits }
}

/// The format of the texts of this type.
pub(super) fn format_of(interim: Interim, rules: &Rules) -> Option<&TimeFormat> {
    match interim {
        Interim::Date => Some(&rules.date),
        Interim::DateTime => Some(&rules.date_time),
        Interim::DateTimeOffset => Some(&rules.date_time_offset),
        Interim::TimeSpan => Some(&rules.time_span),
        _ => None,
    }
}
