//! Compressors of pieces.

use std::{
    io::{self, Read, Write},
    mem,
};

use bzip2::write::BzEncoder;
use flate2::write::{DeflateEncoder, GzEncoder};
use lz4_flex::frame::FrameEncoder as Lz4Encoder;
use snap::write::FrameEncoder as SnappyEncoder;

use super::{
    Compression,
    pulled::{Maker, Pulled},
};
use crate::format::CompressionLevel;

/// Compresses one piece.
pub(in crate::format) struct Compressor(Box<dyn Piece>);

/// A compressor with what it has given so far.
trait Piece: Send {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn out(&self) -> &Vec<u8>;
    fn out_mut(&mut self) -> &mut Vec<u8>;
    fn end(&mut self) -> io::Result<()>;
}

/// An encoder, and in what it differs from others.
struct Encoder<E> {
    encoder: E,
    out: fn(&E) -> &Vec<u8>,
    out_mut: fn(&mut E) -> &mut Vec<u8>,
    end: fn(&mut E) -> io::Result<()>,
}

impl<E: Write + Send> Piece for Encoder<E> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.encoder.write_all(bytes)
    }

    fn out(&self) -> &Vec<u8> {
        (self.out)(&self.encoder)
    }

    fn out_mut(&mut self) -> &mut Vec<u8> {
        (self.out_mut)(&mut self.encoder)
    }

    fn end(&mut self) -> io::Result<()> {
        (self.end)(&mut self.encoder)
    }
}

impl Compression {
    /// Starts a piece.
    ///
    /// # Errors
    /// The compressor cannot be made; archives have none.
    pub(in crate::format) fn compressor(self) -> io::Result<Compressor> {
        let flate = |level| match level {
            CompressionLevel::Fastest => flate2::Compression::fast(),
            CompressionLevel::Optimal => flate2::Compression::default(),
        };
        let bzip2 = |level| match level {
            CompressionLevel::Fastest => bzip2::Compression::fast(),
            CompressionLevel::Optimal => bzip2::Compression::best(),
        };
        Ok(Compressor(match self {
            Self::None => {
                Box::new(Encoder { encoder: Vec::new(), out: |bytes| bytes, out_mut: |bytes| bytes, end: |_| Ok(()) })
            }
            Self::Gzip(level) => Box::new(Encoder {
                encoder: GzEncoder::new(Vec::new(), flate(level)),
                out: GzEncoder::get_ref,
                out_mut: GzEncoder::get_mut,
                end: GzEncoder::try_finish,
            }),
            Self::Deflate(level) => Box::new(Encoder {
                encoder: DeflateEncoder::new(Vec::new(), flate(level)),
                out: DeflateEncoder::get_ref,
                out_mut: DeflateEncoder::get_mut,
                // A flush ends at a byte boundary, and without a final block.
                end: Write::flush,
            }),
            Self::Bzip2(level) => Box::new(Encoder {
                encoder: BzEncoder::new(Vec::new(), bzip2(level)),
                out: BzEncoder::get_ref,
                out_mut: BzEncoder::get_mut,
                end: BzEncoder::try_finish,
            }),
            Self::Snappy => Box::new(Encoder {
                encoder: SnappyEncoder::new(Vec::new()),
                out: SnappyEncoder::get_ref,
                out_mut: SnappyEncoder::get_mut,
                end: Write::flush,
            }),
            Self::Zstandard(level) => {
                let level = if level == CompressionLevel::Fastest { 1 } else { zstd::DEFAULT_COMPRESSION_LEVEL };
                Box::new(Encoder {
                    encoder: zstd::Encoder::new(Vec::new(), level)?,
                    out: zstd::Encoder::get_ref,
                    out_mut: zstd::Encoder::get_mut,
                    end: zstd::Encoder::do_finish,
                })
            }
            Self::Lz4 => Box::new(Encoder {
                encoder: Lz4Encoder::new(Vec::new()),
                out: Lz4Encoder::get_ref,
                out_mut: Lz4Encoder::get_mut,
                end: |encoder| encoder.try_finish().map_err(io::Error::other),
            }),
            Self::ZipDeflate(_) | Self::Tar | Self::TarGzip(_) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "an archive is no stream of one file"));
            }
        }))
    }

    /// A piece with these bytes; none if there are none.
    pub(in crate::format) fn piece(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let mut compressor = self.compressor()?;
        compressor.write(bytes)?;
        compressor.finish()?;
        Ok(compressor.take())
    }
}

impl Compressor {
    pub(in crate::format) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write(bytes)
    }

    /// Bytes that [`take`](Self::take) would give now.
    pub(in crate::format) fn ready(&self) -> usize {
        self.0.out().len()
    }

    pub(in crate::format) fn take(&mut self) -> Vec<u8> {
        mem::take(self.0.out_mut())
    }

    /// Ends the piece; [`take`](Self::take) gives the rest.
    pub(in crate::format) fn finish(&mut self) -> io::Result<()> {
        self.0.end()
    }
}

/// Bytes that are compressed.
pub(in crate::format) struct Compressing<R> {
    from: R,
    compressor: Compressor,
    trailer: &'static [u8],
    is_ended: bool,
}

impl<R: Read> Compressing<R> {
    /// # Errors
    /// As for [`Compression::compressor`].
    pub(in crate::format) fn reader(from: R, into: Compression) -> io::Result<Pulled<Self>> {
        let (compressor, trailer) = (into.compressor()?, into.trailer());
        Ok(Pulled::from(Self { from, compressor, trailer, is_ended: false }))
    }
}

impl<R: Read> Maker for Compressing<R> {
    fn make(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_ended {
            return Ok(None);
        }
        let mut bytes = [0; 64 << 10];
        let read = self.from.read(&mut bytes)?;
        if read > 0 {
            self.compressor.write(&bytes[..read])?;
            return Ok(Some(self.compressor.take()));
        }
        self.is_ended = true;
        self.compressor.finish()?;
        let mut rest = self.compressor.take();
        rest.extend_from_slice(self.trailer);
        Ok(Some(rest))
    }
}
