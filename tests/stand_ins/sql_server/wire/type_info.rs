//! TYPE_INFO (MS-TDS 2.2.5.6).

use super::super::collation::{self, Collation};
use super::super::protocol::Violation;
use super::super::reader::Reader;
use super::super::sql_type::{Length, SqlType, Udt};
use super::decimal_length;

/// Writes TYPE_INFO. Columns that cannot be null have the fixed-length types where there are some.
pub(crate) fn write_type(out: &mut Vec<u8>, of: SqlType, nullable: bool) {
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
pub(crate) fn short_text(out: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(255).collect();
    out.push(units.len() as u8);
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

/// US_VARCHAR.
pub(crate) fn long_text(out: &mut Vec<u8>, text: &str) {
    let units: Vec<u16> = text.encode_utf16().take(65_535).collect();
    out.extend((units.len() as u16).to_le_bytes());
    out.extend(units.into_iter().flat_map(u16::to_le_bytes));
}

/// A type as a client declares it, for a parameter or a bulk-load column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) of: SqlType,
    /// Whether a length stands in front of values of a type that has a fixed-length form.
    pub(crate) nullable: bool,
}

/// Reads TYPE_INFO.
pub(crate) fn read_type(reader: &mut Reader<'_>) -> Result<Declared, Violation> {
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
