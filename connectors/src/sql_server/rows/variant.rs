//! Values without a fixed type: a `sql_variant` as text, by this rule.
//!
//! Numbers in decimal notation, money with four decimals; bit as 1 or 0; dates and times in ISO 8601
//! with the digits of their type; uniqueidentifier in lower case; binary as `0x` and hexadecimal
//! digits; text as it is. The same rule writes the bounds of ranges down.

use std::fmt::Write as _;

use mssql_tds::datatypes::{
    column_values::{ColumnValues, SqlMoney, SqlSmallMoney},
    decoder::DecimalParts,
};

use super::{text, time};

type Converted<T> = Result<T, &'static str>;

/// The value as text; `None` for null.
pub(crate) fn text_of(value: &ColumnValues) -> Converted<Option<String>> {
    Ok(Some(match value {
        ColumnValues::Null => return Ok(None),
        ColumnValues::Bit(bit) => u8::from(*bit).to_string(),
        ColumnValues::TinyInt(n) => n.to_string(),
        ColumnValues::SmallInt(n) => n.to_string(),
        ColumnValues::Int(n) => n.to_string(),
        ColumnValues::BigInt(n) => n.to_string(),
        ColumnValues::Real(n) => n.to_string(),
        ColumnValues::Float(n) => n.to_string(),
        ColumnValues::Decimal(parts) | ColumnValues::Numeric(parts) => parts.to_string(),
        ColumnValues::Money(value) => four_decimals(money(value, false)?),
        ColumnValues::SmallMoney(value) => four_decimals(smallmoney(value, false)?),
        ColumnValues::Date(value) => time::iso_date(i64::from(value.get_days()))?,
        ColumnValues::Time(value) => digits(time::iso_time(time::time(value, true)? / 100), value.scale),
        ColumnValues::DateTime(value) => digits(since_1970(time::datetime(value, false)? * 10)?, 3),
        ColumnValues::SmallDateTime(value) => digits(since_1970(time::smalldatetime(value, false)? * 10)?, 0),
        ColumnValues::DateTime2(value) => {
            let ticks = i64::from(value.days) * time::DAY + time::time(&value.time, true)? / 100;
            digits(time::iso(ticks)?, value.time.scale)
        }
        ColumnValues::DateTimeOffset(value) => time::datetimeoffset(value)?,
        ColumnValues::Uuid(value) => value.hyphenated().to_string(),
        ColumnValues::Bytes(bytes) => hexadecimal(bytes),
        ColumnValues::String(value) => decoded(&value.bytes, *value.encoding_type())?,
        ColumnValues::Xml(value) => decoded(&value.bytes, mssql_tds::datatypes::sql_string::EncodingType::Utf16)?,
        ColumnValues::Json(value) => decoded(&value.bytes, mssql_tds::datatypes::sql_string::EncodingType::Utf8)?,
        ColumnValues::Vector(_) => {
            return Err("a vector cannot be copied; CAST it to nvarchar(max) in «sqlReaderQuery»");
        }
    }))
}

/// The decimal without its point.
#[inline]
pub(super) fn unscaled(parts: &DecimalParts, _: bool) -> Converted<i128> {
    let magnitude = i128::try_from(parts.magnitude()).map_err(|_| "a decimal has more than 38 digits")?;
    Ok(if parts.is_positive { magnitude } else { -magnitude })
}

/// Ten-thousandths.
#[inline]
pub(super) fn money(value: &SqlMoney, _: bool) -> Converted<i128> {
    Ok(i128::from((i64::from(value.msb_part) << 32) | i64::from(value.lsb_part as u32)))
}

/// Ten-thousandths.
#[inline]
pub(super) fn smallmoney(value: &SqlSmallMoney, _: bool) -> Converted<i128> {
    Ok(i128::from(value.int_val))
}

fn four_decimals(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let value = value.unsigned_abs();
    format!("{sign}{}.{:04}", value / 10_000, value % 10_000)
}

fn since_1970(ticks: i64) -> Converted<String> {
    time::iso(ticks + time::DAYS_TO_1970 * time::DAY)
}

/// Keeps so many of the seven digits behind the point.
fn digits(mut text: String, scale: u8) -> String {
    let drop = 7 - usize::from(scale.min(7));
    // Without digits there is no point either.
    text.truncate(text.len() - drop - usize::from(drop == 7));
    text
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap_or_default();
        text
    })
}

fn decoded(bytes: &[u8], encoding: mssql_tds::datatypes::sql_string::EncodingType) -> Converted<String> {
    let mut out = arrow::buffer::MutableBuffer::new(0);
    text::append(&mut out, bytes, encoding)?;
    String::from_utf8(out.as_slice().to_vec()).map_err(|_| "a text is not valid in its encoding")
}

#[cfg(test)]
mod tests {
    use mssql_tds::datatypes::column_values::{SqlDate, SqlDateTime, SqlSmallDateTime, SqlTime};

    use super::*;

    #[test]
    fn each_type_has_its_text() {
        let text = |value| text_of(&value).unwrap().unwrap();
        assert_eq!(text(ColumnValues::Bit(true)), "1");
        assert_eq!(text(ColumnValues::BigInt(i64::MIN)), "-9223372036854775808");
        assert_eq!(text(ColumnValues::Decimal(DecimalParts::new(false, 5, 2, 105))), "-1.05");
        assert_eq!(text(ColumnValues::Money(SqlMoney { lsb_part: -1, msb_part: -1 })), "-0.0001");
        assert_eq!(text(ColumnValues::SmallMoney(SqlSmallMoney { int_val: 12_345 })), "1.2345");
        assert_eq!(text(ColumnValues::Date(SqlDate::create(738_944).unwrap())), "2024-02-29");
        assert_eq!(text(ColumnValues::Time(SqlTime { time_nanoseconds: 10_000_000, scale: 0 })), "00:00:01");
        assert_eq!(text(ColumnValues::Time(SqlTime { time_nanoseconds: 1, scale: 7 })), "00:00:00.0000001");
        assert_eq!(text(ColumnValues::DateTime(SqlDateTime { days: 0, time: 1 })), "1900-01-01T00:00:00.003");
        assert_eq!(text(ColumnValues::SmallDateTime(SqlSmallDateTime { days: 1, time: 61 })), "1900-01-02T01:01:00");
        assert_eq!(text(ColumnValues::Bytes(vec![0, 0xAB])), "0x00AB");
        assert_eq!(text_of(&ColumnValues::Null), Ok(None));
    }
}
