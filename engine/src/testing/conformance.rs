//! The suite that every source and every sink runs: what the contracts promise, asked of the real
//! thing. A breach is returned, not panicked, so that the suite itself can be tested.

mod sink;
mod source;

use std::time::Duration;

use crate::{Error, digest::Digest};

pub use self::{
    sink::{SinkTarget, sink},
    source::{SourceCase, source},
};

/// How long one step may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A promise that was not kept, in words.
#[derive(Debug)]
pub struct Breach(pub String);

impl From<Error> for Breach {
    fn from(error: Error) -> Self {
        let reason = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
        Self(format!("an unexpected error: {error}{reason}"))
    }
}

/// Rows and their digest.
type Sum = (u64, Digest);

fn ensure(kept: bool, breach: impl FnOnce() -> String) -> Result<(), Breach> {
    if kept { Ok(()) } else { Err(Breach(breach())) }
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> Result<T, Breach> {
    tokio::time::timeout(PATIENCE, work).await.map_err(|_| Breach(format!("{what} hangs")))
}

#[cfg(test)]
mod tests;
