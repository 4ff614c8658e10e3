//! The texts of cells.

use calamine::{DataRef, ExcelDateTime};
use ropeway_engine::text::digits;

/// Dates of Excel end before this one, 10000-01-01.
const LAST: f64 = 2_958_466.0;

/// The text of a cell; `None` if it is empty.
pub(super) fn text(value: &DataRef<'_>) -> Option<String> {
    Some(match value {
        DataRef::Empty => return None,
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => float(*number),
        DataRef::Bool(true) => "True".to_owned(),
        DataRef::Bool(false) => "False".to_owned(),
        DataRef::DateTime(moment) => date(moment),
        DataRef::Error(error) => error.to_string(),
    })
}

/// Whole numbers up to here are doubles, all of them.
const WHOLE: f64 = 9_007_199_254_740_992.0;

fn float(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() <= WHOLE && number != 0.0 {
        return (number as i64).to_string();
    }
    let mut text = Vec::new();
    digits::float64(number, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What Excel shows is of milliseconds; a value that is no date of Excel's stays a number.
fn date(moment: &ExcelDateTime) -> String {
    let value = moment.as_f64();
    if moment.is_duration() {
        return span(value);
    }
    if !(0.0..LAST).contains(&value) {
        return float(value);
    }
    let (year, month, day, hour, minute, second, millisecond) = moment.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}.{millisecond:03}");
    // Below one there is a time and no day.
    if value < 1.0 { time } else { format!("{year:04}-{month:02}-{day:02} {time}") }
}

/// `[-][d.]hh:mm:ss.fff`.
fn span(days: f64) -> String {
    let milliseconds = (days.abs() * 86_400_000.0).round();
    if milliseconds >= 9e15 {
        return float(days);
    }
    let all = milliseconds as u64;
    let (day, rest) = (all / 86_400_000, all % 86_400_000);
    let sign = if days < 0.0 && all > 0 { "-" } else { "" };
    let days = if day > 0 { format!("{day}.") } else { String::new() };
    let (seconds, millisecond) = (rest / 1000, rest % 1000);
    format!("{sign}{days}{:02}:{:02}:{:02}.{millisecond:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
