//! Sources of small copies. Each gives four hundred rows or so, and knows them apart from Ropeway.

use std::sync::Arc;

use ropeway_engine::{source::Source, testing::vec_source::VecSource};

use crate::end_to_end::oracle::Row;

const PER_CHUNK: u32 = 100;

/// Rows of this process.
pub(crate) struct Given(u32);

impl Given {
    /// So many chunks of a hundred rows.
    pub(crate) fn new(chunks: u32) -> Self {
        Self(chunks)
    }

    pub(crate) fn source(&self) -> Arc<dyn Source> {
        Arc::new(VecSource::numbered(self.0.into(), PER_CHUNK.into()))
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        (0..self.0 * PER_CHUNK).map(|id| vec![Some(id.to_string()), Some(format!("row {id}"))]).collect()
    }
}
