//! Numbers and booleans, and texts of them.

use std::{str::FromStr, sync::Arc};

use arrow::{
    array::{Array as _, ArrayRef, ArrowPrimitiveType, AsArray as _, BooleanArray, PrimitiveArray},
    datatypes::{
        DataType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};

use super::{Converted, Interim, Rules, Way, each, made, written};
use crate::text::{
    digits,
    numbers::{bit, decimal_units, number},
};

/// A number of any type, as it is.
#[derive(Clone, Copy, Debug)]
enum Number {
    Whole(i128),
    Decimal { units: i128, scale: i32 },
    Single(f32),
    Double(f64),
}

/// What becomes of numbers and booleans.
pub(super) fn from_numbers(to: Interim, rules: &Rules) -> Option<Way> {
    let as_numbers = rules.booleans_as_numbers;
    if to == Interim::String {
        return made(DataType::Utf8, move |array| match array.as_boolean_opt() {
            Some(bits) => Some(written(bits, |row, text| {
                text.push_str(match (bits.value(row), as_numbers) {
                    (true, true) => "1",
                    (false, true) => "0",
                    (true, false) => "True",
                    (false, false) => "False",
                });
                true
            })),
            None => {
                let number = reader(array)?;
                Some(written(array, |row, text| number(row).write(text)))
            }
        });
    }
    let convert = converter(to, rules.cuts)?;
    made(to.data_type(), move |array| Some(convert(array, &*reader(array)?)))
}

/// What becomes of texts.
pub(super) fn from_texts(to: Interim, rules: &Rules) -> Option<Way> {
    if to == Interim::Boolean {
        return made(DataType::Boolean, |array| {
            let texts = array.as_string_opt::<i32>()?;
            Some(each::<BooleanArray, _>(texts, |row| bit(texts.value(row))))
        });
    }
    match to {
        Interim::SByte => parsed::<Int8Type>(number),
        Interim::Byte => parsed::<UInt8Type>(number),
        Interim::Int16 => parsed::<Int16Type>(number),
        Interim::UInt16 => parsed::<UInt16Type>(number),
        Interim::Int32 => parsed::<Int32Type>(number),
        Interim::UInt32 => parsed::<UInt32Type>(number),
        Interim::Int64 => parsed::<Int64Type>(number),
        Interim::UInt64 => parsed::<UInt64Type>(number),
        Interim::Single => parsed::<Float32Type>(real),
        Interim::Double => parsed::<Float64Type>(real),
        Interim::Decimal { precision, scale } => {
            let cuts = rules.cuts;
            made(to.data_type(), move |array| {
                let texts = array.as_string_opt::<i32>()?;
                let units = |row| {
                    let (units, digits) = decimal_units(texts.value(row).trim())?;
                    within(rescaled(units, i32::try_from(digits).ok()?, scale.into(), cuts)?, precision)
                };
                Some(decimals(each::<PrimitiveArray<Decimal128Type>, _>(texts, units), to))
            })
        }
        _ => None,
    }
}

fn parsed<T: ArrowPrimitiveType>(parse: fn(&str) -> Option<T::Native>) -> Option<Way>
where
    PrimitiveArray<T>: FromIterator<Option<T::Native>>,
{
    made(T::DATA_TYPE, move |array| {
        let texts = array.as_string_opt::<i32>()?;
        Some(each::<PrimitiveArray<T>, _>(texts, |row| parse(texts.value(row))))
    })
}

/// Digits that are too many for the type are not infinity.
fn real<N: FromStr + Copy + Into<f64>>(text: &str) -> Option<N> {
    let value: N = number(text)?;
    let is_infinite = value.into().is_infinite();
    (!is_infinite || !text.bytes().any(|byte| byte.is_ascii_digit())).then_some(value)
}

type Read<'a> = Box<dyn Fn(usize) -> Number + 'a>;
type Convert = Box<dyn Fn(&ArrayRef, &dyn Fn(usize) -> Number) -> Converted + Send + Sync>;

/// The numbers of an array, for rows that have one.
fn reader(array: &ArrayRef) -> Option<Read<'_>> {
    fn whole<T: ArrowPrimitiveType>(array: &ArrayRef) -> Read<'_>
    where
        T::Native: Into<i128>,
    {
        let values = array.as_primitive::<T>();
        Box::new(|row| Number::Whole(values.value(row).into()))
    }
    Some(match array.data_type() {
        DataType::Boolean => {
            let bits = array.as_boolean();
            Box::new(|row| Number::Whole(bits.value(row).into()))
        }
        DataType::Int8 => whole::<Int8Type>(array),
        DataType::UInt8 => whole::<UInt8Type>(array),
        DataType::Int16 => whole::<Int16Type>(array),
        DataType::UInt16 => whole::<UInt16Type>(array),
        DataType::Int32 => whole::<Int32Type>(array),
        DataType::UInt32 => whole::<UInt32Type>(array),
        DataType::Int64 => whole::<Int64Type>(array),
        DataType::UInt64 => whole::<UInt64Type>(array),
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>();
            Box::new(|row| Number::Single(values.value(row)))
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>();
            Box::new(|row| Number::Double(values.value(row)))
        }
        DataType::Decimal128(_, scale) => {
            let (values, scale) = (array.as_primitive::<Decimal128Type>(), i32::from(*scale));
            Box::new(move |row| Number::Decimal { units: values.value(row), scale })
        }
        _ => return None,
    })
}

fn converter(to: Interim, cuts: bool) -> Option<Convert> {
    fn whole<T: ArrowPrimitiveType>(cuts: bool) -> Convert
    where
        T::Native: TryFrom<i128>,
        PrimitiveArray<T>: FromIterator<Option<T::Native>>,
    {
        Box::new(move |array, number| {
            each::<PrimitiveArray<T>, _>(array, |row| T::Native::try_from(number(row).whole(cuts)?).ok())
        })
    }
    Some(match to {
        Interim::Boolean => Box::new(move |array, number| each::<BooleanArray, _>(array, |row| number(row).bit(cuts))),
        Interim::SByte => whole::<Int8Type>(cuts),
        Interim::Byte => whole::<UInt8Type>(cuts),
        Interim::Int16 => whole::<Int16Type>(cuts),
        Interim::UInt16 => whole::<UInt16Type>(cuts),
        Interim::Int32 => whole::<Int32Type>(cuts),
        Interim::UInt32 => whole::<UInt32Type>(cuts),
        Interim::Int64 => whole::<Int64Type>(cuts),
        Interim::UInt64 => whole::<UInt64Type>(cuts),
        Interim::Single => {
            Box::new(move |array, number| each::<PrimitiveArray<Float32Type>, _>(array, |row| number(row).single(cuts)))
        }
        Interim::Double => {
            Box::new(move |array, number| each::<PrimitiveArray<Float64Type>, _>(array, |row| number(row).double(cuts)))
        }
        Interim::Decimal { precision, scale } => Box::new(move |array, number| {
            let units = |row| within(number(row).units(scale.into(), cuts)?, precision);
            decimals(each::<PrimitiveArray<Decimal128Type>, _>(array, units), to)
        }),
        _ => return None,
    })
}

fn decimals(converted: Converted, to: Interim) -> Converted {
    let values = converted.array.as_primitive::<Decimal128Type>().clone();
    Converted { array: Arc::new(values.with_data_type(to.data_type())), ..converted }
}

impl Number {
    fn whole(self, cuts: bool) -> Option<i128> {
        match self {
            Self::Whole(value) => Some(value),
            Self::Decimal { units, scale } => rescaled(units, scale, 0, cuts),
            Self::Single(value) => Self::Double(value.into()).whole(cuts),
            Self::Double(value) => {
                let whole = value.trunc();
                // 2^127 is the first that has no place.
                let has_place = whole.is_finite() && whole.abs() < 1.7e38;
                (has_place && (cuts || whole == value)).then_some(whole as i128)
            }
        }
    }

    fn bit(self, cuts: bool) -> Option<bool> {
        let is_zero = match self {
            Self::Whole(value) | Self::Decimal { units: value, .. } => value == 0,
            Self::Single(value) if !value.is_nan() => value == 0.0,
            Self::Double(value) if !value.is_nan() => value == 0.0,
            _ => return None,
        };
        (is_zero || cuts || self.whole(false) == Some(1)).then_some(!is_zero)
    }

    /// In units of the scale.
    fn units(self, to: i32, cuts: bool) -> Option<i128> {
        let (units, scale) = self.decimal()?;
        rescaled(units, scale, to, cuts)
    }

    /// The decimal that it is, or the shortest one that reads back as the same number.
    fn decimal(self) -> Option<(i128, i32)> {
        match self {
            Self::Whole(value) => Some((value, 0)),
            Self::Decimal { units, scale } => Some((units, scale)),
            Self::Single(value) => shortest(&format!("{value:e}")),
            Self::Double(value) => shortest(&format!("{value:e}")),
        }
    }

    fn double(self, cuts: bool) -> Option<f64> {
        let value = match self {
            Self::Double(value) => return Some(value),
            Self::Single(value) => return Some(value.into()),
            Self::Whole(value) => value as f64,
            Self::Decimal { units, scale } => format!("{units}e{}", -scale).parse().ok()?,
        };
        (cuts || self.is(Self::Double(value))).then_some(value)
    }

    fn single(self, cuts: bool) -> Option<f32> {
        let value = match self {
            Self::Single(value) => return Some(value),
            Self::Double(value) if value.is_nan() => return Some(f32::NAN),
            Self::Double(value) => {
                let single = value as f32;
                let has_place = single.is_finite() || value.is_infinite();
                return (has_place && (cuts || f64::from(single) == value)).then_some(single);
            }
            Self::Whole(value) => value as f32,
            Self::Decimal { units, scale } => format!("{units}e{}", -scale).parse().ok()?,
        };
        (value.is_finite() && (cuts || self.is(Self::Single(value)))).then_some(value)
    }

    /// Whether a floating-point number is this one: a whole number exactly, a decimal as its shortest digits.
    fn is(self, real: Self) -> bool {
        match self {
            Self::Whole(value) => real.whole(false) == Some(value),
            _ => {
                let (ours, theirs) = (self.decimal().map(trimmed), real.decimal().map(trimmed));
                ours.is_some() && ours == theirs
            }
        }
    }

    fn write(self, text: &mut String) -> bool {
        let mut bytes = Vec::with_capacity(40);
        match self {
            Self::Whole(value) => digits::decimal(value, 0, &mut bytes),
            Self::Decimal { units, scale } => match usize::try_from(scale) {
                Ok(scale) => digits::decimal(units, scale, &mut bytes),
                Err(_) => match rescaled(units, scale, 0, false) {
                    Some(units) => digits::decimal(units, 0, &mut bytes),
                    None => return false,
                },
            },
            Self::Single(value) => digits::float32(value, &mut bytes),
            Self::Double(value) => digits::float64(value, &mut bytes),
        }
        text.push_str(&String::from_utf8_lossy(&bytes));
        true
    }
}

/// `units` of one scale in those of another; digits that it does not have are zero, or cut off.
fn rescaled(units: i128, from: i32, to: i32, cuts: bool) -> Option<i128> {
    if units == 0 {
        return Some(0);
    }
    let power = |by: i32| u32::try_from(by).ok().and_then(|by| 10_i128.checked_pow(by));
    if to >= from {
        return units.checked_mul(power(to - from)?);
    }
    // More digits are cut off than there are.
    let Some(divisor) = power(from - to) else { return cuts.then_some(0) };
    (cuts || units % divisor == 0).then_some(units / divisor)
}

fn within(units: i128, precision: u8) -> Option<i128> {
    (units.unsigned_abs() < 10_u128.checked_pow(precision.into())?).then_some(units)
}

/// `-1.25e-7` in units and their scale; `None` for what is no number.
fn shortest(text: &str) -> Option<(i128, i32)> {
    let (mantissa, exponent) = text.split_once('e')?;
    let (units, digits) = decimal_units(mantissa)?;
    Some((units, i32::try_from(digits).ok()? - exponent.parse::<i32>().ok()?))
}

/// Without zeros at the end.
fn trimmed((mut units, mut scale): (i128, i32)) -> (i128, i32) {
    if units == 0 {
        return (0, 0);
    }
    while units % 10 == 0 {
        (units, scale) = (units / 10, scale - 1);
    }
    (units, scale)
}
