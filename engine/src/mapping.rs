//! Column mapping and type conversion: which column of the source becomes which of the sink, and of which type.
//!
//! A mapping is put before a source, so that everything behind it (digest, fit, read-back, the log of rows left out)
//! knows the mapped columns only. It is chosen once, when the columns of both ends are known, and applied blind to every
//! batch: columns that are merely chosen and renamed are shared, not copied.

mod convert;
mod interim;
mod plan;
mod resolve;
mod source;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

pub use self::{interim::Interim, source::MappedSource};

/// The metadata key of a mapped field under which stands what it is made of: `OrderDate as DateTime`. It is not there
/// where a column of the source stays what it is.
pub const MAPPED_FROM: &str = "ropeway.mapped_from";

/// What a definition says of columns.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Columns that are added to those of the source, behind them.
    pub additional: Vec<AdditionalColumn>,
    /// The columns that are copied; `None` for all, by name.
    pub columns: Option<Vec<ColumnMapping>>,
    /// Whether columns take the types of the sink.
    pub converts: bool,
    /// How values are converted.
    pub rules: Rules,
}

/// A column that the source does not have.
#[derive(Clone, Debug)]
pub struct AdditionalColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub value: AdditionalValue,
    /// Where the definition says so, for messages.
    pub at: String,
}

/// The values of an additional column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdditionalValue {
    /// The same text in every row, or null.
    Text(Option<String>),
    /// The path of the file that the row comes from.
    FilePath,
    /// The values of another column of the source.
    Column(String),
}

/// One column of the source that becomes one of the sink.
#[derive(Clone, Debug)]
pub struct ColumnMapping {
    /// Of the source.
    pub source: MappedColumn,
    /// Of the sink.
    pub sink: MappedColumn,
    /// Where the definition says so, for messages.
    pub at: String,
}

/// One end of a mapping. It has a name, or an ordinal, or both.
#[derive(Clone, Debug, Default)]
pub struct MappedColumn {
    /// The name of the column.
    pub name: Option<String>,
    /// Its position, from 1.
    pub ordinal: Option<usize>,
    /// Its type, where the definition says one.
    pub interim: Option<Interim>,
    /// How its dates and times are written.
    pub format: Option<Arc<dyn TimeText>>,
}

/// How values are converted.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Digits that the new type does not have are cut off, where they would be an error otherwise.
    pub cuts: bool,
    /// Booleans are the texts `1` and `0`.
    pub booleans_as_numbers: bool,
    /// Dates.
    pub date: TimeFormat,
    /// Dates with a time of the day.
    pub date_time: TimeFormat,
    /// The same with an offset.
    pub date_time_offset: TimeFormat,
    /// Times of the day.
    pub time_span: TimeFormat,
}

/// How the values of one type are written as texts and read from them.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    /// Whether the definition says so; else it is how they are written where nobody says.
    pub is_given: bool,
    /// The texts.
    pub text: Arc<dyn TimeText>,
}

/// Texts of dates and times.
pub trait TimeText: fmt::Debug + Send + Sync {
    /// The time that a text means, if it is one of these texts and the time is exact.
    fn read(&self, text: &str) -> Option<Time>;
    /// Adds the text of a time; what it does not show is left out.
    fn write(&self, time: Time, text: &mut String);
    /// Why these texts cannot be read, in words: they leave out the year.
    fn unreadable(&self) -> Option<String>;
}

/// A date with its time, or a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// What calendar and clock show there, in units of 100 ns since 0001-01-01, or since midnight.
    pub ticks: i64,
    /// Minutes that the clock there is ahead of UTC, where that is known.
    pub offset: Option<i16>,
}
