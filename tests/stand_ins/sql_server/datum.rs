//! Values, and the canonical form in which SQLite keeps them. SQLite compares canonical values of one type as SQL Server
//! compares the values: integers and scaled integers as INTEGER, `decimal` and `uniqueidentifier` as blobs that sort, moments
//! as ticks of the type since its first day, text as TEXT under the column's collation.

use super::{SqlError, SqlType};
use rusqlite::types::{Value, ValueRef};

/// Ticks of 100 ns in a day.
pub(super) const DAY_TICKS: i64 = 864_000_000_000;
/// Days from 0001-01-01 to 1900-01-01.
pub(super) const DAYS_TO_1900: i64 = 693_595;
/// Steps of 1/300 s in a day, the unit of `datetime`.
pub(super) const DATETIME_DAY: i64 = 25_920_000;

/// A value free of its column's type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Datum {
    Null,
    Int(i64),
    Float(f64),
    /// `units / 10^scale`.
    Decimal {
        units: i128,
        scale: u8,
    },
    /// A day since 0001-01-01, 100 ns ticks since midnight (both local) and minutes east of UTC.
    Moment {
        day: i64,
        ticks: i64,
        offset: i16,
    },
    Text(String),
    Bytes(Vec<u8>),
    /// Sixteen bytes in wire order.
    Guid([u8; 16]),
}

/// The value behind a canonical one.
pub(super) fn load(value: ValueRef<'_>, of: SqlType) -> Result<Datum, SqlError> {
    let wrong = || SqlError::not_taught(format!("a {} kept as SQLite {}", of.name(), value.data_type()));
    if value == ValueRef::Null {
        return Ok(Datum::Null);
    }
    Ok(match of {
        SqlType::Real | SqlType::Float => Datum::Float(value.as_f64().map_err(|_| wrong())?),
        SqlType::Money | SqlType::SmallMoney => {
            Datum::Decimal { units: i128::from(value.as_i64().map_err(|_| wrong())?), scale: 4 }
        }
        SqlType::Decimal { scale, .. } => {
            let bytes: [u8; 16] = value.as_blob().ok().and_then(|blob| blob.try_into().ok()).ok_or_else(wrong)?;
            Datum::Decimal { units: (u128::from_be_bytes(bytes) ^ (1 << 127)) as i128, scale }
        }
        SqlType::UniqueIdentifier => {
            let bytes: [u8; 16] = value.as_blob().ok().and_then(|blob| blob.try_into().ok()).ok_or_else(wrong)?;
            Datum::Guid(guid_from_order(bytes))
        }
        SqlType::DateTimeOffset(_) => load_offset(value.as_blob().map_err(|_| wrong())?).ok_or_else(wrong)?,
        SqlType::Date | SqlType::Time(_) | SqlType::DateTime | SqlType::SmallDateTime | SqlType::DateTime2(_) => {
            load_moment(value.as_i64().map_err(|_| wrong())?, of)
        }
        _ if of.is_integer() => Datum::Int(value.as_i64().map_err(|_| wrong())?),
        _ if of.is_text() || of == SqlType::Xml => {
            Datum::Text(String::from_utf8_lossy(value.as_bytes().map_err(|_| wrong())?).into_owned())
        }
        _ => Datum::Bytes(value.as_blob().map_err(|_| wrong())?.to_vec()),
    })
}

/// The canonical form of a value that already has the shape of the type.
pub(super) fn store(datum: Datum, of: SqlType) -> Result<Value, SqlError> {
    let shape = |datum: &Datum| SqlError::not_taught(format!("{datum:?} as {of}"));
    Ok(match (datum, of) {
        (Datum::Null, _) => Value::Null,
        (Datum::Decimal { units, .. }, SqlType::Money | SqlType::SmallMoney) => Value::Integer(units as i64),
        (Datum::Decimal { units, .. }, SqlType::Decimal { .. }) => {
            Value::Blob(((units as u128) ^ (1 << 127)).to_be_bytes().to_vec())
        }
        (Datum::Guid(bytes), SqlType::UniqueIdentifier) => Value::Blob(guid_to_order(bytes).to_vec()),
        (Datum::Moment { day, ticks, offset }, SqlType::DateTimeOffset(_)) => {
            let utc = day * DAY_TICKS + ticks - i64::from(offset) * 600_000_000;
            let mut blob = utc.to_be_bytes().to_vec();
            blob.extend_from_slice(&(offset + 1440).to_be_bytes());
            Value::Blob(blob)
        }
        (Datum::Moment { day, ticks, .. }, _) => Value::Integer(match of {
            SqlType::Date => day,
            SqlType::Time(_) => ticks,
            SqlType::DateTime => (day - DAYS_TO_1900) * DATETIME_DAY + ticks * 3 / 100_000,
            SqlType::SmallDateTime => (day - DAYS_TO_1900) * 1440 + ticks / 600_000_000,
            _ => day * DAY_TICKS + ticks,
        }),
        (Datum::Int(n), _) if of.is_integer() => Value::Integer(n),
        (Datum::Float(n), SqlType::Real | SqlType::Float) => Value::Real(n),
        (Datum::Text(text), _) if of.is_text() || of == SqlType::Xml => Value::Text(text),
        (Datum::Bytes(bytes), _) => Value::Blob(bytes),
        (other, _) => return Err(shape(&other)),
    })
}

fn load_moment(value: i64, of: SqlType) -> Datum {
    let (day, ticks) = match of {
        SqlType::Date => (value, 0),
        SqlType::Time(_) => (DAYS_TO_1900, value),
        // From compatibility level 130 on, a step of 1/300 s converts exactly, not by way of milliseconds.
        SqlType::DateTime => {
            let steps = value.rem_euclid(DATETIME_DAY);
            (value.div_euclid(DATETIME_DAY) + DAYS_TO_1900, (steps * 100_000 + 1) / 3)
        }
        SqlType::SmallDateTime => (value.div_euclid(1440) + DAYS_TO_1900, value.rem_euclid(1440) * 600_000_000),
        _ => (value.div_euclid(DAY_TICKS), value.rem_euclid(DAY_TICKS)),
    };
    Datum::Moment { day, ticks, offset: 0 }
}

fn load_offset(blob: &[u8]) -> Option<Datum> {
    let utc = i64::from_be_bytes(blob.get(..8)?.try_into().ok()?);
    let offset = i16::from_be_bytes(blob.get(8..10)?.try_into().ok()?) - 1440;
    let local = utc + i64::from(offset) * 600_000_000;
    Some(Datum::Moment { day: local.div_euclid(DAY_TICKS), ticks: local.rem_euclid(DAY_TICKS), offset })
}

/// SQL Server compares the last six bytes first, then the groups before them from right to left.
const GUID_ORDER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];

fn guid_to_order(wire: [u8; 16]) -> [u8; 16] {
    GUID_ORDER.map(|index| wire[index])
}

fn guid_from_order(sorted: [u8; 16]) -> [u8; 16] {
    let mut wire = [0; 16];
    for (position, index) in GUID_ORDER.into_iter().enumerate() {
        wire[index] = sorted[position];
    }
    wire
}
