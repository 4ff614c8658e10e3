//! What is refused, and what a copy does when files change under it.

use std::{fs, sync::Arc};

use futures::TryStreamExt;
use ropeway_engine::{
    checkpoint::memory::MemoryCheckpoint,
    progress::{Counters, Event, Observer},
    run::run,
    testing::conformance::{self, SourceCase},
};
use ropeway_engine::{chunk::BatchLimit, digest::RowDigester, source::ChunkTarget};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::workbench::{PIECE, Store, Tree, content, copy, files, job};
use crate::azure_blob::workbench::{CONTAINER, Target};

#[tokio::test(flavor = "multi_thread")]
async fn files_as_they_are_keep_the_promises_of_a_source() {
    for from in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
        from.put(&files()).await;
        let source = from.source(json!({}));
        let (target, limit) = (ChunkTarget { bytes: 2 << 20, rows: 100, chunks: 3 }, BatchLimit::default());
        let digester = RowDigester::new(&source.schema().await.unwrap()).unwrap();
        let (mut rows, mut digest) = (0, ropeway_engine::digest::Digest::default());
        for chunk in source.plan(target).await.unwrap() {
            let batches: Vec<_> = source.read(&chunk, limit).await.unwrap().try_collect().await.unwrap();
            for batch in batches {
                rows += batch.num_rows() as u64;
                digest += digester.digest(&batch).unwrap();
            }
        }
        assert_eq!(rows, files().values().map(|bytes| bytes.len().div_ceil(PIECE).max(1) as u64).sum::<u64>());
        if let Err(breach) = conformance::source(&SourceCase { source, target, limit, rows, digest }).await {
            panic!("{}", breach.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_refused_and_nothing_leaves_the_folder() {
    for name in ["in/a\u{1}b", "in/c\\d"] {
        let from = Store::Blobs(Target::Fake(Target::fake().await));
        let Store::Blobs(Target::Fake(service)) = &from else { unreachable!() };
        service.put(CONTAINER, name, b"x");
        let to = Store::files();
        let error = copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap_err();
        assert_eq!(error.symbolic_code(), Some("InvalidFileName"), "{error}");
        // Under a made name it can go.
        let flat = json!({"sink": {"storeSettings": {"copyBehavior": "FlattenHierarchy"}}});
        copy(from.source(json!({})), Store::files().sink(flat), false).await.unwrap();
    }
    let from = Store::Blobs(Target::Fake(Target::fake().await));
    let Store::Blobs(Target::Fake(service)) = &from else { unreachable!() };
    service.put(CONTAINER, "in/../../up", b"x");
    assert!(copy(from.source(json!({})), Store::files().sink(json!({})), false).await.is_err());

    // A folder of the target that leads elsewhere.
    let (from, to, elsewhere) = (Store::files(), Store::files(), tempfile::tempdir().unwrap());
    from.put(&Tree::from([("sub/a".to_owned(), b"x".to_vec())])).await;
    let Store::Files(root) = &to else { unreachable!() };
    fs::create_dir(root.path().join("out")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), root.path().join("out/sub")).unwrap();
    let error = copy(from.source(json!({})), to.sink(json!({})), false).await.unwrap_err();
    assert!(error.to_string().contains("leads out"), "{error}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

/// Does something when the plan is made.
struct AtPlan<F>(F);

impl<F: Fn() + Send + Sync> Observer for AtPlan<F> {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::Planned { .. }) {
            (self.0)();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_in_mid_copy_stops_the_run_and_is_not_shown() {
    let from = Store::Blobs(Target::Fake(Target::fake().await));
    from.put(&files()).await;
    let to = Store::files();
    let Store::Blobs(Target::Fake(service)) = &from else { unreachable!() };
    let name = format!("in/sub/{}.bin", 5 * PIECE + 17);
    let change = AtPlan(|| service.put(CONTAINER, &name, &content(77, 5 * PIECE + 17)));
    let job = job(from.source(json!({})), to.sink(json!({})));
    let (counters, cancel) = (Arc::new(Counters::default()), CancellationToken::new());
    let error = run(&job, &MemoryCheckpoint::default(), &counters, &change, &cancel).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
    assert!(to.tree("out").await.keys().all(|path| path.contains(".ropeway/")), "nothing is visible");
}

#[tokio::test]
async fn a_binary_sink_takes_no_rows_and_merged_files_are_not_compared() {
    let to = Store::files();
    let rows = crate::azure_blob::workbench::schema();
    let error = to.sink(json!({})).fit(&rows).await.unwrap_err();
    assert!(error.to_string().contains("Binary dataset"), "{error}");
    let from = Store::files();
    from.put(&files()).await;
    let merge = json!({"sink": {"storeSettings": {"copyBehavior": "MergeFiles"}}});
    let error = copy(from.source(json!({})), to.sink(merge), true).await.unwrap_err();
    let expected = Some("DataConsistencyValidationNotSupportedForNonDirectBinaryCopy");
    assert_eq!(error.symbolic_code(), expected, "{error}");
}
