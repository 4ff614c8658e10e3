//! Text of the wire as UTF-8. Malformed text is an error: a replacement character would be a
//! changed value.

use arrow::buffer::MutableBuffer;
use mssql_tds::datatypes::sql_string::{EncodingType, ResolvedEncoding};

const MALFORMED: &str =
    "a text is not valid in its column's encoding; CAST it to varbinary in «sqlReaderQuery» to copy its bytes";

/// Appends the text to `out`.
#[inline]
pub(super) fn append(out: &mut MutableBuffer, bytes: &[u8], encoding: EncodingType) -> Result<(), &'static str> {
    if encoding == EncodingType::Utf16 {
        return append_utf16(out, bytes);
    }
    // Every narrow encoding of SQL Server is ASCII where its bytes are.
    if bytes.is_ascii() {
        out.extend_from_slice(bytes);
        return Ok(());
    }
    append_narrow(out, bytes, encoding)
}

#[cold]
fn append_narrow(out: &mut MutableBuffer, bytes: &[u8], encoding: EncodingType) -> Result<(), &'static str> {
    let decoded = match encoding.resolved_encoding() {
        Some(ResolvedEncoding::EncodingRs(encoding)) => {
            encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or(MALFORMED)?
        }
        Some(oem) => oem.decode_without_bom_handling(bytes).0,
        None => return Err("a text has no known encoding; CAST it to nvarchar in «sqlReaderQuery»"),
    };
    out.extend_from_slice(decoded.as_bytes());
    Ok(())
}

/// Malformed text for people.
pub(super) fn lossy(bytes: &[u8], encoding: EncodingType) -> String {
    if encoding != EncodingType::Utf16 {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let units: Vec<_> = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    String::from_utf16_lossy(&units)
}

/// Four units of UTF-16LE that are all ASCII have none of these bits.
const NOT_ASCII: u64 = 0xFF80_FF80_FF80_FF80;

#[inline]
fn append_utf16(out: &mut MutableBuffer, bytes: &[u8]) -> Result<(), &'static str> {
    let (blocks, _) = bytes.as_chunks::<8>();
    out.reserve(bytes.len() / 2);
    for (at, block) in blocks.iter().enumerate() {
        let units = u64::from_le_bytes(*block);
        if units & NOT_ASCII != 0 {
            return append_utf16_slowly(out, &bytes[at * 8..]);
        }
        out.extend_from_slice(&[block[0], block[2], block[4], block[6]]);
    }
    append_utf16_slowly(out, &bytes[blocks.len() * 8..])
}

fn append_utf16_slowly(out: &mut MutableBuffer, bytes: &[u8]) -> Result<(), &'static str> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(MALFORMED);
    }
    let mut utf8 = [0; 4];
    for unit in char::decode_utf16(units.iter().map(|unit| u16::from_le_bytes(*unit))) {
        let character = unit.map_err(|_| MALFORMED)?;
        out.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mssql_tds::token::tokens::SqlCollation;

    use super::*;

    fn decode(bytes: &[u8], encoding: EncodingType) -> Result<String, &'static str> {
        let mut out = MutableBuffer::new(0);
        append(&mut out, bytes, encoding)?;
        Ok(String::from_utf8(out.as_slice().to_vec()).unwrap())
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn collation(lcid: u32, sort_id: u8) -> EncodingType {
        let [a, b, c, d] = lcid.to_le_bytes();
        EncodingType::LcidBased(SqlCollation::try_from(&[a, b, c, d, sort_id][..]).unwrap())
    }

    #[test]
    fn utf16_is_kept_at_every_length_and_alignment() {
        for text in [
            "",
            "a",
            "abc",
            "abcd",
            "abcdefgh",
            "abcdé",
            "日本語",
            "x\u{1F600}y",
            "\u{FEFF}bom",
            "\0",
            "abcdefg\u{10FFFF}",
        ] {
            assert_eq!(decode(&utf16(text), EncodingType::Utf16).as_deref(), Ok(text));
        }
    }

    #[test]
    fn lone_surrogates_and_half_units_are_errors() {
        assert!(decode(&[0x3D, 0xD8], EncodingType::Utf16).is_err());
        assert!(decode(&[0x00, 0xDE, 0x61, 0x00], EncodingType::Utf16).is_err());
        assert!(decode(&[0x61], EncodingType::Utf16).is_err());
    }

    #[test]
    fn code_pages_follow_the_collation() {
        assert_eq!(decode(b"caf\xE9", collation(0x0409, 52)).as_deref(), Ok("café"));
        assert_eq!(decode(b"\x80", collation(0x0409, 0)).as_deref(), Ok("€"));
        assert_eq!(decode(b"\xC4\xE0", collation(0x0419, 0)).as_deref(), Ok("Да"));
        assert_eq!(decode(b"\x93\xFA\x96{", collation(0x0411, 0)).as_deref(), Ok("日本"));
    }

    #[test]
    fn malformed_narrow_text_is_an_error_not_a_replacement() {
        assert!(decode(b"\xFFabc", EncodingType::Utf8).is_err());
        assert!(decode(b"\x93", collation(0x0411, 0)).is_err());
        assert_eq!(decode("日本".as_bytes(), EncodingType::Utf8).as_deref(), Ok("日本"));
    }
}
