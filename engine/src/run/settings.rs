//! What a run is made of.

use std::{sync::Arc, time::Duration};

use crate::{
    chunk::{BatchLimit, RunId},
    retry::RetryPolicy,
    sink::Sink,
    skipping::Skipping,
    source::{ChunkTarget, Source},
};

/// One copy, ready to run.
#[derive(Clone)]
pub struct Job {
    /// The run; the same id resumes it.
    pub run: RunId,
    /// Hash of the resolved definition; a resume against another definition is refused.
    pub fingerprint: String,
    /// Where rows come from.
    pub source: Arc<dyn Source>,
    /// Where rows go.
    pub sink: Arc<dyn Sink>,
    /// What happens with rows that do not fit; `None` if the first of them ends the run.
    pub skipping: Option<Skipping>,
    /// Limits and choices.
    pub settings: Settings,
}

/// Limits and choices of a run. They may differ at every resume.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Chunks open at once, at most.
    pub parallel: u32,
    /// Bytes that all open chunks together may hold.
    pub memory_bytes: u64,
    /// Bytes of source data per chunk, about.
    pub chunk_bytes: u64,
    /// Rows per chunk, about.
    pub chunk_rows: u64,
    /// How large a batch may be.
    pub batch: BatchLimit,
    /// How a chunk, and the end of the run, are tried again.
    pub retry: RetryPolicy,
    /// Retries that all chunks together may spend before they have to be earned: one by every five
    /// attempts, and one by ten seconds of waiting. It stops a thousand chunks from hammering a
    /// server that is ill.
    pub retry_allowance: u32,
    /// How long a chunk is read before it may be divided, if slots have nothing to do.
    pub divide_after: Duration,
    /// Whether columns may lose what the sink cannot hold.
    pub lossy: bool,
    /// Whether what was published is read back from the sink and compared with what was read.
    pub read_back: bool,
    /// How long one attempt at one chunk may take; `None` for any time.
    pub attempt_timeout: Option<Duration>,
    /// How long a source may work before the first batch of a chunk: a query may have to sort.
    pub first_batch_timeout: Duration,
    /// How long nothing may arrive from a source after the first batch before the attempt counts as stalled
    /// ([`Source::arrived`]).
    pub stall_timeout: Duration,
    /// The same between two batches of a source that cannot tell what arrives.
    pub silence_timeout: Duration,
    /// How long a sink may take for a batch while no byte moves ([`SinkRun::moved`]).
    ///
    /// [`SinkRun::moved`]: crate::sink::SinkRun::moved
    pub write_timeout: Duration,
    /// The same for what is one step of the sink's: opening, committing, publishing. A disk may take
    /// minutes to make a large file durable.
    pub settle_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            parallel: 4,
            memory_bytes: 512 << 20,
            chunk_bytes: ChunkTarget::BYTES,
            chunk_rows: 250_000,
            batch: BatchLimit::default(),
            retry: RetryPolicy::default(),
            retry_allowance: 50,
            divide_after: Duration::from_secs(5),
            lossy: false,
            read_back: false,
            attempt_timeout: None,
            first_batch_timeout: Duration::from_secs(2 * 60 * 60),
            stall_timeout: Duration::from_secs(60),
            silence_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(60),
            settle_timeout: Duration::from_secs(10 * 60),
        }
    }
}
