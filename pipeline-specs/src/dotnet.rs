//! Dates, times, spans and floats as .NET reads and writes them, in the cultures en-US and invariant.

mod float;
mod general;
mod pattern;
mod read;
mod span;
#[cfg(test)]
mod tests;
mod time_format;
mod write;

use chrono::NaiveDateTime;

pub use self::time_format::{ClockTime, TimeFormat, TimeKind};
pub(crate) use self::{
    float::float,
    general::general,
    pattern::{Piece, ROUND_TRIP, expand, pieces},
    write::write,
};

/// What calendar and clock show somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) at: NaiveDateTime,
    pub(crate) zone: Zone,
}

/// Where that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Unspecified,
    Utc,
    /// Minutes east of Greenwich.
    Offset(i16),
}

impl Zone {
    fn minutes(self) -> Option<i16> {
        match self {
            Self::Unspecified => None,
            Self::Utc => Some(0),
            Self::Offset(minutes) => Some(minutes),
        }
    }
}
