//! The values of a column as its driver takes them.

use arrow::{
    array::{
        Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, BinaryBuilder, Float64Array, GenericBinaryArray,
        Int64Array, StringArray,
    },
    compute::cast,
    datatypes::{
        DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType, Float64Type, Int64Type, UInt64Type,
    },
};
use ropeway_engine::text::OTHER_TYPE;

use super::{
    Form,
    moments::{self, of_clocks, of_moments, of_texts},
};

const NOT_A_NUMBER: &str =
    "a value is infinite or not a number, which the database cannot hold; replace it in the source's query";
const TOO_LONG: &str =
    "a value is longer than the column; widen the column, or shorten the values in the source's query";
const NOT_THE_SIZE: &str =
    "a value is shorter than the column, which would be filled up with zeros; declare the column as varying";

/// Values.
pub(super) enum Cells {
    Whole(Int64Array),
    Real(Float64Array),
    Bytes(GenericBinaryArray<i32>),
}

impl Cells {
    /// Bytes of a value; 0 for a null.
    pub(super) fn bytes(&self, row: usize) -> usize {
        match self {
            Self::Whole(_) | Self::Real(_) => 8,
            Self::Bytes(values) if values.is_null(row) => 0,
            Self::Bytes(values) => values.value_length(row) as usize,
        }
    }

    /// Hands over the value unless it is null.
    pub(super) fn put(&self, row: usize, put: impl FnOnce(&[u8])) {
        match self {
            Self::Whole(values) if values.is_valid(row) => put(&values.value(row).to_ne_bytes()),
            Self::Real(values) if values.is_valid(row) => put(&values.value(row).to_ne_bytes()),
            Self::Bytes(values) if values.is_valid(row) => put(values.value(row)),
            _ => {}
        }
    }
}

/// The values of an array that is of the type that the form is made of.
pub(super) fn of(array: &ArrayRef, form: Form) -> Result<Cells, &'static str> {
    match form {
        Form::Whole => Ok(Cells::Whole(primitive::<Int64Type>(array)?)),
        Form::Real { nan } => {
            let values = primitive::<Float64Type>(array)?;
            let is_unfit = !nan && values.iter().flatten().any(f64::is_nan);
            if is_unfit { Err(NOT_A_NUMBER) } else { Ok(Cells::Real(values)) }
        }
        Form::RealText { finite } => {
            let values = primitive::<Float64Type>(array)?;
            if finite && values.iter().flatten().any(|value| !value.is_finite()) {
                return Err(NOT_A_NUMBER);
            }
            Ok(texts(values.iter(), |value, text| write(text, format_args!("{value:e}"))))
        }
        Form::Digits => digits(array),
        Form::Date(form) => match array.as_primitive_opt::<Date32Type>() {
            Some(days) => {
                of_moments(days.iter().map(|day| day.map(|day| (i64::from(day), 0))), form, moments::Parts::Date)
            }
            None => of_texts(array, form, moments::Parts::Date),
        },
        Form::Time(digits) => of_clocks(array, digits),
        Form::Moment { form, utc } => match moments::instants(array) {
            Some(instants) => of_moments(instants, form, moments::Parts::Both),
            None => of_texts(array, form, if utc { moments::Parts::Instant } else { moments::Parts::Both }),
        },
        Form::Text(most) => Ok(Cells::Bytes(short_enough(array, most)?.into())),
        Form::Wide(most) => Ok(texts(short_enough(array, most)?.iter(), |value, text| {
            text.extend(value.encode_utf16().flat_map(u16::to_ne_bytes));
        })),
        Form::Uuid => {
            let values = array.as_fixed_size_binary_opt().ok_or(OTHER_TYPE)?;
            let uuid = |bytes: &[u8]| uuid::Uuid::from_slice(bytes).unwrap_or_default();
            Ok(texts(values.iter(), |bytes, text| write(text, format_args!("{}", uuid(bytes)))))
        }
        Form::Bytes { most, fixed } => {
            let values = array.as_binary_opt::<i32>().ok_or(OTHER_TYPE)?;
            let lengths = || values.iter().flatten().map(<[u8]>::len);
            match most {
                Some(most) if lengths().any(|length| length > most) => Err(TOO_LONG),
                Some(most) if fixed && lengths().any(|length| length < most) => Err(NOT_THE_SIZE),
                _ => Ok(Cells::Bytes(values.clone())),
            }
        }
        Form::Hex => {
            let values = array.as_binary_opt::<i32>().ok_or(OTHER_TYPE)?;
            Ok(texts(values.iter(), |bytes, text| {
                text.extend_from_slice(b"\\x");
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                text.extend(
                    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
                );
            }))
        }
    }
}

fn short_enough(array: &ArrayRef, most: Option<usize>) -> Result<StringArray, &'static str> {
    let values = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let is_long = |most| values.iter().flatten().any(|text| text.len() > most && text.chars().count() > most);
    if most.is_some_and(is_long) { Err(TOO_LONG) } else { Ok(values.clone()) }
}

/// Any number that fits into these, and booleans.
fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<arrow::array::PrimitiveArray<T>, &'static str> {
    let wide = cast(array, &T::DATA_TYPE).map_err(|_| OTHER_TYPE)?;
    Ok(wide.as_primitive_opt::<T>().ok_or(OTHER_TYPE)?.clone())
}

fn digits(array: &ArrayRef) -> Result<Cells, &'static str> {
    match array.data_type() {
        DataType::Decimal128(precision, scale) => {
            let values = array.as_primitive_opt::<Decimal128Type>().ok_or(OTHER_TYPE)?;
            Ok(decimals::<Decimal128Type>(values, *precision, *scale))
        }
        DataType::Decimal256(precision, scale) => {
            let values = array.as_primitive_opt::<Decimal256Type>().ok_or(OTHER_TYPE)?;
            Ok(decimals::<Decimal256Type>(values, *precision, *scale))
        }
        DataType::UInt64 => {
            let values = array.as_primitive_opt::<UInt64Type>().ok_or(OTHER_TYPE)?;
            Ok(texts(values.iter(), |value, text| write(text, format_args!("{value}"))))
        }
        _ => Ok(texts(primitive::<Int64Type>(array)?.iter(), |value, text| write(text, format_args!("{value}")))),
    }
}

fn decimals<T: DecimalType>(values: &arrow::array::PrimitiveArray<T>, precision: u8, scale: i8) -> Cells {
    texts(values.iter(), |value, text| text.extend_from_slice(T::format_decimal(value, precision, scale).as_bytes()))
}

/// A text for each value; nulls stay null.
pub(super) fn texts<T>(values: impl Iterator<Item = Option<T>>, mut render: impl FnMut(T, &mut Vec<u8>)) -> Cells {
    let mut builder = BinaryBuilder::new();
    let mut text = Vec::new();
    for value in values {
        text.clear();
        match value {
            Some(value) => {
                render(value, &mut text);
                builder.append_value(&text);
            }
            None => builder.append_null(),
        }
    }
    Cells::Bytes(builder.finish())
}

pub(super) fn write(text: &mut Vec<u8>, what: std::fmt::Arguments<'_>) {
    // Memory takes everything.
    let _ = std::io::Write::write_fmt(text, what);
}
