//! Files that go while a copy is killed, resumed and half done.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::copy_run::go_until;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_which_some_ranges_are_copied_already_is_left_out_of_all_of_them() {
    for to in [Store::files(), blobs().await] {
        for from in [Store::files(), blobs().await] {
            from.put(&files()).await;
            let mut job = leaving_out(from.source(skipping("fileMissing")), &to);
            (job.settings.parallel, job.settings.read_back) = (1, true);
            let store = MemoryCheckpoint::default();
            let gone = AtomicUsize::new(0);
            let go_away = OnceRangeIsCopied(|| {
                if gone.fetch_add(1, Ordering::SeqCst) == 0 {
                    from.remove(&[IN_RANGES]);
                }
            });
            let summary = run(&job, &store, &Arc::new(Counters::default()), &go_away, &CancellationToken::new()).await;
            let summary = summary.unwrap();
            assert!(gone.into_inner() > 0, "its first range was never copied");
            assert_eq!((summary.skipped, summary.published.files), (1, files().len() as u64 - 1));
            assert!(to.tree("out").await == without(&[IN_RANGES]));
        }
    }
}

/// Does something whenever a range of a file that is not its last is committed.
struct OnceRangeIsCopied<F>(F);

impl<F: Fn() + Send + Sync> Observer for OnceRangeIsCopied<F> {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Committed { chunk, .. } = event
            && chunk.label.contains("bytes 0 to")
        {
            (self.0)();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_leaves_out_what_went_meanwhile_and_deletes_only_what_it_copied() {
    for to in [Store::files(), blobs().await] {
        let from = blobs().await;
        let service = from.service();
        from.put(&files()).await;
        let forbidden = [SMALL, IN_RANGES];
        forbidden.iter().for_each(|path| service.forbid(CONTAINER, &format!("in/{path}"), true));
        let mut settings = json!({"skipErrorFile": {"fileForbidden": true, "fileMissing": true}});
        settings["source"] = json!({"storeSettings": {"deleteFilesAfterCompletion": true}});
        let store = MemoryCheckpoint::default();
        let job = || leaving_out(from.source(settings.clone()), &to);
        // Every process is killed after its next chunk, and then a file goes.
        let mut gone = vec!["small/029/a b & ü.txt", SEVERAL_READS, "sub/1048577.bin"];
        while let Some(path) = gone.pop() {
            killed_after_one_chunk(&job(), &store).await;
            service.remove(CONTAINER, &format!("in/{path}"));
        }
        let summary = go(&job(), &store).await.unwrap();
        let tree = to.tree("out").await;
        assert!(forbidden.iter().all(|path| !tree.contains_key(*path)));
        assert_eq!(summary.skipped + summary.published.files, files().len() as u64, "each file is one or the other");
        assert!(tree.iter().all(|(path, bytes)| files()[path] == *bytes), "whole, or not there");
        // In a storage account an attempt may have shown a file before its process was killed and the file went.
        let extra = tree.len() as u64 - summary.published.files;
        assert!(extra == 0 || matches!(to, Store::Blobs(_)) && extra <= 3, "{extra} files too many");
        forbidden.iter().for_each(|path| service.forbid(CONTAINER, &format!("in/{path}"), false));
        let left: Vec<_> = from.tree("in").await.into_keys().collect();
        assert_eq!(left, forbidden, "what was left out is still there");
    }
}

async fn killed_after_one_chunk(job: &Job, store: &MemoryCheckpoint) {
    let now = Notify::new();
    tokio::select! {
        done = go_until(job, store, 1, || now.notify_one()) => panic!("it was to be killed, and is {done:?}"),
        () = now.notified() => {}
    }
}
