//! How much memory one chunk may take for what a file says of itself.

use serde::Deserialize;

/// What the command line says beside Data Factory's properties.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MemoryShare {
    memory_bytes: Option<u64>,
    parallel: Option<u32>,
}

impl MemoryShare {
    pub(crate) fn new(memory_bytes: Option<u64>, parallel: Option<u32>) -> Self {
        Self { memory_bytes, parallel }
    }

    /// The memory that one chunk's decompressed pages may take: its share of all.
    pub(crate) fn share(&self) -> u64 {
        self.memory_bytes.unwrap_or(MEMORY) / u64::from(self.parallel.unwrap_or(PARALLEL).max(1))
    }
}

/// Where nothing is said, as the command line would.
const MEMORY: u64 = 1 << 30;
const PARALLEL: u32 = 4;
