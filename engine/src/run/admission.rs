//! How many chunks may be open at once.

use arrow::datatypes::SchemaRef;

use super::Job;
use crate::{Error, ErrorKind, Result, skipping};

/// The symbolic code of a run whose smallest part does not fit into its memory.
pub const TOO_LITTLE_MEMORY: &str = "TooLittleMemory";

/// What one chunk may hold, and how many of them fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admission {
    /// Peak bytes of one open chunk.
    pub(super) working_set: u64,
    /// Chunks that may be open at once; at least 1.
    pub(super) slots: u32,
}

/// A chunk that is admitted owns its whole working set, so it never waits for memory that another
/// chunk holds: the bound is kept, and nothing can deadlock.
pub(super) fn admit(job: &Job, schema: &SchemaRef) -> Result<Admission> {
    let settings = &job.settings;
    let prefetched = settings.batch.bytes;
    let log = job.skipping.as_ref().and_then(|skipping| skipping.log.as_ref());
    let log = log.map_or(0, |log| log.sink.working_set(&skipping::schema(), skipping::limit(settings.batch)));
    let working_set =
        [job.source.working_set(settings.batch), job.sink.working_set(schema, settings.batch), prefetched, log]
            .into_iter()
            .fold(0, u64::saturating_add)
            .max(1);
    let affordable = settings.memory_bytes / working_set;
    if affordable == 0 {
        return Err(Error::new(
            ErrorKind::Spec,
            format!(
                "one chunk of this copy needs {} and the limit is {}; raise it with --memory",
                mebibytes(working_set),
                mebibytes(settings.memory_bytes)
            ),
        )
        .code(TOO_LITTLE_MEMORY)
        .with("needed_bytes", working_set)
        .with("limit_bytes", settings.memory_bytes));
    }
    let slots = affordable.min(u64::from(settings.parallel.max(1)));
    Ok(Admission { working_set, slots: u32::try_from(slots).unwrap_or(u32::MAX) })
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
