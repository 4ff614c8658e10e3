//! Conversions between types, with the range checks and errors of `CAST` and `CONVERT`.

use super::datum::{DAY_TICKS, DAYS_TO_1900, Datum, load, store};
use super::sql_type::Length;
use super::{SqlError, SqlType, text_form};
use rusqlite::types::{Value, ValueRef};

/// A canonical value of one type as a canonical value of another; text that is too long is cut, as `CAST` does.
pub(super) fn convert(value: ValueRef<'_>, from: SqlType, to: SqlType) -> Result<Value, SqlError> {
    let datum = if from == SqlType::SqlVariant && to != SqlType::SqlVariant {
        let (datum, base) = super::variant::unpack(value)?;
        return store(reshape(datum, base, to)?, to);
    } else {
        load(value, from)?
    };
    if to == SqlType::SqlVariant && from != SqlType::SqlVariant {
        return super::variant::pack(datum, from);
    }
    store(reshape(datum, from, to)?, to)
}

/// A value in the shape of the target type.
pub(super) fn reshape(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    if datum == Datum::Null {
        return Ok(Datum::Null);
    }
    match to {
        SqlType::Bit => Ok(Datum::Int(i64::from(bit(&datum, from)?))),
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt => integer(datum, from, to),
        SqlType::Real | SqlType::Float => float(datum, from, to),
        SqlType::Decimal { precision, scale, .. } => decimal(datum, from, to, (precision, scale)),
        SqlType::Money => decimal(datum, from, to, (19, 4)),
        SqlType::SmallMoney => decimal(datum, from, to, (10, 4)),
        SqlType::Date | SqlType::Time(_) | SqlType::DateTime2(_) | SqlType::DateTimeOffset(_) => {
            moment(datum, from, to)
        }
        SqlType::DateTime | SqlType::SmallDateTime => moment(datum, from, to),
        SqlType::UniqueIdentifier => guid(datum, from),
        SqlType::Xml => match datum {
            // Reading XML takes the byte order mark off.
            Datum::Text(text) => Ok(Datum::Text(text.trim_start_matches('\u{FEFF}').to_owned())),
            _ => Err(not_allowed(from, to)),
        },
        _ if to.is_text() => text(datum, from, to),
        _ => bytes(datum, from, to),
    }
}

fn not_allowed(from: SqlType, to: SqlType) -> SqlError {
    SqlError::new(
        529,
        16,
        format!("Explicit conversion from data type {} to {} is not allowed.", from.name(), to.name()),
    )
}

fn bit(datum: &Datum, from: SqlType) -> Result<bool, SqlError> {
    match datum {
        Datum::Int(n) => Ok(*n != 0),
        Datum::Float(n) => Ok(*n != 0.0),
        Datum::Decimal { units, .. } => Ok(*units != 0),
        Datum::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            number => number.parse::<i64>().map(|n| n != 0).map_err(|_| SqlError::conversion(text, from.name(), "bit")),
        },
        Datum::Bytes(bytes) => Ok(bytes.last().is_some_and(|byte| *byte != 0)),
        _ => Err(not_allowed(from, SqlType::Bit)),
    }
}

fn integer(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    let wide = match &datum {
        Datum::Int(n) => i128::from(*n),
        // A float is cut towards zero.
        Datum::Float(n) if n.abs() < 1e30 => n.trunc() as i128,
        Datum::Float(_) => i128::MAX,
        Datum::Decimal { units, scale } => {
            // Money rounds, decimal is cut.
            if matches!(from, SqlType::Money | SqlType::SmallMoney) {
                rescale(*units, *scale, 0)
            } else {
                units / ten(*scale)
            }
        }
        Datum::Text(text) => {
            text.trim().parse::<i128>().map_err(|_| SqlError::conversion(text, from.name(), to.name()))?
        }
        Datum::Bytes(bytes) => {
            let tail = &bytes[bytes.len().saturating_sub(8)..];
            i128::from(tail.iter().fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte)))
        }
        Datum::Moment { day, ticks, .. } if matches!(from, SqlType::DateTime | SqlType::SmallDateTime) => {
            i128::from(day - DAYS_TO_1900 + i64::from(*ticks >= DAY_TICKS / 2))
        }
        _ => return Err(not_allowed(from, to)),
    };
    let range = match to {
        SqlType::TinyInt => 0..=255,
        SqlType::SmallInt => -32_768..=32_767,
        SqlType::Int => i128::from(i32::MIN)..=i128::from(i32::MAX),
        _ => i128::from(i64::MIN)..=i128::from(i64::MAX),
    };
    if range.contains(&wide) {
        return Ok(Datum::Int(wide as i64));
    }
    Err(match (from, to) {
        (SqlType::SmallInt | SqlType::Int | SqlType::BigInt, SqlType::TinyInt | SqlType::SmallInt) => {
            SqlError::new(220, 16, format!("Arithmetic overflow error for data type {}, value = {wide}.", to.name()))
        }
        (_, SqlType::Int) if from.is_text() => SqlError::new(
            248,
            16,
            format!("The conversion of the {} value '{wide}' overflowed an int column.", from.name()),
        ),
        _ => SqlError::overflow_to(to.name()),
    })
}

fn float(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    let wide = match &datum {
        Datum::Int(n) => *n as f64,
        Datum::Float(n) => *n,
        Datum::Decimal { units, scale } => text_form::decimal(*units, *scale).parse().unwrap_or(f64::NAN),
        Datum::Text(text) => text.trim().parse().map_err(|_| {
            SqlError::new(8114, 16, format!("Error converting data type {} to {}.", from.name(), to.name())).state(5)
        })?,
        _ => return Err(not_allowed(from, to)),
    };
    let value = if to == SqlType::Real { f64::from(wide as f32) } else { wide };
    if value.is_finite() { Ok(Datum::Float(value)) } else { Err(SqlError::overflow_to(to.name())) }
}

fn decimal(datum: Datum, from: SqlType, to: SqlType, (precision, scale): (u8, u8)) -> Result<Datum, SqlError> {
    let overflow = || SqlError::overflow_to(if matches!(to, SqlType::Decimal { .. }) { "numeric" } else { to.name() });
    let units = match &datum {
        Datum::Int(n) => i128::from(*n).checked_mul(ten(scale)).ok_or_else(overflow)?,
        Datum::Decimal { units, scale: had } => rescaled(*units, *had, scale).ok_or_else(overflow)?,
        Datum::Float(n) => {
            let text = format!("{n:.*}", usize::from(scale));
            let (units, had) = text_form::parse_decimal(&text).ok_or_else(overflow)?;
            rescaled(units, had, scale).ok_or_else(overflow)?
        }
        Datum::Text(text) => {
            let failed =
                || SqlError::new(8114, 16, format!("Error converting data type {} to numeric.", from.name())).state(5);
            let (units, had) = text_form::parse_decimal(text.trim()).ok_or_else(failed)?;
            rescaled(units, had, scale).ok_or_else(overflow)?
        }
        _ => return Err(not_allowed(from, to)),
    };
    let limit = match to {
        SqlType::Money => i128::from(i64::MIN)..=i128::from(i64::MAX),
        SqlType::SmallMoney => i128::from(i32::MIN)..=i128::from(i32::MAX),
        _ => -(ten(precision) - 1)..=ten(precision) - 1,
    };
    if limit.contains(&units) { Ok(Datum::Decimal { units, scale }) } else { Err(overflow()) }
}

fn moment(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    let (day, ticks, offset) = match datum {
        Datum::Moment { day, ticks, offset } => match (from, to) {
            (SqlType::Date, SqlType::Time(_)) | (SqlType::Time(_), SqlType::Date) => return Err(not_allowed(from, to)),
            _ => (day, ticks, offset),
        },
        Datum::Text(text) => text_form::parse_moment(text.trim(), to).ok_or_else(|| {
            SqlError::new(241, 16, "Conversion failed when converting date and/or time from character string.")
        })?,
        _ => return Err(not_allowed(from, to)),
    };
    let keep = |digits: u8| 10_i64.pow(u32::from(7 - digits));
    let step = match to {
        SqlType::Time(n) | SqlType::DateTime2(n) | SqlType::DateTimeOffset(n) => keep(n),
        SqlType::SmallDateTime => 600_000_000,
        _ => 1,
    };
    let mut ticks = match to {
        SqlType::Date => 0,
        // Canonical form of datetime is 1/300 s: round to the step here, so that storing divides evenly.
        SqlType::DateTime => (((ticks * 3 + 50_000) / 100_000) * 100_000 + 2) / 3,
        _ => (ticks + step / 2) / step * step,
    };
    let mut day = day;
    if ticks >= DAY_TICKS {
        ticks -= DAY_TICKS;
        day += i64::from(!matches!(to, SqlType::Time(_)));
    }
    let range = match to {
        SqlType::DateTime => 639_905..3_652_059,
        SqlType::SmallDateTime => DAYS_TO_1900..DAYS_TO_1900 + 65_536,
        _ => 0..3_652_059,
    };
    if !range.contains(&day) {
        let message = format!(
            "The conversion of a {} data type to a {} data type resulted in an out-of-range value.",
            from.name(),
            to.name()
        );
        return Err(SqlError::new(242, 16, message).state(3));
    }
    let offset = if matches!(to, SqlType::DateTimeOffset(_)) { offset } else { 0 };
    Ok(Datum::Moment { day, ticks, offset })
}

fn guid(datum: Datum, from: SqlType) -> Result<Datum, SqlError> {
    match datum {
        Datum::Guid(bytes) => Ok(Datum::Guid(bytes)),
        Datum::Text(text) => text_form::parse_guid(&text).map(Datum::Guid).ok_or_else(|| {
            SqlError::new(8169, 16, "Conversion failed when converting from a character string to uniqueidentifier.")
                .state(2)
        }),
        Datum::Bytes(bytes) if bytes.len() >= 16 => {
            let mut wire = [0; 16];
            wire.copy_from_slice(&bytes[..16]);
            Ok(Datum::Guid(wire))
        }
        _ => Err(not_allowed(from, SqlType::UniqueIdentifier)),
    }
}

fn text(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    let is_character = matches!(datum, Datum::Text(_));
    let mut text = match datum {
        Datum::Bytes(bytes) if matches!(from, SqlType::Binary(_) | SqlType::VarBinary(_)) => match to {
            SqlType::NChar(..) | SqlType::NVarChar(..) => {
                let units: Vec<u16> = bytes
                    .chunks(2)
                    .map(|pair| u16::from(pair[0]) | u16::from(*pair.get(1).unwrap_or(&0)) << 8)
                    .collect();
                String::from_utf16_lossy(&units)
            }
            _ => to.collation().unwrap_or(super::collation::DEFAULT).decode(&bytes),
        },
        other => text_form::text(&other, from)?,
    };
    let room = match to {
        SqlType::Char(n, _) | SqlType::NChar(n, _) => Some((n, true)),
        SqlType::VarChar(Length::Of(n), _) | SqlType::NVarChar(Length::Of(n), _) => Some((n, false)),
        _ => None,
    };
    if !matches!(to, SqlType::NChar(..) | SqlType::NVarChar(..) | SqlType::NText(_)) {
        let collation = to.collation().unwrap_or(super::collation::DEFAULT);
        text = collation.decode(&collation.encode(&text));
    }
    let Some((room, padded)) = room else { return Ok(Datum::Text(text)) };
    let room = usize::from(room);
    if width(&text, to) > room {
        if !is_character {
            return Err(match datum_kind(from) {
                Kind::Integer => {
                    let star = matches!(to, SqlType::Char(..) | SqlType::VarChar(..)) && from != SqlType::BigInt;
                    if star {
                        return text_padded("*".to_owned(), to, room, padded);
                    }
                    SqlError::overflow_to(to.name())
                }
                Kind::Guid => {
                    SqlError::new(8170, 16, "Insufficient result space to convert uniqueidentifier value to char.")
                        .state(2)
                }
                Kind::Other => SqlError::overflow_to(to.name()),
            });
        }
        while width(&text, to) > room {
            text.pop();
        }
    }
    text_padded(text, to, room, padded)
}

fn text_padded(mut text: String, to: SqlType, room: usize, padded: bool) -> Result<Datum, SqlError> {
    if padded {
        let missing = room.saturating_sub(width(&text, to));
        text.extend(std::iter::repeat_n(' ', missing));
    }
    Ok(Datum::Text(text))
}

enum Kind {
    Integer,
    Guid,
    Other,
}

fn datum_kind(of: SqlType) -> Kind {
    match of {
        SqlType::UniqueIdentifier => Kind::Guid,
        _ if of.is_integer() => Kind::Integer,
        _ => Kind::Other,
    }
}

/// Length in the unit of the type's declaration: UTF-16 units, or bytes of the code page.
pub(super) fn width(text: &str, of: SqlType) -> usize {
    match of {
        SqlType::Char(_, collation) | SqlType::VarChar(_, collation) | SqlType::Text(collation) => {
            collation.encode(text).len()
        }
        _ => text.encode_utf16().count(),
    }
}

fn bytes(datum: Datum, from: SqlType, to: SqlType) -> Result<Datum, SqlError> {
    let mut bytes = match datum {
        Datum::Bytes(bytes) => match (from, to) {
            (SqlType::Udt(had), SqlType::Udt(wanted)) if had != wanted => {
                return Err(SqlError::operand_clash(from.name(), to.name()));
            }
            _ => bytes,
        },
        Datum::Text(text) => match from {
            SqlType::NChar(..) | SqlType::NVarChar(..) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            _ => from.collation().unwrap_or(super::collation::DEFAULT).encode(&text),
        },
        Datum::Guid(wire) => wire.to_vec(),
        Datum::Int(n) => {
            let width = match from {
                SqlType::Bit | SqlType::TinyInt => 1,
                SqlType::SmallInt => 2,
                SqlType::Int => 4,
                _ => 8,
            };
            n.to_be_bytes()[8 - width..].to_vec()
        }
        _ => return Err(not_allowed(from, to)),
    };
    let right_aligned = from.is_integer();
    match to {
        SqlType::Binary(_) | SqlType::RowVersion => {
            let room = if let SqlType::Binary(n) = to { usize::from(n) } else { 8 };
            if right_aligned {
                let keep = bytes.len().min(room);
                let mut padded = vec![0; room - keep];
                padded.extend_from_slice(&bytes[bytes.len() - keep..]);
                bytes = padded;
            }
            bytes.resize(room, 0);
        }
        SqlType::VarBinary(Length::Of(n)) => bytes.truncate(usize::from(n)),
        _ => {}
    }
    Ok(Datum::Bytes(bytes))
}

/// `10^n`, for n up to 38.
pub(super) fn ten(n: u8) -> i128 {
    10_i128.pow(u32::from(n))
}

fn rescaled(units: i128, from: u8, to: u8) -> Option<i128> {
    if from <= to { units.checked_mul(ten(to - from)) } else { Some(rescale(units, from, to)) }
}

/// To a smaller scale, rounding half away from zero.
fn rescale(units: i128, from: u8, to: u8) -> i128 {
    let step = ten(from - to);
    (units / step) + if (units % step).abs() * 2 >= step { units.signum() } else { 0 }
}
