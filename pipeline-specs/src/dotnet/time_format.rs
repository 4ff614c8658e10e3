//! The format of a column's dates or times, checked.

use chrono::{Datelike, NaiveDate, NaiveTime, Timelike};

use super::{Piece, Reading, Zone, expand, general, pieces, read, span, write};

/// What a column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    /// Dates.
    Date,
    /// Dates with a time of the day.
    DateTime,
    /// The same with an offset from UTC.
    DateTimeOffset,
    /// Spans of time, within a day.
    TimeSpan,
}

/// A date with its time, or a time of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime {
    /// What calendar and clock show, in units of 100 ns since 0001-01-01, or since midnight.
    pub ticks: i64,
    /// Minutes that the clock is ahead of UTC, where that is known.
    pub offset: Option<i16>,
}

/// How dates or times are written as texts and read from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeFormat(Form);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Read in every form that .NET takes without being told, written in one of them.
    General(Vec<Piece>),
    Custom {
        pieces: Vec<Piece>,
        /// The format shows the time in UTC and nothing else.
        utc: bool,
    },
    GeneralSpan,
    /// .NET's `c`, which has digits of a second only where there are some.
    ConstantSpan,
    Span(Vec<span::Piece>),
}

/// Ticks of a day and of a second.
const DAY: i64 = 86_400 * SECOND;
const SECOND: i64 = 10_000_000;

impl TimeFormat {
    /// What .NET takes where no format is given, with the month first (culture en-US). It is written as a text file of
    /// ours has it.
    pub fn general(kind: TimeKind) -> Self {
        let field = |letter, run| Piece::Field(letter, run);
        let literal = |text: &str| Piece::Literal(text.to_owned());
        let date = [field('y', 4), literal("-"), field('M', 2), literal("-"), field('d', 2)];
        let time =
            [literal(" "), field('H', 2), literal(":"), field('m', 2), literal(":"), field('s', 2), literal(".")];
        let time = time.into_iter().chain([field('f', 7)]);
        let zone = [literal(" "), field('z', 3)];
        Self(match kind {
            TimeKind::Date => Form::General(date.to_vec()),
            TimeKind::DateTime => Form::General(date.into_iter().chain(time).collect()),
            TimeKind::DateTimeOffset => Form::General(date.into_iter().chain(time).chain(zone).collect()),
            TimeKind::TimeSpan => Form::GeneralSpan,
        })
    }

    /// A standard or custom format of .NET.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn of(kind: TimeKind, pattern: &str) -> Result<Self, String> {
        if kind == TimeKind::TimeSpan {
            return match pattern {
                "c" | "t" | "T" => Ok(Self(Form::ConstantSpan)),
                one if one.chars().count() == 1 => Err(format!("does not know the span format '{one}'")),
                _ => span::pieces(pattern).map(|pieces| Self(Form::Span(pieces))),
            };
        }
        let utc = matches!(pattern, "u" | "r" | "R" | "U");
        Ok(Self(Form::Custom { pieces: pieces(expand(pattern)?)?, utc }))
    }

    /// The time that a text means; `None` if it is none, or if it has digits behind the seventh of a second.
    pub fn read(&self, text: &str) -> Option<ClockTime> {
        let reading = match &self.0 {
            Form::General(_) => general(text)?,
            Form::Custom { pieces, .. } => read::exact(text, pieces)?,
            Form::GeneralSpan | Form::ConstantSpan => {
                return span::general(text).map(|ticks| ClockTime { ticks, offset: None });
            }
            Form::Span(pieces) => return span::exact(text, pieces).map(|ticks| ClockTime { ticks, offset: None }),
        };
        if reading.at.nanosecond() % 100 != 0 || has_more_digits(text) {
            return None;
        }
        let days = i64::from(reading.at.num_days_from_ce()) - 1;
        let second = i64::from(reading.at.num_seconds_from_midnight());
        let ticks = days * DAY + second * SECOND + i64::from(reading.at.nanosecond() / 100);
        Some(ClockTime { ticks, offset: reading.zone.minutes() })
    }

    /// Adds the text of a time.
    pub fn write(&self, time: ClockTime, text: &mut String) {
        let (pieces, time) = match &self.0 {
            Form::Span(pieces) => return span::write(time.ticks, pieces, text),
            Form::GeneralSpan => return write(at(time), &clock(), text),
            Form::ConstantSpan => {
                let shown = if time.ticks % SECOND == 0 { 5 } else { 7 };
                return write(at(time), &clock()[..shown], text);
            }
            Form::Custom { pieces, utc: true } => {
                let ticks = time.ticks - i64::from(time.offset.unwrap_or(0)) * 60 * SECOND;
                (pieces, ClockTime { ticks, ..time })
            }
            Form::General(pieces) | Form::Custom { pieces, .. } => (pieces, time),
        };
        write(at(time), pieces, text);
    }

    /// Why texts of this format cannot be read, if they cannot.
    pub fn unreadable(&self) -> Option<String> {
        match &self.0 {
            Form::Custom { pieces, .. } => read::unreadable(pieces),
            _ => None,
        }
    }
}

fn at(time: ClockTime) -> Reading {
    let days = i32::try_from(time.ticks.div_euclid(DAY) + 1).unwrap_or(1);
    let of_day = time.ticks.rem_euclid(DAY);
    let clock = NaiveTime::from_num_seconds_from_midnight_opt((of_day / SECOND) as u32, (of_day % SECOND * 100) as u32);
    let date = NaiveDate::from_num_days_from_ce_opt(days).unwrap_or_default();
    let zone = time.offset.map_or(Zone::Unspecified, Zone::Offset);
    Reading { at: date.and_time(clock.unwrap_or_default()), zone }
}

fn clock() -> [Piece; 7] {
    let literal = |text: &str| Piece::Literal(text.to_owned());
    let field = Piece::Field;
    [field('H', 2), literal(":"), field('m', 2), literal(":"), field('s', 2), literal("."), field('f', 7)]
}

/// More than nine digits of a second are not kept, so that zeros among them do not show what was behind.
fn has_more_digits(text: &str) -> bool {
    let Some((_, fraction)) = text.rsplit_once('.') else { return false };
    let digits = fraction.bytes().take_while(u8::is_ascii_digit);
    digits.skip(7).any(|digit| digit != b'0')
}
