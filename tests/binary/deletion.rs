//! `deleteFilesAfterCompletion`: nothing goes before everything is published.

use ropeway_engine::checkpoint::memory::MemoryCheckpoint;
use ropeway_tests::blob_service::{Effect, Fault, Operation};
use serde_json::{Value, json};

use super::workbench::{Store, files, job};
use crate::{
    azure_blob::workbench::{CONTAINER, Target},
    copy_run::go,
};

fn deleting() -> Value {
    json!({"source": {"storeSettings": {"deleteFilesAfterCompletion": true}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_deleted_once_they_are_copied() {
    for from in [Store::files(), Store::Blobs(Target::Fake(Target::fake().await))] {
        let to = Store::files();
        from.put(&files()).await;
        go(&job(from.source(deleting()), to.sink(json!({}))), &MemoryCheckpoint::default()).await.unwrap();
        assert!(to.tree("out").await == files());
        assert!(from.tree("in").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_fails_deletes_nothing() {
    let (from, to) = (Store::files(), Store::Blobs(Target::Fake(Target::fake().await)));
    from.put(&files()).await;
    let Store::Blobs(Target::Fake(service)) = &to else { unreachable!() };
    let lasting = Effect::Refuse(403, "AuthorizationPermissionMismatch");
    service.inject(Fault { operation: Operation::PutBlockList, skip: 4, times: 1000, effect: lasting });
    assert!(go(&job(from.source(deleting()), to.sink(json!({}))), &MemoryCheckpoint::default()).await.is_err());
    assert!(from.tree("in").await == files());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_between_publishing_and_deleting_goes_on_with_the_deletion_and_copies_nothing_again() {
    let (from, to) =
        (Store::Blobs(Target::Fake(Target::fake().await)), Store::Blobs(Target::Fake(Target::fake().await)));
    from.put(&files()).await;
    let (Store::Blobs(Target::Fake(source)), Store::Blobs(Target::Fake(sink))) = (&from, &to) else { unreachable!() };
    let lasting = Effect::Refuse(403, "AuthorizationPermissionMismatch");
    source.inject(Fault { operation: Operation::Delete, skip: 5, times: 1000, effect: lasting });
    let store = MemoryCheckpoint::default();
    assert!(go(&job(from.source(deleting()), to.sink(json!({}))), &store).await.is_err());
    let left = from.tree("in").await.len();
    assert!(left > 0 && left < files().len(), "{left} files are left");
    assert!(to.tree("out").await == files(), "it was published before");

    source.clear_faults();
    let written = |log: Vec<String>| log.iter().filter(|line| line.starts_with("PUT")).count();
    let before = written(sink.log());
    go(&job(from.source(deleting()), to.sink(json!({}))), &store).await.unwrap();
    assert_eq!(written(sink.log()), before, "nothing was copied again");
    assert!(from.tree("in").await.is_empty());
    assert!(to.tree("out").await == files());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_since_it_was_copied_stays() {
    let (from, to) = (Store::Blobs(Target::Fake(Target::fake().await)), Store::files());
    from.put(&files()).await;
    let Store::Blobs(Target::Fake(source)) = &from else { unreachable!() };
    let lasting = Effect::Refuse(403, "AuthorizationPermissionMismatch");
    source.inject(Fault { operation: Operation::Delete, skip: 0, times: 1000, effect: lasting });
    let store = MemoryCheckpoint::default();
    assert!(go(&job(from.source(deleting()), to.sink(json!({}))), &store).await.is_err());
    source.clear_faults();
    source.put(CONTAINER, "in/sub/1.bin", b"new");
    let error = go(&job(from.source(deleting()), to.sink(json!({}))), &store).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
    assert_eq!(from.tree("in").await["sub/1.bin"], b"new");
}
