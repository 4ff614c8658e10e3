//! Compressed sections: blocks, each behind three bytes with its length and whether it is compressed.

use std::io::Read;

use orc_rust::proto::CompressionKind;
use ropeway_engine::{Error, Result};

use super::damaged;
use crate::format::survived::survived;

/// Bytes of a block at most, by the format: its length has 23 bits.
const LONGEST_BLOCK: u64 = 1 << 23;

/// Bytes of a block where the file does not say, by the format.
const USUAL_BLOCK: u64 = 256 << 10;

/// LZO makes at most so many bytes of one.
const LZO_RATIO: usize = 256;

/// Bytes that LZO may make of a block: its decoder has no limit of its own.
const MOST_OF_LZO: usize = 64 << 20;

/// The compression of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec {
    pub(super) kind: CompressionKind,
    /// Bytes of an unpacked block at most.
    pub(super) block: usize,
}

/// What a section holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    /// Bytes of all of it, unpacked.
    pub(super) bytes: u64,
    /// Bytes of its largest block, unpacked.
    pub(super) largest: u64,
}

impl Codec {
    /// # Errors
    /// A block size that the format does not have.
    pub(super) fn new(kind: CompressionKind, block: Option<u64>) -> Result<Self> {
        let block = block.unwrap_or(USUAL_BLOCK);
        if kind != CompressionKind::None && (block == 0 || block > LONGEST_BLOCK) {
            return Err(damaged("its blocks are larger than the format has them"));
        }
        Ok(Self { kind, block: block as usize })
    }

    /// The bytes of a section.
    ///
    /// # Errors
    /// One that is damaged, or of more than `most` bytes.
    pub(super) fn unpacked(&self, section: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.each(section, |block| {
            if bytes.len() + block.len() > most {
                return Err(damaged("a footer is too long"));
            }
            bytes.extend_from_slice(block);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// What a section holds; every block is unpacked once for that.
    ///
    /// # Errors
    /// One that is damaged.
    pub(super) fn measured(&self, section: &[u8]) -> Result<Measure> {
        let mut measure = Measure::default();
        self.each(section, |block| {
            measure.bytes += block.len() as u64;
            measure.largest = measure.largest.max(block.len() as u64);
            Ok(())
        })?;
        Ok(measure)
    }

    /// The same bytes as a section that is not compressed, in blocks.
    pub(super) fn stored(&self, bytes: &[u8]) -> Vec<u8> {
        if self.kind == CompressionKind::None {
            return bytes.to_vec();
        }
        let blocks = bytes.chunks(self.block.min(LONGEST_BLOCK as usize - 1));
        blocks.flat_map(|block| [&header(block.len(), true), block].concat()).collect()
    }

    fn each(&self, mut section: &[u8], mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.kind == CompressionKind::None {
            return take(section);
        }
        let mut scratch = Vec::new();
        while !section.is_empty() {
            let (block, is_original) = next(&mut section)?;
            if block.is_empty() || block.len() > self.block {
                return Err(damaged("a block has another length than it may have"));
            }
            if is_original {
                take(block)?;
            } else {
                self.unpack(block, &mut scratch).ok_or_else(unsound)?;
                take(&scratch)?;
            }
        }
        Ok(())
    }

    /// Unpacks a block. `None` if it cannot be, or to no more than a block may have.
    fn unpack(&self, block: &[u8], into: &mut Vec<u8>) -> Option<()> {
        match self.kind {
            CompressionKind::None => return None,
            CompressionKind::Zlib => self.inflate(flate2::read::DeflateDecoder::new(block), into)?,
            CompressionKind::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(block).ok()?;
                decoder.window_log_max(23).ok()?;
                self.inflate(decoder, into)?;
            }
            CompressionKind::Snappy => {
                let length = snap::raw::decompress_len(block).ok().filter(|length| *length <= self.block)?;
                into.resize(length, 0);
                snap::raw::Decoder::new().decompress(block, into).ok()?;
            }
            CompressionKind::Lz4 => {
                into.resize(self.block, 0);
                let length = lz4_flex::block::decompress_into(block, into).ok()?;
                into.truncate(length);
            }
            CompressionKind::Lzo => {
                if block.len() > MOST_OF_LZO / LZO_RATIO {
                    return None;
                }
                let unpacked = survived(unsound, || lzokay_native::decompress_all(block, Some(self.block)));
                *into = unpacked.ok()?.ok()?;
            }
        }
        (!into.is_empty() && into.len() <= self.block).then_some(())
    }

    fn inflate(&self, from: impl Read, into: &mut Vec<u8>) -> Option<()> {
        into.clear();
        from.take(self.block as u64 + 1).read_to_end(into).ok().map(drop)
    }
}

fn unsound() -> Error {
    damaged("a compressed block cannot be unpacked")
}

/// The next block of a section, and whether it is as it was.
fn next<'a>(section: &mut &'a [u8]) -> Result<(&'a [u8], bool)> {
    let cut_off = || damaged("a block is cut off");
    let (head, rest) = section.split_first_chunk::<3>().ok_or_else(cut_off)?;
    let [a, b, c] = *head;
    let head = u32::from_le_bytes([a, b, c, 0]);
    let (block, rest) = rest.split_at_checked((head >> 1) as usize).ok_or_else(cut_off)?;
    *section = rest;
    Ok((block, head & 1 == 1))
}

/// The head of a block.
pub(super) fn header(length: usize, is_original: bool) -> [u8; 3] {
    let [a, b, c, _] = ((length as u32) << 1 | u32::from(is_original)).to_le_bytes();
    [a, b, c]
}
