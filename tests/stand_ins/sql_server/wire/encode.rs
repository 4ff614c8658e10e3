//! Values on their way out.

use super::super::datum::{DAY_TICKS, DAYS_TO_1900, Datum, load};
use super::super::{SqlError, SqlType};
use super::{Framing, decimal_length, framing, time_length};
use rusqlite::types::ValueRef;

/// Writes one value of a ROW.
pub(crate) fn write_value(out: &mut Vec<u8>, of: SqlType, nullable: bool, value: ValueRef<'_>) -> Result<(), SqlError> {
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
pub(crate) fn data(datum: &Datum, of: SqlType) -> Result<Vec<u8>, SqlError> {
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
