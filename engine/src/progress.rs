//! What happens in a run, for whoever shows it: counters that are sampled, events for rare facts.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    Error, Side,
    chunk::{Attempt, Chunk, Receipt},
};

/// Live counters of one copy. Added to per batch, sampled by reporters; nobody is called per batch.
/// Rows and bytes of an attempt that failed are taken off again.
#[derive(Debug, Default)]
pub struct Counters {
    /// Rows that left the source, of committed and running attempts; those that were left out are not among them.
    pub rows_read: Count,
    /// Arrow bytes that left the source.
    pub bytes_read: Count,
    /// Rows in committed chunks.
    pub rows_copied: Count,
    /// Rows that were left out of committed chunks.
    pub rows_skipped: Count,
    /// Bytes that the sink stored for committed chunks.
    pub bytes_written: Count,
    /// Chunks in the plan, with those that came of dividing others.
    pub chunks_planned: Count,
    /// Chunks committed, those of earlier processes included.
    pub chunks_done: Count,
    /// Attempts that failed and were tried again.
    pub retries: Count,
    /// Chunks open now.
    pub chunks_open: Count,
    /// Nanoseconds that chunks waited for the source, summed over chunks.
    pub source_wait_ns: Count,
    /// Nanoseconds that chunks waited for the sink, summed over chunks.
    pub sink_wait_ns: Count,
}

/// One relaxed atomic counter: totals are exact once the run has ended, and near enough before.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Takes off what was added before.
    pub fn sub(&self, n: u64) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    /// Adds a time as nanoseconds.
    pub fn add_time(&self, time: Duration) {
        self.add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A fact that a person or a log may want to see.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The plan is frozen; so many chunks were committed by earlier processes.
    Planned {
        /// Every chunk of the run.
        chunks: &'a [Chunk],
        /// Receipts that exist already.
        done: usize,
        /// Chunks that may be open at once.
        slots: usize,
        /// The epoch of this process.
        epoch: u32,
    },
    /// A chunk is durable and recorded.
    Committed {
        /// The chunk.
        chunk: &'a Chunk,
        /// Its receipt.
        receipt: &'a Receipt,
        /// Rows that were left out of it.
        skipped: u64,
    },
    /// A chunk was slow, and slots had nothing to do: it was divided, and what was not read of it is copied by them.
    Divided {
        /// The chunk, as far as it was read.
        chunk: &'a Chunk,
        /// The rest.
        rest: &'a [Chunk],
    },
    /// An attempt failed; it is tried again after the pause, if there is one.
    AttemptFailed {
        /// The chunk.
        chunk: &'a Chunk,
        /// Which attempt.
        attempt: Attempt,
        /// Why.
        error: &'a Error,
        /// The pause before the next attempt; `None` if there is none.
        pause: Option<Duration>,
    },
    /// Another number of chunks may be in flight than before.
    Paced(Pace),
    /// Every chunk is durable; the run is being made visible.
    Publishing,
    /// The run is visible; it is read back from the sink and compared.
    ReadingBack {
        /// Files or blobs to read.
        files: u64,
    },
}

/// How many chunks may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many now.
    pub allowed: usize,
    /// So many were admitted.
    pub slots: usize,
    /// Which end asked for fewer; `None` after some time without that, when it is one more again.
    pub throttled_by: Option<Side>,
}

/// Is told every [`Event`]. Called from the runner's own task, so it must not block.
pub trait Observer: Send + Sync {
    /// Takes note of it.
    fn observe(&self, event: &Event<'_>);
}

/// An observer that takes no note.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: &Event<'_>) {}
}
