//! How the blocks of a container are compressed, one by one.

use std::io::{self, Read, Write};

use flate2::{Crc, read::DeflateDecoder, write::DeflateEncoder};
use ropeway_engine::{Error, ErrorKind, Result};

/// A codec of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Null,
    /// With its level, from 1 to 9.
    Deflate(u32),
    Snappy,
    Zstandard,
    Bzip2,
}

impl Codec {
    /// `avroCompressionCodec` and `avroCompressionLevel`.
    pub(super) fn for_writing(name: Option<&str>, level: Option<u32>) -> Result<Self> {
        let codec = match name.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "none" | "null" => Self::Null,
            "deflate" => Self::Deflate(level.unwrap_or(6).clamp(1, 9)),
            "snappy" => Self::Snappy,
            "zstandard" | "zstd" => Self::Zstandard,
            "bzip2" => Self::Bzip2,
            other => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "Avro is written with avroCompressionCodec none, deflate, snappy, zstandard or bzip2; use one of them",
                )
                .with("avroCompressionCodec", other.escape_debug()));
            }
        };
        Ok(codec)
    }

    /// `avro.codec` of a file.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        [Self::Null, Self::Deflate(6), Self::Snappy, Self::Zstandard, Self::Bzip2]
            .into_iter()
            .find(|codec| codec.name().as_bytes() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate(_) => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
            Self::Bzip2 => "bzip2",
        }
    }

    /// Memory of a compressor.
    pub(super) fn working_set(self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Deflate(_) | Self::Snappy => 1 << 20,
            Self::Zstandard | Self::Bzip2 => 8 << 20,
        }
    }

    pub(super) fn compress(self, rows: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Null => Ok(rows.to_vec()),
            Self::Deflate(level) => {
                let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
                encoder.write_all(rows)?;
                encoder.finish()
            }
            Self::Snappy => {
                let mut block = snap::raw::Encoder::new().compress_vec(rows).map_err(io::Error::other)?;
                block.extend_from_slice(&checksum(rows).to_be_bytes());
                Ok(block)
            }
            Self::Zstandard => zstd::encode_all(rows, 0),
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
                encoder.write_all(rows)?;
                encoder.finish()
            }
        }
    }

    /// The rows of a block.
    ///
    /// # Errors
    /// A block that is damaged, or has more than `most` bytes of rows.
    pub(super) fn decompress(self, block: Vec<u8>, most: u64) -> io::Result<Vec<u8>> {
        match self {
            Self::Null => Ok(block),
            Self::Deflate(_) => bounded(DeflateDecoder::new(&block[..]), most),
            Self::Zstandard => bounded(zstd::Decoder::new(&block[..])?, most),
            Self::Bzip2 => bounded(bzip2::read::BzDecoder::new(&block[..]), most),
            Self::Snappy => {
                let (rows, sum) = block.split_last_chunk::<4>().ok_or(io::ErrorKind::UnexpectedEof)?;
                if snap::raw::decompress_len(rows).map_err(io::Error::other)? as u64 > most {
                    return Err(too_large());
                }
                let rows = snap::raw::Decoder::new().decompress_vec(rows).map_err(io::Error::other)?;
                if checksum(&rows) != u32::from_be_bytes(*sum) {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum of the block is wrong"));
                }
                Ok(rows)
            }
        }
    }
}

fn bounded(from: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut rows = Vec::new();
    let read = from.take(most.saturating_add(1)).read_to_end(&mut rows)?;
    if read as u64 > most { Err(too_large()) } else { Ok(rows) }
}

fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::OutOfMemory, "a block is larger than its chunk's share of the memory")
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}
