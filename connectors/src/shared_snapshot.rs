//! What sources whose chunks share a snapshot say of it.

use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

/// The consistency of their chunks.
pub(crate) const CONSISTENCY: &str = "one snapshot for all chunks, also for those that are read again";

/// Nobody sees the snapshot any more. A resumed run has a new one, and knows what to do with chunks of the old one.
pub(crate) fn lost() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "every connection that held the run's snapshot is lost, and a new one shows another state; resume the run: it \
         begins again, or says why it cannot",
    )
    .class(RetryClass::Permanent)
}
