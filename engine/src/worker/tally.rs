//! What was read for a chunk.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, progress::Counters};

/// Rows as they left the source, and the digest of those that fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// All rows that were read.
    pub(crate) read: u64,
    /// Those that fit.
    pub(crate) rows: u64,
    /// Those that were left out.
    pub(crate) skipped: u64,
    pub(crate) digest: Digest,
}

impl std::iter::Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        let mut sum = Self::default();
        tallies.for_each(|tally| {
            sum.read += tally.read;
            sum.rows += tally.rows;
            sum.skipped += tally.skipped;
            sum.digest += tally.digest;
        });
        sum
    }
}

/// What an attempt added to the counters. Dropped without [`keep`](Self::keep), it takes it off
/// again.
pub(super) struct Provisional {
    counters: Arc<Counters>,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Provisional {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self { counters, rows: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(super) fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.counters.rows_read.add(rows);
        self.counters.bytes_read.add(bytes);
    }

    pub(super) fn keep(&self) {
        self.rows.store(0, Ordering::Relaxed);
        self.bytes.store(0, Ordering::Relaxed);
    }
}

impl Drop for Provisional {
    fn drop(&mut self) {
        self.counters.rows_read.sub(*self.rows.get_mut());
        self.counters.bytes_read.sub(*self.bytes.get_mut());
    }
}
