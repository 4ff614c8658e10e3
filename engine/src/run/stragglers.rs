//! Which chunk is divided when slots have nothing to do.
//!
//! How large a chunk really is nobody knows before it has been read. So a chunk that has been read for some time while
//! nothing waits any more is asked to end where it is, and what is left of it is shared among the slots. What is left may
//! be most of it again; then the same happens to its parts.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::{
    chunk::{Chunk, ChunkId},
    source::Source,
};

/// Whether chunks of a plan may be divided. One chunk alone is how a source says that it cannot be cut, and chunks that
/// share a snapshot have no sessions to spare.
pub(super) fn may_divide(source: &dyn Source, chunks: &[Chunk]) -> bool {
    chunks.len() > 1 && !source.shares_snapshot(chunks) && chunks.iter().any(|chunk| source.divides(chunk))
}

/// The chunks that are copied now and can be divided.
pub(super) struct Stragglers {
    /// Since when each is copied; those that were asked are gone from here.
    since: BTreeMap<ChunkId, Instant>,
    after: Duration,
    may_divide: bool,
}

impl Stragglers {
    pub(super) fn new(may_divide: bool, after: Duration) -> Self {
        Self { since: BTreeMap::new(), after, may_divide }
    }

    /// An attempt at a chunk begins.
    pub(super) fn begins(&mut self, source: &dyn Source, chunk: &Chunk) {
        if self.may_divide && source.divides(chunk) {
            self.since.insert(chunk.id, Instant::now());
        }
    }

    /// The others are done.
    pub(super) fn retain(&mut self, is_copied: impl Fn(ChunkId) -> bool) {
        self.since.retain(|chunk, _| is_copied(*chunk));
    }

    /// Asks the chunk that has been read for the longest time, if that is long enough, to share what is left of it with so
    /// many slots that have nothing to do. `room` is how many chunks there may be more. The answer is when to look again.
    pub(super) fn ask(&mut self, source: &dyn Source, idle: usize, room: usize) -> Option<Instant> {
        let parts = (idle + 1).min(room);
        if idle == 0 || parts < 2 {
            return None;
        }
        let (chunk, since) =
            self.since.iter().min_by_key(|(_, since)| **since).map(|(chunk, since)| (*chunk, *since))?;
        let due = since + self.after;
        let now = Instant::now();
        if now < due {
            return Some(due);
        }
        if source.hasten(chunk, parts as u32) {
            self.since.remove(&chunk);
            return None;
        }
        // It is between two attempts, or has not begun to read.
        self.since.insert(chunk, now);
        Some(now + self.after.max(LOOK_AGAIN))
    }
}

/// How long a chunk that is not being read is left alone.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
