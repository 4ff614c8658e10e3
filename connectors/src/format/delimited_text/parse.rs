//! Texts back to values: the inverse of [`cells`](super::cells). A text in another form than ours may
//! become any value or none; whoever asks writes the value again and compares.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, FixedSizeBinaryArray, NullArray,
        PrimitiveArray, StringArray,
    },
    datatypes::{
        DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
        Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ropeway_engine::source::is_uuid;

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;

/// The values of a column, in a type of the same values; `None` if a text is none of them.
pub(super) fn column(texts: &StringArray, field: &Field) -> Option<ArrayRef> {
    use DataType as T;
    use TimeUnit as U;
    Some(match field.data_type() {
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Arc::new(texts.clone()),
        T::Dictionary(_, values) if values.is_string() => Arc::new(texts.clone()),
        T::Null => (texts.null_count() == texts.len()).then(|| Arc::new(NullArray::new(texts.len())))?,
        T::Boolean => Arc::new(
            each(texts, |text| match text {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            })?
            .into_iter()
            .collect::<BooleanArray>(),
        ),
        T::Int8 => numbers::<Int8Type>(texts, field, |text| text.parse().ok())?,
        T::Int16 => numbers::<Int16Type>(texts, field, |text| text.parse().ok())?,
        T::Int32 => numbers::<Int32Type>(texts, field, |text| text.parse().ok())?,
        T::Int64 => numbers::<Int64Type>(texts, field, |text| text.parse().ok())?,
        T::UInt8 => numbers::<UInt8Type>(texts, field, |text| text.parse().ok())?,
        T::UInt16 => numbers::<UInt16Type>(texts, field, |text| text.parse().ok())?,
        T::UInt32 => numbers::<UInt32Type>(texts, field, |text| text.parse().ok())?,
        T::UInt64 => numbers::<UInt64Type>(texts, field, |text| text.parse().ok())?,
        T::Float32 => numbers::<Float32Type>(texts, field, |text| text.parse().ok())?,
        T::Float64 => numbers::<Float64Type>(texts, field, |text| text.parse().ok())?,
        // Its digits without the point; that the point was at its place shows when it is written again.
        T::Decimal128(..) => numbers::<Decimal128Type>(texts, field, |text| text.replacen('.', "", 1).parse().ok())?,
        T::Date32 => numbers::<Date32Type>(texts, field, |text| date(text)?.try_into().ok())?,
        T::Time32(U::Second) => numbers::<Time32SecondType>(texts, field, |t| time(t, 1)?.try_into().ok())?,
        T::Time32(_) => numbers::<Time32MillisecondType>(texts, field, |t| time(t, 1000)?.try_into().ok())?,
        T::Time64(U::Microsecond) => numbers::<Time64MicrosecondType>(texts, field, |t| time(t, 1_000_000))?,
        T::Time64(_) => numbers::<Time64NanosecondType>(texts, field, |t| time(t, SECOND))?,
        T::Timestamp(U::Second, _) => numbers::<TimestampSecondType>(texts, field, |t| moment(t, 1))?,
        T::Timestamp(U::Millisecond, _) => numbers::<TimestampMillisecondType>(texts, field, |t| moment(t, 1000))?,
        T::Timestamp(U::Microsecond, _) => numbers::<TimestampMicrosecondType>(texts, field, |t| moment(t, 1_000_000))?,
        T::Timestamp(U::Nanosecond, _) => numbers::<TimestampNanosecondType>(texts, field, |t| moment(t, SECOND))?,
        T::FixedSizeBinary(16) if is_uuid(field) => {
            let uuids = each(texts, |text| uuid::Uuid::try_parse(text).ok())?;
            let bytes = uuids.iter().map(|uuid| uuid.as_ref().map(uuid::Uuid::as_bytes));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, 16).ok()?)
        }
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => {
            let bytes = each(texts, |text| BASE64_STANDARD.decode(text).ok())?;
            Arc::new(bytes.into_iter().collect::<BinaryArray>())
        }
        _ => return None,
    })
}

/// Every text that is there, parsed; `None` if one cannot be.
fn each<T>(texts: &StringArray, parse: impl Fn(&str) -> Option<T>) -> Option<Vec<Option<T>>> {
    let parsed = texts.iter().map(|text| match text {
        None => Some(None),
        Some(text) => parse(text).map(Some),
    });
    parsed.collect()
}

fn numbers<P: ArrowPrimitiveType>(
    texts: &StringArray,
    field: &Field,
    parse: impl Fn(&str) -> Option<P::Native>,
) -> Option<ArrayRef> {
    let values: PrimitiveArray<P> = each(texts, parse)?.into_iter().collect();
    Some(Arc::new(values.with_data_type(field.data_type().clone())))
}

/// Days since 1970-01-01.
fn date(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let mut parts = digits.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (sign * parts.next()??, parts.next()??, parts.next()??);
    if year.abs() > 10_000_000 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // The inverse of `numbers::date`, with years that begin in March.
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + 365 * year_of_era + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Ticks of a time of the day.
fn time(text: &str, per_second: i64) -> Option<i64> {
    let (clock, fraction) = text.split_once('.')?;
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok().filter(|part| (0..60).contains(part)));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let digits = u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9)?;
    let nanoseconds = fraction.parse::<u32>().ok()?.checked_mul(10_u32.pow(9 - digits))?;
    Some((hour * 3600 + minute * 60 + second) * per_second + i64::from(nanoseconds) / (SECOND / per_second))
}

/// Ticks of a moment since 1970.
fn moment(text: &str, per_second: i64) -> Option<i64> {
    let text = text.strip_suffix(" +00:00").unwrap_or(text);
    let (day, clock) = text.split_once(' ')?;
    // The first moments of all have more ticks in their whole day than the type has room for.
    let ticks = i128::from(date(day)?) * 86_400 * i128::from(per_second) + i128::from(time(clock, per_second)?);
    ticks.try_into().ok()
}
