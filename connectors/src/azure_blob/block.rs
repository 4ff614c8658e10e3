//! Blocks whose id is made of their content.
//!
//! The same id means the same bytes, so a block that is staged twice, or by an attempt that should
//! be dead, changes nothing. Ids made of positions would let such a late block replace the bytes of
//! a blob that is committed again.

use bytes::Bytes;
use md5::{Digest, Md5};
use ropeway_engine::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

/// All ids of a blob must have one length.
const ID_LENGTH: usize = 48;

/// A block that is ready to be staged.
pub(crate) struct Block {
    pub(crate) id: String,
    pub(crate) bytes: Bytes,
    pub(crate) md5: [u8; 16],
}

/// A staged block as a receipt keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StagedBlock(pub(crate) String, pub(crate) u64);

impl Block {
    /// Hashes the bytes; call it on the CPU pool. `part` and `number` keep equal bytes at two places
    /// of one run apart.
    pub(crate) fn new(run: &str, part: &str, number: u32, bytes: Bytes) -> Self {
        let mut hash = blake3::Hasher::new();
        for field in [run, part] {
            hash.update(&(field.len() as u64).to_le_bytes()).update(field.as_bytes());
        }
        hash.update(&number.to_le_bytes()).update(&bytes);
        let id = hash.finalize().to_hex()[..ID_LENGTH].to_owned();
        let md5 = Md5::digest(&bytes).into();
        Self { id, bytes, md5 }
    }
}

/// How long the blocks of one chunk are: they grow towards the end of the chunk's share of the
/// 50,000 blocks that a blob may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockSizes {
    base: usize,
    share: u32,
}

/// Blocks of a blob that are given to its chunks. The rest is for preamble and trailer.
const BLOCKS_PER_BLOB: u32 = 45_000;
/// Blocks of a blob that is the copy of a file, at most; the rest is for the short last blocks of ranges.
const BLOCKS_PER_FILE: u64 = 40_000;
/// The longest block that `blockSizeInMB` can ask for.
const LONGEST_CHOSEN: u64 = 100 << 20;
/// The last quarter of a chunk's blocks is so many times as long as the first half,
const GROWTH: usize = 4;
/// unless that would be longer than this.
const LONGEST_GROWN: usize = 32 << 20;

impl BlockSizes {
    /// Sizes for one of so many chunks of a blob; `None` if there are more chunks than blocks.
    pub(crate) fn new(base: usize, chunks: u32) -> Option<Self> {
        let share = BLOCKS_PER_BLOB / chunks.max(1);
        (share > 0).then_some(Self { base, share })
    }

    /// Blocks of one length for a whole file of so many bytes: no shorter than this base, no longer than
    /// [`longest`](Self::longest) of it, which is what the memory was counted with.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a file that takes longer blocks.
    pub(crate) fn of_file(base: usize, bytes: u64) -> Result<Self> {
        let length = bytes.div_ceil(BLOCKS_PER_FILE).max(base as u64);
        if length <= Self::longest(base) as u64 {
            return Ok(Self { base: length as usize, share: u32::MAX });
        }
        let advice = if length > LONGEST_CHOSEN {
            "a file is too large for a blob of 50,000 blocks of at most 100 MiB; leave it out of this copy".to_owned()
        } else {
            let wanted = length.div_ceil(1 << 20);
            format!(
                "a file is too large for 50,000 blocks of this length; set blockSizeInMB to {wanted} or more in the sink's storeSettings"
            )
        };
        Err(Error::new(ErrorKind::Spec, advice).with("bytes", bytes))
    }

    /// The size of the longest block that starts from this base.
    pub(crate) fn longest(base: usize) -> usize {
        base.max((base * GROWTH).min(LONGEST_GROWN))
    }

    /// The size of block `number` of a chunk; `None` when its share is used up.
    pub(crate) fn of(&self, number: u32) -> Option<usize> {
        let left = self.share.checked_sub(number).filter(|left| *left > 0)?;
        let factor = match left {
            _ if left > self.share / 2 => 1,
            _ if left > self.share / 4 => GROWTH / 2,
            _ => GROWTH,
        };
        Some((self.base * factor).min(Self::longest(self.base)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(run: &str, part: &str, number: u32, bytes: &'static [u8]) -> String {
        Block::new(run, part, number, Bytes::from_static(bytes)).id
    }

    #[test]
    fn ids_have_one_length_and_differ_in_every_part() {
        let ids = [
            block("run", "1", 0, b"x"),
            block("run2", "1", 0, b"x"),
            block("run", "2", 0, b"x"),
            block("run", "1", 1, b"x"),
            block("run", "1", 0, b"y"),
            block("ru", "n1", 0, b"x"),
        ];
        assert!(ids.iter().all(|id| id.len() == ID_LENGTH));
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len());
        assert_eq!(block("run", "1", 0, b"x"), ids[0]);
    }

    #[test]
    fn md5_is_that_of_the_bytes() {
        let block = Block::new("run", "1", 0, Bytes::from_static(b"abc"));
        assert_eq!(block.md5[..4], [0x90, 0x01, 0x50, 0x98]);
    }

    #[test]
    fn blocks_of_any_file_are_counted_and_few_enough_or_the_file_is_refused() {
        const MIB: u64 = 1 << 20;
        const GB: u64 = 1_000_000_000;
        for base in [1, 4, 8, 16, 100].map(|base| (base * MIB) as usize) {
            let longest = BlockSizes::longest(base) as u64;
            for bytes in [0, 1, GB, 319 * GB, 336 * GB, 700 * GB, 1_400 * GB, 4_190 * GB, 4_200 * GB, u64::MAX] {
                match BlockSizes::of_file(base, bytes) {
                    Ok(sizes) => {
                        let length = sizes.of(0).unwrap() as u64;
                        assert!(length >= base as u64 && length <= longest, "{base} {bytes}");
                        assert!(bytes.div_ceil(length) + crate::binary::RANGES <= 50_000, "{base} {bytes}");
                    }
                    Err(error) => {
                        assert!(bytes > longest * BLOCKS_PER_FILE, "{base} {bytes}: {error}");
                        // What is advised is enough.
                        let text = error.to_string();
                        let wanted =
                            text.split_once("blockSizeInMB to ").map(|(_, rest)| rest.split(' ').next().unwrap());
                        match wanted {
                            Some(wanted) => {
                                assert!(BlockSizes::of_file(wanted.parse::<usize>().unwrap() << 20, bytes).is_ok());
                            }
                            None => {
                                assert!(bytes > 100 * MIB * BLOCKS_PER_FILE && text.contains("leave it out"), "{text}")
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn all_shares_fit_into_one_blob() {
        for chunks in [1_u32, 2, 7, 400, 44_999, 45_000] {
            let sizes = BlockSizes::new(8, chunks).unwrap();
            let blocks = (0..).take_while(|number| sizes.of(*number).is_some()).count() as u32;
            assert!(blocks * chunks <= BLOCKS_PER_BLOB, "{chunks}");
            assert!((0..blocks).all(|number| sizes.of(number) <= Some(8 * GROWTH)));
            assert!((1..blocks).all(|number| sizes.of(number) >= sizes.of(number - 1)));
        }
        assert!(BlockSizes::new(8, 45_001).is_none());
        assert_eq!(BlockSizes::longest(100 << 20), 100 << 20);
    }

    /// Blocks of a part begin small again, so that parts take more of them than their chunk would have taken.
    #[test]
    fn a_chunk_and_what_was_divided_from_it_take_at_most_twice_its_share() {
        for (base, chunks) in [(1 << 20, 2_u32), (8 << 20, 8), (8 << 20, 512), (64 << 20, 20_000)] {
            let sizes = BlockSizes::new(base, chunks).unwrap();
            let (share, room) = (BLOCKS_PER_BLOB / chunks, (0..).map_while(|number| sizes.of(number)).sum::<usize>());
            let blocks_of = |mut bytes: usize| {
                let mut count = 0;
                while bytes > 0 {
                    bytes = bytes.saturating_sub(sizes.of(count).unwrap());
                    count += 1;
                }
                count
            };
            for parts in [1, 2, 9, 200] {
                let blocks: u32 = (0..parts).map(|_| blocks_of(room / parts)).sum();
                assert!(blocks <= 2 * share + parts as u32, "{blocks} blocks of {parts} parts, {share} of a chunk");
            }
        }
    }
}
