//! Types and values as they travel (MS-TDS 2.2.5.4 to 2.2.5.6, 2.2.7.4, 2.2.7.19).

use super::collation::{self, Collation};
use super::datum::{DATETIME_DAY, DAY_TICKS, DAYS_TO_1900, Datum, load, store};
use super::protocol::Violation;
use super::reader::{Reader, utf16};
use super::sql_type::{Length, Udt};
use super::{SqlError, SqlType};
use rusqlite::types::{Value, ValueRef};

/// Writes TYPE_INFO. Columns that cannot be null have the fixed-length types where there are some.
pub(super) fn write_type(out: &mut Vec<u8>, of: SqlType, nullable: bool) {
    match of {
        SqlType::Bit => fixed_or(out, nullable, 0x32, (0x68, 1)),
        SqlType::TinyInt => fixed_or(out, nullable, 0x30, (0x26, 1)),
        SqlType::SmallInt => fixed_or(out, nullable, 0x34, (0x26, 2)),
        SqlType::Int => fixed_or(out, nullable, 0x38, (0x26, 4)),
        SqlType::BigInt => fixed_or(out, nullable, 0x7F, (0x26, 8)),
        SqlType::Real => fixed_or(out, nullable, 0x3B, (0x6D, 4)),
        SqlType::Float => fixed_or(out, nullable, 0x3E, (0x6D, 8)),
        SqlType::Money => fixed_or(out, nullable, 0x3C, (0x6E, 8)),
        SqlType::SmallMoney => fixed_or(out, nullable, 0x7A, (0x6E, 4)),
        SqlType::DateTime => fixed_or(out, nullable, 0x3D, (0x6F, 8)),
        SqlType::SmallDateTime => fixed_or(out, nullable, 0x3A, (0x6F, 4)),
        SqlType::Decimal { precision, scale, numeric } => {
            out.extend([if numeric { 0x6C } else { 0x6A }, decimal_length(precision), precision, scale]);
        }
        SqlType::Date => out.push(0x28),
        SqlType::Time(scale) => out.extend([0x29, scale]),
        SqlType::DateTime2(scale) => out.extend([0x2A, scale]),
        SqlType::DateTimeOffset(scale) => out.extend([0x2B, scale]),
        SqlType::UniqueIdentifier => out.extend([0x24, 16]),
        SqlType::Char(n, collation) => sized(out, 0xAF, n, Some(collation)),
        SqlType::VarChar(length, collation) => sized(out, 0xA7, short(length, 1), Some(collation)),
        SqlType::NChar(n, collation) => sized(out, 0xEF, n * 2, Some(collation)),
        SqlType::NVarChar(length, collation) => sized(out, 0xE7, short(length, 2), Some(collation)),
        SqlType::Binary(n) => sized(out, 0xAD, n, None),
        SqlType::RowVersion => sized(out, 0xAD, 8, None),
        SqlType::VarBinary(length) => sized(out, 0xA5, short(length, 1), None),
        SqlType::Text(collation) => {
            out.push(0x23);
            out.extend(0x7FFF_FFFF_u32.to_le_bytes());
            out.extend(collation.wire);
        }
        SqlType::NText(collation) => {
            out.push(0x63);
            out.extend(0x7FFF_FFFE_u32.to_le_bytes());
            out.extend(collation.wire);
        }
        SqlType::Image => {
            out.push(0x22);
            out.extend(0x7FFF_FFFF_u32.to_le_bytes());
        }
        SqlType::Xml => out.extend([0xF1, 0]),
        SqlType::SqlVariant => {
            out.push(0x62);
            out.extend(8009_u32.to_le_bytes());
        }
        SqlType::Udt(udt) => write_udt(out, udt),
    }
}

fn fixed_or(out: &mut Vec<u8>, nullable: bool, fixed: u8, variable: (u8, u8)) {
    if nullable {
        out.extend([variable.0, variable.1]);
    } else {
        out.push(fixed);
    }
}

fn short(length: Length, unit: u16) -> u16 {
    match length {
        Length::Of(n) => n * unit,
        Length::Max => 0xFFFF,
    }
}

fn sized(out: &mut Vec<u8>, token: u8, size: u16, collation: Option<&Collation>) {
    out.push(token);
    out.extend(size.to_le_bytes());
    out.extend(collation.map(|of| of.wire).into_iter().flatten());
}

fn write_udt(out: &mut Vec<u8>, udt: Udt) {
    let (name, class, max) = match udt {
        Udt::HierarchyId => ("hierarchyid", "SqlHierarchyId", 892_u16),
        Udt::Geometry => ("geometry", "SqlGeometry", 0xFFFF),
        Udt::Geography => ("geography", "SqlGeography", 0xFFFF),
    };
    out.push(0xF0);
    out.extend(max.to_le_bytes());
    for part in ["master", "sys", name] {
        short_text(out, part);
    }
    long_text(
        out,
        &format!(
            "Microsoft.SqlServer.Types.{class}, Microsoft.SqlServer.Types, Version=11.0.0.0, Culture=neutral, PublicKeyToken=89845dcd8080cc91"
        ),
    );
}

/// B_VARCHAR.
pub(super) fn short_text(out: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(255).collect();
    out.push(units.len() as u8);
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

/// US_VARCHAR.
pub(super) fn long_text(out: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(65_535).collect();
    out.extend((units.len() as u16).to_le_bytes());
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

fn decimal_length(precision: u8) -> u8 {
    match precision {
        ..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// How a value's length is told in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Byte,
    Short,
    Plp,
    TextPointer,
    Variant,
}

fn framing(of: SqlType, nullable: bool) -> Framing {
    match of {
        SqlType::VarChar(Length::Max, _) | SqlType::NVarChar(Length::Max, _) | SqlType::VarBinary(Length::Max) => {
            Framing::Plp
        }
        SqlType::Xml | SqlType::Udt(_) => Framing::Plp,
        SqlType::Text(_) | SqlType::NText(_) | SqlType::Image => Framing::TextPointer,
        SqlType::SqlVariant => Framing::Variant,
        _ if of.is_text() => Framing::Short,
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion => Framing::Short,
        SqlType::Decimal { .. } | SqlType::UniqueIdentifier => Framing::Byte,
        SqlType::Date | SqlType::Time(_) | SqlType::DateTime2(_) | SqlType::DateTimeOffset(_) => Framing::Byte,
        _ if nullable => Framing::Byte,
        _ => Framing::None,
    }
}

/// Writes one value of a ROW.
pub(super) fn write_value(out: &mut Vec<u8>, of: SqlType, nullable: bool, value: ValueRef<'_>) -> Result<(), SqlError> {
    let framing = framing(of, nullable);
    if value == ValueRef::Null {
        match framing {
            Framing::None => return Err(SqlError::not_taught(format!("NULL in a {of} column that cannot hold it"))),
            Framing::Byte | Framing::TextPointer => out.push(0),
            Framing::Short => out.extend([0xFF, 0xFF]),
            Framing::Plp => out.extend([0xFF; 8]),
            Framing::Variant => out.extend([0; 4]),
        }
        return Ok(());
    }
    if framing == Framing::Variant {
        let blob = value.as_blob().map_err(|_| SqlError::not_taught("a sql_variant that is not a blob"))?;
        out.extend((blob.len() as u32).to_le_bytes());
        out.extend_from_slice(blob);
        return Ok(());
    }
    let data = data(&load(value, of)?, of)?;
    match framing {
        Framing::None | Framing::Variant => {}
        Framing::Byte => out.push(data.len() as u8),
        Framing::Short => out.extend((data.len() as u16).to_le_bytes()),
        Framing::Plp => {
            write_plp(out, &data);
            return Ok(());
        }
        Framing::TextPointer => {
            out.push(16);
            out.extend(b"dummy textptr\0\0\0");
            out.extend(b"dummyTS\0");
            out.extend((data.len() as u32).to_le_bytes());
        }
    }
    out.extend(data);
    Ok(())
}

/// In chunks, so that a client that takes one chunk for the whole value is found out.
fn write_plp(out: &mut Vec<u8>, data: &[u8]) {
    out.extend((data.len() as u64).to_le_bytes());
    for chunk in data.chunks(8_000) {
        out.extend((chunk.len() as u32).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend([0; 4]);
}

/// The bytes of a value, without its length.
pub(super) fn data(datum: &Datum, of: SqlType) -> Result<Vec<u8>, SqlError> {
    Ok(match (datum, of) {
        (Datum::Int(n), SqlType::Bit | SqlType::TinyInt) => vec![*n as u8],
        (Datum::Int(n), SqlType::SmallInt) => (*n as i16).to_le_bytes().to_vec(),
        (Datum::Int(n), SqlType::Int) => (*n as i32).to_le_bytes().to_vec(),
        (Datum::Int(n), _) => n.to_le_bytes().to_vec(),
        (Datum::Float(n), SqlType::Real) => (*n as f32).to_le_bytes().to_vec(),
        (Datum::Float(n), _) => n.to_le_bytes().to_vec(),
        (Datum::Decimal { units, .. }, SqlType::Money) => {
            let units = *units as i64;
            [((units >> 32) as i32).to_le_bytes(), (units as u32).to_le_bytes()].concat()
        }
        (Datum::Decimal { units, .. }, SqlType::SmallMoney) => (*units as i32).to_le_bytes().to_vec(),
        (Datum::Decimal { units, .. }, SqlType::Decimal { precision, .. }) => {
            let mut bytes = vec![u8::from(*units >= 0)];
            bytes.extend_from_slice(&units.unsigned_abs().to_le_bytes()[..usize::from(decimal_length(precision)) - 1]);
            bytes
        }
        (Datum::Guid(wire), _) => wire.to_vec(),
        (Datum::Bytes(bytes), _) => bytes.clone(),
        (
            Datum::Text(text),
            SqlType::Char(_, collation) | SqlType::VarChar(_, collation) | SqlType::Text(collation),
        ) => collation.encode(text),
        (Datum::Text(text), _) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        (Datum::Moment { day, ticks, offset }, _) => moment_data(*day, *ticks, *offset, of),
        _ => return Err(SqlError::not_taught(format!("{datum:?} on the wire as {of}"))),
    })
}

fn moment_data(day: i64, ticks: i64, offset: i16, of: SqlType) -> Vec<u8> {
    let day_bytes = |day: i64| (day as u32).to_le_bytes()[..3].to_vec();
    match of {
        SqlType::Date => day_bytes(day),
        SqlType::Time(scale) => time_data(ticks, scale),
        SqlType::DateTime2(scale) => [time_data(ticks, scale), day_bytes(day)].concat(),
        SqlType::DateTimeOffset(scale) => {
            let utc = day * DAY_TICKS + ticks - i64::from(offset) * 600_000_000;
            let (day, ticks) = (utc.div_euclid(DAY_TICKS), utc.rem_euclid(DAY_TICKS));
            [time_data(ticks, scale), day_bytes(day), offset.to_le_bytes().to_vec()].concat()
        }
        SqlType::SmallDateTime => {
            [((day - DAYS_TO_1900) as u16).to_le_bytes(), ((ticks / 600_000_000) as u16).to_le_bytes()].concat()
        }
        _ => [((day - DAYS_TO_1900) as i32).to_le_bytes(), (((ticks * 3 + 50_000) / 100_000) as u32).to_le_bytes()]
            .concat(),
    }
}

fn time_data(ticks: i64, scale: u8) -> Vec<u8> {
    let scaled = ticks / 10_i64.pow(u32::from(7 - scale));
    scaled.to_le_bytes()[..time_length(scale)].to_vec()
}

fn time_length(scale: u8) -> usize {
    match scale {
        ..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

/// A type as a client declares it, for a parameter or a bulk-load column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) of: SqlType,
    /// Whether a length stands in front of values of a type that has a fixed-length form.
    pub(super) nullable: bool,
}

/// Reads TYPE_INFO.
pub(super) fn read_type(reader: &mut Reader<'_>) -> Result<Declared, Violation> {
    let token = reader.u8()?;
    let fixed = |of| Ok(Declared { of, nullable: false });
    let of = match token {
        0x32 => return fixed(SqlType::Bit),
        0x30 => return fixed(SqlType::TinyInt),
        0x34 => return fixed(SqlType::SmallInt),
        0x38 => return fixed(SqlType::Int),
        0x7F => return fixed(SqlType::BigInt),
        0x3B => return fixed(SqlType::Real),
        0x3E => return fixed(SqlType::Float),
        0x3C => return fixed(SqlType::Money),
        0x7A => return fixed(SqlType::SmallMoney),
        0x3D => return fixed(SqlType::DateTime),
        0x3A => return fixed(SqlType::SmallDateTime),
        0x28 => SqlType::Date,
        0x29 => SqlType::Time(read_scale(reader)?),
        0x2A => SqlType::DateTime2(read_scale(reader)?),
        0x2B => SqlType::DateTimeOffset(read_scale(reader)?),
        0x24 | 0x26 | 0x68 | 0x6D | 0x6E | 0x6F => by_length(token, reader.u8()?)?,
        0x6A | 0x6C => read_decimal(reader, token == 0x6C)?,
        0xA5 | 0xAD => read_binary(reader, token)?,
        0xA7 | 0xAF | 0xE7 | 0xEF => read_character(reader, token)?,
        0x22 => {
            reader.u32()?;
            SqlType::Image
        }
        0x23 | 0x63 => {
            reader.u32()?;
            let collation = read_collation(reader)?;
            if token == 0x23 { SqlType::Text(collation) } else { SqlType::NText(collation) }
        }
        0x62 => {
            reader.u32()?;
            SqlType::SqlVariant
        }
        0xF1 => {
            if reader.u8()? != 0 {
                return Err(Violation::new("an xml schema collection in TYPE_INFO is not taught"));
            }
            SqlType::Xml
        }
        _ => return Err(Violation::new(format!("0x{token:02X} is not a type token"))),
    };
    Ok(Declared { of, nullable: true })
}

fn by_length(token: u8, length: u8) -> Result<SqlType, Violation> {
    Ok(match (token, length) {
        (0x24, 16) => SqlType::UniqueIdentifier,
        (0x26, 1) => SqlType::TinyInt,
        (0x26, 2) => SqlType::SmallInt,
        (0x26, 4) => SqlType::Int,
        (0x26, 8) => SqlType::BigInt,
        (0x68, 1) => SqlType::Bit,
        (0x6D, 4) => SqlType::Real,
        (0x6D, 8) => SqlType::Float,
        (0x6E, 4) => SqlType::SmallMoney,
        (0x6E, 8) => SqlType::Money,
        (0x6F, 4) => SqlType::SmallDateTime,
        (0x6F, 8) => SqlType::DateTime,
        _ => return Err(Violation::new(format!("type token 0x{token:02X} cannot have length {length}"))),
    })
}

fn read_scale(reader: &mut Reader<'_>) -> Result<u8, Violation> {
    let scale = reader.u8()?;
    if scale <= 7 { Ok(scale) } else { Err(Violation::new(format!("a time type cannot have scale {scale}"))) }
}

fn read_decimal(reader: &mut Reader<'_>, numeric: bool) -> Result<SqlType, Violation> {
    let [length, precision, scale] = reader.array()?;
    if !(1..=38).contains(&precision)
        || scale > precision
        || !matches!(length, 5 | 9 | 13 | 17)
        || length < decimal_length(precision)
    {
        return Err(Violation::new(format!("decimal({precision},{scale}) of {length} bytes does not exist")));
    }
    Ok(SqlType::Decimal { precision, scale, numeric })
}

fn read_binary(reader: &mut Reader<'_>, token: u8) -> Result<SqlType, Violation> {
    let size = reader.u16()?;
    match (token, size) {
        (0xA5, 0xFFFF) => Ok(SqlType::VarBinary(Length::Max)),
        (0xA5, 0..=8000) => Ok(SqlType::VarBinary(Length::Of(size))),
        (0xAD, 0..=8000) => Ok(SqlType::Binary(size)),
        _ => Err(Violation::new(format!("a binary type cannot have length {size}"))),
    }
}

fn read_character(reader: &mut Reader<'_>, token: u8) -> Result<SqlType, Violation> {
    let size = reader.u16()?;
    let collation = read_collation(reader)?;
    let wrong = || Violation::new(format!("a character type (0x{token:02X}) cannot have length {size}"));
    let wide = matches!(token, 0xE7 | 0xEF);
    if size == 0xFFFF {
        return match token {
            0xA7 => Ok(SqlType::VarChar(Length::Max, collation)),
            0xE7 => Ok(SqlType::NVarChar(Length::Max, collation)),
            _ => Err(wrong()),
        };
    }
    if size > 8000 || wide && size % 2 != 0 {
        return Err(wrong());
    }
    Ok(match token {
        0xA7 => SqlType::VarChar(Length::Of(size), collation),
        0xAF => SqlType::Char(size, collation),
        0xE7 => SqlType::NVarChar(Length::Of(size / 2), collation),
        _ => SqlType::NChar(size / 2, collation),
    })
}

/// Five zero bytes mean that the client leaves the collation to the server.
fn read_collation(reader: &mut Reader<'_>) -> Result<&'static Collation, Violation> {
    let wire = reader.array::<5>()?;
    if wire == [0; 5] {
        return Ok(collation::DEFAULT);
    }
    Collation::from_wire(wire)
        .ok_or_else(|| Violation::new(format!("the collation {wire:02X?} is not known to the stand-in")))
}

/// Reads a value of a declared type into its canonical form.
pub(super) fn read_value(reader: &mut Reader<'_>, declared: Declared) -> Result<Value, Violation> {
    let of = declared.of;
    let bytes = match framing(of, declared.nullable) {
        Framing::None => Some(reader.bytes(fixed_length(of))?.to_vec()),
        Framing::Byte => match usize::from(reader.u8()?) {
            0 => None,
            length => Some(reader.bytes(length)?.to_vec()),
        },
        Framing::Short => match reader.u16()? {
            0xFFFF => None,
            length => Some(reader.bytes(usize::from(length))?.to_vec()),
        },
        Framing::Plp => read_plp(reader)?,
        // A parameter has no text pointer, only a length of four bytes.
        Framing::TextPointer => match reader.u32()? {
            u32::MAX => None,
            length => Some(reader.bytes(length as usize)?.to_vec()),
        },
        Framing::Variant => match reader.u32()? as usize {
            0 => None,
            length => return Ok(Value::Blob(reader.bytes(length)?.to_vec())),
        },
    };
    let Some(bytes) = bytes else { return Ok(Value::Null) };
    check_length(&bytes, of)?;
    let datum = from_data(&bytes, of)?;
    store(datum, of).map_err(|error| Violation::new(error.to_string()))
}

fn read_plp(reader: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Violation> {
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
        return Err(Violation::new(format!("a PLP value says {total} bytes and has {}", data.len())));
    }
    Ok(Some(data))
}

fn fixed_length(of: SqlType) -> usize {
    match of {
        SqlType::Bit | SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Int | SqlType::Real | SqlType::SmallMoney | SqlType::SmallDateTime => 4,
        _ => 8,
    }
}

fn check_length(bytes: &[u8], of: SqlType) -> Result<(), Violation> {
    let fits = match of {
        SqlType::Char(n, _)
        | SqlType::VarChar(Length::Of(n), _)
        | SqlType::Binary(n)
        | SqlType::VarBinary(Length::Of(n)) => bytes.len() <= usize::from(n),
        SqlType::NChar(n, _) | SqlType::NVarChar(Length::Of(n), _) => bytes.len() <= usize::from(n) * 2,
        SqlType::Decimal { .. } => matches!(bytes.len(), 5 | 9 | 13 | 17),
        SqlType::UniqueIdentifier => bytes.len() == 16,
        SqlType::Date => bytes.len() == 3,
        SqlType::Time(scale) => bytes.len() == time_length(scale),
        SqlType::DateTime2(scale) => bytes.len() == time_length(scale) + 3,
        SqlType::DateTimeOffset(scale) => bytes.len() == time_length(scale) + 5,
        SqlType::RowVersion => bytes.len() == 8,
        _ if of.is_number() || matches!(of, SqlType::DateTime | SqlType::SmallDateTime) => {
            bytes.len() == fixed_length(of)
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(Violation::new(format!("a {of} value of {} bytes", bytes.len()))) }
}

/// A value from its bytes, of which the length is checked.
pub(super) fn from_data(bytes: &[u8], of: SqlType) -> Result<Datum, Violation> {
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
    let mut reader = Reader::new(bytes);
    Ok(match of {
        SqlType::Bit | SqlType::TinyInt => Datum::Int(i64::from(reader.u8()?)),
        SqlType::SmallInt => Datum::Int(i64::from(reader.u16()? as i16)),
        SqlType::Int => Datum::Int(i64::from(reader.u32()? as i32)),
        SqlType::BigInt => Datum::Int(reader.u64()? as i64),
        SqlType::Real => Datum::Float(f64::from(f32::from_le_bytes(reader.array()?))),
        SqlType::Float => Datum::Float(f64::from_le_bytes(reader.array()?)),
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
                return Err(Violation::new(format!("a value that decimal({precision},{scale}) cannot hold")));
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
                return Err(Violation::new(format!("a datetimeoffset {offset} minutes from UTC")));
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
                return Err(Violation::new("a datetime out of its range"));
            }
            Datum::Moment { day, ticks: (steps * 100_000 + 2) / 3, offset: 0 }
        }
        SqlType::SmallDateTime => {
            let (day, minutes) = (i64::from(reader.u16()?) + DAYS_TO_1900, i64::from(reader.u16()?));
            if minutes >= 1440 {
                return Err(Violation::new("a smalldatetime out of its range"));
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

fn day_in_range(moment: Datum) -> Result<Datum, Violation> {
    match moment {
        Datum::Moment { day: 0..3_652_059, ticks: 0..DAY_TICKS, .. } => Ok(moment),
        _ => Err(Violation::new("a date or time out of its range")),
    }
}
