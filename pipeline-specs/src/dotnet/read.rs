//! Reading by a format, every character of which must be there.

use chrono::{Datelike, NaiveDate, Weekday};

use super::{Piece, Reading, Zone};

/// Why texts of a format cannot be read, if they cannot.
pub(super) fn unreadable(pieces: &[Piece]) -> Option<String> {
    let has = |letters: &str, least: usize| {
        pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Field(letter, run) if letters.contains(*letter) && *run >= least))
    };
    let day = pieces.iter().any(|piece| matches!(piece, Piece::Field('d', 1 | 2)));
    let why = if has("y", 1) && !has("y", 4) {
        "a year of two digits could be of any century; use yyyy"
    } else if !has("y", 4) || !has("M", 1) || !day {
        "the format has no year, no month or no day"
    } else if has("h", 1) && !has("t", 1) {
        "hours from 1 to 12 need AM or PM (tt); use HH for those from 0 to 23"
    } else if has("g", 1) {
        "eras (g) are not read"
    } else {
        return None;
    };
    Some(why.to_owned())
}

/// The parts of a time that were read; a part that comes twice is the same both times.
#[derive(Default)]
struct Parts {
    values: [Option<u32>; 8],
    weekday: Option<Weekday>,
    zone: Option<Zone>,
}

const YEAR: usize = 0;
const MONTH: usize = 1;
const DAY: usize = 2;
const HOUR: usize = 3;
const HOUR_OF_12: usize = 4;
const MINUTE: usize = 5;
const SECOND: usize = 6;
const TICKS: usize = 7;

impl Parts {
    fn set(&mut self, part: usize, value: u32) -> Option<()> {
        (*self.values[part].get_or_insert(value) == value).then_some(())
    }

    fn reading(self, afternoon: Option<bool>) -> Option<Reading> {
        let [year, month, day, hour, hour_of_12, minute, second, ticks] = self.values;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year?).ok()?, month?, day?)?;
        let is_day = self.weekday.is_none_or(|weekday| weekday == date.weekday());
        let hour = match (hour, hour_of_12, afternoon) {
            (None, Some(12), Some(afternoon)) => {
                if afternoon {
                    12
                } else {
                    0
                }
            }
            (None, Some(hour @ 1..12), Some(afternoon)) => hour + if afternoon { 12 } else { 0 },
            (Some(hour), None, afternoon) if afternoon.is_none_or(|afternoon| afternoon == (hour >= 12)) => hour,
            (None, None, None) => 0,
            _ => return None,
        };
        let at = date.and_hms_nano_opt(hour, minute.unwrap_or(0), second.unwrap_or(0), ticks.unwrap_or(0) * 100)?;
        (is_day && at.year() >= 1).then_some(Reading { at, zone: self.zone.unwrap_or(Zone::Unspecified) })
    }
}

/// Reads a text that has every piece of the format and nothing else.
pub(super) fn exact(text: &str, pieces: &[Piece]) -> Option<Reading> {
    let (mut rest, mut parts, mut afternoon) = (text, Parts::default(), None);
    let mut pieces = pieces.iter().peekable();
    while let Some(piece) = pieces.next() {
        let (letter, run) = match piece {
            Piece::Field(letter, run) => (*letter, *run),
            Piece::Literal(literal) => {
                // The point before digits that may be missing may be missing too.
                if let (Some(Piece::Field('F', _)), Some(before)) = (pieces.peek(), literal.strip_suffix('.'))
                    && let Some(after) = rest.strip_prefix(before)
                    && !after.starts_with('.')
                {
                    rest = after;
                    pieces.next();
                    continue;
                }
                rest = rest.strip_prefix(literal.as_str())?;
                continue;
            }
        };
        match (letter, run) {
            ('y', 4) => parts.set(YEAR, digits(&mut rest, 4, 4)?)?,
            ('M', 1 | 2) => parts.set(MONTH, two(&mut rest, run)?)?,
            ('M', _) => parts.set(MONTH, 1 + named(&mut rest, &MONTHS, run)? as u32)?,
            ('d', 1 | 2) => parts.set(DAY, two(&mut rest, run)?)?,
            ('d', _) => {
                let weekday = Weekday::try_from(named(&mut rest, &DAYS, run)? as u8).ok()?;
                if *parts.weekday.get_or_insert(weekday) != weekday {
                    return None;
                }
            }
            ('H', _) => parts.set(HOUR, two(&mut rest, run)?)?,
            ('h', _) => parts.set(HOUR_OF_12, two(&mut rest, run)?)?,
            ('m', _) => parts.set(MINUTE, two(&mut rest, run)?)?,
            ('s', _) => parts.set(SECOND, two(&mut rest, run)?)?,
            ('f', _) => parts.set(TICKS, fraction(&mut rest, run, run)?)?,
            ('F', _) => parts.set(TICKS, fraction(&mut rest, 0, run)?)?,
            ('t', _) => afternoon = Some(named(&mut rest, &["AM", "PM"], if run == 1 { 1 } else { 4 })? == 1),
            ('K' | 'z', _) => parts.zone = Some(zone(&mut rest, letter, run)?),
            _ => return None,
        }
    }
    if rest.is_empty() { parts.reading(afternoon) } else { None }
}

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Between so many digits.
pub(super) fn digits(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(count);
    *rest = after;
    if count < least || count == 0 { None } else { digits.parse().ok() }
}

/// One or two digits, or exactly two.
pub(super) fn two(rest: &mut &str, run: usize) -> Option<u32> {
    digits(rest, run.min(2), 2)
}

/// Digits of a second, in units of 100 ns.
pub(super) fn fraction(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let before = rest.len();
    let value =
        if least == 0 && !rest.starts_with(|c: char| c.is_ascii_digit()) { 0 } else { digits(rest, least, most)? };
    Some(value * 10_u32.pow(7 - (before - rest.len()) as u32))
}

/// The position of a name, of which the first letters are written, or all where `run` is 4 or more.
fn named(rest: &mut &str, names: &[&str], run: usize) -> Option<usize> {
    names.iter().position(|name| {
        let name = if run < 4 { &name[..run] } else { name };
        match rest.split_at_checked(name.len()) {
            Some((text, after)) if text.eq_ignore_ascii_case(name) => {
                *rest = after;
                true
            }
            _ => false,
        }
    })
}

fn zone(rest: &mut &str, letter: char, run: usize) -> Option<Zone> {
    if letter == 'K' {
        if let Some(after) = rest.strip_prefix('Z') {
            *rest = after;
            return Some(Zone::Utc);
        }
        if !rest.starts_with(['+', '-']) {
            return Some(Zone::Unspecified);
        }
    }
    let sign = if rest.starts_with('-') { -1 } else { 1 };
    *rest = rest.strip_prefix(['+', '-'])?;
    let is_long = letter == 'K' || run >= 3;
    let hours = digits(rest, if run == 1 && !is_long { 1 } else { 2 }, 2)?;
    let minutes = if is_long {
        *rest = rest.strip_prefix(':')?;
        digits(rest, 2, 2)?
    } else {
        0
    };
    let minutes = i16::try_from(hours * 60 + minutes).ok().filter(|_| minutes < 60)?;
    // .NET has offsets of 14 hours at most.
    (minutes <= 14 * 60).then_some(Zone::Offset(sign * minutes))
}
