//! Points in time as .NET reads and writes them, in the culture en-US, Data Factory's default.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};

/// A point in time to 100 ns, either in UTC or without a zone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    pub(super) at: NaiveDateTime,
    pub(super) utc: bool,
}

impl From<DateTime<Utc>> for Moment {
    fn from(at: DateTime<Utc>) -> Self {
        Self { at: at.naive_utc(), utc: true }
    }
}

/// The default format: `2018-03-15T13:00:00.0000000Z`.
pub(super) const ROUND_TRIP: &str = "yyyy-MM-ddTHH:mm:ss.fffffffK";

/// Reads ISO 8601 and `MM/dd/yyyy`, with or without a time. An offset is converted to UTC.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let (body, offset_minutes) = split_zone(text);
    let at = parse_local(body)
        .ok_or_else(|| format!("needs a date such as '2018-03-15T13:00:00Z' or '03/15/2018 12:00:00', got '{text}'"))?;
    match offset_minutes {
        None => Ok(Moment { at, utc: false }),
        Some(minutes) => at
            .checked_sub_signed(chrono::TimeDelta::minutes(minutes))
            .map(|at| Moment { at, utc: true })
            .ok_or_else(|| format!("needs a date in the years 1 to 9999, got '{text}'")),
    }
}

/// Writes by a standard (one letter) or custom format.
pub(super) fn format(moment: Moment, pattern: &str) -> Result<String, String> {
    let mut out = String::new();
    custom(moment, expand(pattern)?, &mut out)?;
    Ok(out)
}

fn parse_local(text: &str) -> Option<NaiveDateTime> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], text[at + 1..].trim()),
        None => (text, ""),
    };
    let date =
        ["%Y-%m-%d", "%m/%d/%Y", "%Y/%m/%d"].iter().find_map(|format| NaiveDate::parse_from_str(date, format).ok())?;
    if !(1..=9999).contains(&date.year()) {
        return None;
    }
    if time.is_empty() {
        return date.and_hms_opt(0, 0, 0);
    }
    let formats = ["%H:%M:%S%.f", "%H:%M", "%I:%M:%S %p", "%I:%M %p"];
    let time = formats.iter().find_map(|format| NaiveTime::parse_from_str(time, format).ok())?;
    Some(date.and_time(time.with_nanosecond(time.nanosecond() / 100 * 100)?))
}

/// The text without its zone, and the zone's minutes east of Greenwich.
fn split_zone(text: &str) -> (&str, Option<i64>) {
    if let Some(body) = text.strip_suffix(['Z', 'z']) {
        return (body.trim_end(), Some(0));
    }
    let Some(at) = text.rfind(['+', '-']).filter(|at| text[..*at].contains(':')) else { return (text, None) };
    let sign = if text.as_bytes()[at] == b'-' { -1 } else { 1 };
    let digits = text[at + 1..].replace(':', "");
    let minutes = match (digits.len(), digits.parse::<i64>()) {
        (2, Ok(hours)) => hours * 60,
        (4, Ok(both)) => both / 100 * 60 + both % 100,
        _ => return (text, None),
    };
    (text[..at].trim_end(), Some(sign * minutes))
}

/// A standard format's custom form.
fn expand(pattern: &str) -> Result<&str, String> {
    if pattern.chars().count() != 1 {
        return Ok(pattern);
    }
    Ok(match pattern {
        "o" | "O" => ROUND_TRIP,
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ss'Z'",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "d" => "M/d/yyyy",
        "D" => "dddd, MMMM d, yyyy",
        "t" => "h:mm tt",
        "T" => "h:mm:ss tt",
        "f" => "dddd, MMMM d, yyyy h:mm tt",
        "F" | "U" => "dddd, MMMM d, yyyy h:mm:ss tt",
        "g" => "M/d/yyyy h:mm tt",
        "G" => "M/d/yyyy h:mm:ss tt",
        "m" | "M" => "MMMM d",
        "y" | "Y" => "MMMM yyyy",
        other => return Err(format!("does not know the date format '{other}'")),
    })
}

fn custom(moment: Moment, pattern: &str, out: &mut String) -> Result<(), String> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while at < characters.len() {
        let letter = characters[at];
        let run = characters[at..].iter().take_while(|c| **c == letter).count();
        at += match letter {
            '\'' | '"' => {
                let closing = characters[at + 1..].iter().position(|c| *c == letter);
                let closing = closing.ok_or_else(|| format!("has a date format with an open quote: '{pattern}'"))?;
                out.extend(&characters[at + 1..at + 1 + closing]);
                closing + 2
            }
            '\\' => {
                out.extend(characters.get(at + 1));
                2
            }
            '%' => 1,
            _ if field(moment, letter, run, out) => run,
            _ => {
                out.push(letter);
                1
            }
        };
    }
    Ok(())
}

/// Writes one run of a format letter; false when the letter is no field.
fn field(moment: Moment, letter: char, run: usize, out: &mut String) -> bool {
    let at = moment.at;
    let number = |value: u32, width: usize| format!("{value:0width$}");
    let text = match (letter, run) {
        ('d', 1 | 2) => number(at.day(), run),
        ('d', 3) => at.format("%a").to_string(),
        ('d', _) => at.format("%A").to_string(),
        ('M', 1 | 2) => number(at.month(), run),
        ('M', 3) => at.format("%b").to_string(),
        ('M', _) => at.format("%B").to_string(),
        ('y', 1 | 2) => number(at.year().unsigned_abs() % 100, run),
        ('y', _) => number(at.year().unsigned_abs(), run),
        ('H', _) => number(at.hour(), run.min(2)),
        ('h', _) => number(at.hour12().1, run.min(2)),
        ('m', _) => number(at.minute(), run.min(2)),
        ('s', _) => number(at.second(), run.min(2)),
        ('f', 1..=7) => fraction(at, run),
        ('F', 1..=7) => {
            let digits = fraction(at, run);
            let digits = digits.trim_end_matches('0');
            if digits.is_empty() && out.ends_with('.') {
                out.pop();
            }
            digits.to_owned()
        }
        ('t', 1) => if at.hour() < 12 { "A" } else { "P" }.to_owned(),
        ('t', _) => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        ('g', _) => "A.D.".to_owned(),
        ('K', _) => if moment.utc { "Z" } else { "" }.repeat(run),
        ('z', 1) => "+0".to_owned(),
        ('z', 2) => "+00".to_owned(),
        ('z', _) => "+00:00".to_owned(),
        _ => return false,
    };
    out.push_str(&text);
    true
}

/// The first digits of the fraction of a second.
fn fraction(at: NaiveDateTime, digits: usize) -> String {
    format!("{:09}", at.nanosecond() % 1_000_000_000)[..digits].to_owned()
}
