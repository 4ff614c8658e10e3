//! The order-independent 128-bit digest of rows: the proof that what was written is what was read.
//!
//! Every row is hashed to 128 bits, and the hashes are added modulo 2^128. Sums of chunks add up to
//! the sum of the run, whatever the order of rows, batches, chunks and retries.

mod cells;
mod mix;
mod rows;
#[cfg(test)]
mod tests;

use std::{fmt, ops::AddAssign, str::FromStr};

use serde::{Deserialize, Serialize};

pub(crate) use self::cells::value_type;
pub use self::rows::RowDigester;
use crate::{Error, ErrorKind};

/// A sum of row hashes. The digest of no rows is zero.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub(crate) u128);

impl Digest {
    /// The bytes of the sum, the lowest first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    /// The sum of these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }
}

impl AddAssign for Digest {
    fn add_assign(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl std::iter::Sum for Digest {
    fn sum<I: Iterator<Item = Self>>(digests: I) -> Self {
        let mut sum = Self::default();
        digests.for_each(|digest| sum += digest);
        sum
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|error| Error::new(ErrorKind::Data, "a digest is 32 hexadecimal characters").caused_by(error))
    }
}

impl TryFrom<String> for Digest {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}
