//! Exact parsing of the text that databases write for numbers, dates and times. What does not fit
//! exactly is a fault, never another value.

use arrow::datatypes::TimeUnit;

/// Why a text is not a value of its column; it goes into a message beside the column's name.
pub(super) type Reason = &'static str;

const NOT_A_NUMBER: Reason = "a value is not a number of the column's type";
const NOT_A_DATE: Reason = "a value is not a date of the calendar, or beyond the years that a file can hold";
const NOT_A_TIME: Reason = "a value is not a time of day";
const NOT_A_TIMESTAMP: Reason = "a value is not a point in time, or beyond the range that a file can hold";
const TOO_FINE: Reason = "a value has more decimal digits than the column declares";

const SECONDS_PER_DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;

/// A whole number.
pub(super) fn whole<T: std::str::FromStr>(text: &[u8]) -> Result<T, Reason> {
    std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).ok_or(NOT_A_NUMBER)
}

/// A double, `p` and a power of two behind it if it was scaled; a whole number too large to be one
/// exactly is a fault.
pub(super) fn double(text: &[u8]) -> Result<f64, Reason> {
    let text = std::str::from_utf8(text).map_err(|_| NOT_A_NUMBER)?;
    if let Some((digits, exponent)) = text.split_once('p') {
        let scaled: f64 = digits.parse().map_err(|_| NOT_A_NUMBER)?;
        let exponent: i32 = exponent.parse().map_err(|_| NOT_A_NUMBER)?;
        return Ok(scaled * 2_f64.powi(exponent));
    }
    let value: f64 = text.trim().parse().map_err(|_| NOT_A_NUMBER)?;
    match text.trim().parse::<i64>() {
        Ok(whole) if value as i128 != i128::from(whole) => Err(NOT_A_NUMBER),
        _ => Ok(value),
    }
}

/// A truth value as a database without a type for it keeps it, or as one bit in a byte.
pub(super) fn boolean(text: &[u8]) -> Result<bool, Reason> {
    match text {
        b"1" | [1] => Ok(true),
        b"0" | [0] => Ok(false),
        _ if text.eq_ignore_ascii_case(b"true") => Ok(true),
        _ if text.eq_ignore_ascii_case(b"false") => Ok(false),
        _ => Err("a value is neither true nor false"),
    }
}

/// A decimal as its digits without the point, `scale` of them after it.
pub(super) fn decimal(text: &[u8], precision: u8, scale: i8) -> Result<i128, Reason> {
    let scale = usize::try_from(scale).map_err(|_| NOT_A_NUMBER)?;
    let (negative, digits) = match text.trim_ascii() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let point = digits.iter().position(|&byte| byte == b'.').unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    let kept = fraction.len().min(scale);
    if fraction[kept..].iter().any(|&byte| byte != b'0') {
        let numeric = fraction.iter().all(u8::is_ascii_digit);
        return Err(if numeric { TOO_FINE } else { NOT_A_NUMBER });
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err(NOT_A_NUMBER);
    }
    let mut value: i128 = 0;
    let padding = std::iter::repeat_n(&b'0', scale - kept);
    for &byte in whole.iter().chain(&fraction[..kept]).chain(padding) {
        if !byte.is_ascii_digit() {
            return Err(NOT_A_NUMBER);
        }
        value = value.checked_mul(10).and_then(|v| v.checked_add((byte - b'0').into())).ok_or(NOT_A_NUMBER)?;
    }
    if value >= 10_i128.pow(precision.into()) {
        return Err("a value has more digits than the column declares");
    }
    Ok(if negative { -value } else { value })
}

/// `YYYY-MM-DD`, a longer year, ` BC`: days since 1970.
pub(super) fn date(text: &[u8]) -> Result<i32, Reason> {
    let (text, before_christ) = without_era(text);
    let (days, rest) = days(text, before_christ)?;
    if rest.is_empty() { i32::try_from(days).map_err(|_| NOT_A_DATE) } else { Err(NOT_A_DATE) }
}

/// `HH:MM:SS[.fraction]` of a day, in units since midnight.
pub(super) fn time(text: &[u8], unit: TimeUnit) -> Result<i64, Reason> {
    let (seconds, nanos, rest) = clock(text)?;
    if !rest.is_empty() || seconds >= SECONDS_PER_DAY {
        return Err(NOT_A_TIME);
    }
    in_unit(seconds, nanos, unit)
}

/// `YYYY-MM-DD HH:MM:SS[.fraction]` in units since 1970. An offset may follow if the column is an
/// instant; it must not otherwise.
pub(super) fn timestamp(text: &[u8], unit: TimeUnit, utc: bool) -> Result<i64, Reason> {
    let (text, before_christ) = without_era(text);
    let (days, rest) = days(text, before_christ).map_err(|_| NOT_A_TIMESTAMP)?;
    let rest = match rest {
        [] => return in_unit(days * SECONDS_PER_DAY, 0, unit),
        [b' ' | b'T', rest @ ..] => rest,
        _ => return Err(NOT_A_TIMESTAMP),
    };
    let (seconds, nanos, rest) = clock(rest).map_err(|_| NOT_A_TIMESTAMP)?;
    let offset = match rest {
        [] => 0,
        _ if !utc => return Err("a value has a time zone and the column has none; cast it in the query"),
        _ => offset(rest)?,
    };
    in_unit(days * SECONDS_PER_DAY + seconds - offset, nanos, unit)
}

/// Seconds and nanoseconds in the column's unit.
pub(super) fn in_unit(seconds: i64, nanos: i64, unit: TimeUnit) -> Result<i64, Reason> {
    let whole = match unit {
        TimeUnit::Nanosecond => seconds.checked_mul(NANOS).and_then(|it| it.checked_add(nanos)),
        _ if nanos % 1_000 != 0 => return Err(TOO_FINE),
        _ => seconds.checked_mul(1_000_000).and_then(|it| it.checked_add(nanos / 1_000)),
    };
    whole.ok_or(NOT_A_TIMESTAMP)
}

/// Days since 1970 of a date of the proleptic Gregorian calendar.
pub(super) fn civil(year: i64, month: i64, day: i64) -> Result<i64, Reason> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return Err(NOT_A_DATE),
    };
    if !(1..=last).contains(&day) {
        return Err(NOT_A_DATE);
    }
    // Years begin in March here, so that the day added in a leap year is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Ok(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

fn without_era(text: &[u8]) -> (&[u8], bool) {
    text.strip_suffix(b" BC").map_or((text, false), |text| (text, true))
}

fn days(text: &[u8], before_christ: bool) -> Result<(i64, &[u8]), Reason> {
    let (year, rest) = digits(text, 4, 7).ok_or(NOT_A_DATE)?;
    let (month, rest) = after(rest, b'-').and_then(|rest| digits(rest, 2, 2)).ok_or(NOT_A_DATE)?;
    let (day, rest) = after(rest, b'-').and_then(|rest| digits(rest, 2, 2)).ok_or(NOT_A_DATE)?;
    // There is no year 0: 1 BC is the year before 1. A database that writes 0000 writes no date.
    if year == 0 {
        return Err(NOT_A_DATE);
    }
    let year = if before_christ { 1 - year } else { year };
    Ok((civil(year, month, day)?, rest))
}

/// Seconds, nanoseconds and what follows. A day has 24 hours, so that 23:59:60 is no time.
fn clock(text: &[u8]) -> Result<(i64, i64, &[u8]), Reason> {
    let (hours, rest) = digits(text, 2, 2).ok_or(NOT_A_TIME)?;
    let (minutes, rest) = after(rest, b':').and_then(|rest| digits(rest, 2, 2)).ok_or(NOT_A_TIME)?;
    let (seconds, rest) = match after(rest, b':') {
        Some(rest) => digits(rest, 2, 2).ok_or(NOT_A_TIME)?,
        None => (0, rest),
    };
    if hours > 24 || minutes > 59 || seconds > 59 {
        return Err(NOT_A_TIME);
    }
    let (nanos, rest) = match rest {
        [b'.', rest @ ..] => fraction(rest)?,
        _ => (0, rest),
    };
    Ok((hours * 3600 + minutes * 60 + seconds, nanos, rest))
}

fn fraction(text: &[u8]) -> Result<(i64, &[u8]), Reason> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || digits.iter().skip(9).any(|&byte| byte != b'0') {
        return Err(TOO_FINE);
    }
    let nanos = (0..9).fold(0, |nanos, place| nanos * 10 + digits.get(place).map_or(0, |byte| i64::from(byte - b'0')));
    Ok((nanos, rest))
}

/// `Z`, `+HH`, `+HH:MM`, `+HH:MM:SS` in seconds.
fn offset(text: &[u8]) -> Result<i64, Reason> {
    let (sign, text) = match text {
        b"Z" => return Ok(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(NOT_A_TIMESTAMP),
    };
    let mut seconds = 0;
    let mut rest = text;
    for weight in [3600, 60, 1] {
        let (part, after_part) = digits(rest, 2, 2).filter(|(part, _)| *part < 60).ok_or(NOT_A_TIMESTAMP)?;
        seconds += part * weight;
        match after_part {
            [] => return Ok(sign * seconds),
            [b':', next @ ..] => rest = next,
            _ => return Err(NOT_A_TIMESTAMP),
        }
    }
    Err(NOT_A_TIMESTAMP)
}

fn after(text: &[u8], separator: u8) -> Option<&[u8]> {
    text.split_first().filter(|(first, _)| **first == separator).map(|(_, rest)| rest)
}

/// A number of `least` to `most` digits, and what follows it.
fn digits(text: &[u8], least: usize, most: usize) -> Option<(i64, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length < least || length > most {
        return None;
    }
    let number = text[..length].iter().fold(0, |number, byte| number * 10 + i64::from(byte - b'0'));
    Some((number, &text[length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: TimeUnit = TimeUnit::Microsecond;
    const NS: TimeUnit = TimeUnit::Nanosecond;

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(decimal(b"-0.05", 10, 2), Ok(-5));
        assert_eq!(decimal(b"1.5000", 10, 2), Ok(150));
        assert_eq!(decimal(b".5", 10, 2), Ok(50));
        assert_eq!(decimal(b"7", 10, 2), Ok(700));
        let nines = "9".repeat(38);
        assert_eq!(decimal(nines.as_bytes(), 38, 0), Ok(10_i128.pow(38) - 1));
        for text in ["", ".", "-", "NaN", "1e5", "1.005", "1.2.3", "123456789.00", "Infinity"] {
            assert!(decimal(text.as_bytes(), 10, 2).is_err(), "{text}");
        }
        assert!(decimal(format!("{nines}9").as_bytes(), 38, 0).is_err());
    }

    #[test]
    fn doubles_keep_whole_numbers() {
        assert_eq!(double(b"0.33333333333333331"), Ok(1.0 / 3.0));
        assert_eq!(double(b"9007199254740992"), Ok(9_007_199_254_740_992.0));
        assert_eq!(double(b"-1.5p720"), Ok(-1.5 * 2_f64.powi(720)));
        assert_eq!(double(b"1p-600"), Ok(2_f64.powi(-600)));
        assert!(double(b"1p").is_err());
        assert!(double(b"9007199254740993").is_err());
        assert!(double(b"9223372036854775807").is_err());
        assert!(double(b"abc").is_err());
    }

    #[test]
    fn dates_follow_the_calendar() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1969-12-31", -1),
            ("2000-02-29", 11_016),
            ("9999-12-31", 2_932_896),
            ("0001-01-01", -719_162),
            ("0001-12-31 BC", -719_163),
            ("0044-03-15 BC", -735_160),
        ] {
            assert_eq!(date(text.as_bytes()), Ok(days), "{text}");
        }
        for text in ["0000-00-00", "2023-02-29", "infinity", "2024-13-01", "24-01-01", "2024-01-01x", ""] {
            assert!(date(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_need_no_zone_and_local_times_refuse_one() {
        let micros = 1_704_164_645_123_456;
        assert_eq!(timestamp(b"2024-01-02 03:04:05.123456", US, false), Ok(micros));
        assert_eq!(timestamp(b"2024-01-02 03:04:05.123456+00", US, true), Ok(micros));
        assert_eq!(timestamp(b"2024-01-02T05:04:05.123456+02:00", US, true), Ok(micros));
        assert_eq!(timestamp(b"2024-01-02 03:04:05.123456789", NS, false), Ok(micros * 1000 + 789));
        assert!(timestamp(b"2024-01-02 03:04:05+00", US, false).is_err());
        assert!(timestamp(b"2024-01-02 03:04:05.1234567", US, false).is_err());
        assert!(timestamp(b"infinity", US, true).is_err());
        assert!(timestamp(b"9999-12-31 00:00:00", NS, false).is_err());
    }

    #[test]
    fn times_are_of_one_day() {
        assert_eq!(time(b"23:59:59.999999", US), Ok(86_399_999_999));
        assert_eq!(time(b"00:00", US), Ok(0));
        for text in ["24:00:00", "-838:59:59", "12:60:00", "99:99:99", "12:00:00+02"] {
            assert!(time(text.as_bytes(), US).is_err(), "{text}");
        }
    }
}
