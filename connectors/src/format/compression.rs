//! Compression of whole text files, in pieces that may stand one after the other.
//!
//! Members of gzip and streams of bzip2 concatenate by their standards. Raw deflate does too when
//! every piece ends at a byte boundary without a final block, and the file ends with an empty one.

use std::{
    io::{self, BufReader, Read, Write},
    mem,
};

use bzip2::{read::MultiBzDecoder, write::BzEncoder};
use flate2::{
    read::{DeflateDecoder, MultiGzDecoder},
    write::{DeflateEncoder, GzEncoder},
};
use ropeway_engine::{Error, ErrorKind, Result};

use super::CompressionLevel;
use crate::lenient;
use serde::Deserialize;

/// An empty last block of fixed codes.
const FINAL_DEFLATE_BLOCK: [u8; 2] = [0x03, 0x00];

/// `compression` of a dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DatasetCompression {
    #[serde(rename = "type", deserialize_with = "lenient::option::text")]
    codec: Option<String>,
    level: Option<CompressionLevel>,
}

/// How a whole file is compressed: `compressionCodec` and `compressionLevel` of a text dataset, `compression` of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip(CompressionLevel),
    Bzip2(CompressionLevel),
    Deflate(CompressionLevel),
}

impl Compression {
    /// # Errors
    /// As for [`named`](Self::named).
    pub(crate) fn of(dataset: Option<&DatasetCompression>) -> Result<Self> {
        let Some(DatasetCompression { codec, level }) = dataset else { return Ok(Self::None) };
        Self::named(codec.as_deref(), level.unwrap_or_default())
    }

    /// Looks at `compressionProperties` of a source.
    ///
    /// # Errors
    /// They are about archives.
    pub(crate) fn unpacks(self, properties: Option<&serde_json::Value>) -> Result<()> {
        if properties.is_none_or(serde_json::Value::is_null) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Spec, "archives (compressionProperties) cannot be read; unpack the files first"))
    }

    pub(crate) fn named(codec: Option<&str>, level: CompressionLevel) -> Result<Self> {
        match codec.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip(level)),
            "bzip2" => Ok(Self::Bzip2(level)),
            "deflate" => Ok(Self::Deflate(level)),
            other => Err(Error::new(
                ErrorKind::Spec,
                "text files are compressed with gzip, bzip2 or deflate; use one of them as compressionCodec",
            )
            .with("compressionCodec", other.escape_debug())),
        }
    }

    /// The ending that it adds to a file name.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip(_) => ".gz",
            Self::Bzip2(_) => ".bz2",
            Self::Deflate(_) => ".deflate",
        }
    }

    /// Starts a piece.
    pub(crate) fn compressor(self) -> Compressor {
        let flate = |level| {
            if level == CompressionLevel::Fastest {
                flate2::Compression::fast()
            } else {
                flate2::Compression::default()
            }
        };
        match self {
            Self::None => Compressor::None(Vec::new()),
            Self::Gzip(level) => Compressor::Gzip(GzEncoder::new(Vec::new(), flate(level))),
            Self::Deflate(level) => Compressor::Deflate(DeflateEncoder::new(Vec::new(), flate(level))),
            Self::Bzip2(level) => {
                let level = if level == CompressionLevel::Fastest {
                    bzip2::Compression::fast()
                } else {
                    bzip2::Compression::best()
                };
                Compressor::Bzip2(BzEncoder::new(Vec::new(), level))
            }
        }
    }

    /// What stands after the last piece.
    pub(crate) fn trailer(self) -> &'static [u8] {
        if matches!(self, Self::Deflate(_)) { &FINAL_DEFLATE_BLOCK } else { &[] }
    }

    /// Memory of a compressor.
    pub(crate) fn working_set(self) -> u64 {
        match self {
            Self::None => 0,
            Self::Gzip(_) | Self::Deflate(_) => 400 << 10,
            Self::Bzip2(_) => 8 << 20,
        }
    }

    /// Reads a compressed file.
    pub(crate) fn reader(self, file: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        let file = BufReader::with_capacity(256 << 10, file);
        match self {
            Self::None => Box::new(file),
            Self::Gzip(_) => Box::new(MultiGzDecoder::new(file)),
            Self::Bzip2(_) => Box::new(MultiBzDecoder::new(file)),
            Self::Deflate(_) => Box::new(DeflateDecoder::new(file)),
        }
    }
}

/// Compresses one piece.
pub(crate) enum Compressor {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Bzip2(BzEncoder<Vec<u8>>),
    Deflate(DeflateEncoder<Vec<u8>>),
}

impl Compressor {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(out) => out.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Bzip2(encoder) => encoder.write_all(bytes),
            Self::Deflate(encoder) => encoder.write_all(bytes),
        }
    }

    pub(crate) fn ready(&self) -> usize {
        match self {
            Self::None(out) => out.len(),
            Self::Gzip(encoder) => encoder.get_ref().len(),
            Self::Bzip2(encoder) => encoder.get_ref().len(),
            Self::Deflate(encoder) => encoder.get_ref().len(),
        }
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        mem::take(match self {
            Self::None(out) => out,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Bzip2(encoder) => encoder.get_mut(),
            Self::Deflate(encoder) => encoder.get_mut(),
        })
    }

    /// Ends the piece; [`take`](Self::take) gives the rest.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::None(_) => Ok(()),
            Self::Gzip(encoder) => encoder.try_finish(),
            Self::Bzip2(encoder) => encoder.try_finish(),
            // A flush ends at a byte boundary, and without a final block.
            Self::Deflate(encoder) => encoder.flush(),
        }
    }
}

/// The error of a compressor.
pub(super) fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Bug, "text cannot be compressed; please report it").caused_by(error)
}
