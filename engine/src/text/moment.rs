//! Dates and times as ISO 8601 has them.

use chrono::{Datelike as _, NaiveDate};

const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A moment in UTC, in units of 100 ns since 0001-01-01, and the minutes of its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Units of 100 ns.
    pub ticks: i64,
    /// Minutes east of Greenwich.
    pub offset: i16,
}

/// `2024-02-29`, `2024-02-29T12:00:00.1234567+02:00` and what lies between; a space may stand for the T. Without an
/// offset it is UTC.
pub fn parse(text: &str) -> Option<Moment> {
    let (date, rest) = text.split_at_checked(10)?;
    let days = parse_date(date)?;
    let Some(rest) = rest.strip_prefix(['T', ' ', 't']) else {
        return rest.is_empty().then_some(Moment { ticks: days * DAY, offset: 0 });
    };
    let (clock, offset) = split_offset(rest.trim_end())?;
    let local = days * DAY + parse_clock(clock.trim_end())?;
    Some(Moment { ticks: local - i64::from(offset) * 60 * SECOND, offset })
}

/// `12:00`, `12:00:01` or `12:00:01.1234567` in units of 100 ns; digits behind the seventh must be zero.
pub fn parse_clock(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':').map(|part| digits(part, 2));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = parts.next().unwrap_or(Some(0))?;
    let is_time = parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60;
    let has_fraction = text.contains('.');
    if !is_time || has_fraction && (fraction.is_empty() || whole.len() < 8) {
        return None;
    }
    Some((hours * 3_600 + minutes * 60 + seconds) * SECOND + parse_fraction(fraction)?)
}

fn parse_fraction(text: &str) -> Option<i64> {
    let kept = text.get(..text.len().min(7))?;
    let rest_is_zero = text.get(kept.len()..)?.bytes().all(|digit| digit == b'0');
    if kept.is_empty() {
        return Some(0);
    }
    let ticks = digits(kept, kept.len())? * 10_i64.pow(7 - kept.len() as u32);
    rest_is_zero.then_some(ticks)
}

fn parse_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let date = NaiveDate::from_ymd_opt(digits(year, 4)? as i32, digits(month, 2)? as u32, digits(day, 2)? as u32)?;
    (date.year() >= 1).then(|| i64::from(date.num_days_from_ce()) - 1)
}

/// The clock, and the minutes of `Z` or `+02:00` behind it.
fn split_offset(text: &str) -> Option<(&str, i16)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (hours, minutes) = text.get(at + 1..)?.split_once(':')?;
    let offset = digits(hours, 2)? * 60 + digits(minutes, 2)?;
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    // SQL Server has offsets of 14 hours at most.
    (offset <= 14 * 60 && digits(minutes, 2)? < 60).then_some((&text[..at], sign * offset as i16))
}

fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_moments_are_read_to_the_tick() {
        let at = |ticks, offset| Some(Moment { ticks, offset });
        assert_eq!(parse("0001-01-01"), at(0, 0));
        assert_eq!(parse("0001-01-02 00:00"), at(DAY, 0));
        assert_eq!(parse("0001-01-01T00:00:01.0000001"), at(SECOND + 1, 0));
        assert_eq!(parse("0001-01-02T00:30:00.5000000+01:00"), at(DAY - 1_800 * SECOND + 5_000_000, 60));
        assert_eq!(parse("0001-01-01T00:00:00-14:00"), at(14 * 3_600 * SECOND, -840));
        assert_eq!(parse("9999-12-31T23:59:59.9999999Z"), at(3_652_059 * DAY - 1, 0));
        assert_eq!(parse_clock("23:59:59.123456700"), Some(86_399 * SECOND + 1_234_567));
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2024-02-30",
            "2024-2-03",
            "24-02-03",
            "0000-01-01",
            "2024-01-01T",
            "2024-01-01T24:00:00",
            "2024-01-01T12:60:00",
            "2024-01-01T12:00:00.",
            "2024-01-01T12:00:00.12345678",
            "2024-01-01T12:00:00+15:00",
            "2024-01-01T12:00:00+0200",
            "2024-01-01x",
            "01/02/2024",
            "2024-01-01T12:00:00+01:00x",
            "é024-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        for text in ["", "12", "12:00:00.12345678", "1:00", "12:00.5", "-1:00"] {
            assert_eq!(parse_clock(text), None, "{text}");
        }
    }
}
