//! Bytes and uuids, and texts of them.

use arrow::{
    array::{Array as _, ArrayRef, AsArray as _, BinaryArray},
    datatypes::DataType,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{Interim, Way, each, made, written};

/// What becomes of bytes, uuids and texts.
pub(super) fn conversion(from: Interim, to: Interim, data_type: &DataType) -> Option<Way> {
    match (from, to) {
        (Interim::String, Interim::ByteArray) => made(DataType::Binary, |array| {
            let texts = array.as_string_opt::<i32>()?;
            Some(each::<BinaryArray, _>(texts, |row| BASE64_STANDARD.decode(texts.value(row).trim()).ok()))
        }),
        (Interim::ByteArray, Interim::String) => made(DataType::Utf8, |array| {
            let bytes = reader(array)?;
            Some(written(array, |row, text| {
                BASE64_STANDARD.encode_string(bytes(row), text);
                true
            }))
        }),
        (Interim::String, Interim::Guid) => made(DataType::Utf8, |array| {
            let texts = array.as_string_opt::<i32>()?;
            Some(written(texts, |row, text| uuid(texts.value(row)).map(|uuid| write(uuid, text)).is_some()))
        }),
        // It is a text already.
        (Interim::Guid, Interim::String) if data_type.is_string() => Some(Way::AsItIs),
        (Interim::Guid, Interim::String) => made(DataType::Utf8, |array| {
            let bytes = reader(array)?;
            Some(written(array, |row, text| {
                bytes(row).try_into().map(|uuid| write(u128::from_be_bytes(uuid), text)).is_ok()
            }))
        }),
        _ => None,
    }
}

type Read<'a> = Box<dyn Fn(usize) -> &'a [u8] + 'a>;

fn reader(array: &ArrayRef) -> Option<Read<'_>> {
    match array.data_type() {
        DataType::Binary => {
            let values = array.as_binary::<i32>();
            Some(Box::new(|row| values.value(row)))
        }
        DataType::FixedSizeBinary(_) => {
            let values = array.as_fixed_size_binary();
            Some(Box::new(|row| values.value(row)))
        }
        _ => None,
    }
}

/// The forms that .NET writes, but for the one with `0x`: 32 digits, with dashes, in braces or parentheses.
fn uuid(text: &str) -> Option<u128> {
    let text = text.trim();
    let enclosed = |open, close| text.strip_prefix(open).and_then(|text| text.strip_suffix(close));
    let (text, is_enclosed) = match enclosed('{', '}').or_else(|| enclosed('(', ')')) {
        Some(inner) => (inner, true),
        None => (text, false),
    };
    let dashes = [8, 13, 18, 23];
    let has_dashes = text.len() == 36 && dashes.iter().all(|at| text.as_bytes()[*at] == b'-');
    let digits: String = match has_dashes {
        true => text.split('-').collect(),
        false if is_enclosed => return None,
        false => text.to_owned(),
    };
    let is_uuid = digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_uuid.then(|| u128::from_str_radix(&digits, 16).ok())?
}

/// Lower case with dashes.
fn write(uuid: u128, text: &mut String) {
    let digits = format!("{uuid:032x}");
    for (at, digit) in digits.chars().enumerate() {
        if [8, 12, 16, 20].contains(&at) {
            text.push('-');
        }
        text.push(digit);
    }
}
