//! The only bridge from async code to CPU-bound work.

use tokio::sync::oneshot;

use crate::{Error, ErrorKind, Result};

/// Runs `work` on the rayon pool. Work whose future was dropped before it started is skipped.
///
/// # Errors
/// [`ErrorKind::Bug`] if the work panicked.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (answer, wait) = oneshot::channel();
    let span = tracing::Span::current();
    rayon::spawn(move || {
        if answer.is_closed() {
            return;
        }
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| span.in_scope(work)));
        if let Ok(done) = done {
            // Nobody waits any more: the attempt was abandoned while we worked.
            drop(answer.send(done));
        }
    });
    wait.await.map_err(|closed| {
        Error::new(ErrorKind::Bug, "work on the CPU pool panicked; please report it").caused_by(closed)
    })
}
