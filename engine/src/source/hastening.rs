//! Streams of a source that may be asked to end early.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::chunk::ChunkId;

/// What every open stream of a source that can end early was asked.
#[derive(Debug, Default)]
pub struct Hastening(Mutex<HashMap<ChunkId, Arc<Haste>>>);

/// The same for one stream.
#[derive(Debug, Default)]
pub struct Haste(AtomicU32);

impl Hastening {
    /// A new stream of this chunk. Whoever reads keeps it until the stream is over.
    pub fn begin(&self, chunk: ChunkId) -> Arc<Haste> {
        let mut streams = self.streams();
        streams.retain(|_, haste| Arc::strong_count(haste) > 1);
        let haste = Arc::<Haste>::default();
        streams.insert(chunk, haste.clone());
        haste
    }

    /// Asks the open stream of this chunk to end; false if there is none.
    pub fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        let streams = self.streams();
        let open = streams.get(&chunk).filter(|haste| Arc::strong_count(haste) > 1);
        open.inspect(|haste| haste.0.store(parts, Ordering::Relaxed)).is_some()
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<ChunkId, Arc<Haste>>> {
        // Nothing in there panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Haste {
    /// Into how many parts what is not read shall be divided; 0 if the stream is to go on.
    pub fn parts(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_open_stream_is_asked() {
        let (hastening, chunk) = (Hastening::default(), ChunkId(3));
        assert!(!hastening.hasten(chunk, 2));
        let given_up = hastening.begin(chunk);
        let haste = hastening.begin(chunk);
        assert!(hastening.hasten(chunk, 2));
        assert_eq!((given_up.parts(), haste.parts()), (0, 2));
        drop(haste);
        assert!(!hastening.hasten(chunk, 2), "its stream is over");
    }
}
