//! The copy engine: contracts between sources and sinks, and the runner that moves chunks between
//! them. It knows no SQL, no HTTP and no definition JSON.
//!
//! # The life of one batch
//!
//! 1. [`run::run`] asks the [`CheckpointStore`](checkpoint::CheckpointStore) for the run. A new run
//!    is planned by its [`Source`](source::Source) into [`Chunk`](chunk::Chunk)s, and that plan is
//!    durable before the first side effect; a known run brings its frozen plan along, under the
//!    next epoch.
//! 2. The [`Sink`](sink::Sink) begins the run, and as many chunks are opened at once as the memory
//!    limit affords.
//! 3. For each chunk the source streams Arrow batches, mapped to the sink's columns ([`mapping`]). Each batch is digested as it leaves the
//!    source and handed to the [`ChunkWriter`](sink::ChunkWriter); waiting there is the
//!    back-pressure. Rows that do not fit come beside the batch, if the run allows that, and go to a
//!    log ([`skipping`]).
//! 4. `commit` returns a [`Receipt`](chunk::Receipt): the engine compares its rows and digest with
//!    what it read, and records it in the checkpoint.
//! 5. When every chunk has a receipt, [`SinkRun::finish`](sink::SinkRun::finish) publishes the run.

pub mod blocking;
pub mod checkpoint;
pub mod chunk;
pub mod cpu;
pub mod digest;
pub mod disk_space;
pub mod division;
pub mod error;
pub mod exact;
pub mod files;
pub mod mapping;
pub mod progress;
pub mod registry;
pub mod retry;
pub mod run;
pub mod sink;
pub mod skipping;
pub mod source;
pub mod statements;
pub mod text;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod worker;

pub use error::{Error, ErrorKind, Result, Side};
