//! Calls outside chunks that may be tried again.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Error, ErrorKind, Result,
    retry::{RetryPolicy, Setbacks},
};

/// Calls until the policy gives up. Cancellation ends a pause, not a call.
pub(super) async fn retrying<T, F: Future<Output = Result<T>>>(
    policy: &RetryPolicy,
    cancel: &CancellationToken,
    call: impl Fn() -> F,
) -> Result<T> {
    let mut setbacks = Setbacks::default();
    let mut failing_since = None;
    loop {
        let error = match call().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        setbacks.add(&error);
        let (attempts, now) = (setbacks.total(), Instant::now());
        let pause = policy.pause_after(&error, &setbacks, &mut rand::rng());
        let patient = now - *failing_since.get_or_insert(now) < policy.patience;
        let Some(pause) = pause.filter(|_| patient) else {
            let times = setbacks.of(error.retry_class());
            let error = error.after(times);
            return Err(if attempts > 1 { error.with("attempts", attempts) } else { error });
        };
        tracing::warn!(%error, attempts, ?pause, "trying again");
        if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return Err(Error::new(ErrorKind::Cancelled, "stopped while waiting to try again").caused_by(error));
        }
    }
}
