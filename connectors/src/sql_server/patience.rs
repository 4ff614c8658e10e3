//! The time that the server has left for a query, or for the rows of a chunk. It runs only while the server is waited
//! for: what the other end takes is not the server's. The session layer could keep it too, but asks the clock twice for
//! every row.

use std::time::Duration;

use tokio::time::Instant;

/// What is left; `None` is for ever.
#[derive(Debug, Default)]
pub(crate) struct Patience(Option<Duration>);

impl Patience {
    /// So many seconds; none and 0 are for ever, as with every client of SQL Server.
    pub(crate) fn of(seconds: Option<u32>) -> Self {
        Self(seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into())))
    }

    /// Waits for the server; `None` once the time is over. The connection can only be closed then: nobody knows how far
    /// the answer was read.
    pub(crate) async fn limit<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let Some(left) = self.0 else { return Some(work.await) };
        let since = Instant::now();
        let done = tokio::time::timeout(left, work).await.ok();
        self.0 = Some(left.saturating_sub(since.elapsed()));
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn after(seconds: u64) -> u64 {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        seconds
    }

    #[tokio::test(start_paused = true)]
    async fn only_waiting_for_the_server_counts() {
        let mut patience = Patience::of(Some(10));
        assert_eq!(patience.limit(after(6)).await, Some(6));
        // The sink takes its time.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(patience.limit(after(3)).await, Some(3));
        assert_eq!(patience.limit(after(2)).await, None);
        assert_eq!(patience.limit(after(1)).await, None, "nothing is left");
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_no_limit() {
        for mut patience in [Patience::of(None), Patience::of(Some(0)), Patience::default()] {
            assert_eq!(patience.limit(after(1_000_000)).await, Some(1_000_000));
        }
    }
}
