//! Dates and times of the wire in Arrow's units. The session layer counts times in 100 ns although
//! it names them nanoseconds.

use std::fmt::Write as _;

use chrono::{Datelike as _, Days, NaiveDate};
use mssql_tds::datatypes::column_values::{
    SqlDate, SqlDateTime, SqlDateTime2, SqlDateTimeOffset, SqlSmallDateTime, SqlTime,
};

/// From 0001-01-01 to 1970-01-01.
pub(crate) const DAYS_TO_1970: i64 = 719_162;
/// From 1900-01-01 to 1970-01-01.
const DAYS_FROM_1900_TO_1970: i64 = 25_567;
/// 9999-12-31.
const LAST_DAY: u32 = 3_652_058;
/// 100 ns in a day.
pub(crate) const DAY: i64 = 864_000_000_000;
const MICROSECONDS_A_DAY: i64 = 86_400_000_000;

pub(super) const BAD_DATE: &str = "a date or time is not one that SQL Server has; the answer of the server is damaged";
const BEYOND_NANOSECONDS: &str = "a date lies outside 1677-09-21 to 2262-04-11, where nanoseconds end; start a new run \
     with --set source.dateTime2=microseconds, or CAST the column to datetime2(6) or datetimeoffset(6) in «sqlReaderQuery»";
const BELOW_MICROSECONDS: &str = "a time has a digit below the microsecond; start a new run without --set \
     source.dateTime2=microseconds, or CAST the column to datetime2(6) or datetimeoffset(6) in «sqlReaderQuery» to round it";

type Converted<T> = Result<T, &'static str>;

/// Days since 1970.
#[inline]
pub(crate) fn date(value: &SqlDate, _: bool) -> Converted<i32> {
    days(value.get_days()).map(|days| days as i32)
}

/// Nanoseconds or microseconds since midnight.
#[inline]
pub(crate) fn time(value: &SqlTime, fine: bool) -> Converted<i64> {
    let ticks = ticks(value)?;
    Ok(if fine { ticks * 100 } else { ticks / 10 })
}

/// Microseconds since 1970. The 1/300 s of the wire are the milliseconds that SQL Server shows.
#[inline]
pub(crate) fn datetime(value: &SqlDateTime, _: bool) -> Converted<i64> {
    let days = i64::from(value.days) - DAYS_FROM_1900_TO_1970;
    if value.time >= 86_400 * 300 || !(-DAYS_TO_1970..=i64::from(LAST_DAY) - DAYS_TO_1970).contains(&days) {
        return Err(BAD_DATE);
    }
    Ok(days * MICROSECONDS_A_DAY + milliseconds(value.time) * 1_000)
}

/// The milliseconds that SQL Server shows for 1/300 s: .000, .003, .007.
pub(crate) fn milliseconds(ticks: u32) -> i64 {
    (i64::from(ticks) * 10 + 1) / 3
}

/// Microseconds since 1970.
#[inline]
pub(crate) fn smalldatetime(value: &SqlSmallDateTime, _: bool) -> Converted<i64> {
    if value.time >= 24 * 60 {
        return Err(BAD_DATE);
    }
    Ok((i64::from(value.days) - DAYS_FROM_1900_TO_1970) * MICROSECONDS_A_DAY + i64::from(value.time) * 60_000_000)
}

/// Nanoseconds or microseconds since 1970.
#[inline]
pub(crate) fn datetime2(value: &SqlDateTime2, fine: bool) -> Converted<i64> {
    let ticks = days(value.days)? * DAY + ticks(&value.time)?;
    if fine {
        return ticks.checked_mul(100).ok_or(BEYOND_NANOSECONDS);
    }
    if ticks % 10 == 0 { Ok(ticks.div_euclid(10)) } else { Err(BELOW_MICROSECONDS) }
}

/// Nanoseconds or microseconds since 1970 in UTC, as the wire has it. The offset is checked, not used.
pub(crate) fn instant(value: &SqlDateTimeOffset, fine: bool) -> Converted<i64> {
    has_offset(value.offset)?;
    datetime2(&value.datetime2, fine)
}

/// ISO 8601 with seven digits and the offset: `2024-02-29T12:00:00.1234567+02:00`.
pub(crate) fn datetimeoffset(value: &SqlDateTimeOffset) -> Converted<String> {
    has_offset(value.offset)?;
    // The wire has UTC; people see the local time beside its offset.
    let utc = (days(value.datetime2.days)? + DAYS_TO_1970) * DAY + ticks(&value.datetime2.time)?;
    let local = utc + i64::from(value.offset) * 600_000_000;
    let mut text = iso(local)?;
    let sign = if value.offset < 0 { '-' } else { '+' };
    let minutes = value.offset.unsigned_abs();
    write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60).map_err(|_| BAD_DATE)?;
    Ok(text)
}

/// SQL Server has offsets of 14 hours at most.
fn has_offset(minutes: i16) -> Converted<()> {
    if minutes.unsigned_abs() > 14 * 60 { Err(BAD_DATE) } else { Ok(()) }
}

/// 100 ns since 0001-01-01 as ISO 8601 with seven digits.
pub(crate) fn iso(ticks: i64) -> Converted<String> {
    let mut text = iso_date(ticks.div_euclid(DAY))?;
    text.push('T');
    text.push_str(&iso_time(ticks.rem_euclid(DAY)));
    Ok(text)
}

/// Days since 0001-01-01 as `yyyy-MM-dd`.
pub(crate) fn iso_date(days: i64) -> Converted<String> {
    let days = u64::try_from(days).map_err(|_| BAD_DATE)?;
    let date = NaiveDate::from_ymd_opt(1, 1, 1)
        .and_then(|first| first.checked_add_days(Days::new(days)))
        .filter(|date| date.year() < 10_000)
        .ok_or(BAD_DATE)?;
    Ok(format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()))
}

/// 100 ns since midnight as `HH:mm:ss.fffffff`.
pub(crate) fn iso_time(ticks: i64) -> String {
    let seconds = ticks / 10_000_000;
    format!("{:02}:{:02}:{:02}.{:07}", seconds / 3_600, seconds / 60 % 60, seconds % 60, ticks % 10_000_000)
}

#[inline]
fn days(since_year_1: u32) -> Converted<i64> {
    if since_year_1 > LAST_DAY { Err(BAD_DATE) } else { Ok(i64::from(since_year_1) - DAYS_TO_1970) }
}

#[inline]
fn ticks(value: &SqlTime) -> Converted<i64> {
    i64::try_from(value.time_nanoseconds).ok().filter(|ticks| *ticks < DAY).ok_or(BAD_DATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: u32, ticks: u64) -> SqlDateTime2 {
        SqlDateTime2 { days, time: SqlTime { time_nanoseconds: ticks, scale: 7 } }
    }

    #[test]
    fn the_epoch_is_1970() {
        assert_eq!(date(&SqlDate::create(719_162).unwrap(), false), Ok(0));
        assert_eq!(date(&SqlDate::create(0).unwrap(), false), Ok(-719_162));
        assert_eq!(datetime2(&at(719_162, 10), true), Ok(1_000));
        assert_eq!(datetime2(&at(719_162, 10), false), Ok(1));
        assert_eq!(datetime(&SqlDateTime { days: 25_567, time: 0 }, false), Ok(0));
        assert_eq!(smalldatetime(&SqlSmallDateTime { days: 25_567, time: 1 }, false), Ok(60_000_000));
    }

    #[test]
    fn datetime_shows_the_milliseconds_of_sql_server() {
        for (ticks, shown) in [(0, 0), (1, 3), (2, 7), (3, 10), (299, 997), (300, 1_000)] {
            assert_eq!(milliseconds(ticks), shown, "{ticks}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_setting_that_helps() {
        let error = datetime2(&at(0, 0), true).unwrap_err();
        assert!(error.contains("--set source.dateTime2=microseconds") && error.contains("CAST"));
        assert!(datetime2(&at(3_652_058, 0), true).is_err());
        assert_eq!(datetime2(&at(0, 0), false), Ok(-719_162 * MICROSECONDS_A_DAY));
        assert!(datetime2(&at(0, 1), false).unwrap_err().contains("without --set source.dateTime2=microseconds"));
        assert!(datetime2(&at(3_652_059, 0), false).is_err());
        assert!(time(&SqlTime { time_nanoseconds: DAY as u64, scale: 7 }, true).is_err());
        assert!(datetime(&SqlDateTime { days: 0, time: 86_400 * 300 }, false).is_err());
    }

    #[test]
    fn offsets_are_kept_beside_the_local_time() {
        let noon = at(738_944, 12 * 36_000_000_000 + 1_234_567);
        let text = |offset| datetimeoffset(&SqlDateTimeOffset { datetime2: noon.clone(), offset }).unwrap();
        assert_eq!(text(0), "2024-02-29T12:00:00.1234567+00:00");
        assert_eq!(text(120), "2024-02-29T14:00:00.1234567+02:00");
        assert_eq!(text(-750), "2024-02-28T23:30:00.1234567-12:30");
        let utc = |offset, fine| instant(&SqlDateTimeOffset { datetime2: noon.clone(), offset }, fine);
        assert_eq!(utc(-750, true), Ok(1_709_208_000_123_456_700));
        assert_eq!(utc(0, true), utc(-750, true));
        assert_eq!(utc(0, false), Err(BELOW_MICROSECONDS));
        assert!(utc(841, true).is_err());
        assert!(datetimeoffset(&SqlDateTimeOffset { datetime2: noon, offset: 841 }).is_err());
    }
}
