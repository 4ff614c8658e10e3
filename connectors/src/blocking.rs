//! The bridge to threads on which reading and writing files may block.

use futures::{StreamExt, stream};
use ropeway_engine::{Error, ErrorKind, Result, source::BatchStream};

use crate::format::Batches;

/// Runs what blocks on a thread where it may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "reading and writing files is neither CPU work nor a driver's session"
    )]
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Error::new(ErrorKind::Bug, "work on files ended early; please report it").caused_by(error))?
}

/// The batches of a file, each read on such a thread.
pub(crate) fn stream(batches: Batches) -> BatchStream {
    let next = |mut batches: Batches| async move {
        let (batch, batches) = blocking(move || Ok((batches.next().transpose()?, batches))).await?;
        Ok(batch.map(|batch| (batch, batches)))
    };
    stream::try_unfold(batches, next).boxed()
}
