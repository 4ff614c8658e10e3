//! Digits of numbers, dates and times.

use std::{fmt, io::Write};

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// Exactly `scale` digits behind the point.
pub fn decimal(value: i128, scale: usize, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let digits = value.unsigned_abs();
    if scale == 0 {
        return integer(digits, out);
    }
    let divisor = 10_u128.pow(scale as u32);
    integer(digits / divisor, out);
    out.push(b'.');
    padded(digits % divisor, scale, out);
}

fn integer(value: u128, out: &mut Vec<u8>) {
    // Division of 128 bits is slow, and hardly any number needs it.
    match u64::try_from(value) {
        Ok(small) => padded_u64(small, 1, out),
        Err(_) => {
            let half = 10_u128.pow(19);
            integer(value / half, out);
            padded_u64((value % half) as u64, 19, out);
        }
    }
}

fn padded(value: u128, width: usize, out: &mut Vec<u8>) {
    match u64::try_from(value) {
        Ok(small) => padded_u64(small, width, out),
        Err(_) => {
            let half = 10_u128.pow(19);
            padded(value / half, width.saturating_sub(19).max(1), out);
            padded_u64((value % half) as u64, 19, out);
        }
    }
}

/// At least `width` digits, zeros in front.
pub fn padded_u64(mut value: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 40];
    let mut start = digits.len();
    while value > 0 {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    let start = start.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[start..]);
}

/// A whole number.
pub fn signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    padded_u64(value.unsigned_abs(), 1, out);
}

/// The shortest text that reads back as the same number.
pub fn float32(value: f32, out: &mut Vec<u8>) {
    float(value, value.into(), out);
}

/// The same for 64 bits.
pub fn float64(value: f64, out: &mut Vec<u8>) {
    float(value, value, out);
}

/// The shortest text that reads back as the same number; with an exponent where plain digits would
/// be many.
fn float(value: impl fmt::Display + fmt::UpperExp, wide: f64, out: &mut Vec<u8>) {
    let plain = wide == 0.0 || wide.is_nan() || (1e-5..1e15).contains(&wide.abs());
    // Writing to a Vec cannot fail.
    drop(if wide.is_infinite() {
        out.write_all(if wide > 0.0 { b"Infinity" } else { b"-Infinity" })
    } else if plain {
        write!(out, "{value}")
    } else {
        write!(out, "{value:E}")
    });
}

/// `yyyy-MM-dd` of a day since 1970-01-01.
pub fn date(day: i64, out: &mut Vec<u8>) {
    // Days to a civil date in the Gregorian calendar, counted from 0000-03-01 so that the leap day
    // is the last of its year.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    if year < 0 {
        out.push(b'-');
    }
    padded_u64(year.unsigned_abs(), 4, out);
    out.push(b'-');
    padded_u64(month as u64, 2, out);
    out.push(b'-');
    padded_u64(day_of_month as u64, 2, out);
}

/// `HH:mm:ss.fffffff` of a second of a day and its nanoseconds; nine digits where seven are too few.
pub fn time(second: i64, nanosecond: i64, out: &mut Vec<u8>) {
    for (part, separator) in [(second / 3600, b':'), (second / 60 % 60, b':'), (second % 60, b'.')] {
        padded_u64(part as u64, 2, out);
        out.push(separator);
    }
    if nanosecond % 100 == 0 {
        padded_u64((nanosecond / 100) as u64, 7, out);
    } else {
        padded_u64(nanosecond as u64, 9, out);
    }
}

/// Splits a count of ticks into whole seconds and nanoseconds.
pub fn seconds(ticks: i64, per_second: i64) -> (i64, i64) {
    (ticks.div_euclid(per_second), ticks.rem_euclid(per_second) * (SECOND / per_second))
}

/// `yyyy-MM-dd HH:mm:ss.fffffff` of a moment.
pub fn timestamp(ticks: i64, per_second: i64, out: &mut Vec<u8>) {
    let (second, nanosecond) = seconds(ticks, per_second);
    date(second.div_euclid(86_400), out);
    out.push(b' ');
    time(second.rem_euclid(86_400), nanosecond, out);
}
