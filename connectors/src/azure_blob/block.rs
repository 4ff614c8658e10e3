//! Blocks whose id is made of their content.
//!
//! The same id means the same bytes, so a block that is staged twice, or by an attempt that should
//! be dead, changes nothing. Ids made of positions would let such a late block replace the bytes of
//! a blob that is committed again.

use bytes::Bytes;
use md5::{Digest, Md5};
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

    /// Blocks of one length, as many as a blob takes.
    pub(crate) fn even(length: usize) -> Self {
        Self { base: length, share: u32::MAX }
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
}
