//! Copies that are killed and resumed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ropeway_engine::{
    checkpoint::memory::MemoryCheckpoint,
    progress::{Counters, Event, Observer},
    run::{Job, run},
};
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::workbench::{Store, files, job};
use crate::{
    azure_blob::workbench::{CONTAINER, Target},
    copy_run::go,
};

/// Kills the process, as far as a future can be killed, after so many commits.
struct Killer {
    left: AtomicUsize,
    now: Notify,
}

impl Observer for Killer {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::Committed { .. }) && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.now.notify_one();
        }
    }
}

async fn killed(job: &Job, store: &MemoryCheckpoint, commits: usize) {
    let killer = Killer { left: AtomicUsize::new(commits), now: Notify::new() };
    let (counters, cancel) = (Arc::new(Counters::default()), CancellationToken::new());
    tokio::select! {
        done = run(job, store, &counters, &killer, &cancel) => panic!("it was to be killed, and is {done:?}"),
        () = killer.now.notified() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_killed_again_and_again_is_whole_in_the_end() {
    for to in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
        let from = Store::files();
        from.put(&files()).await;
        let store = MemoryCheckpoint::default();
        for commits in [1, 1, 2, 1] {
            killed(&job(from.source(json!({})), to.sink(json!({}))), &store, commits).await;
            // What is there is whole: staging apart, no file has other bytes than its source.
            for (path, bytes) in to.tree("out").await.into_iter().filter(|(path, _)| !path.contains(".ropeway/")) {
                assert!(files().get(&path) == Some(&bytes), "{path} is there, and not whole");
            }
        }
        let summary = go(&job(from.source(json!({})), to.sink(json!({}))), &store).await.unwrap();
        assert_eq!(summary.epoch, 5);
        assert!(to.tree("out").await == files());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_are_staged_do_not_pass_the_wire_again() {
    let (from, to) = (Store::files(), Store::Blobs(Target::Fake(Target::fake().await)));
    from.put(&files()).await;
    let Store::Blobs(Target::Fake(service)) = &to else { unreachable!() };
    let staged = || service.log().iter().filter(|line| line.contains("\"block\"")).count();
    let all = {
        let other = Store::Blobs(Target::Fake(Target::fake().await));
        go(&job(from.source(json!({})), other.sink(json!({}))), &MemoryCheckpoint::default()).await.unwrap();
        let Store::Blobs(Target::Fake(other)) = &other else { unreachable!() };
        other.log().iter().filter(|line| line.contains("\"block\"")).count()
    };
    // A journal that was lost before the first receipt, but blocks of large files are there: all but small files' and
    // those that were on their way are left out the second time.
    let store = MemoryCheckpoint::default();
    killed(&job(from.source(json!({})), to.sink(json!({}))), &store, 5).await;
    let before = staged();
    assert!(before > 0 && before <= all);
    go(&job(from.source(json!({})), to.sink(json!({}))), &store).await.unwrap();
    assert!(staged() - before < all, "{} of {all} blocks were staged a second time", staged() - before);
    assert!(to.tree("out").await == files());
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_the_service_threw_away_are_copied_again() {
    let (from, to) = (Store::files(), Store::Blobs(Target::Fake(Target::fake().await)));
    from.put(&files()).await;
    let store = MemoryCheckpoint::default();
    killed(&job(from.source(json!({})), to.sink(json!({}))), &store, 6).await;
    let Store::Blobs(Target::Fake(service)) = &to else { unreachable!() };
    for path in files().keys() {
        service.discard_uncommitted(CONTAINER, &format!("out/{path}"));
    }
    go(&job(from.source(json!({})), to.sink(json!({}))), &store).await.unwrap();
    assert!(to.tree("out").await == files());
}

/// The twin: a file of the run that somebody spoilt is no file of the run.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_spoilt_before_it_was_read_back_is_noticed() {
    let (from, to) = (Store::files(), Store::files());
    from.put(&files()).await;
    let mut job = job(from.source(json!({})), to.sink(json!({})));
    job.settings.read_back = true;
    let Store::Files(root) = &to else { unreachable!() };
    let path = root.path().join("out/sub/1.bin");
    let spoil = Spoil(path);
    let (counters, cancel) = (Arc::new(Counters::default()), CancellationToken::new());
    let error = run(&job, &MemoryCheckpoint::default(), &counters, &spoil, &cancel).await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("1.bin"), "{error}");
}

/// Changes a file of one byte when it is published, and before it is read back.
struct Spoil(std::path::PathBuf);

impl Observer for Spoil {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::ReadingBack { .. }) {
            let byte = std::fs::read(&self.0).unwrap()[0];
            std::fs::write(&self.0, [byte ^ 1]).unwrap();
        }
    }
}
