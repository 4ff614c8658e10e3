//! Numbers of the wire.

use arrow::{
    array::{Array, ArrayRef, ArrowPrimitiveType, AsArray as _, PrimitiveArray},
    datatypes::{Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, UInt8Type},
};

use super::{
    Form, Made, OTHER_TYPE,
    cells::{Cells, Fixed},
};

const NO_NUMBER: &str = "a number is infinite or NaN, which SQL Server does not have; filter it in the source's query";
const TOO_LARGE: &str = "a number has more digits than the column; widen the column or CAST in the source's query";

pub(crate) fn bit<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let bits = array.as_boolean_opt().ok_or(OTHER_TYPE)?;
    Ok(Box::new(Fixed::new(bits.nulls(), move |row| [u8::from(bits.values().value(row))])))
}

/// Defines a type whose values go as they are.
macro_rules! plain {
    ($($name:ident, $type:ty;)*) => {$(
        pub(crate) fn $name<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
            let array = primitive::<$type>(array)?;
            let values = array.values().as_ref();
            Ok(Box::new(Fixed::new(array.nulls(), move |row| values[row].to_le_bytes())))
        }
    )*};
}

plain! {
    tinyint, UInt8Type;
    smallint, Int16Type;
    int, Int32Type;
    bigint, Int64Type;
}

pub(crate) fn real<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let array = primitive::<Float32Type>(array)?;
    all(array, f32::is_finite).then_some(()).ok_or(NO_NUMBER)?;
    let values = array.values().as_ref();
    Ok(Box::new(Fixed::new(array.nulls(), move |row| values[row].to_le_bytes())))
}

pub(crate) fn float<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let array = primitive::<Float64Type>(array)?;
    all(array, f64::is_finite).then_some(()).ok_or(NO_NUMBER)?;
    let values = array.values().as_ref();
    Ok(Box::new(Fixed::new(array.nulls(), move |row| values[row].to_le_bytes())))
}

/// A sign and a magnitude of 4, 8, 12 or 16 bytes, as the precision says.
pub(crate) fn decimal<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let array = primitive::<Decimal128Type>(array)?;
    let limit = 10_u128.pow(u32::from(form.precision.min(38)));
    all(array, |value| value.unsigned_abs() < limit).then_some(()).ok_or(TOO_LARGE)?;
    Ok(match decimal_bytes(form.precision) {
        5 => signed::<5>(array),
        9 => signed::<9>(array),
        13 => signed::<13>(array),
        _ => signed::<17>(array),
    })
}

/// The bytes of a decimal of this precision, its sign included.
pub(crate) fn decimal_bytes(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

fn signed<const N: usize>(array: &PrimitiveArray<Decimal128Type>) -> Box<dyn Cells + '_> {
    let values = array.values().as_ref();
    Box::new(Fixed::new(array.nulls(), move |row| {
        let mut bytes = [0; N];
        bytes[0] = u8::from(values[row] >= 0);
        bytes[1..].copy_from_slice(&values[row].unsigned_abs().to_le_bytes()[..N - 1]);
        bytes
    }))
}

/// Ten-thousandths, the upper half first.
pub(crate) fn money<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let array = primitive::<Decimal128Type>(array)?;
    all(array, |value| i64::try_from(value).is_ok()).then_some(()).ok_or(TOO_LARGE)?;
    let values = array.values().as_ref();
    Ok(Box::new(Fixed::new(array.nulls(), move |row| (values[row] as i64).rotate_left(32).to_le_bytes())))
}

pub(crate) fn smallmoney<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let array = primitive::<Decimal128Type>(array)?;
    all(array, |value| i32::try_from(value).is_ok()).then_some(()).ok_or(TOO_LARGE)?;
    let values = array.values().as_ref();
    Ok(Box::new(Fixed::new(array.nulls(), move |row| (values[row] as i32).to_le_bytes())))
}

pub(super) fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<&PrimitiveArray<T>, &'static str> {
    array.as_primitive_opt::<T>().ok_or(OTHER_TYPE)
}

/// True if every value that is not null passes.
pub(super) fn all<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, passes: impl Fn(T::Native) -> bool) -> bool {
    match array.null_count() {
        0 => array.values().iter().all(|value| passes(*value)),
        _ => array.iter().flatten().all(passes),
    }
}
