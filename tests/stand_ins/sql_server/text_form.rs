//! Text forms of values: how `CAST` to a string shows them and what `CAST` from a string reads (us_english).

use super::datum::{DAY_TICKS, Datum};
use super::{SqlError, SqlType};
use chrono::{Datelike, NaiveDate};

/// The text of a value, style 0 of old types and ISO of the new ones.
pub(super) fn text(datum: &Datum, from: SqlType) -> Result<String, SqlError> {
    Ok(match datum {
        Datum::Int(n) => n.to_string(),
        Datum::Decimal { units, .. } if matches!(from, SqlType::Money | SqlType::SmallMoney) => {
            let cents = (units.abs() + 50) / 100;
            decimal(if *units < 0 { -cents } else { cents }, 2)
        }
        Datum::Decimal { units, scale } => decimal(*units, *scale),
        Datum::Text(text) => text.clone(),
        Datum::Guid(wire) => guid(wire),
        Datum::Moment { day, ticks, offset } => match from {
            SqlType::Date => date(*day),
            SqlType::Time(digits) => time(*ticks, digits),
            SqlType::DateTime2(digits) => format!("{} {}", date(*day), time(*ticks, digits)),
            SqlType::DateTimeOffset(digits) => {
                let sign = if *offset < 0 { '-' } else { '+' };
                let minutes = offset.abs();
                format!("{} {} {sign}{:02}:{:02}", date(*day), time(*ticks, digits), minutes / 60, minutes % 60)
            }
            _ => return Err(SqlError::not_taught(format!("the text form of {from}: cast to datetime2 first"))),
        },
        Datum::Float(_) | Datum::Bytes(_) | Datum::Null => {
            return Err(SqlError::not_taught(format!("the text form of {from}")));
        }
    })
}

/// `units / 10^scale` in digits.
pub(super) fn decimal(units: i128, scale: u8) -> String {
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    let sign = if units < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// Units and scale of a decimal number without exponent.
pub(super) fn parse_decimal(text: &str) -> Option<(i128, u8)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.len() > 38 {
        return None;
    }
    let mut units = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        units = units.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    Some((sign * units, fraction.len() as u8))
}

/// Day since 0001-01-01, ticks and offset of an ISO text, as the target type takes it.
pub(super) fn parse_moment(text: &str, to: SqlType) -> Option<(i64, i64, i16)> {
    let is_time_only = matches!(to, SqlType::Time(_)) && !text.contains('-');
    let (day, rest) = if is_time_only { (super::datum::DAYS_TO_1900, text) } else { split_date(text)? };
    let (clock, offset) = split_offset(rest.trim_start_matches(['T', ' ']))?;
    if offset.is_some()
        && !matches!(to, SqlType::DateTimeOffset(_) | SqlType::DateTime2(_) | SqlType::Date | SqlType::Time(_))
    {
        return None;
    }
    let ticks = if clock.is_empty() { 0 } else { parse_clock(clock, to)? };
    Some((day, ticks, offset.unwrap_or(0)))
}

fn split_date(text: &str) -> Option<(i64, &str)> {
    let compact = text.len() >= 8 && text.as_bytes()[..8].iter().all(u8::is_ascii_digit);
    let (date, rest) = text.split_at_checked(if compact { 8 } else { 10 })?;
    if !(rest.is_empty() || rest.starts_with([' ', 'T'])) {
        return None;
    }
    let date = NaiveDate::parse_from_str(date, if compact { "%Y%m%d" } else { "%Y-%m-%d" }).ok()?;
    (1..=9999).contains(&date.year()).then(|| (i64::from(date.num_days_from_ce()) - 1, rest))
}

fn split_offset(text: &str) -> Option<(&str, Option<i16>)> {
    if let Some(clock) = text.strip_suffix('Z') {
        return Some((clock.trim_end(), Some(0)));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, None)) };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let minutes = hours.parse::<i16>().ok()? * 60 + minutes.parse::<i16>().ok()?;
    (minutes <= 840)
        .then(|| (text[..at].trim_end(), Some(if text[at..].starts_with('-') { -minutes } else { minutes })))
}

fn parse_clock(text: &str, to: SqlType) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = if matches!(to, SqlType::DateTime | SqlType::SmallDateTime) { 3 } else { 7 };
    if fraction.len() > digits || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let mut parts = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 || hours < 0 || minutes < 0 || seconds < 0 {
        return None;
    }
    let fraction: i64 = format!("{fraction:0<7}").parse().ok()?;
    let ticks = (hours * 3600 + minutes * 60 + seconds) * 10_000_000 + fraction;
    (ticks < DAY_TICKS).then_some(ticks)
}

fn date(day: i64) -> String {
    let date = NaiveDate::from_num_days_from_ce_opt(day as i32 + 1).unwrap_or_default();
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

fn time(ticks: i64, digits: u8) -> String {
    let seconds = ticks / 10_000_000;
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if digits == 0 {
        return clock;
    }
    let fraction = format!("{:07}", ticks % 10_000_000);
    format!("{clock}.{}", &fraction[..usize::from(digits)])
}

/// Groups in upper case; the first three are little-endian on the wire.
fn guid(wire: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes_le(*wire).hyphenated().to_string().to_ascii_uppercase()
}

/// Wire bytes of a hyphenated text, with braces or without.
pub(super) fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let text = text.trim_end();
    let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let bare = bare.get(..36)?;
    (bare.matches('-').count() == 4).then(|| uuid::Uuid::parse_str(bare).ok()).flatten().map(|uuid| uuid.to_bytes_le())
}
