//! Texts, bytes and GUIDs of the wire.

use std::borrow::Cow;

use arrow::{
    array::{Array, ArrayRef, AsArray as _, StringArray},
    buffer::NullBuffer,
    datatypes::DataType,
};
use mssql_tds::datatypes::sql_string::{EncodingType, ResolvedEncoding};
use uuid::Uuid;

use super::{
    Form, Made, OTHER_TYPE,
    cells::{Fixed, Variable},
};

const TOO_LONG: &str = "a value is longer than the column; widen the column or shorten it in the source's query";
const NOT_IN_CODE_PAGE: &str = "a text has a character that the code page of the column's collation lacks; make the column \
     nvarchar or give it a UTF-8 collation";
const NO_ENCODING: &str = "the column's collation has a code page that Ropeway does not know; make the column nvarchar";
const NO_GUID: &str =
    "a text is no GUID, such as 6f9619ff-8b86-d011-b42d-00c04fc964ff; correct it in the source's query";

/// nchar, nvarchar, ntext, xml and json: UTF-16.
pub(crate) fn wide<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let (data, offsets) = used(texts.value_data(), texts.value_offsets());
    let (data, offsets) = if data.is_ascii() {
        let mut units = vec![0; 2 * data.len()];
        for (unit, byte) in units.as_chunks_mut::<2>().0.iter_mut().zip(data) {
            unit[0] = *byte;
        }
        (units, offsets.into_iter().map(|offset| 2 * offset).collect())
    } else {
        let units = |text: &str, out: &mut Vec<u8>| {
            out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
            Ok(())
        };
        encoded(texts, 2, units)?
    };
    variable(Cow::Owned(data), offsets, texts.nulls(), form)
}

/// char, varchar and text: the code page of their collation.
pub(crate) fn narrow<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
    let (data, offsets) = used(texts.value_data(), texts.value_offsets());
    let encoding = match form.encoding {
        Some(EncodingType::Utf8) => None,
        Some(encoding) => Some(encoding.resolved_encoding().ok_or(NO_ENCODING)?),
        None => return Err(NO_ENCODING),
    };
    let is_utf8 = encoding.is_none_or(|it| it == ResolvedEncoding::EncodingRs(encoding_rs::UTF_8));
    // Every narrow encoding of SQL Server is ASCII where its characters are.
    let Some(encoding) = encoding.filter(|_| !is_utf8 && !data.is_ascii()) else {
        return variable(Cow::Borrowed(data), offsets, texts.nulls(), form);
    };
    let (data, offsets) = encoded(texts, 1, |text, out| {
        let (bytes, _, unmappable) = encoding.encode(text);
        if unmappable {
            return Err(NOT_IN_CODE_PAGE);
        }
        out.extend_from_slice(&bytes);
        Ok(())
    })?;
    variable(Cow::Owned(data), offsets, texts.nulls(), form)
}

pub(crate) fn binary<'a>(array: &'a ArrayRef, form: &Form) -> Made<'a> {
    let bytes = array.as_binary_opt::<i32>().ok_or(OTHER_TYPE)?;
    let (data, offsets) = used(bytes.value_data(), bytes.value_offsets());
    variable(Cow::Borrowed(data), offsets, bytes.nulls(), form)
}

/// From text, or from 16 bytes in the order of RFC 9562.
pub(crate) fn guid<'a>(array: &'a ArrayRef, _: &Form) -> Made<'a> {
    let guids: Option<Vec<Uuid>> = match array.data_type() {
        DataType::Utf8 => {
            let texts = array.as_string_opt::<i32>().ok_or(OTHER_TYPE)?;
            texts.iter().map(|text| text.map_or(Some(Uuid::nil()), |text| Uuid::try_parse(text.trim()).ok())).collect()
        }
        _ => {
            let bytes = array.as_fixed_size_binary_opt().ok_or(OTHER_TYPE)?;
            (0..bytes.len()).map(|row| Uuid::from_slice(bytes.value(row)).ok()).collect()
        }
    };
    let guids = guids.ok_or(NO_GUID)?;
    Ok(Box::new(Fixed::new(array.nulls(), move |row| guids[row].to_bytes_le())))
}

/// The bytes that an array uses, which may be a part of another one, and the offsets in them.
fn used<'a>(data: &'a [u8], offsets: &[i32]) -> (&'a [u8], Vec<u32>) {
    let first = offsets.first().copied().unwrap_or(0);
    let last = offsets.last().copied().unwrap_or(0);
    (&data[first as usize..last as usize], offsets.iter().map(|offset| (offset - first) as u32).collect())
}

/// Every text in another encoding, which takes about so many times the bytes.
fn encoded(
    texts: &StringArray,
    times: usize,
    encode: impl Fn(&str, &mut Vec<u8>) -> Result<(), &'static str>,
) -> Result<(Vec<u8>, Vec<u32>), &'static str> {
    let mut data = Vec::with_capacity(texts.value_data().len() * times);
    let mut offsets = Vec::with_capacity(texts.len() + 1);
    offsets.push(0);
    for text in texts {
        encode(text.unwrap_or_default(), &mut data)?;
        offsets.push(u32::try_from(data.len()).map_err(|_| TOO_LONG)?);
    }
    Ok((data, offsets))
}

fn variable<'a>(data: Cow<'a, [u8]>, offsets: Vec<u32>, nulls: Option<&NullBuffer>, form: &Form) -> Made<'a> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0).cloned();
    let is_null = |row| nulls.as_ref().is_some_and(|nulls: &NullBuffer| nulls.is_null(row));
    let too_long = |(row, ends): (usize, &[u32])| (ends[1] - ends[0]) as usize > form.most_bytes && !is_null(row);
    if offsets.windows(2).enumerate().any(too_long) {
        return Err(TOO_LONG);
    }
    Ok(Box::new(Variable { data, offsets, nulls, frame: form.frame }))
}
