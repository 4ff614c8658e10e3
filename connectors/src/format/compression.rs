//! Compression of whole files, in pieces that may stand one after the other.
//!
//! Members of gzip, streams of bzip2 and snappy, frames of zstd and lz4 concatenate by their standards. Raw deflate does too
//! when every piece ends at a byte boundary without a final block, and the file ends with an empty one. Archives are read
//! file by file.

mod archive;
mod codec;
mod deflate;
mod frames;
mod packing;
mod pieces;
mod pulled;
mod unpacked;

use std::io::{self, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use ropeway_engine::{Error, ErrorKind};

pub(super) use self::{
    codec::DatasetCompression,
    packing::Packing,
    pieces::{Compressing, Compressor},
    unpacked::{Member, Members, One, Unpacked},
};
use super::{CompressionLevel, Input};

/// How a whole file is compressed: `compressionCodec` and `compressionLevel` of a text dataset, `compression` of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip(CompressionLevel),
    Bzip2(CompressionLevel),
    Deflate(CompressionLevel),
    Snappy,
    Zstandard(CompressionLevel),
    Lz4,
    /// A zip archive.
    ZipDeflate(CompressionLevel),
    /// A tar archive.
    Tar,
    /// The same, compressed with gzip.
    TarGzip(CompressionLevel),
}

impl Compression {
    /// The ending that it adds to a file name.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip(_) => ".gz",
            Self::Bzip2(_) => ".bz2",
            Self::Deflate(_) => ".deflate",
            Self::Snappy => ".snappy",
            Self::Zstandard(_) => ".zst",
            Self::Lz4 => ".lz4",
            Self::ZipDeflate(_) => ".zip",
            Self::Tar => ".tar",
            Self::TarGzip(_) => ".tar.gz",
        }
    }

    /// What stands after the last piece.
    pub(super) fn trailer(self) -> &'static [u8] {
        if matches!(self, Self::Deflate(_)) { &deflate::FINAL_BLOCK } else { &[] }
    }

    /// Memory of a compressor or its inverse.
    pub(super) fn working_set(self) -> u64 {
        match self {
            Self::None | Self::Tar => 0,
            Self::Gzip(_) | Self::Deflate(_) | Self::Snappy | Self::ZipDeflate(_) | Self::TarGzip(_) => 400 << 10,
            // Frames of others may have windows and blocks of several megabytes.
            Self::Bzip2(_) | Self::Zstandard(_) | Self::Lz4 => 16 << 20,
        }
    }

    /// How many files an archive holds, without those whose names begin with a dot or an underscore; `None` if this is no
    /// archive.
    pub(super) fn members(self, file: &Input) -> io::Result<Option<usize>> {
        let bytes = file.buffered(0);
        match self {
            Self::ZipDeflate(_) => archive::zipped_members(file).map(Some),
            Self::Tar => archive::tarred_members(bytes, archive::MOST_MEMBERS).map(Some),
            Self::TarGzip(_) => {
                archive::tarred_members(MultiGzDecoder::new(bytes), archive::MOST_PACKED_MEMBERS).map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(super) fn is_archive(self) -> bool {
        matches!(self, Self::ZipDeflate(_) | Self::Tar | Self::TarGzip(_))
    }

    /// Reads a compressed file from its beginning; of an archive, the file that the input means. Where its bytes end too
    /// early, reading ends with an error.
    pub(super) fn reader(self, file: &Input) -> io::Result<Box<dyn Read + Send>> {
        let bytes = file.buffered(0);
        Ok(match self {
            Self::None => Box::new(bytes),
            Self::Gzip(_) => Box::new(MultiGzDecoder::new(bytes)),
            Self::Bzip2(_) => Box::new(MultiBzDecoder::new(bytes)),
            Self::Deflate(_) => Box::new(deflate::Inflater::new(bytes)),
            Self::Snappy => Box::new(snap::read::FrameDecoder::new(bytes)),
            Self::Zstandard(_) => {
                let mut decoder = zstd::Decoder::with_buffer(bytes)?;
                // 128 MiB is what the standard asks of decoders; a frame that wants more fills the memory.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
            Self::Lz4 => Box::new(frames::Lz4Frames::new(bytes)),
            Self::ZipDeflate(_) => Box::new(archive::zipped(file)?),
            Self::Tar => Box::new(archive::OneTarred::new(bytes, file.member())),
            Self::TarGzip(_) => Box::new(archive::OneTarred::new(MultiGzDecoder::new(bytes), file.member())),
        })
    }
}

/// The error of a compressor.
pub(super) fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Bug, "text cannot be compressed; please report it").caused_by(error)
}

#[cfg(test)]
mod tests;
