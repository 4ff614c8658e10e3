//! How the values of a column become text: chosen once per batch and column, then applied blindly.

use arrow::{
    array::{Array, ArrayAccessor, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray},
    compute::cast,
    datatypes::{
        DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ropeway_engine::{Error, ErrorKind, Result, source::is_uuid, text::digits as numbers};

use super::dialect::{Dialect, Problem};

/// Writes the value of a row.
pub(in crate::format) type Cell<'a> = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<(), Problem> + 'a>;

/// The form of a column's text, for the person.
pub(in crate::format) fn text_form(field: &Field) -> Result<&'static str> {
    use DataType as T;
    Ok(match field.data_type() {
        T::Null | T::Utf8 | T::LargeUtf8 | T::Utf8View => "text",
        T::Boolean => "text True|False",
        T::Float32 | T::Float64 => "text, shortest exact",
        T::Decimal128(..) => "text, all digits",
        T::Date32 => "text yyyy-MM-dd",
        T::Time32(_) | T::Time64(_) => "text HH:mm:ss.fffffff",
        T::Timestamp(_, None) => "text yyyy-MM-dd HH:mm:ss.fffffff",
        T::Timestamp(_, Some(_)) => "text yyyy-MM-dd HH:mm:ss.fffffff +00:00",
        T::FixedSizeBinary(16) if is_uuid(field) => "text, uuid",
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => "text, base64",
        integer if integer.is_integer() => "text",
        T::Dictionary(_, values) if values.is_string() => "text",
        other => {
            return Err(Error::new(
                ErrorKind::Data,
                "this type has no text form in a delimited file; cast it in the query",
            )
            .with("column", field.name().escape_debug())
            .with("type", other));
        }
    })
}

/// The cells of a column without nulls: the caller has looked at them.
pub(in crate::format) fn cells<'a>(field: &Field, values: &'a ArrayRef, dialect: &'a Dialect) -> Result<Cell<'a>> {
    use DataType as T;
    Ok(match values.data_type() {
        T::Utf8 => text(values.as_string::<i32>(), dialect),
        T::LargeUtf8 => text(values.as_string::<i64>(), dialect),
        T::Utf8View => text(values.as_string_view(), dialect),
        T::Boolean => {
            let values = values.as_boolean();
            Box::new(move |row, out| dialect.write_plain(if values.value(row) { b"True" } else { b"False" }, out))
        }
        T::Int8 => digits::<Int8Type>(values, dialect, |value, out| numbers::signed(value.into(), out)),
        T::Int16 => digits::<Int16Type>(values, dialect, |value, out| numbers::signed(value.into(), out)),
        T::Int32 => digits::<Int32Type>(values, dialect, |value, out| numbers::signed(value.into(), out)),
        T::Int64 => digits::<Int64Type>(values, dialect, numbers::signed),
        T::UInt8 => digits::<UInt8Type>(values, dialect, |value, out| numbers::padded_u64(value.into(), 1, out)),
        T::UInt16 => digits::<UInt16Type>(values, dialect, |value, out| numbers::padded_u64(value.into(), 1, out)),
        T::UInt32 => digits::<UInt32Type>(values, dialect, |value, out| numbers::padded_u64(value.into(), 1, out)),
        T::UInt64 => digits::<UInt64Type>(values, dialect, |value, out| numbers::padded_u64(value, 1, out)),
        T::Float32 => digits::<Float32Type>(values, dialect, numbers::float32),
        T::Float64 => digits::<Float64Type>(values, dialect, numbers::float64),
        T::Decimal128(_, scale) if *scale >= 0 => {
            let scale = *scale as usize;
            digits::<Decimal128Type>(values, dialect, move |value, out| numbers::decimal(value, scale, out))
        }
        T::Date32 => digits::<Date32Type>(values, dialect, |value, out| numbers::date(value.into(), out)),
        T::Time32(unit) | T::Time64(unit) => times(values, *unit, dialect),
        T::Timestamp(unit, zone) => moments(values, *unit, zone.is_some(), dialect),
        T::FixedSizeBinary(16) if is_uuid(field) => {
            let values = values.as_fixed_size_binary();
            Box::new(move |row, out| {
                let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
                let uuid = uuid::Uuid::from_slice(values.value(row)).unwrap_or_default();
                dialect.write_plain(uuid.hyphenated().encode_lower(&mut text).as_bytes(), out)
            })
        }
        T::FixedSizeBinary(_) => bytes(values.as_fixed_size_binary(), dialect),
        T::Binary => bytes(values.as_binary::<i32>(), dialect),
        T::LargeBinary => bytes(values.as_binary::<i64>(), dialect),
        T::BinaryView => bytes(values.as_binary_view(), dialect),
        other => {
            return Err(Error::new(ErrorKind::Bug, "a column without a text form was let in; please report it")
                .with("type", other));
        }
    })
}

/// The column in a type that [`cells`] takes.
pub(in crate::format) fn plain(values: &ArrayRef) -> Result<ArrayRef> {
    match values.data_type() {
        DataType::Dictionary(_, value_type) => cast(values, value_type).map_err(|error| {
            Error::new(ErrorKind::Bug, "a dictionary cannot be unfolded; please report it").caused_by(error)
        }),
        _ => Ok(ArrayRef::clone(values)),
    }
}

fn text<'a>(values: impl ArrayAccessor<Item = &'a str> + 'a, dialect: &'a Dialect) -> Cell<'a> {
    Box::new(move |row, out| dialect.write_text(values.value(row), out))
}

fn bytes<'a>(values: impl ArrayAccessor<Item = &'a [u8]> + 'a, dialect: &'a Dialect) -> Cell<'a> {
    // Base64 has no quote and no line end, but its `+`, `/` and `=` may be someone's delimiter.
    Box::new(move |row, out| dialect.write_text(&BASE64_STANDARD.encode(values.value(row)), out))
}

/// A column of numbers. Where no digit, sign or point is special, the digits go straight into the
/// line.
fn digits<'a, P: ArrowPrimitiveType>(
    values: &'a ArrayRef,
    dialect: &'a Dialect,
    write: impl Fn(P::Native, &mut Vec<u8>) + 'a,
) -> Cell<'a> {
    let values: &PrimitiveArray<P> = values.as_primitive();
    let null = dialect.null_value.as_bytes();
    let never_special = !b"0123456789+-.:EInfityNa ".iter().any(|byte| dialect.special[usize::from(*byte)]);
    if never_special && (null.is_empty() || !null.iter().all(|byte| b"0123456789+-.:EInfityNa ".contains(byte))) {
        return Box::new(move |row, out| {
            write(values.value(row), out);
            Ok(())
        });
    }
    Box::new(move |row, out| {
        let mut text = Vec::with_capacity(40);
        write(values.value(row), &mut text);
        dialect.write_plain(&text, out)
    })
}

fn times<'a>(values: &'a ArrayRef, unit: TimeUnit, dialect: &'a Dialect) -> Cell<'a> {
    let write = move |ticks: i64, per_second: i64, out: &mut Vec<u8>| {
        let (second, nanosecond) = numbers::seconds(ticks, per_second);
        numbers::time(second, nanosecond, out);
    };
    match unit {
        TimeUnit::Second => digits::<Time32SecondType>(values, dialect, move |t, out| write(t.into(), 1, out)),
        TimeUnit::Millisecond => {
            digits::<Time32MillisecondType>(values, dialect, move |t, out| write(t.into(), 1000, out))
        }
        TimeUnit::Microsecond => {
            digits::<Time64MicrosecondType>(values, dialect, move |t, out| write(t, 1_000_000, out))
        }
        TimeUnit::Nanosecond => {
            digits::<Time64NanosecondType>(values, dialect, move |t, out| write(t, 1_000_000_000, out))
        }
    }
}

fn moments<'a>(values: &'a ArrayRef, unit: TimeUnit, zoned: bool, dialect: &'a Dialect) -> Cell<'a> {
    // Arrow keeps zoned moments in UTC.
    let zone: &[u8] = if zoned { b" +00:00" } else { b"" };
    let write = move |ticks: i64, per_second: i64, out: &mut Vec<u8>| {
        numbers::timestamp(ticks, per_second, out);
        out.extend_from_slice(zone);
    };
    match unit {
        TimeUnit::Second => digits::<TimestampSecondType>(values, dialect, move |t, out| write(t, 1, out)),
        TimeUnit::Millisecond => digits::<TimestampMillisecondType>(values, dialect, move |t, out| write(t, 1000, out)),
        TimeUnit::Microsecond => {
            digits::<TimestampMicrosecondType>(values, dialect, move |t, out| write(t, 1_000_000, out))
        }
        TimeUnit::Nanosecond => {
            digits::<TimestampNanosecondType>(values, dialect, move |t, out| write(t, 1_000_000_000, out))
        }
    }
}
