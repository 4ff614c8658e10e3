//! One run of the engine from a source into a sink, within a test.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ropeway_engine::{
    Result,
    checkpoint::CheckpointStore,
    chunk::{BatchLimit, RunId},
    progress::{Counters, Event, Observer, Unobserved},
    retry::RetryPolicy,
    run::{Job, Settings, Summary, run},
    sink::Sink,
    source::Source,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A job with three chunks at once, of so many rows each, that does not wait long before it tries again.
pub(crate) fn job(source: Arc<dyn Source>, sink: impl Sink, chunk_rows: u64, batch: BatchLimit) -> Job {
    Job {
        run: RunId::try_from("copy".to_owned()).unwrap(),
        fingerprint: "f".into(),
        source,
        sink: Arc::new(sink),
        skipping: None,
        settings: Settings {
            parallel: 3,
            chunk_rows,
            batch,
            retry: RetryPolicy { pace: 0.01, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

/// Runs it, or what is left of it.
pub(crate) async fn go(job: &Job, store: &dyn CheckpointStore) -> Result<Summary> {
    run(job, store, &Arc::new(Counters::default()), &Unobserved, &CancellationToken::new()).await
}

/// The same; once so many chunks are committed, something happens.
pub(crate) async fn go_until(
    job: &Job,
    store: &dyn CheckpointStore,
    commits: usize,
    then: impl Fn() + Send + Sync,
) -> Result<Summary> {
    let ear = AtCommit { left: AtomicUsize::new(commits), then };
    run(job, store, &Arc::new(Counters::default()), &ear, &CancellationToken::new()).await
}

struct AtCommit<F> {
    left: AtomicUsize,
    then: F,
}

impl<F: Fn() + Send + Sync> Observer for AtCommit<F> {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::Committed { .. }) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            (self.then)();
        }
    }
}

/// Kills the process, as far as a future can be killed: after so many commits, or when all is about to be published. What
/// its blocking threads have begun they end, and nothing of them goes on beside the next process.
pub(crate) fn killed(job: &Job, store: &dyn CheckpointStore, commits: usize) {
    let life = || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(dying(job, store, commits))
    };
    std::thread::scope(|scope| scope.spawn(life).join().unwrap());
}

async fn dying(job: &Job, store: &dyn CheckpointStore, commits: usize) {
    let killer = Killer { commits: AtomicUsize::new(commits), now: Notify::new() };
    let (counters, cancel) = (Arc::new(Counters::default()), CancellationToken::new());
    tokio::select! {
        biased;
        () = killer.now.notified() => {}
        done = run(job, store, &counters, &killer, &cancel) => panic!("it was to be killed, and is {done:?}"),
    }
}

struct Killer {
    commits: AtomicUsize,
    now: Notify,
}

impl Observer for Killer {
    fn observe(&self, event: &Event<'_>) {
        let is_due = match event {
            Event::Committed { .. } => self.commits.fetch_sub(1, Ordering::SeqCst) == 1,
            Event::Publishing => true,
            _ => false,
        };
        if is_due {
            self.now.notify_one();
        }
    }
}
