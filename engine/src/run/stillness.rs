//! Notices calls that stand still: neither do they end, nor does a byte move.

use std::{pin::pin, time::Duration};

use crate::{Error, ErrorKind, Result, retry::RetryClass};

/// A call that may take so long; after that it is dropped, and may be tried again.
pub(crate) async fn in_time<T>(limit: Duration, call: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, "no answer came for too long")
            .with("waited_seconds", limit.as_secs())
            .class(RetryClass::Reconnect))
    })
}

/// The outcome of the work, or `None` once it went on for the limit (at most twice the limit) while
/// `moved`, a count of bytes, stayed what it was. The work is dropped then.
pub(crate) async fn unless_still<T>(
    limit: Duration,
    moved: impl Fn() -> u64,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    let mut seen = moved();
    loop {
        if let Ok(done) = tokio::time::timeout(limit, work.as_mut()).await {
            return Some(done);
        }
        let now = moved();
        if now == seen {
            return None;
        }
        seen = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn work_that_moves_bytes_may_take_any_time_and_work_that_does_not_may_not() {
        let bytes = AtomicU64::new(0);
        let moved = || bytes.load(Ordering::Relaxed);
        let flow = async |pieces: u32, pause: u64| {
            for _ in 0..pieces {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                bytes.fetch_add(1, Ordering::Relaxed);
            }
        };
        assert_eq!(unless_still(LIMIT, moved, flow(100, 50)).await, Some(()));
        let began = tokio::time::Instant::now();
        let halfway = async {
            flow(1, 50).await;
            std::future::pending::<()>().await;
        };
        assert_eq!(unless_still(LIMIT, moved, halfway).await, None);
        assert!(began.elapsed() <= 2 * LIMIT);
    }
}
