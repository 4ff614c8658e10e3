//! The forms in which a date is read where no format is given.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Weekday};

use super::{
    Reading, Zone,
    read::{DAYS, MONTHS},
};

/// ISO 8601, `MM/dd/yyyy` and dates with the name of their month (`15 Mar 2018`, `Thursday, March 15, 2018`), with or
/// without a time, and an offset, `Z` or `GMT` behind it.
pub(crate) fn general(text: &str) -> Option<Reading> {
    let (body, zone) = split_zone(text.trim())?;
    Some(Reading { at: numbered(body).or_else(|| named(body))?, zone })
}

fn numbered(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    // A year of two digits could be of any century.
    let has_year = date.split(['-', '/']).any(|part| part.len() == 4);
    let date =
        ["%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d"].iter().find_map(|format| NaiveDate::parse_from_str(date, format).ok())?;
    if has_year { at(date, time) } else { None }
}

/// `[weekday,] day month year` or `[weekday,] month day[,] year`; a weekday must be the right one.
fn named(text: &str) -> Option<NaiveDateTime> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty()).peekable();
    let weekday = words.peek().and_then(|word| place(word, &DAYS));
    if weekday.is_some() {
        words.next();
    }
    let (first, second, year) = (words.next()?, words.next()?, words.next()?);
    let (month, day) = match (place(first, &MONTHS), place(second, &MONTHS)) {
        (Some(month), None) => (month, second),
        (None, Some(month)) => (month, first),
        _ => return None,
    };
    let is_number = |text: &str| text.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(day) || !is_number(year) || year.len() != 4 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month as u32 + 1, day.parse().ok()?)?;
    let is_day = weekday.is_none_or(|weekday| Weekday::try_from(weekday as u8) == Ok(date.weekday()));
    let time: Vec<&str> = words.collect();
    if is_day { at(date, &time.join(" ")) } else { None }
}

/// The place of a name that is written out or by its first three letters.
fn place(word: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|name| name.eq_ignore_ascii_case(word) || name[..3].eq_ignore_ascii_case(word))
}

fn at(date: NaiveDate, time: &str) -> Option<NaiveDateTime> {
    if !(1..=9999).contains(&date.year()) {
        return None;
    }
    if time.is_empty() {
        return date.and_hms_opt(0, 0, 0);
    }
    let formats = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M %p"];
    let time = formats.iter().find_map(|format| NaiveTime::parse_from_str(time, format).ok())?;
    // A second that is called 60 is none that .NET knows.
    (time.nanosecond() < 1_000_000_000).then_some(date.and_time(time))
}

/// The text without its zone; nothing if it is an offset that .NET does not have.
fn split_zone(text: &str) -> Option<(&str, Zone)> {
    if let Some(body) = text.strip_suffix(['Z', 'z']) {
        return Some((body.trim_end(), Zone::Utc));
    }
    if let Some(body) = text.strip_suffix("GMT") {
        return Some((body.trim_end(), Zone::Utc));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|at| text[..*at].contains(':')) else {
        return Some((text, Zone::Unspecified));
    };
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let digits = text[at + 1..].replace(':', "");
    let minutes = match (digits.len(), digits.parse::<i16>()) {
        (2, Ok(hours)) => hours * 60,
        (4, Ok(both)) if both % 100 < 60 => both / 100 * 60 + both % 100,
        _ => return None,
    };
    (0..=14 * 60).contains(&minutes).then(|| (text[..at].trim_end(), Zone::Offset(sign * minutes)))
}
