//! Dates and times in the words of SQL: `2024-02-29 12:00:00.5`.

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, PrimitiveArray},
    datatypes::{
        ArrowPrimitiveType, DataType, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
        Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
        TimestampSecondType,
    },
};
use ropeway_engine::text::{
    OTHER_TYPE,
    moment::{self, Moment},
};

use super::cells::{Cells, texts, write};

const DAY: i64 = 86_400;
const NANOS: i64 = 1_000_000_000;
/// From 0001-01-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_162;

const NO_YEAR: &str =
    "a date is before the year 1 or after 9999, which the database cannot hold; filter it in the source's query";
const NO_MOMENT: &str =
    "a text is no date or time that the column holds exactly; correct it or CAST it in the source's query";

/// How a database writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::odbc) struct Moments {
    /// Digits of a second that are written at most; those behind them are cut off.
    pub(in crate::odbc) digits: u8,
    /// Whether it has years before 1 and after 9999.
    pub(in crate::odbc) eras: bool,
    /// What stands behind an instant.
    pub(in crate::odbc) zone: &'static str,
}

/// What of a moment is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    Date,
    Both,
    /// Both, of a text that may have an offset.
    Instant,
}

/// Days since 1970 and nanoseconds of the day.
type Split = (i64, i64);

/// The moments of an array of timestamps.
pub(super) fn instants(array: &ArrayRef) -> Option<Box<dyn Iterator<Item = Option<Split>> + '_>> {
    fn split<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        per_second: i64,
    ) -> Option<Box<dyn Iterator<Item = Option<Split>> + '_>> {
        let values: &PrimitiveArray<T> = array.as_primitive_opt()?;
        let day = DAY * per_second;
        let split = move |value: i64| (value.div_euclid(day), value.rem_euclid(day) * (NANOS / per_second));
        Some(Box::new(values.iter().map(move |value| value.map(split))))
    }
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => split::<TimestampSecondType>(array, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => split::<TimestampMillisecondType>(array, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => split::<TimestampMicrosecondType>(array, 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => split::<TimestampNanosecondType>(array, NANOS),
        _ => None,
    }
}

pub(super) fn of_moments(
    moments: impl Iterator<Item = Option<Split>>,
    form: Moments,
    parts: Parts,
) -> Result<Cells, &'static str> {
    let mut is_possible = true;
    let cells = texts(moments, |(days, nanos), text| {
        let (year, month, day) = civil(days);
        is_possible &= form.eras || (1..=9999).contains(&year);
        // There is no year 0: the year before 1 is 1 BC.
        let shown = if year < 1 { 1 - year } else { year };
        write(text, format_args!("{shown:04}-{month:02}-{day:02}"));
        if parts != Parts::Date {
            text.push(b' ');
            clock(text, nanos, form.digits);
            text.extend_from_slice(form.zone.as_bytes());
        }
        if year < 1 {
            text.extend_from_slice(b" BC");
        }
    });
    if is_possible { Ok(cells) } else { Err(NO_YEAR) }
}

/// Texts that are moments; none of them may lose a digit, nor an offset.
pub(super) fn of_texts(array: &ArrayRef, form: Moments, parts: Parts) -> Result<Cells, &'static str> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let split = |text: &str| {
        let Moment { ticks, offset } = moment::parse(text.trim())?;
        let (day, rest) = (ticks.div_euclid(DAY * 10_000_000), ticks.rem_euclid(DAY * 10_000_000) * 100);
        let fits = match parts {
            Parts::Date => rest == 0 && offset == 0,
            Parts::Both => offset == 0 && is_whole(rest, form.digits),
            Parts::Instant => is_whole(rest, form.digits),
        };
        fits.then_some((day - DAYS_BEFORE_1970, rest))
    };
    let moments: Option<Vec<_>> =
        texts.iter().map(|text| text.map_or(Some(None), |text| split(text).map(Some))).collect();
    of_moments(moments.ok_or(NO_MOMENT)?.into_iter(), form, parts)
}

/// Times of day, of an array of them or of texts.
pub(super) fn of_clocks(array: &ArrayRef, digits: u8) -> Result<Cells, &'static str> {
    fn times<T: ArrowPrimitiveType>(array: &ArrayRef, nanos: i64, digits: u8) -> Result<Cells, &'static str>
    where
        T::Native: Into<i64>,
    {
        let values: &PrimitiveArray<T> = array.as_primitive_opt().ok_or(OTHER_TYPE)?;
        Ok(texts(values.iter(), |value, text| clock(text, value.into() * nanos, digits)))
    }
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => times::<Time32SecondType>(array, NANOS, digits),
        DataType::Time32(_) => times::<Time32MillisecondType>(array, 1_000_000, digits),
        DataType::Time64(TimeUnit::Microsecond) => times::<Time64MicrosecondType>(array, 1_000, digits),
        DataType::Time64(_) => times::<Time64NanosecondType>(array, 1, digits),
        _ => {
            let values = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
            let nanos = |text: &str| {
                moment::parse_clock(text.trim()).map(|ticks| ticks * 100).filter(|nanos| is_whole(*nanos, digits))
            };
            let times: Option<Vec<_>> =
                values.iter().map(|text| text.map_or(Some(None), |text| nanos(text).map(Some))).collect();
            Ok(texts(times.ok_or(NO_MOMENT)?.into_iter(), |nanos, text| clock(text, nanos, digits)))
        }
    }
}

/// True if nothing stands behind so many digits of the second.
fn is_whole(nanos: i64, digits: u8) -> bool {
    nanos % 10_i64.pow(9_u32.saturating_sub(digits.into())) == 0
}

fn clock(text: &mut Vec<u8>, nanos: i64, digits: u8) {
    let (seconds, fraction) = (nanos / NANOS, nanos % NANOS);
    write(text, format_args!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60));
    let digits = usize::from(digits.min(9));
    if digits > 0 && fraction > 0 {
        let all = format!("{fraction:09}");
        let kept = all[..digits].trim_end_matches('0');
        if !kept.is_empty() {
            write(text, format_args!(".{kept}"));
        }
    }
}

/// Year, month and day of a day since 1970: in years that begin with March and eras of 400 of them.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (of_month, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year + era * 400 + i64::from(month <= 2), month, of_month)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{StringArray, TimestampNanosecondArray};

    use super::*;

    fn shown(cells: &Cells) -> Vec<Option<String>> {
        let Cells::Bytes(values) = cells else { panic!("no texts") };
        values.iter().map(|value| value.map(|value| String::from_utf8(value.to_vec()).unwrap())).collect()
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        use chrono::{Datelike as _, NaiveDate};
        let first = NaiveDate::from_ymd_opt(-4712, 1, 1).unwrap();
        for day in first.iter_days().step_by(17).take(300_000) {
            let days = day.signed_duration_since(NaiveDate::from_ymd_opt(1970, 1, 1).unwrap()).num_days();
            assert_eq!(civil(days), (day.year().into(), day.month().into(), day.day().into()));
        }
    }

    #[test]
    fn moments_are_written_as_each_database_reads_them() {
        let form = |digits, eras| Moments { digits, eras, zone: if eras { "+00" } else { "" } };
        let values: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![Some(-1), None, Some(1_500_000_000)]));
        let cells = of_moments(instants(&values).unwrap(), form(6, true), Parts::Both).unwrap();
        assert_eq!(
            shown(&cells),
            [Some("1969-12-31 23:59:59.999999+00".into()), None, Some("1970-01-01 00:00:01.5+00".into())]
        );
        let old = || [Some((-735_160, 0))].into_iter();
        assert_eq!(shown(&of_moments(old(), form(0, true), Parts::Date).unwrap()), [Some("0044-03-15 BC".into())]);
        assert_eq!(of_moments(old(), form(0, false), Parts::Date).err(), Some(NO_YEAR));
    }

    #[test]
    fn texts_are_moments_or_refused() {
        let form = Moments { digits: 3, eras: false, zone: "" };
        let of = |text: &str, parts| {
            let array: ArrayRef = Arc::new(StringArray::from(vec![text]));
            of_texts(&array, form, parts).map(|cells| shown(&cells)[0].clone().unwrap())
        };
        assert_eq!(of("2024-02-29T12:00:00.120Z", Parts::Both).unwrap(), "2024-02-29 12:00:00.12");
        assert_eq!(of("2024-02-29", Parts::Date).unwrap(), "2024-02-29");
        assert_eq!(of("2024-02-29T00:30:00+01:00", Parts::Instant).unwrap(), "2024-02-28 23:30:00");
        for (text, parts) in [
            ("2024-02-29T12:00:00.1234", Parts::Both),
            ("2024-02-29T12:00:00+01:00", Parts::Both),
            ("2024-02-29T12:00:00", Parts::Date),
            ("yesterday", Parts::Instant),
        ] {
            assert_eq!(of(text, parts).err(), Some(NO_MOMENT), "{text}");
        }
    }
}
