//! The character encodings of text files, by the names that Data Factory uses.

mod code_page;
mod utf32;

use encoding_rs::{Decoder, EncoderResult, Encoding};
use ropeway_engine::{Error, ErrorKind, Result};

use self::code_page::CodePage;

/// How characters become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Charset {
    Utf8,
    Utf16 {
        big_endian: bool,
    },
    Utf32 {
        big_endian: bool,
    },
    /// ISO-8859-1 as its standard says, and US-ASCII: characters up to this one are their own byte.
    Direct {
        last: char,
    },
    /// A code page of one byte a character.
    Page(&'static CodePage),
    /// Every other encoding; each piece of what is written begins and ends where ASCII is itself.
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
            "UTF-32" => return Ok(Self::Utf32 { big_endian: false }),
            "UTF-32BE" => return Ok(Self::Utf32 { big_endian: true }),
            // What .NET calls by this name is code page 936.
            "GB2312" => return Ok(Self::Table(encoding_rs::GBK)),
            "ISO-2022-JP" => return Ok(Self::Table(encoding_rs::ISO_2022_JP)),
            "ISO-8859-1" => return Ok(Self::Direct { last: '\u{FF}' }),
            "US-ASCII" => return Ok(Self::Direct { last: '\u{7F}' }),
            _ => {}
        }
        if let Some(page) = CodePage::named(given) {
            return Ok(Self::Page(page));
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
                "this encodingName is not supported; use UTF-8, UTF-16, UTF-16BE, UTF-32, UTF-32BE, US-ASCII, ISO-8859-1 to -9, \
                 -13, -15, WINDOWS-874, WINDOWS-1250 to -1258, BIG5, EUC-JP, EUC-KR, GB2312, GB18030, SHIFT-JIS, ISO-2022-JP, \
                 or an IBM or CP code page of one byte",
            )
            .with("encodingName", given.escape_debug())),
        }
    }

    /// True if it has every character.
    pub(crate) fn is_unicode(self) -> bool {
        matches!(self, Self::Utf8 | Self::Utf16 { .. } | Self::Utf32 { .. })
    }

    /// The mark at the beginning of a file. UTF-8 gets none: many readers would take it for a
    /// part of the first column's name.
    pub(crate) fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf16 { big_endian: false } => &[0xFF, 0xFE],
            Self::Utf16 { big_endian: true } => &[0xFE, 0xFF],
            Self::Utf32 { big_endian: false } => &[0xFF, 0xFE, 0, 0],
            Self::Utf32 { big_endian: true } => &[0, 0, 0xFE, 0xFF],
            _ => &[],
        }
    }

    /// The bytes of a text, or the first character that the encoding does not have.
    pub(crate) fn encode(self, text: &str) -> Result<Vec<u8>, char> {
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Utf16 { big_endian: true } => Ok(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Utf16 { big_endian: false } => Ok(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf32 { big_endian } => Ok(utf32::encode(text, big_endian)),
            Self::Page(page) => page.encode(text),
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
        // A byte order mark in the file wins over the name, as it does in Data Factory.
        TextDecoder(match self {
            Self::Utf8 => State::Table(encoding_rs::UTF_8.new_decoder()),
            Self::Utf16 { big_endian: true } => State::Table(encoding_rs::UTF_16BE.new_decoder()),
            Self::Utf16 { big_endian: false } => State::Table(encoding_rs::UTF_16LE.new_decoder()),
            Self::Utf32 { big_endian } => State::Utf32(utf32::Decoder::new(big_endian)),
            Self::Page(page) => State::Page(page),
            Self::Table(encoding) => State::Table(encoding.new_decoder()),
            Self::Direct { last } => State::Direct { last },
        })
    }
}

/// The state of decoding one file.
pub(crate) struct TextDecoder(State);

enum State {
    Table(Decoder),
    Utf32(utf32::Decoder),
    Page(&'static CodePage),
    Direct { last: char },
}

impl TextDecoder {
    /// Appends the text of the next bytes; `last` at the end of the file.
    ///
    /// # Errors
    /// Bytes that are no text in this encoding.
    pub(crate) fn decode(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Result<(), Malformed> {
        match &mut self.0 {
            State::Table(decoder) => decode_table(decoder, bytes, last, text),
            State::Utf32(decoder) => decoder.decode(bytes, last, text).ok_or(Malformed),
            State::Page(page) => page.decode(bytes, text).ok_or(Malformed),
            State::Direct { last } => decode_direct(*last, bytes, text),
        }
    }
}

/// Bytes that are no text in the encoding of their file.
#[derive(Debug)]
pub(crate) struct Malformed;

fn decode_table(decoder: &mut Decoder, bytes: &[u8], last: bool, text: &mut String) -> Result<(), Malformed> {
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

fn decode_direct(last: char, bytes: &[u8], text: &mut String) -> Result<(), Malformed> {
    for byte in bytes {
        let c = char::from(*byte);
        if c > last {
            return Err(Malformed);
        }
        text.push(c);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
