//! One stripe: looked at, and handed over as a file that has nothing else.

use std::io;

use bytes::{Buf, Bytes};
use chrono_tz::Tz;
use orc_rust::{
    proto::{
        ColumnEncoding, Footer, PostScript, StripeFooter, StripeInformation, Type,
        column_encoding::Kind as EncodingKind, r#type::Kind,
    },
    reader::ChunkReader,
};
use prost::Message;
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    columns::is_timestamp,
    damaged,
    protobuf::fields,
    streams::{Found, Streams},
    tail::{LONGEST_FOOTER, MAGIC, Tail, encrypted, piece},
};
use crate::format::Input;

/// The number of the stripe footer's field that says how columns are encrypted.
const ENCRYPTION: u64 = 4;

/// A stripe, in memory.
pub(super) struct Stripe {
    /// A file of nothing else.
    pub(super) file: StripeFile,
    /// Bytes of an average row, decoded, about.
    pub(super) row_bytes: u64,
    /// The streams that `orc-rust` does not decode, or not as they have to be.
    pub(super) seconds: Vec<Second>,
    /// Where the clock was that the writer's timestamps show, if it was not UTC's.
    pub(super) zone: Option<Tz>,
}

/// The second parts of a column's values: nanoseconds of timestamps, or the digits behind a decimal's point.
pub(super) struct Second {
    pub(super) column: u32,
    pub(super) encoding: EncodingKind,
    /// As it is in the file.
    pub(super) stream: Bytes,
}

/// A file of one stripe.
#[derive(Clone, Debug)]
pub(super) struct StripeFile(Bytes);

impl Stripe {
    /// Reads a stripe of a file, and looks at everything that `orc-rust` would believe.
    ///
    /// # Errors
    /// One that is damaged, or needs more than `memory` bytes to be decoded.
    pub(super) fn load(file: &Input, tail: &Tail, info: &StripeInformation, memory: u64) -> Result<Self> {
        // `orc-rust` copies every stream.
        let copies = info.data_length().saturating_mul(2);
        if copies > memory {
            return Err(too_large(copies, memory));
        }
        let start = info.offset() + info.index_length();
        let footer = footer(file, tail, info, start + info.data_length())?;
        let streams = Streams::of(&footer, info, tail)?;
        let mut bytes = piece(file, start, info.data_length())?;
        let found = streams.look(&bytes, &tail.codec)?;
        let needed = copies.saturating_add(found.decoders);
        if needed > memory {
            return Err(too_large(needed, memory));
        }
        let row_bytes = row_bytes(&found, tail, info);
        let zone = zone(&footer)?;
        let encodings = footer.columns.clone();
        append_tail(&mut bytes, tail, info, StripeFooter { streams: streams.listed(), ..footer });
        let file = StripeFile(bytes.into());
        let seconds = streams.seconds().map(|(column, from, to)| Second {
            column,
            encoding: encodings.get(column as usize).map(ColumnEncoding::kind).unwrap_or_default(),
            stream: file.0.slice(from as usize..to as usize),
        });
        Ok(Self { seconds: seconds.collect(), file, row_bytes, zone })
    }
}

impl ChunkReader for StripeFile {
    type T = bytes::buf::Reader<Bytes>;

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn get_read(&self, offset_from_start: u64) -> io::Result<Self::T> {
        Ok(self.get_bytes(offset_from_start, self.len().saturating_sub(offset_from_start))?.reader())
    }

    fn get_bytes(&self, offset_from_start: u64, length: u64) -> io::Result<Bytes> {
        let end = offset_from_start.checked_add(length).filter(|end| *end <= self.len());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(self.0.slice(offset_from_start as usize..end as usize))
    }
}

fn footer(file: &Input, tail: &Tail, info: &StripeInformation, start: u64) -> Result<StripeFooter> {
    if info.footer_length() > LONGEST_FOOTER as u64 {
        return Err(damaged("the footer of a stripe is too long"));
    }
    let footer = tail.codec.unpacked(&piece(file, start, info.footer_length())?, LONGEST_FOOTER)?;
    if fields(&footer)?.contains(&ENCRYPTION) {
        return Err(encrypted());
    }
    let footer = StripeFooter::decode(footer.as_slice())
        .map_err(|error| damaged("the footer of a stripe cannot be read").caused_by(error))?;
    check_encodings(&footer.columns, tail, info.number_of_rows())?;
    Ok(footer)
}

fn zone(footer: &StripeFooter) -> Result<Option<Tz>> {
    let Some(name) = &footer.writer_timezone else { return Ok(None) };
    let zone = name.parse::<Tz>().map_err(|error| {
        let message = "the time zone of the file's writer is not known; write it anew with the writer's time zone UTC";
        Error::new(ErrorKind::Data, message)
            .with("zone", name.escape_debug())
            .caused_by(error)
            .code("OrcUnsupportedTimeZone")
    })?;
    Ok(Some(zone).filter(|zone| !matches!(zone, Tz::UTC | Tz::GMT)))
}

fn check_encodings(encodings: &[ColumnEncoding], tail: &Tail, rows: u64) -> Result<()> {
    if encodings.len() != tail.types.len() {
        return Err(damaged("the footer of a stripe has other columns than the file"));
    }
    for (encoding, column) in encodings.iter().zip(&tail.types) {
        let is_text = matches!(column.kind(), Kind::String | Kind::Varchar | Kind::Char);
        match encoding.kind.map(EncodingKind::try_from) {
            Some(Ok(EncodingKind::Direct | EncodingKind::DirectV2)) => {}
            Some(Ok(EncodingKind::Dictionary | EncodingKind::DictionaryV2)) if is_text => {
                if u64::from(encoding.dictionary_size()) > rows {
                    return Err(damaged("a dictionary has more values than there are rows"));
                }
            }
            _ => return Err(damaged("a column is encoded in a way that its type does not have")),
        }
    }
    Ok(())
}

/// Fixed bytes of a decoded value: the largest type has so many.
const VALUE_BYTES: u64 = 16;

fn row_bytes(found: &Found, tail: &Tail, info: &StripeInformation) -> u64 {
    let fixed = VALUE_BYTES * tail.columns.fields().len() as u64;
    fixed + found.values / info.number_of_rows().max(1) + found.entries
}

/// What stands behind the streams of the stripe.
fn append_tail(bytes: &mut Vec<u8>, tail: &Tail, info: &StripeInformation, footer: StripeFooter) {
    let codec = &tail.codec;
    let stripe_footer = codec.stored(&footer.encode_to_vec());
    let stripe = StripeInformation {
        offset: Some(0),
        index_length: Some(0),
        data_length: Some(bytes.len() as u64),
        footer_length: Some(stripe_footer.len() as u64),
        number_of_rows: info.number_of_rows,
        ..StripeInformation::default()
    };
    let footer = Footer {
        stripes: vec![stripe],
        types: tail.types.iter().map(as_decoded).collect(),
        number_of_rows: info.number_of_rows,
        ..Footer::default()
    };
    let footer = codec.stored(&footer.encode_to_vec());
    let postscript = PostScript {
        footer_length: Some(footer.len() as u64),
        compression: Some(codec.kind as i32),
        compression_block_size: Some(codec.block as u64),
        metadata_length: Some(0),
        magic: Some(String::from_utf8_lossy(MAGIC).into_owned()),
        ..PostScript::default()
    };
    let postscript = postscript.encode_to_vec();
    bytes.extend(stripe_footer);
    bytes.extend(footer);
    bytes.extend(&postscript);
    bytes.push(postscript.len() as u8);
}

/// Timestamps without their nanoseconds are numbers.
fn as_decoded(column: &Type) -> Type {
    let kind = if is_timestamp(column) { Some(Kind::Long as i32) } else { column.kind };
    Type { kind, ..column.clone() }
}

fn too_large(needed: u64, limit: u64) -> Error {
    damaged("a stripe needs more memory than a chunk may have; raise --memory, lower --parallel, or write it with smaller stripes")
        .with("bytes", needed)
        .with("limit", limit)
}
