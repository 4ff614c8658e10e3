//! Dates and times of the wire, from Arrow's and from ISO 8601 texts. SQL Server counts 100 ns, here called ticks.

use arrow::{
    array::{Array, ArrayRef, AsArray as _, PrimitiveArray},
    buffer::NullBuffer,
    datatypes::{
        ArrowPrimitiveType, DataType, Date32Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
        Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    },
};
use ropeway_engine::text::moment::{self, Moment};

use super::{
    super::super::rows::time::{DAY, DAYS_TO_1970, milliseconds},
    Form, Made, OTHER_TYPE,
    cells::Fixed,
    numbers::{all, primitive},
};

/// From 0001-01-01 to 1900-01-01, in days.
const DAYS_TO_1900: i64 = 693_595;
/// The day behind 9999-12-31.
const DAYS: i64 = 3_652_059;

const NO_DATE: &str = "a date lies outside of those that the column's type has; CAST it in the source's query";
const NOT_ISO: &str = "a text is no date or time in ISO 8601, such as 2024-02-29T12:00:00.1234567+02:00; CAST it in the \
     source's query";
const TOO_FINE: &str = "a time has more digits than the column keeps; widen the column, or accept that it is rounded \
     with --lossy allow";

pub(crate) fn date<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let Some(dates) = array.as_primitive_opt::<Date32Type>() else { return date_of_moment(array, form) };
    let fits = |days: i32| (0..DAYS).contains(&(i64::from(days) + DAYS_TO_1970));
    all(dates, fits).then_some(()).ok_or(NO_DATE)?;
    let values = dates.values().as_ref();
    Ok(Box::new(Fixed::new(dates.nulls(), move |row| three(i64::from(values[row]) + DAYS_TO_1970))))
}

/// The day of a moment, whose time of day is midnight or may be lost.
fn date_of_moment<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let (moments, nulls) = moments(array, form)?;
    if !form.rounds && moments.iter().any(|moment| moment.ticks % DAY != 0) {
        return Err(TOO_FINE);
    }
    Ok(Box::new(Fixed::new(nulls.as_ref(), move |row| three(moments[row].ticks.div_euclid(DAY)))))
}

pub(crate) fn time<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let (moments, nulls) = times_of_day(array, form)?;
    Ok(match form.scale {
        0..=2 => Box::new(Fixed::new(nulls.as_ref(), scaled::<3>(moments, form.scale))),
        3..=4 => Box::new(Fixed::new(nulls.as_ref(), scaled::<4>(moments, form.scale))),
        _ => Box::new(Fixed::new(nulls.as_ref(), scaled::<5>(moments, form.scale))),
    })
}

pub(crate) fn datetime2<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let (moments, nulls) = moments(array, form)?;
    Ok(match form.scale {
        0..=2 => Box::new(Fixed::new(nulls.as_ref(), scaled::<6>(moments, form.scale))),
        3..=4 => Box::new(Fixed::new(nulls.as_ref(), scaled::<7>(moments, form.scale))),
        _ => Box::new(Fixed::new(nulls.as_ref(), scaled::<8>(moments, form.scale))),
    })
}

pub(crate) fn datetimeoffset<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let (moments, nulls) = moments(array, form)?;
    Ok(match form.scale {
        0..=2 => Box::new(Fixed::new(nulls.as_ref(), scaled::<8>(moments, form.scale))),
        3..=4 => Box::new(Fixed::new(nulls.as_ref(), scaled::<9>(moments, form.scale))),
        _ => Box::new(Fixed::new(nulls.as_ref(), scaled::<10>(moments, form.scale))),
    })
}

/// The time of day in the column's unit, then as many more bytes as there are: the day, and the offset. `N` and the
/// scale tell them apart: a time has 3 to 5 bytes, with a day 6 to 8, with an offset 8 to 10.
fn scaled<const N: usize>(moments: Vec<Moment>, scale: u8) -> impl Fn(usize) -> [u8; N] {
    let step = step(scale);
    let clock = clock_bytes(scale);
    move |row| {
        let Moment { ticks, offset } = moments[row];
        let mut bytes = [0; N];
        bytes[..clock].copy_from_slice(&(ticks.rem_euclid(DAY) / step).to_le_bytes()[..clock]);
        if N >= clock + 3 {
            bytes[clock..clock + 3].copy_from_slice(&three(ticks.div_euclid(DAY)));
        }
        if N == clock + 5 {
            bytes[clock + 3..].copy_from_slice(&offset.to_le_bytes());
        }
        bytes
    }
}

/// Days since 1900 and 1/300 s.
pub(crate) fn datetime<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let (moments, nulls) = moments(array, &Form { scale: 7, ..form.clone() })?;
    let mut values = Vec::with_capacity(moments.len());
    for Moment { ticks, .. } in moments {
        let (mut day, clock) = (ticks.div_euclid(DAY) - DAYS_TO_1900, ticks.rem_euclid(DAY));
        let mut steps = ((clock * 3 + 50_000) / 100_000) as u32;
        if !form.rounds && milliseconds(steps) * 10_000 != clock {
            return Err(TOO_FINE);
        }
        if steps == 86_400 * 300 {
            (day, steps) = (day + 1, 0);
        }
        values.push((day, steps));
    }
    let range = -53_690..DAYS - DAYS_TO_1900;
    let fits = |(row, (day, _)): (usize, &(i64, u32))| is_null(nulls.as_ref(), row) || range.contains(day);
    values.iter().enumerate().all(fits).then_some(()).ok_or(NO_DATE)?;
    Ok(Box::new(Fixed::new(nulls.as_ref(), move |row| {
        let (day, steps) = values[row];
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&(day as i32).to_le_bytes());
        bytes[4..].copy_from_slice(&steps.to_le_bytes());
        bytes
    })))
}

/// Days since 1900 and minutes.
pub(crate) fn smalldatetime<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    const MINUTE: i64 = 600_000_000;
    let (moments, nulls) = moments(array, &Form { scale: 7, ..form.clone() })?;
    if !form.rounds && moments.iter().any(|moment| moment.ticks % MINUTE != 0) {
        return Err(TOO_FINE);
    }
    let minutes: Vec<i64> =
        moments.iter().map(|moment| (moment.ticks + MINUTE / 2) / MINUTE - DAYS_TO_1900 * 1_440).collect();
    let fits = |(row, minutes): (usize, &i64)| is_null(nulls.as_ref(), row) || (0..65_536 * 1_440).contains(minutes);
    minutes.iter().enumerate().all(fits).then_some(()).ok_or(NO_DATE)?;
    Ok(Box::new(Fixed::new(nulls.as_ref(), move |row| {
        let [days, clock] = [minutes[row] / 1_440, minutes[row] % 1_440].map(|part| (part as u16).to_le_bytes());
        [days[0], days[1], clock[0], clock[1]]
    })))
}

fn is_null(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

type Moments = (Vec<Moment>, Option<NullBuffer>);

/// The moments of a column in ticks since 0001-01-01, with no more digits than the column keeps. A null is some moment.
fn moments(array: &ArrayRef, form: &Form) -> Result<Moments, &'static str> {
    const SECOND: i64 = 10_000_000;
    let epoch = DAYS_TO_1970 * DAY;
    let moments = match array.data_type() {
        DataType::Utf8 => of_texts(array, moment::parse)?,
        DataType::Date32 => of_units::<Date32Type>(array, [DAY, 1], epoch, form)?,
        DataType::Timestamp(TimeUnit::Second, _) => of_units::<TimestampSecondType>(array, [SECOND, 1], epoch, form)?,
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            of_units::<TimestampMillisecondType>(array, [SECOND / 1_000, 1], epoch, form)?
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            of_units::<TimestampMicrosecondType>(array, [10, 1], epoch, form)?
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            of_units::<TimestampNanosecondType>(array, [1, 100], epoch, form)?
        }
        _ => return Err(OTHER_TYPE),
    };
    rounded(moments, array.nulls(), form, DAYS * DAY)
}

/// The times of a column in ticks since midnight.
fn times_of_day(array: &ArrayRef, form: &Form) -> Result<Moments, &'static str> {
    let moments = match array.data_type() {
        DataType::Utf8 => of_texts(array, |text| moment::parse_clock(text).map(|ticks| Moment { ticks, offset: 0 }))?,
        DataType::Time32(TimeUnit::Second) => of_units::<Time32SecondType>(array, [10_000_000, 1], 0, form)?,
        DataType::Time32(_) => of_units::<Time32MillisecondType>(array, [10_000, 1], 0, form)?,
        DataType::Time64(TimeUnit::Microsecond) => of_units::<Time64MicrosecondType>(array, [10, 1], 0, form)?,
        DataType::Time64(_) => of_units::<Time64NanosecondType>(array, [1, 100], 0, form)?,
        _ => return Err(OTHER_TYPE),
    };
    rounded(moments, array.nulls(), form, DAY)
}

fn of_texts(array: &ArrayRef, parse: impl Fn(&str) -> Option<Moment>) -> Result<Vec<Moment>, &'static str> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let none = Moment { ticks: 0, offset: 0 };
    texts.iter().map(|text| text.map_or(Some(none), |text| parse(text.trim()))).collect::<Option<_>>().ok_or(NOT_ISO)
}

/// A unit is so many ticks, or so many units are a tick.
fn of_units<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    [ticks, units]: [i64; 2],
    epoch: i64,
    form: &Form,
) -> Result<Vec<Moment>, &'static str>
where
    T::Native: Into<i64>,
{
    let array: &PrimitiveArray<T> = primitive::<T>(array)?;
    if units > 1 && !form.rounds && !all(array, |value| value.into() % units == 0) {
        return Err(TOO_FINE);
    }
    let mut moments = Vec::with_capacity(array.len());
    for (row, value) in array.values().iter().enumerate() {
        let value: i64 = (*value).into();
        let since =
            if units > 1 { Some(value.saturating_add(units / 2).div_euclid(units)) } else { value.checked_mul(ticks) };
        match since.and_then(|since| since.checked_add(epoch)) {
            Some(ticks) => moments.push(Moment { ticks, offset: 0 }),
            None if array.is_null(row) => moments.push(Moment { ticks: 0, offset: 0 }),
            None => return Err(NO_DATE),
        }
    }
    Ok(moments)
}

fn rounded(
    mut moments: Vec<Moment>,
    nulls: Option<&NullBuffer>,
    form: &Form,
    end: i64,
) -> Result<Moments, &'static str> {
    let step = step(form.scale);
    for (row, moment) in moments.iter_mut().enumerate() {
        if is_null(nulls, row) {
            *moment = Moment { ticks: 0, offset: 0 };
        }
        if moment.ticks % step != 0 {
            if !form.rounds {
                return Err(TOO_FINE);
            }
            moment.ticks = (moment.ticks + step / 2).div_euclid(step) * step;
        }
        if !(0..end).contains(&moment.ticks) {
            return Err(NO_DATE);
        }
    }
    Ok((moments, nulls.cloned()))
}

fn step(scale: u8) -> i64 {
    10_i64.pow(u32::from(7 - scale.min(7)))
}

fn clock_bytes(scale: u8) -> usize {
    match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

fn three(days: i64) -> [u8; 3] {
    let [a, b, c, ..] = days.to_le_bytes();
    [a, b, c]
}
