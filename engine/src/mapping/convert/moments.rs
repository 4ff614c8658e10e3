//! Dates, times and offsets, and texts of them.

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, PrimitiveArray},
    datatypes::{
        DataType, Date32Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
        TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    },
};

use super::{
    super::{Time, TimeText},
    Aim, Interim, Rules, Way, each, format_of, made, written,
};
use crate::text::{digits, moment};

/// Ticks of 100 ns.
const SECOND: i64 = 10_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;
/// Days from 0001-01-01 to 1970-01-01, and to 10000-01-01.
const DAYS_TO_1970: i64 = 719_162;
const DAYS_TO_10000: i64 = 3_652_059;

/// What becomes of dates, times and texts.
pub(super) fn conversion(from: Interim, to: Interim, aim: Aim, rules: &Rules) -> Option<Way> {
    let cuts = rules.cuts;
    match (from, to) {
        (Interim::String, Interim::TimeSpan) => spans_of_texts(aim, rules),
        (Interim::TimeSpan, Interim::String) => {
            let format = Arc::clone(&rules.time_span.text);
            made(DataType::Utf8, move |array| {
                let span = spans(array)?;
                Some(written(array, |row, text| put(span(row), &*format, cuts, text)))
            })
        }
        (moment, Interim::String) if moment.is_moment() => {
            let format = format_of(moment, rules)?;
            let (is_given, format) = (format.is_given, Arc::clone(&format.text));
            made(DataType::Utf8, move |array| {
                // Without a format the text that stands there is as good as any.
                if array.data_type() == &DataType::Utf8 && !is_given {
                    return Some(super::Converted { array: Arc::clone(array), misfits: Vec::new() });
                }
                let moment = moments(array)?;
                Some(written(array, |row, text| put(moment(row), &*format, cuts, text)))
            })
        }
        (Interim::String, to) if to.is_moment() => {
            let format = Arc::clone(&format_of(to, rules)?.text);
            becoming(to, aim, cuts, move |array| {
                let (texts, format) = (array.as_string_opt::<i32>()?.clone(), Arc::clone(&format));
                Some(Box::new(move |row| Some((read(&*format, texts.value(row), to)?, true))))
            })
        }
        // What a column of a table cannot hold, its sink says.
        (Interim::Date, Interim::DateTime) if aim == Aim::Table => Some(Way::AsItIs),
        (Interim::DateTime, Interim::Date) if aim == Aim::Table && !cuts => Some(Way::AsItIs),
        (Interim::DateTimeOffset, Interim::Date | Interim::DateTime) if aim == Aim::Table && !cuts => Some(Way::AsItIs),
        (from, to) if from.is_moment() && to.is_moment() => becoming(to, aim, cuts, moments),
        _ => None,
    }
}

/// A moment, and whether that is all of it: a unit finer than a tick may be left.
type Read<'a> = Box<dyn Fn(usize) -> Option<(Time, bool)> + 'a>;

/// The type's values, or the texts that tables read.
fn becoming(
    to: Interim,
    aim: Aim,
    cuts: bool,
    reader: impl for<'a> Fn(&'a ArrayRef) -> Option<Read<'a>> + Send + Sync + 'static,
) -> Option<Way> {
    let fit = move |moment: Option<(Time, bool)>| fitting(moment?, to, cuts);
    if aim == Aim::Table && to != Interim::Date || to == Interim::DateTimeOffset {
        return made(DataType::Utf8, move |array| {
            let moment = reader(array)?;
            Some(written(array, |row, text| fit(moment(row)).map(|time| iso(time, text)).is_some()))
        });
    }
    match to {
        Interim::Date => made(DataType::Date32, move |array| {
            let moment = reader(array)?;
            let day = |row| i32::try_from(fit(moment(row))?.ticks / DAY - DAYS_TO_1970).ok();
            Some(each::<PrimitiveArray<Date32Type>, _>(array, day))
        }),
        _ => made(to.data_type(), move |array| {
            let moment = reader(array)?;
            let micros = |row| {
                let ticks = fit(moment(row))?.ticks;
                (cuts || ticks % 10 == 0).then_some((ticks - DAYS_TO_1970 * DAY).div_euclid(10))
            };
            Some(each::<PrimitiveArray<TimestampMicrosecondType>, _>(array, micros))
        }),
    }
}

/// What is left of a moment in a type, if that is all of it or the rest may be cut off.
fn fitting((time, is_whole): (Time, bool), to: Interim, cuts: bool) -> Option<Time> {
    let offset = time.offset.unwrap_or(0);
    let (kept, is_exact) = match to {
        Interim::DateTimeOffset => (Time { offset: Some(offset), ..time }, true),
        Interim::Date => {
            let ticks = time.ticks - time.ticks.rem_euclid(DAY);
            (Time { ticks, offset: None }, ticks == time.ticks && offset == 0)
        }
        _ => (Time { offset: None, ..time }, offset == 0),
    };
    (cuts || is_exact && is_whole).then_some(kept)
}

fn put(time: Option<(Time, bool)>, format: &dyn TimeText, cuts: bool, text: &mut String) -> bool {
    match time {
        Some((time, is_whole)) if is_whole || cuts => {
            format.write(time, text);
            true
        }
        _ => false,
    }
}

/// A text as .NET reads it where the machine's time is UTC: an offset is applied where the type has none.
fn read(format: &dyn TimeText, text: &str, to: Interim) -> Option<Time> {
    let time = format.read(text)?;
    match (to, time.offset) {
        (Interim::DateTimeOffset, _) | (_, None) => Some(time),
        (_, Some(offset)) => {
            in_range(time.ticks - i64::from(offset) * MINUTE).map(|ticks| Time { ticks, offset: None })
        }
    }
}

fn in_range(ticks: i64) -> Option<i64> {
    (0..DAYS_TO_10000 * DAY).contains(&ticks).then_some(ticks)
}

/// `2024-02-29T12:00:00.1234567+02:00`: what every sink of ours reads.
fn iso(time: Time, text: &mut String) {
    let mut bytes = Vec::with_capacity(40);
    digits::date(time.ticks.div_euclid(DAY) - DAYS_TO_1970, &mut bytes);
    bytes.push(b'T');
    clock(time.ticks.rem_euclid(DAY), &mut bytes);
    if let Some(offset) = time.offset {
        bytes.push(if offset < 0 { b'-' } else { b'+' });
        digits::padded_u64(u64::from(offset.unsigned_abs() / 60), 2, &mut bytes);
        bytes.push(b':');
        digits::padded_u64(u64::from(offset.unsigned_abs() % 60), 2, &mut bytes);
    }
    text.push_str(&String::from_utf8_lossy(&bytes));
}

fn clock(ticks: i64, bytes: &mut Vec<u8>) {
    digits::time(ticks / SECOND, ticks % SECOND * 100, bytes);
}

fn moments(array: &ArrayRef) -> Option<Read<'_>> {
    fn stamps<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, per_second: i64, offset: Option<i16>) -> Read<'_> {
        let values = array.as_primitive::<T>();
        Box::new(move |row| {
            let (ticks, is_whole) = ticks(values.value(row), per_second)?;
            Some((Time { ticks: in_range(ticks.checked_add(DAYS_TO_1970 * DAY)?)?, offset }, is_whole))
        })
    }
    Some(match array.data_type() {
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            Box::new(|row| {
                let ticks = in_range((i64::from(days.value(row)) + DAYS_TO_1970).checked_mul(DAY)?)?;
                Some((Time { ticks, offset: None }, true))
            })
        }
        DataType::Timestamp(unit, zone) => {
            // Arrow keeps zoned moments in UTC.
            let offset = zone.as_ref().map(|_| 0);
            match unit {
                TimeUnit::Second => stamps::<TimestampSecondType>(array, 1, offset),
                TimeUnit::Millisecond => stamps::<TimestampMillisecondType>(array, 1_000, offset),
                TimeUnit::Microsecond => stamps::<TimestampMicrosecondType>(array, 1_000_000, offset),
                TimeUnit::Nanosecond => stamps::<TimestampNanosecondType>(array, 1_000_000_000, offset),
            }
        }
        // With offsets, as sources write them.
        DataType::Utf8 => {
            let texts = array.as_string::<i32>();
            Box::new(|row| {
                let moment::Moment { ticks, offset } = moment::parse(texts.value(row))?;
                Some((Time { ticks: in_range(ticks + i64::from(offset) * MINUTE)?, offset: Some(offset) }, true))
            })
        }
        _ => return None,
    })
}

fn spans(array: &ArrayRef) -> Option<Read<'_>> {
    fn times<T: ArrowPrimitiveType>(array: &ArrayRef, per_second: i64) -> Read<'_>
    where
        T::Native: Into<i64>,
    {
        let values = array.as_primitive::<T>();
        Box::new(move |row| {
            let (ticks, is_whole) = ticks(values.value(row).into(), per_second)?;
            Some((Time { ticks, offset: None }, is_whole))
        })
    }
    Some(match array.data_type() {
        DataType::Time32(TimeUnit::Second) => times::<Time32SecondType>(array, 1),
        DataType::Time32(_) => times::<Time32MillisecondType>(array, 1_000),
        DataType::Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(array, 1_000_000),
        DataType::Time64(_) => times::<Time64NanosecondType>(array, 1_000_000_000),
        _ => return None,
    })
}

fn spans_of_texts(aim: Aim, rules: &Rules) -> Option<Way> {
    let format = Arc::clone(&rules.time_span.text);
    // A day is the longest span that a time of the day can be.
    let span = move |text: &str| format.read(text).map(|time| time.ticks).filter(|ticks| (0..DAY).contains(ticks));
    if aim == Aim::Table {
        return made(DataType::Utf8, move |array| {
            let texts = array.as_string_opt::<i32>()?;
            Some(written(texts, |row, text| {
                let Some(ticks) = span(texts.value(row)) else { return false };
                let mut bytes = Vec::with_capacity(16);
                clock(ticks, &mut bytes);
                text.push_str(&String::from_utf8_lossy(&bytes));
                true
            }))
        });
    }
    made(Interim::TimeSpan.data_type(), move |array| {
        let texts = array.as_string_opt::<i32>()?;
        Some(each::<PrimitiveArray<Time64NanosecondType>, _>(texts, |row| Some(span(texts.value(row))? * 100)))
    })
}

/// Units of a second in ticks, and whether none is left over.
fn ticks(value: i64, per_second: i64) -> Option<(i64, bool)> {
    if per_second <= SECOND {
        return Some((value.checked_mul(SECOND / per_second)?, true));
    }
    let finer = per_second / SECOND;
    Some((value.div_euclid(finer), value.rem_euclid(finer) == 0))
}
