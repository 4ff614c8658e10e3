//! Points in time of expressions: text in, text out.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike, Utc};

use crate::dotnet::{Reading, Zone, expand, general, pieces, write};

/// A point in time to 100 ns, either in UTC or without a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub(super) at: NaiveDateTime,
    pub(super) utc: bool,
}

impl Moment {
    /// Units of 100 ns since the year 1 began.
    pub(super) fn ticks(self) -> i64 {
        let days = i64::from(self.at.num_days_from_ce()) - 1;
        let seconds = days * 86_400 + i64::from(self.at.num_seconds_from_midnight());
        seconds * 10_000_000 + i64::from(self.at.nanosecond() / 100)
    }
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self { at: at.naive_utc(), utc: true }
    }
}

/// Reads a date in any of the general forms. An offset is converted to UTC.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let Reading { at, zone } = general(text)
        .ok_or_else(|| format!("needs a date such as '2018-03-15T13:00:00Z' or '03/15/2018 12:00:00', got '{text}'"))?;
    let at = at.with_nanosecond(at.nanosecond() / 100 * 100).unwrap_or(at);
    let minutes = match zone {
        Zone::Unspecified => return Ok(Moment { at, utc: false }),
        Zone::Utc => 0,
        Zone::Offset(minutes) => minutes,
    };
    at.checked_sub_signed(TimeDelta::minutes(minutes.into()))
        .map(|at| Moment { at, utc: true })
        .ok_or_else(|| format!("needs a date in the years 1 to 9999, got '{text}'"))
}

/// Writes by a standard (one letter) or custom format.
pub(super) fn format(moment: Moment, pattern: &str) -> Result<String, String> {
    let zone = if moment.utc { Zone::Utc } else { Zone::Unspecified };
    let mut out = String::new();
    write(Reading { at: moment.at, zone }, &pieces(expand(pattern)?)?, &mut out);
    Ok(out)
}
