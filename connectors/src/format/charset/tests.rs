use super::*;

/// All that Data Factory's documents list, but those that are refused by name.
const NAMES: [&str; 78] = [
    "UTF-8",
    "UTF-8 without BOM",
    "UTF-16",
    "UTF-16BE",
    "UTF-32",
    "UTF-32BE",
    "US-ASCII",
    "BIG5",
    "EUC-JP",
    "EUC-KR",
    "GB2312",
    "GB18030",
    "SHIFT-JIS",
    "CP875",
    "CP866",
    "IBM00858",
    "IBM037",
    "IBM273",
    "IBM437",
    "IBM500",
    "IBM737",
    "IBM775",
    "IBM850",
    "IBM852",
    "IBM855",
    "IBM857",
    "IBM860",
    "IBM861",
    "IBM863",
    "IBM864",
    "IBM865",
    "IBM869",
    "IBM870",
    "IBM01140",
    "IBM01141",
    "IBM01142",
    "IBM01143",
    "IBM01144",
    "IBM01145",
    "IBM01146",
    "IBM01147",
    "IBM01148",
    "IBM01149",
    "ISO-2022-JP",
    "ISO-8859-1",
    "ISO-8859-2",
    "ISO-8859-3",
    "ISO-8859-4",
    "ISO-8859-5",
    "ISO-8859-6",
    "ISO-8859-7",
    "ISO-8859-8",
    "ISO-8859-9",
    "ISO-8859-13",
    "ISO-8859-15",
    "WINDOWS-874",
    "WINDOWS-1250",
    "WINDOWS-1251",
    "WINDOWS-1252",
    "WINDOWS-1253",
    "WINDOWS-1254",
    "WINDOWS-1255",
    "WINDOWS-1256",
    "WINDOWS-1257",
    "WINDOWS-1258",
    // In other spellings.
    "utf-8",
    "Utf-16",
    "utf-32be",
    "ibm858",
    "CP037",
    "cp1140",
    "iso-8859-1",
    "Windows-1252",
    "shift_jis",
    "big5",
    "gb18030",
    "euc-kr",
    "cp866",
];

const REFUSED: [&str; 5] = ["UTF-7", "JOHAB", "ISO-2022-KR", "latin1", "IBM999"];

fn decode(charset: Charset, bytes: &[u8], step: usize) -> Result<String, Malformed> {
    let (mut decoder, mut text) = (charset.decoder(), String::new());
    for piece in bytes.chunks(step) {
        decoder.decode(piece, false, &mut text)?;
    }
    decoder.decode(&[], true, &mut text)?;
    Ok(text)
}

/// Pieces one after the other are one file, in whatever steps it is read.
#[test]
fn what_is_written_is_read() {
    for name in NAMES {
        let charset = Charset::named(Some(name)).unwrap();
        let some: String = "é€日本ÅßЖ".chars().filter(|c| charset.encode(&c.to_string()).is_ok()).collect();
        let text = format!("A1,\"x\"{some}\r\n{some}");
        let mut bytes = charset.mark().to_vec();
        bytes.extend(charset.encode(&text).unwrap());
        bytes.extend(charset.encode(&text).unwrap());
        for step in [1, 3, 1000] {
            assert_eq!(decode(charset, &bytes, step).unwrap(), format!("{text}{text}"), "{name}");
        }
        assert!(
            charset.is_unicode() == charset.encode("日Жé\u{1F600}").is_ok() || name.eq_ignore_ascii_case("GB18030"),
            "{name}"
        );
    }
    for name in REFUSED {
        let error = Charset::named(Some(name)).unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(name), "{error}");
    }
}

#[test]
fn bytes_that_are_no_text_are_errors() {
    for (name, bytes) in [
        ("UTF-8", &b"a\xFF"[..]),
        ("UTF-8", b"a\xE2\x82"),
        ("UTF-16", b"\0\xD8a\0"),
        ("UTF-16", b"a"),
        ("UTF-32", b"a\0\0"),
        ("UTF-32", b"\0\0\x11\0"),
        ("US-ASCII", b"\x80"),
        ("IBM864", b"\xFF"),
        ("SHIFT-JIS", b"\x81"),
        ("ISO-2022-JP", b"\x1B$"),
    ] {
        let charset = Charset::named(Some(name)).unwrap();
        assert!(decode(charset, bytes, 1).is_err(), "{name} {bytes:?}");
    }
}

#[test]
fn a_mark_in_the_file_wins() {
    for (name, bytes) in [
        ("UTF-8", &b"\xEF\xBB\xBFa"[..]),
        ("UTF-8", b"\xFF\xFEa\0"),
        ("UTF-16", b"\xFE\xFF\0a"),
        ("WINDOWS-1252", b"\xEF\xBB\xBFa"),
        ("UTF-32", b"\0\0\xFE\xFF\0\0\0a"),
        ("UTF-32BE", b"\xFF\xFE\0\0a\0\0\0"),
    ] {
        assert_eq!(decode(Charset::named(Some(name)).unwrap(), bytes, 1).unwrap(), "a", "{name} {bytes:?}");
    }
}
