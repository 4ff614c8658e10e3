//! Files that go while a copy is killed, resumed and half done.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::SystemTime,
};

use ropeway_engine::skipping::{Layout, SkipLog, SkippedRow};
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
        let log = tempfile::tempdir().unwrap();
        let job = || {
            let mut job = leaving_out(from.source(settings.clone()), &to);
            job.skipping = Some(Skipping { log: Some(paths_in(log.path())) });
            job
        };
        // Every process is killed after its next chunk, and then a file goes.
        let mut gone = vec!["small/029/a b & ü.txt", SEVERAL_READS, "sub/1048577.bin"];
        while let Some(path) = gone.pop() {
            killed_after_one_chunk(&job(), &store).await;
            service.remove(CONTAINER, &format!("in/{path}"));
        }
        let summary = go(&job(), &store).await.unwrap();
        let tree = to.tree("out").await;
        assert!(forbidden.iter().all(|path| !tree.contains_key(*path)));
        let logged = std::fs::read_to_string(log.path().join("log.txt")).unwrap();
        let (lines, paths): (Vec<_>, BTreeSet<_>) = logged.lines().map(|line| (line, line)).unzip();
        assert_eq!((lines.len() as u64, paths.len()), (summary.skipped, lines.len()), "each once: {lines:?}");
        assert!(files().keys().all(|path| tree.contains_key(path) || paths.contains(path.as_str())), "{lines:?}");
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

/// A log that has the path of each file that is left out.
fn paths_in(folder: &std::path::Path) -> SkipLog {
    struct Paths;
    impl Layout for Paths {
        fn line(&self, file: &SkippedRow, _: SystemTime) -> String {
            file.cells[0].clone().unwrap()
        }
    }
    let settings = json!({
        "linkedService": {"type": "FileServer", "host": folder},
        "dataset": {"type": "RopewayLines", "header": "", "location": {"type": "FileServerLocation", "fileName": "log.txt"}},
        "sink": {},
    });
    let sink = ropeway_connectors::registry().connect_sink("FileServer", settings).unwrap();
    SkipLog { sink, layout: Arc::new(Paths), path: "log".into() }
}

async fn killed_after_one_chunk(job: &Job, store: &MemoryCheckpoint) {
    let now = Notify::new();
    tokio::select! {
        done = go_until(job, store, 1, || now.notify_one()) => panic!("it was to be killed, and is {done:?}"),
        () = now.notified() => {}
    }
}
