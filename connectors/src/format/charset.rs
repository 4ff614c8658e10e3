//! The character encodings of text files, by the names that Data Factory uses.

use encoding_rs::{Decoder, EncoderResult, Encoding};
use ropeway_engine::{Error, ErrorKind, Result};

/// How characters become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    /// ISO-8859-1 as its standard says, and US-ASCII: characters up to this one are their own byte.
    Direct {
        last: char,
    },
    /// Every other encoding in which ASCII is itself.
    Table(&'static Encoding),
}

impl Charset {
    /// # Errors
    /// A name that is not known, or an encoding that cannot be written in pieces.
    pub(crate) fn named(name: Option<&str>) -> Result<Self> {
        let given = name.unwrap_or("UTF-8");
        match given.to_ascii_uppercase().as_str() {
            "" | "UTF-8" | "UTF-8 WITHOUT BOM" => return Ok(Self::Utf8),
            "UTF-16" => return Ok(Self::Utf16 { big_endian: false }),
            "UTF-16BE" => return Ok(Self::Utf16 { big_endian: true }),
            "ISO-8859-1" => return Ok(Self::Direct { last: '\u{FF}' }),
            "US-ASCII" => return Ok(Self::Direct { last: '\u{7F}' }),
            _ => {}
        }
        // The library knows aliases that are not quite the same encoding: only the name itself counts.
        let plain = |name: &str| name.to_ascii_lowercase().replace(['-', '_'], "");
        let same = |found: &'static Encoding| {
            plain(found.name()) == plain(given) || (plain(given) == "cp866" && found.name() == "IBM866")
        };
        let known = Encoding::for_label(given.replace("SHIFT-JIS", "SHIFT_JIS").as_bytes());
        match known.filter(|found| found.is_ascii_compatible() && same(found)) {
            Some(found) => Ok(Self::Table(found)),
            None => Err(Error::new(
                ErrorKind::Spec,
                "this encodingName is not supported; use UTF-8, UTF-16, UTF-16BE, US-ASCII, ISO-8859-1 to -15, WINDOWS-874, \
                 WINDOWS-1250 to -1258, BIG5, EUC-JP, EUC-KR, GB18030, SHIFT-JIS or CP866",
            )
            .with("encodingName", given.escape_debug())),
        }
    }

    /// True if it has every character.
    pub(crate) fn is_unicode(self) -> bool {
        matches!(self, Self::Utf8 | Self::Utf16 { .. })
    }

    /// The mark at the beginning of a file. UTF-8 gets none: many readers would take it for a
    /// part of the first column's name.
    pub(crate) fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16 { big_endian: false } => &[0xFF, 0xFE],
            Self::Utf16 { big_endian: true } => &[0xFE, 0xFF],
            _ => &[],
        }
    }

    /// The bytes of a text, or the first character that the encoding does not have.
    pub(crate) fn encode(self, text: &str) -> Result<Vec<u8>, char> {
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Utf16 { big_endian: true } => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Utf16 { big_endian: false } => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Direct { last } => {
                text.chars().map(|c| if c <= last { Ok(c as u32 as u8) } else { Err(c) }).collect()
            }
            Self::Table(encoding) => {
                let mut encoder = encoding.new_encoder();
                let mut bytes = Vec::with_capacity(text.len() + text.len() / 2 + 16);
                let mut rest = text;
                loop {
                    match encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut bytes, true) {
                        (EncoderResult::InputEmpty, _) => return Ok(bytes),
                        (EncoderResult::Unmappable(c), _) => return Err(c),
                        (EncoderResult::OutputFull, read) => {
                            rest = &rest[read..];
                            bytes.reserve(rest.len() * 2 + 16);
                        }
                    }
                }
            }
        }
    }

    /// Turns the bytes of a file into text, piece by piece.
    pub(crate) fn decoder(self) -> TextDecoder {
        let table = match self {
            Self::Utf8 => Some(encoding_rs::UTF_8),
            Self::Utf16 { big_endian: true } => Some(encoding_rs::UTF_16BE),
            Self::Utf16 { big_endian: false } => Some(encoding_rs::UTF_16LE),
            Self::Table(encoding) => Some(encoding),
            Self::Direct { .. } => None,
        };
        // A byte order mark in the file wins over the name, as it does in Data Factory.
        TextDecoder { charset: self, decoder: table.map(Encoding::new_decoder) }
    }
}

/// The state of decoding one file.
pub(crate) struct TextDecoder {
    charset: Charset,
    decoder: Option<Decoder>,
}

impl TextDecoder {
    /// Appends the text of the next bytes; `last` at the end of the file.
    ///
    /// # Errors
    /// Bytes that are no text in this encoding.
    pub(crate) fn decode(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Result<(), Malformed> {
        let Some(decoder) = &mut self.decoder else {
            return decode_direct(self.charset, bytes, text);
        };
        let mut rest = bytes;
        loop {
            text.reserve(rest.len() + rest.len() / 2 + 16);
            let (result, read) = decoder.decode_to_string_without_replacement(rest, text, last);
            rest = &rest[read..];
            match result {
                encoding_rs::DecoderResult::InputEmpty => return Ok(()),
                encoding_rs::DecoderResult::OutputFull => {}
                encoding_rs::DecoderResult::Malformed(..) => return Err(Malformed),
            }
        }
    }
}

/// Bytes that are no text in the encoding of their file.
#[derive(Debug)]
pub(crate) struct Malformed;

fn decode_direct(charset: Charset, bytes: &[u8], text: &mut String) -> Result<(), Malformed> {
    let Charset::Direct { last } = charset else { return Err(Malformed) };
    for byte in bytes {
        let c = char::from(*byte);
        if c > last {
            return Err(Malformed);
        }
        text.push(c);
    }
    Ok(())
}
