//! Calls outside chunks that may be tried again.

use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorKind, Result, retry::RetryPolicy};

/// Calls until the policy gives up. Cancellation ends a pause, not a call.
pub(super) async fn retrying<T, F: Future<Output = Result<T>>>(
    policy: &RetryPolicy,
    cancel: &CancellationToken,
    call: impl Fn() -> F,
) -> Result<T> {
    let mut attempts = 0;
    loop {
        let error = match call().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        attempts += 1;
        let Some(pause) = policy.pause_after(&error, attempts, &mut rand::rng()) else {
            return Err(if attempts > 1 { error.with("attempts", attempts) } else { error });
        };
        tracing::warn!(%error, attempts, ?pause, "trying again");
        if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Err(Error::new(ErrorKind::Cancelled, "stopped while waiting to try again").caused_by(error));
        }
    }
}
