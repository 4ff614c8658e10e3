//! The nouns shared by both sides of a copy.

use std::{fmt, num::NonZeroU32, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, digest::Digest};

/// One execution of one copy; the caller chooses it and reuses it to resume.
///
/// It becomes part of file names and blob metadata, so it is 1 to 80 characters of `A-Z a-z 0-9 . _ -`
/// and does not start with a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId(String);

impl RunId {
    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Eight hexadecimal characters that stand for this run in the names of parts and temporary files.
    pub fn short(&self) -> String {
        blake3::hash(self.0.as_bytes()).to_hex()[..8].to_owned()
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;

    fn try_from(id: String) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if id.is_empty() || id.len() > 80 || id.starts_with('.') || !id.chars().all(plain) {
            return Err(Error::new(
                ErrorKind::Spec,
                "a run id is 1 to 80 letters, digits, dots, dashes and underscores, and does not start with a dot",
            )
            .with("run", id.escape_debug()));
        }
        Ok(Self(id))
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The position of a chunk in its plan, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChunkId(pub u32);

/// Which try wrote something. Unique across process restarts, so late writes of a dead try can
/// never be mistaken for the work of a living one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    /// Bumped and persisted each time a process takes over the run; the first is 1.
    pub epoch: u32,
    /// Bumped for each try within one process; the first is 1.
    pub number: u32,
}

/// A self-contained recipe for re-reading one slice of the source: the unit of retry, of commit
/// and of progress. Only the source that planned it understands `recipe`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Its position in the plan.
    pub id: ChunkId,
    /// For people: `OrderId in [1, 250001)`. Never a secret.
    pub label: String,
    /// For the source: stored verbatim in the checkpoint.
    pub recipe: serde_json::Value,
}

/// Proof that a chunk is durable in the sink, and what `finish` needs to publish it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The chunk it is the proof of.
    pub chunk: ChunkId,
    /// The attempt that committed it.
    pub attempt: Attempt,
    /// Rows in the chunk.
    pub rows: u64,
    /// Bytes the sink stored for the chunk.
    pub bytes: u64,
    /// The digest of the rows as the sink encoded them.
    pub digest: Digest,
    /// Sink-private: ordered block ids, a file name, nothing at all for a ledger table. Shared, as receipts are handed
    /// round by the hundred thousand.
    pub detail: Arc<serde_json::Value>,
}

/// How large a batch a source may produce. Both bounds hold, except that a single row may exceed
/// `bytes`.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimit {
    /// Rows.
    pub rows: NonZeroU32,
    /// Bytes of Arrow buffers.
    pub bytes: u64,
}

impl Default for BatchLimit {
    fn default() -> Self {
        // A batch of some hundred KiB stays in a second-level cache of 1 MiB from the decoder to the encoder, and the
        // allocator gives its buffers out again instead of asking the kernel for zeroed pages.
        Self { rows: NonZeroU32::MIN.saturating_add((4 << 10) - 1), bytes: 8 << 20 }
    }
}
