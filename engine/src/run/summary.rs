//! What a finished run tells.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{digest::Digest, sink::Published, source::SourceDescription};

/// The outcome of a run that succeeded. It is kept in the checkpoint, so a resume of the finished
/// run gives the same one again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Chunks in the plan; all of them are committed.
    pub chunks: u64,
    /// Rows in the sink.
    pub rows: u64,
    /// Rows that were left out.
    #[serde(default)]
    pub skipped: u64,
    /// Parts of chunks that were left out as a whole, by the symbolic codes of what is wrong with them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub left_out: BTreeSet<String>,
    /// What was left behind of the log of them: its file.
    #[serde(default)]
    pub skip_log: Vec<String>,
    /// Arrow bytes that left the source in the process that finished the run.
    pub bytes_read: u64,
    /// Bytes that the sink stored for the chunks.
    pub bytes_written: u64,
    /// The digest of all rows.
    pub digest: Digest,
    /// Attempts that failed and were tried again, in the process that finished the run.
    pub retries: u64,
    /// Chunks that could be open at once.
    pub slots: u32,
    /// How many processes worked on the run.
    pub epoch: u32,
    /// What the sink left behind.
    pub published: Published,
    /// Whether it was read back, and found to be what was read.
    #[serde(default)]
    pub read_back: bool,
    /// What was read, and how.
    pub description: SourceDescription,
    /// What the sink promises about rows.
    pub guarantee: String,
    /// Milliseconds since 1970 when the process that finished the run began with it.
    pub started_unix_ms: u64,
    /// Milliseconds that this process took.
    pub took_ms: u64,
    /// Milliseconds that chunks waited for the source, summed over chunks.
    pub source_wait_ms: u64,
    /// Milliseconds that chunks waited for the sink, summed over chunks.
    pub sink_wait_ms: u64,
}
