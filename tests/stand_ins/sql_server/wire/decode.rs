//! Values on their way in: what the type does not allow is refused, never mended.

use super::super::SqlType;
use super::super::datum::{DATETIME_DAY, DAY_TICKS, DAYS_TO_1900, Datum, store};
use super::super::protocol::Violation;
use super::super::reader::Reader;
use super::super::sql_type::Length;
use super::{Declared, Framing, fixed_length, framing, time_length};
use rusqlite::types::Value;
use std::fmt;

/// What is wrong with a value that a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// The message ends inside of it.
    Torn,
    /// A length that its type or its declaration does not have.
    Length(String),
    /// Chunks that do not add up.
    Chunks(String),
    /// UTF-16 of an odd number of bytes.
    OddBytes,
    /// Bytes that are no value of the type.
    Value(String),
    /// What SQL Server keeps and the stand-in cannot.
    NotTaught(String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::Torn => f.write_str("the message ends inside of a value"),
            Malformed::OddBytes => f.write_str("a UTF-16 text has an odd number of bytes"),
            Malformed::Length(what) | Malformed::Chunks(what) | Malformed::Value(what) => f.write_str(what),
            Malformed::NotTaught(what) => write!(f, "the stand-in has not been taught {what}"),
        }
    }
}

/// A reader says nothing but that the message has ended.
impl From<Violation> for Malformed {
    fn from(_: Violation) -> Malformed {
        Malformed::Torn
    }
}

impl From<Malformed> for Violation {
    fn from(malformed: Malformed) -> Violation {
        Violation::new(malformed.to_string())
    }
}

/// Where a value stands: in a ROW the old large types have a text pointer, as a parameter they have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Parameter,
    Row,
}

/// Reads a value of a declared type into its canonical form.
pub(crate) fn read_value(reader: &mut Reader<'_>, declared: Declared, origin: Origin) -> Result<Value, Malformed> {
    let of = declared.of;
    let bytes = match framing(of, declared.nullable) {
        Framing::None => Some(reader.bytes(fixed_length(of))?.to_vec()),
        Framing::Byte => match usize::from(reader.u8()?) {
            0 => None,
            length => Some(taken(reader, length, of)?),
        },
        Framing::Short => match reader.u16()? {
            0xFFFF => None,
            length => Some(taken(reader, usize::from(length), of)?),
        },
        Framing::Plp => read_plp(reader)?,
        Framing::TextPointer if origin == Origin::Row => read_text(reader)?,
        Framing::TextPointer => match reader.u32()? {
            u32::MAX => None,
            length => Some(reader.bytes(length as usize)?.to_vec()),
        },
        Framing::Variant => match reader.u32()? as usize {
            0 => None,
            length @ 1..=8016 => return variant(reader.bytes(length)?),
            length => return Err(Malformed::Length(format!("a sql_variant of {length} bytes"))),
        },
    };
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    check_length(bytes.len(), of)?;
    let datum = from_data(&bytes, of)?;
    store(datum, of).map_err(|error| Malformed::Value(error.to_string()))
}

/// The length is looked at before the bytes: a wrong length is told as such even where the message then ends.
fn taken(reader: &mut Reader<'_>, length: usize, of: SqlType) -> Result<Vec<u8>, Malformed> {
    check_length(length, of)?;
    Ok(reader.bytes(length)?.to_vec())
}

fn variant(blob: &[u8]) -> Result<Value, Malformed> {
    let value = Value::Blob(blob.to_vec());
    super::super::variant::unpack((&value).into()).map_err(|error| Malformed::Value(error.message))?;
    Ok(value)
}

/// Text pointer and timestamp, which the server does not look at, then the length.
fn read_text(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let pointer = usize::from(reader.u8()?);
    if pointer == 0 {
        return Ok(None);
    }
    reader.bytes(pointer + 8)?;
    let length = reader.u32()?;
    if length > i32::MAX as u32 {
        return Err(Malformed::Length(format!("a text of {length} bytes")));
    }
    Ok(Some(reader.bytes(length as usize)?.to_vec()))
}

fn read_plp(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let total = reader.u64()?;
    if total == u64::MAX {
        return Ok(None);
    }
    let mut data = Vec::new();
    loop {
        let length = reader.u32()? as usize;
        if length == 0 {
            break;
        }
        data.extend_from_slice(reader.bytes(length)?);
    }
    if total != u64::MAX - 1 && total != data.len() as u64 {
        return Err(Malformed::Chunks(format!("a PLP value says {total} bytes and has {}", data.len())));
    }
    Ok(Some(data))
}

pub(crate) fn check_length(length: usize, of: SqlType) -> Result<(), Malformed> {
    let fits = match of {
        SqlType::Char(n, _)
        | SqlType::VarChar(Length::Of(n), _)
        | SqlType::Binary(n)
        | SqlType::VarBinary(Length::Of(n)) => length <= usize::from(n),
        SqlType::NChar(n, _) | SqlType::NVarChar(Length::Of(n), _) => length <= usize::from(n) * 2,
        SqlType::Decimal { .. } => matches!(length, 5 | 9 | 13 | 17),
        SqlType::UniqueIdentifier => length == 16,
        SqlType::Date => length == 3,
        SqlType::Time(scale) => length == time_length(scale),
        SqlType::DateTime2(scale) => length == time_length(scale) + 3,
        SqlType::DateTimeOffset(scale) => length == time_length(scale) + 5,
        SqlType::RowVersion => length == 8,
        _ if of.is_number() || matches!(of, SqlType::DateTime | SqlType::SmallDateTime) => length == fixed_length(of),
        _ => true,
    };
    if fits { Ok(()) } else { Err(Malformed::Length(format!("a {of} value of {length} bytes"))) }
}

/// Text from UTF-16LE bytes.
fn utf16(bytes: &[u8]) -> Result<String, Malformed> {
    if !bytes.len().is_multiple_of(2) {
        return Err(Malformed::OddBytes);
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).map_err(|_| Malformed::NotTaught("an unpaired surrogate".to_owned()))
}

fn finite(number: f64) -> Result<Datum, Malformed> {
    if number.is_finite() {
        Ok(Datum::Float(number))
    } else {
        Err(Malformed::Value("a float that is no number".to_owned()))
    }
}

/// A value from its bytes, of which the length is checked.
pub(crate) fn from_data(bytes: &[u8], of: SqlType) -> Result<Datum, Malformed> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    let mut reader = Reader::new(bytes);
    Ok(match of {
        SqlType::Bit => match reader.u8()? {
            bit @ 0..=1 => Datum::Int(i64::from(bit)),
            other => return Err(Malformed::Value(format!("{other} for a bit"))),
        },
        SqlType::TinyInt => Datum::Int(i64::from(reader.u8()?)),
        SqlType::SmallInt => Datum::Int(i64::from(reader.u16()? as i16)),
        SqlType::Int => Datum::Int(i64::from(reader.u32()? as i32)),
        SqlType::BigInt => Datum::Int(reader.u64()? as i64),
        SqlType::Real => finite(f64::from(f32::from_le_bytes(reader.array()?)))?,
        SqlType::Float => finite(f64::from_le_bytes(reader.array()?))?,
        SqlType::Money => {
            let (high, low) = (reader.u32()?, reader.u32()?);
            Datum::Decimal { units: i128::from((i64::from(high as i32) << 32) | i64::from(low)), scale: 4 }
        }
        SqlType::SmallMoney => Datum::Decimal { units: i128::from(reader.u32()? as i32), scale: 4 },
        SqlType::Decimal { precision, scale, .. } => {
            let sign = reader.u8()?;
            let mut magnitude = [0; 16];
            let rest = reader.rest();
            magnitude[..rest.len()].copy_from_slice(rest);
            let magnitude = u128::from_le_bytes(magnitude);
            if sign > 1 || magnitude >= 10_u128.pow(u32::from(precision)) {
                return Err(Malformed::Value(format!("a value that decimal({precision},{scale}) cannot hold")));
            }
            Datum::Decimal { units: if sign == 1 { magnitude as i128 } else { -(magnitude as i128) }, scale }
        }
        SqlType::UniqueIdentifier => Datum::Guid(reader.array()?),
        SqlType::Date => day_in_range(Datum::Moment { day: number(bytes), ticks: 0, offset: 0 })?,
        SqlType::Time(scale) => {
            day_in_range(Datum::Moment { day: DAYS_TO_1900, ticks: unscaled(number(bytes), scale), offset: 0 })?
        }
        SqlType::DateTime2(scale) => {
            let (time, day) = bytes.split_at(time_length(scale));
            day_in_range(Datum::Moment { day: number(day), ticks: unscaled(number(time), scale), offset: 0 })?
        }
        SqlType::DateTimeOffset(scale) => {
            let (time, rest) = bytes.split_at(time_length(scale));
            let offset = i16::from_le_bytes([rest[3], rest[4]]);
            if offset.abs() > 840 {
                return Err(Malformed::Value(format!("a datetimeoffset {offset} minutes from UTC")));
            }
            let utc = number(&rest[..3]) * DAY_TICKS + unscaled(number(time), scale);
            let local = utc + i64::from(offset) * 600_000_000;
            day_in_range(Datum::Moment {
                day: local.div_euclid(DAY_TICKS),
                ticks: local.rem_euclid(DAY_TICKS),
                offset,
            })?
        }
        SqlType::DateTime => {
            let (day, steps) = (i64::from(reader.u32()? as i32) + DAYS_TO_1900, i64::from(reader.u32()?));
            if steps >= DATETIME_DAY || !(639_905..3_652_059).contains(&day) {
                return Err(Malformed::Value("a datetime out of its range".to_owned()));
            }
            Datum::Moment { day, ticks: (steps * 100_000 + 2) / 3, offset: 0 }
        }
        SqlType::SmallDateTime => {
            let (day, minutes) = (i64::from(reader.u16()?) + DAYS_TO_1900, i64::from(reader.u16()?));
            if minutes >= 1440 {
                return Err(Malformed::Value("a smalldatetime out of its range".to_owned()));
            }
            Datum::Moment { day, ticks: minutes * 600_000_000, offset: 0 }
        }
        SqlType::Char(_, collation) | SqlType::VarChar(_, collation) | SqlType::Text(collation) => {
            Datum::Text(collation.decode(bytes))
        }
        _ if of.is_text() || of == SqlType::Xml => Datum::Text(utf16(bytes)?),
        _ => Datum::Bytes(bytes.to_vec()),
    })
}

fn unscaled(time: i64, scale: u8) -> i64 {
    time * 10_i64.pow(u32::from(7 - scale))
}

fn day_in_range(moment: Datum) -> Result<Datum, Malformed> {
    match moment {
        Datum::Moment { day: 0..3_652_059, ticks: 0..DAY_TICKS, .. } => Ok(moment),
        _ => Err(Malformed::Value("a date or time out of its range".to_owned())),
    }
}
