mod applying;
mod conversions;
mod resolving;

use std::sync::Arc;

use super::{Mapping, Rules, Time, TimeFormat, TimeText};
use crate::text::{digits, moment};

const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;

/// `2024-02-29T12:00:00.1234567`, with an offset where there is one.
#[derive(Debug)]
struct Iso;

impl TimeText for Iso {
    fn read(&self, text: &str) -> Option<Time> {
        let moment::Moment { ticks, offset } = moment::parse(text)?;
        let has_offset = text.ends_with('Z')
            || text.len() > 6 && text[text.len() - 6..].starts_with(['+', '-']) && text.contains('T');
        Some(Time { ticks: ticks + i64::from(offset) * 60 * SECOND, offset: has_offset.then_some(offset) })
    }

    fn write(&self, time: Time, text: &mut String) {
        let mut bytes = Vec::new();
        digits::timestamp(time.ticks - 719_162 * DAY, SECOND, &mut bytes);
        text.push_str(&String::from_utf8(bytes).unwrap().replace(' ', "T"));
        if let Some(offset) = time.offset {
            text.push_str(&format!("{:+03}:{:02}", offset / 60, offset.abs() % 60));
        }
    }

    fn unreadable(&self) -> Option<String> {
        None
    }
}

/// `12:00:00.1234567`.
#[derive(Debug)]
struct Clock;

impl TimeText for Clock {
    fn read(&self, text: &str) -> Option<Time> {
        moment::parse_clock(text).map(|ticks| Time { ticks, offset: None })
    }

    fn write(&self, time: Time, text: &mut String) {
        let mut bytes = Vec::new();
        digits::time(time.ticks / SECOND, time.ticks % SECOND * 100, &mut bytes);
        text.push_str(&String::from_utf8(bytes).unwrap());
    }

    fn unreadable(&self) -> Option<String> {
        None
    }
}

/// Texts without a year.
#[derive(Debug)]
struct Yearless;

impl TimeText for Yearless {
    fn read(&self, _: &str) -> Option<Time> {
        None
    }

    fn write(&self, time: Time, text: &mut String) {
        text.push_str(&format!("day {}", time.ticks / DAY));
    }

    fn unreadable(&self) -> Option<String> {
        Some("no year".to_owned())
    }
}

fn rules(cuts: bool) -> Rules {
    let iso = || TimeFormat { is_given: false, text: Arc::new(Iso) };
    let time_span = TimeFormat { is_given: false, text: Arc::new(Clock) };
    Rules { cuts, booleans_as_numbers: false, date: iso(), date_time: iso(), date_time_offset: iso(), time_span }
}

/// Nothing but names.
fn by_name() -> Mapping {
    Mapping { additional: Vec::new(), columns: None, converts: false, rules: rules(true) }
}
