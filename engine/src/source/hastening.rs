//! Streams of a source that may be asked to end early.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{chunk::ChunkId, division::Divided};

/// What goes between the engine and every open stream of a source that can end early.
#[derive(Debug, Default)]
pub struct Hastening(Mutex<HashMap<ChunkId, Arc<Haste>>>);

/// The same for one stream.
#[derive(Debug, Default)]
pub struct Haste {
    /// 0 as long as nobody asks.
    parts: AtomicU32,
    divided: Mutex<Option<Divided>>,
}

impl Hastening {
    /// A new stream of this chunk. Whoever reads keeps it until the stream is over.
    pub fn begin(&self, chunk: ChunkId) -> Arc<Haste> {
        let mut streams = self.streams();
        streams.retain(|_, haste| Arc::strong_count(haste) > 1 || haste.locked().is_some());
        let haste = Arc::<Haste>::default();
        streams.insert(chunk, haste.clone());
        haste
    }

    /// Asks the open stream of this chunk to end; false if there is none.
    pub fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        let streams = self.streams();
        let open = streams.get(&chunk).filter(|haste| Arc::strong_count(haste) > 1);
        open.is_some_and(|haste| {
            haste.parts.store(parts, Ordering::Relaxed);
            true
        })
    }

    /// How the last stream of this chunk divided it, if it did. The answer is given once.
    pub fn divided(&self, chunk: ChunkId) -> Option<Divided> {
        self.streams().get(&chunk).and_then(|haste| haste.locked().take())
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<ChunkId, Arc<Haste>>> {
        // Nothing in there panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Haste {
    /// Into how many parts what is not read shall be divided; 0 if the stream is to go on.
    pub fn parts(&self) -> u32 {
        self.parts.load(Ordering::Relaxed)
    }

    /// The stream ends, and there are rows that it did not read. Said before it ends.
    pub fn ends_early(&self, divided: Divided) {
        *self.locked() = Some(divided);
    }

    fn locked(&self) -> MutexGuard<'_, Option<Divided>> {
        self.divided.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::division::Part;

    #[test]
    fn only_an_open_stream_is_asked_and_its_answer_is_given_once() {
        let (hastening, chunk) = (Hastening::default(), ChunkId(3));
        assert!(!hastening.hasten(chunk, 2));
        let given_up = hastening.begin(chunk);
        let haste = hastening.begin(chunk);
        assert!(hastening.hasten(chunk, 2));
        assert_eq!((given_up.parts(), haste.parts()), (0, 2));
        let part = Part { label: "all".into(), recipe: json!(null) };
        let divided = Divided { read: part.clone(), rest: vec![part] };
        given_up.ends_early(divided.clone());
        assert_eq!(hastening.divided(chunk), None, "a stream that was given up has no say");
        haste.ends_early(divided.clone());
        drop(haste);
        hastening.begin(ChunkId(4));
        assert_eq!(hastening.divided(chunk), Some(divided));
        assert_eq!(hastening.divided(chunk), None);
        assert!(!hastening.hasten(chunk, 2), "its stream is over");
    }
}
