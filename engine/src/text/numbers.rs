//! Texts as the numbers that a column takes: exactly, or not at all.

use std::{str::FromStr, sync::Arc};

use arrow::{
    array::{ArrayRef, ArrowPrimitiveType, AsArray as _, BooleanArray, Decimal128Array, PrimitiveArray},
    datatypes::{
        DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
        UInt32Type, UInt64Type,
    },
};

use super::OTHER_TYPE;

const NO_NUMBER: &str =
    "a text is no number that the column's type holds exactly; correct it or CAST it in the source's query";
const NO_BIT: &str = "a text is neither true nor false, 1 nor 0; correct it or CAST it in the source's query";

/// The values that these texts mean, as an array of the type.
pub fn texts(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, &'static str> {
    match to {
        DataType::Boolean => bits(array),
        DataType::Int8 => plain::<Int8Type>(array),
        DataType::UInt8 => plain::<UInt8Type>(array),
        DataType::UInt16 => plain::<UInt16Type>(array),
        DataType::UInt32 => plain::<UInt32Type>(array),
        DataType::UInt64 => plain::<UInt64Type>(array),
        DataType::Int16 => plain::<Int16Type>(array),
        DataType::Int32 => plain::<Int32Type>(array),
        DataType::Int64 => plain::<Int64Type>(array),
        DataType::Float32 => plain::<Float32Type>(array),
        DataType::Float64 => plain::<Float64Type>(array),
        DataType::Decimal128(precision, scale) => decimals(array, *precision, *scale),
        _ => Err(OTHER_TYPE),
    }
}

fn plain<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<ArrayRef, &'static str>
where
    T::Native: FromStr,
{
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let parse = |text: &str| number::<T::Native>(text).ok_or(NO_NUMBER);
    let values = texts.iter().map(|text| text.map(parse).transpose()).collect::<Result<PrimitiveArray<T>, _>>()?;
    Ok(Arc::new(values))
}

fn bits(array: &ArrayRef) -> Result<ArrayRef, &'static str> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let parse = |text: &str| bit(text).ok_or(NO_BIT);
    Ok(Arc::new(texts.iter().map(|text| text.map(parse).transpose()).collect::<Result<BooleanArray, _>>()?))
}

fn decimals(array: &ArrayRef, precision: u8, scale: i8) -> Result<ArrayRef, &'static str> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let parse = |text: &str| decimal(text.trim(), scale).ok_or(NO_NUMBER);
    let values = texts.iter().map(|text| text.map(parse).transpose()).collect::<Result<Decimal128Array, _>>()?;
    Ok(Arc::new(values.with_precision_and_scale(precision, scale).map_err(|_| NO_NUMBER)?))
}

/// A number as its type writes it, with spaces around it or none.
pub fn number<N: FromStr>(text: &str) -> Option<N> {
    text.trim().parse().ok()
}

/// `true` and `false` in any case, `1` and `0`.
pub fn bit(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// `-12.50` in units of the scale; digits behind it must be zero.
fn decimal(text: &str, scale: i8) -> Option<i128> {
    let (units, digits) = decimal_units(text)?;
    let missing = u32::try_from(i32::from(scale) - digits as i32).ok()?;
    if units == 0 { Some(0) } else { units.checked_mul(10_i128.checked_pow(missing)?) }
}

/// `-12.50` in units of its last digit that is not zero, and how many digits stand behind its point: -125 and 1.
pub fn decimal_units(text: &str) -> Option<(i128, usize)> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let fraction = fraction.trim_end_matches('0');
    let digits = format!("{whole}{fraction}");
    let units = match digits.trim_start_matches('0') {
        "" => 0,
        digits => digits.parse::<i128>().ok()?,
    };
    Some((if negative { -units } else { units }, fraction.len()))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;

    #[test]
    fn decimals_are_exact_or_nothing() {
        for (text, scale, expected) in [
            ("12.5", 2, Some(1_250)),
            ("-0.01", 2, Some(-1)),
            ("+7", 0, Some(7)),
            ("000", 2, Some(0)),
            ("0.00", 0, Some(0)),
            (".5", 1, Some(5)),
            ("5.", 1, Some(50)),
            ("1.500", 1, Some(15)),
            ("1.51", 1, None),
            ("99999999999999999999999999999999999999", 0, Some(10_i128.pow(38) - 1)),
            ("1e5", 2, None),
            ("", 2, None),
            (".", 2, None),
            ("-", 2, None),
            ("1 2", 2, None),
            ("1.2.3", 2, None),
            ("٣", 0, None),
        ] {
            assert_eq!(decimal(text, scale), expected, "{text}");
        }
    }

    #[test]
    fn texts_become_numbers_only_if_all_of_them_are() {
        let array = |texts: &[Option<&str>]| Arc::new(StringArray::from(texts.to_vec())) as ArrayRef;
        let good = texts(&array(&[Some(" 12"), None, Some("-3")]), &DataType::Int32).unwrap();
        assert_eq!(good.as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(12), None, Some(-3)]);
        let bits = texts(&array(&[Some("True"), Some("0")]), &DataType::Boolean).unwrap();
        assert_eq!(bits.as_boolean().iter().collect::<Vec<_>>(), [Some(true), Some(false)]);
        for (text, to) in [
            ("2147483648", DataType::Int32),
            ("1.0", DataType::Int64),
            ("", DataType::Float64),
            ("yes", DataType::Boolean),
        ] {
            assert!(texts(&array(&[Some(text)]), &to).is_err(), "{text}");
        }
    }
}
