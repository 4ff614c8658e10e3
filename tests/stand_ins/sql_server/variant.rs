//! `sql_variant`: a value that carries its type. Its canonical form is what travels after the total length: base type,
//! count of property bytes, properties, data (MS-TDS 2.2.5.5.4).

use super::datum::Datum;
use super::protocol::Violation;
use super::reader::Reader;
use super::sql_type::Length;
use super::{SqlError, SqlType, collation::Collation, wire};
use rusqlite::types::{Value, ValueRef};

/// A value of a type as a sql_variant.
pub(super) fn pack(datum: Datum, of: SqlType) -> Result<Value, SqlError> {
    if datum == Datum::Null {
        return Ok(Value::Null);
    }
    let (token, properties): (u8, Vec<u8>) = match of {
        SqlType::Bit => (0x32, vec![]),
        SqlType::TinyInt => (0x30, vec![]),
        SqlType::SmallInt => (0x34, vec![]),
        SqlType::Int => (0x38, vec![]),
        SqlType::BigInt => (0x7F, vec![]),
        SqlType::Real => (0x3B, vec![]),
        SqlType::Float => (0x3E, vec![]),
        SqlType::Money => (0x3C, vec![]),
        SqlType::SmallMoney => (0x7A, vec![]),
        SqlType::DateTime => (0x3D, vec![]),
        SqlType::SmallDateTime => (0x3A, vec![]),
        SqlType::Date => (0x28, vec![]),
        SqlType::UniqueIdentifier => (0x24, vec![]),
        SqlType::Time(scale) => (0x29, vec![scale]),
        SqlType::DateTime2(scale) => (0x2A, vec![scale]),
        SqlType::DateTimeOffset(scale) => (0x2B, vec![scale]),
        SqlType::Decimal { precision, scale, numeric } => (if numeric { 0x6C } else { 0x6A }, vec![precision, scale]),
        SqlType::Char(n, collation) => (0xAF, text_properties(collation, n)),
        SqlType::VarChar(Length::Of(n), collation) => (0xA7, text_properties(collation, n)),
        SqlType::NChar(n, collation) => (0xEF, text_properties(collation, n * 2)),
        SqlType::NVarChar(Length::Of(n), collation) => (0xE7, text_properties(collation, n * 2)),
        SqlType::Binary(n) => (0xAD, n.to_le_bytes().to_vec()),
        SqlType::VarBinary(Length::Of(n)) => (0xA5, n.to_le_bytes().to_vec()),
        _ => return Err(SqlError::operand_clash(of.name(), "sql_variant")),
    };
    let mut blob = vec![token, properties.len() as u8];
    blob.extend(properties);
    blob.extend(wire::data(&datum, of)?);
    Ok(Value::Blob(blob))
}

fn text_properties(collation: &Collation, max_bytes: u16) -> Vec<u8> {
    let mut properties = collation.wire.to_vec();
    properties.extend(max_bytes.to_le_bytes());
    properties
}

/// The value inside and its base type.
pub(super) fn unpack(value: ValueRef<'_>) -> Result<(Datum, SqlType), SqlError> {
    if value == ValueRef::Null {
        return Ok((Datum::Null, SqlType::Int));
    }
    let blob = value.as_blob().map_err(|_| SqlError::not_taught("a sql_variant that is not a blob"))?;
    parse(blob).map_err(SqlError::not_taught)
}

fn parse(blob: &[u8]) -> Result<(Datum, SqlType), Violation> {
    let mut reader = Reader::new(blob);
    let [token, count] = reader.array()?;
    let mut properties = Reader::new(reader.bytes(usize::from(count))?);
    let of = match token {
        0x24 => SqlType::UniqueIdentifier,
        0x28 => SqlType::Date,
        0x29 => SqlType::Time(properties.u8()?),
        0x2A => SqlType::DateTime2(properties.u8()?),
        0x2B => SqlType::DateTimeOffset(properties.u8()?),
        0x6A | 0x6C => {
            let [precision, scale] = properties.array()?;
            SqlType::Decimal { precision, scale, numeric: token == 0x6C }
        }
        0xA5 => SqlType::VarBinary(Length::Of(properties.u16()?)),
        0xAD => SqlType::Binary(properties.u16()?),
        0xA7 | 0xAF | 0xE7 | 0xEF => {
            let collation = Collation::from_wire(properties.array()?)
                .ok_or(Violation::new("a sql_variant with an unknown collation"))?;
            let max = properties.u16()?;
            match token {
                0xA7 => SqlType::VarChar(Length::Of(max), collation),
                0xAF => SqlType::Char(max, collation),
                0xE7 => SqlType::NVarChar(Length::Of(max / 2), collation),
                _ => SqlType::NChar(max / 2, collation),
            }
        }
        _ => wire::read_type(&mut Reader::new(&[token]))?.of,
    };
    wire::check_length(reader.rest().len(), of)?;
    Ok((wire::from_data(reader.rest(), of)?, of))
}
