//! The end of a file: the postscript, which says how all else is compressed, and the footer with types and stripes.

use std::io;

use arrow::datatypes::SchemaRef;
use orc_rust::proto::{CalendarKind, CompressionKind, Footer, PostScript, StripeInformation, Type};
use prost::Message;
use ropeway_engine::{Error, ErrorKind, Result};

use super::{blocks::Codec, columns::columns, damaged, protobuf::fields};
use crate::format::Input;

/// The first three bytes of a file.
pub(super) const MAGIC: &[u8; 3] = b"ORC";

/// Bytes of a footer at most, compressed and not.
pub(super) const LONGEST_FOOTER: usize = 16 << 20;

/// The number of the footer's field that says how columns are encrypted.
const ENCRYPTION: u64 = 10;

/// What a file says of itself.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) codec: Codec,
    pub(super) types: Vec<Type>,
    pub(super) columns: SchemaRef,
    /// They lie within the file.
    pub(super) stripes: Vec<StripeInformation>,
    /// True if days before 15 October 1582 are those of the Julian calendar.
    pub(super) is_julian: bool,
}

impl Tail {
    /// # Errors
    /// A file that is none, is cut off, or has columns that cannot be read.
    pub(super) fn open(file: &Input) -> Result<Self> {
        if piece(file, 0, MAGIC.len() as u64)? != MAGIC {
            return Err(damaged("it does not begin like one"));
        }
        let postscript_and_length = piece(file, file.length().saturating_sub(256), file.length().min(256))?;
        let (length, bytes) = postscript_and_length.split_last().ok_or_else(|| damaged("it is empty"))?;
        let start = bytes.len().checked_sub(usize::from(*length)).ok_or_else(|| damaged("it has no postscript"))?;
        let postscript = PostScript::decode(&bytes[start..])
            .map_err(|error| damaged("its postscript cannot be read").caused_by(error))?;
        let codec = Codec::new(kind(&postscript)?, postscript.compression_block_size)?;
        let end = file.length() - 1 - u64::from(*length);
        let footer_length = postscript.footer_length();
        let start = end.checked_sub(footer_length).filter(|_| footer_length <= LONGEST_FOOTER as u64);
        let start = start.ok_or_else(|| damaged("its footer is too long"))?;
        let footer = codec.unpacked(&piece(file, start, footer_length)?, LONGEST_FOOTER)?;
        if fields(&footer)?.contains(&ENCRYPTION) {
            return Err(encrypted());
        }
        let footer =
            Footer::decode(footer.as_slice()).map_err(|error| damaged("its footer cannot be read").caused_by(error))?;
        check_stripes(&footer, start)?;
        Ok(Self {
            codec,
            columns: columns(&footer.types)?,
            is_julian: footer.calendar == Some(CalendarKind::JulianGregorian as i32),
            types: footer.types,
            stripes: footer.stripes,
        })
    }
}

/// Those bytes of a file.
///
/// # Errors
/// [`ErrorKind::Unavailable`] if they cannot be read; a file that is shorter is damaged.
pub(super) fn piece(file: &Input, start: u64, length: u64) -> Result<Vec<u8>> {
    if start.checked_add(length).is_none_or(|end| end > file.length()) {
        return Err(damaged("a part of it lies outside of it"));
    }
    let mut bytes = vec![0; length as usize];
    let read = file
        .fill(start, &mut bytes)
        .and_then(|read| if read == bytes.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) });
    read.map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the file cannot be read; see the cause").caused_by(error)
    })?;
    Ok(bytes)
}

pub(super) fn encrypted() -> Error {
    Error::new(ErrorKind::Data, "columns of the file are encrypted; write it without encryption")
        .code("OrcUnsupportedEncryption")
}

fn kind(postscript: &PostScript) -> Result<CompressionKind> {
    let number = postscript.compression.unwrap_or_default();
    CompressionKind::try_from(number).map_err(|error| {
        Error::new(
            ErrorKind::Data,
            "this compression of ORC is not known; write the file with zlib, snappy, lzo, lz4, zstd or none",
        )
        .with("compression", number)
        .caused_by(error)
        .code("OrcUnsupportedCompression")
    })
}

/// Stripes lie one behind the other before `end`, and have all rows of the file.
fn check_stripes(footer: &Footer, end: u64) -> Result<()> {
    let (mut before, mut rows) = (0, 0_u64);
    for stripe in &footer.stripes {
        let parts = [stripe.index_length(), stripe.data_length(), stripe.footer_length()];
        let behind = parts.into_iter().try_fold(stripe.offset(), u64::checked_add);
        before = behind
            .filter(|behind| stripe.offset() >= before && *behind <= end)
            .ok_or_else(|| damaged("a stripe lies outside of it"))?;
        rows = rows.checked_add(stripe.number_of_rows()).ok_or_else(|| damaged("it has too many rows"))?;
    }
    if rows == footer.number_of_rows() { Ok(()) } else { Err(damaged("its stripes have not as many rows as it has")) }
}
