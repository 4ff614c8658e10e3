//! The time that is left for a query. It runs only while the server is waited for: what the sink takes is
//! not the server's. The session layer could keep it too, but asks the clock twice for every row.

use std::time::Duration;

use mssql_tds::error::{Error as TdsError, TimeoutErrorType};
use tokio::time::Instant;

/// What is left; `None` is for ever.
#[derive(Debug, Default)]
pub(super) struct Patience(Option<Duration>);

impl Patience {
    /// So many seconds; none and 0 are for ever, as with every client of SQL Server.
    pub(super) fn of(seconds: Option<u32>) -> Self {
        Self(seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into())))
    }

    /// Waits for the server. Once the time is over, the connection can only be closed: nobody knows how far
    /// the answer was read.
    ///
    /// # Errors
    /// Those of the work, and [`TdsError::TimeoutError`].
    pub(super) async fn limit<T>(&mut self, work: impl Future<Output = Result<T, TdsError>>) -> Result<T, TdsError> {
        let Some(left) = self.0 else { return work.await };
        let since = Instant::now();
        let done = tokio::time::timeout(left, work).await;
        self.0 = Some(left.saturating_sub(since.elapsed()));
        done.unwrap_or_else(|_| Err(TdsError::TimeoutError(TimeoutErrorType::String("the query".to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(seconds: u64) -> Result<u64, TdsError> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_server_counts() {
        let mut patience = Patience::of(Some(10));
        assert_eq!(patience.limit(after(6)).await.unwrap(), 6);
        // The sink takes its time.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(patience.limit(after(3)).await.unwrap(), 3);
        let over = patience.limit(after(2)).await.unwrap_err();
        assert!(matches!(over, TdsError::TimeoutError(_)), "{over}");
        assert!(patience.limit(after(1)).await.is_err(), "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_no_limit() {
        for mut patience in [Patience::of(None), Patience::of(Some(0)), Patience::default()] {
            assert_eq!(patience.limit(after(1_000_000)).await.unwrap(), 1_000_000);
        }
    }
}
