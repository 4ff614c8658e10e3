//! How much has arrived for each stream of a source.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{chunk::ChunkId, progress::Count};

/// A count for every open stream of a source that can tell what arrives between two batches.
#[derive(Debug, Default)]
pub struct Arrivals(Mutex<HashMap<ChunkId, Arc<Count>>>);

impl Arrivals {
    /// The count of a new stream of this chunk. Whoever reads adds to it, and drops it with the stream.
    pub fn begin(&self, chunk: ChunkId) -> Arc<Count> {
        let mut counts = self.counts();
        // Those of streams that are over.
        counts.retain(|_, count| Arc::strong_count(count) > 1);
        let count = Arc::<Count>::default();
        counts.insert(chunk, count.clone());
        count
    }

    /// What has arrived for the last stream of this chunk.
    pub fn of(&self, chunk: ChunkId) -> Option<u64> {
        self.counts().get(&chunk).map(|count| count.get())
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<ChunkId, Arc<Count>>> {
        // Nothing in there panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_lasts_as_long_as_its_stream() {
        let (arrivals, first) = (Arrivals::default(), ChunkId(1));
        let count = arrivals.begin(first);
        count.add(3);
        assert_eq!((arrivals.of(first), arrivals.of(ChunkId(2))), (Some(3), None));
        let again = arrivals.begin(first);
        count.add(3);
        assert_eq!(arrivals.of(first), Some(0), "what a stream that was given up still gets does not count");
        drop((count, again));
        arrivals.begin(ChunkId(2));
        assert_eq!(arrivals.of(first), None);
    }
}
