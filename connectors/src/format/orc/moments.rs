//! Timestamps: seconds, which `orc-rust` decodes as the numbers they are, and nanoseconds, which are decoded here. Those of
//! moments before 1970 may be negative, which `orc-rust` takes for 73 years.

use std::io::BufReader;

use arrow::{
    array::{Array, AsArray, TimestampNanosecondArray},
    datatypes::Int64Type,
};
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use orc_rust::compression::Decompressor;
use ropeway_engine::{Error, ErrorKind, Result};

use super::{damaged, integers::Integers};

/// 1 January 2015, from where seconds are counted, in seconds since 1970.
const EPOCH: i64 = 1_420_070_400;

const NANOSECONDS: i128 = 1_000_000_000;

/// 15 October 1582, the first day of the Gregorian calendar, in days since 1970.
pub(super) const GREGORIAN_DAY: i32 = -141_427;

/// The timestamps of a column of a stripe.
pub(super) struct Moments {
    /// The second part of each value that is not null.
    pub(super) nanoseconds: Integers<BufReader<Decompressor>>,
    /// Where a clock showed what the column means; `None` if it means moments.
    pub(super) zone: Option<Tz>,
}

impl Moments {
    /// The timestamps of these seconds.
    ///
    /// # Errors
    /// One that nanoseconds since 1970 do not reach, or is older than `oldest` days, or none.
    pub(super) fn of(&mut self, seconds: &dyn Array, oldest: Option<i32>) -> Result<TimestampNanosecondArray> {
        let oldest = oldest.map(|day| i128::from(day) * 86_400 * NANOSECONDS);
        let epoch = EPOCH - self.offset(EPOCH).unwrap_or_default();
        let values = seconds.as_primitive::<Int64Type>().iter().map(|seconds| {
            let Some(seconds) = seconds else { return Ok(None) };
            let raw = self.nanoseconds.next().map_err(|error| undecoded().caused_by(error))?;
            let at = self.moment(seconds.checked_add(epoch).ok_or_else(undecoded)?, nanoseconds(raw)?)?;
            if oldest.is_some_and(|oldest| at < oldest) {
                return Err(julian());
            }
            i64::try_from(at).map(Some).map_err(|_| too_far())
        });
        values.collect()
    }

    /// Nanoseconds since 1970, in the time of the zone.
    fn moment(&self, mut seconds: i64, nanoseconds: i64) -> Result<i128> {
        // The format counts seconds towards 1970, but for moments with digits behind the millisecond's.
        if seconds < 0 && nanoseconds > 999_999 {
            seconds -= 1;
        }
        let shown = i128::from(seconds) + i128::from(self.offset(seconds)?);
        Ok(shown * NANOSECONDS + i128::from(nanoseconds))
    }

    /// How far the zone's clock is ahead of UTC then.
    fn offset(&self, seconds: i64) -> Result<i64> {
        let Some(zone) = self.zone else { return Ok(0) };
        let at = DateTime::from_timestamp(seconds, 0).ok_or_else(too_far)?;
        Ok(i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()))
    }
}

/// Three bits say how many zeros were cut off at the end, where they are two at least.
fn nanoseconds(raw: u64) -> Result<i64> {
    let (digits, zeros) = (raw as i64 >> 3, (raw & 7) as u32);
    let factor = if zeros == 0 { 1 } else { 10_i64.pow(zeros + 1) };
    let value = digits.checked_mul(factor).filter(|value| value.unsigned_abs() < NANOSECONDS as u64);
    value.ok_or_else(undecoded)
}

fn undecoded() -> Error {
    damaged("a timestamp cannot be decoded")
}

fn too_far() -> Error {
    let message = "a timestamp lies outside the years 1677 to 2262, which nanoseconds do not reach; leave the column out of \
                   the file, or write it as a text";
    Error::new(ErrorKind::Data, message).code("OrcDateTimeExceedLimit")
}

pub(super) fn julian() -> Error {
    let message = "a date before 15 October 1582 is one of the Julian calendar, which nothing else here has; write the \
                   file with the proleptic Gregorian calendar, or the column as a text";
    Error::new(ErrorKind::Data, message).code("OrcUnsupportedCalendar")
}
