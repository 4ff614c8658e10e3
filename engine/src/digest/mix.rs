//! The arithmetic of the row digest.
//!
//! A cell is hashed by folded multiplications under the keys of its column, twice and independently,
//! which gives 128 bits. The cells of a row are added up lane by lane; at the end of the row the two
//! lanes are stirred by a bijection that is not linear, so that a cell which moves to another row
//! changes the sum over rows.

/// Two independent 64-bit hashes.
pub(super) type Hash = (u64, u64);

/// What makes the same value hash differently in another column.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnKey {
    first: (u64, u64),
    second: (u64, u64),
    null: Hash,
}

impl ColumnKey {
    /// The key of the column at this position.
    pub(super) fn of(position: usize) -> Self {
        let mut state = (position as u64).wrapping_mul(0x1000);
        let mut next = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            split_mix(state)
        };
        Self { first: (next(), next() | 1), second: (next(), next() | 1), null: (next(), next()) }
    }

    /// The hash of a null: a random constant, so no value is likely to share it.
    pub(super) fn null(&self) -> Hash {
        self.null
    }

    /// The hash of a value of at most 64 bits.
    #[inline]
    pub(super) fn word(&self, value: u64) -> Hash {
        (fold(value ^ self.first.0, self.first.1), fold(value ^ self.second.0, self.second.1))
    }

    /// The hash of a value of 128 bits.
    #[inline]
    pub(super) fn pair(&self, low: u64, high: u64) -> Hash {
        (fold(low ^ self.first.0, high ^ self.first.1), fold(low ^ self.second.0, high ^ self.second.1))
    }

    /// The hash of a string of bytes. Up to 16 bytes enter as they are; longer ones by their xxh3.
    #[inline]
    pub(super) fn bytes(&self, bytes: &[u8]) -> Hash {
        let (low, high) = match bytes.len() {
            0..4 => (short(bytes), 0),
            4..9 => (u64::from(first_u32(bytes)) << 32 | u64::from(last_u32(bytes)), 0),
            9..17 => (first_u64(bytes), last_u64(bytes)),
            _ => {
                let hash = xxhash_rust::xxh3::xxh3_128(bytes);
                (hash as u64, (hash >> 64) as u64)
            }
        };
        // Without the length, strings that overlap in these two words would be the same.
        self.pair(low, high.wrapping_add((bytes.len() as u64 + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)))
    }
}

/// The hash of a row from the sums of its cells: three rounds of a Feistel network.
#[inline]
pub(super) fn row_hash(mut first: u64, mut second: u64) -> u128 {
    second ^= fold(first ^ 0x2d35_8dcc_aa6c_78a5, 0x8bb8_4b93_962e_acc9);
    first ^= fold(second ^ 0x4b33_a62e_d433_d4a3, 0x4d5a_2da5_1de1_aa47);
    second ^= fold(first ^ 0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db);
    u128::from(first) << 64 | u128::from(second)
}

/// Both halves of the product, folded into one: each bit of the result depends on every bit of
/// both factors.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn split_mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn short(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

#[inline]
fn first_u32(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

#[inline]
fn last_u32(bytes: &[u8]) -> u32 {
    bytes.last_chunk().map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

#[inline]
fn first_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn last_u64(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}
