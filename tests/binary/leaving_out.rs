//! `skipErrorFile`: files that are left out, and all others that are not.

mod killed;

use std::sync::Arc;

use ropeway_engine::{
    ErrorKind, Result,
    checkpoint::memory::MemoryCheckpoint,
    progress::{Counters, Event, Observer},
    run::{Job, Summary, run},
    skipping::Skipping,
    source::Source,
};
use ropeway_tests::blob_service::{Effect, Fault, Operation};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::workbench::{PIECE, Store, Tree, content, files, job};
use crate::{
    azure_blob::workbench::{CONTAINER, Target},
    copy_run::go,
};

const SMALL: &str = "small/003/a b & ü.txt";
const SEVERAL_READS: &str = "sub/2097152.bin";
const IN_RANGES: &str = "sub/5242897.bin";

/// Source settings that leave out files of one class.
fn skipping(class: &str) -> Value {
    let named = if class == "invalidFileName" { json!({"blobs": false, "folder": ""}) } else { true.into() };
    json!({"skipErrorFile": {class: named}})
}

fn leaving_out(source: Arc<dyn Source>, to: &Store) -> Job {
    let mut job = job(source, to.sink(json!({})));
    job.skipping = Some(Skipping { log: None });
    job.settings.batch.bytes = PIECE as u64;
    job
}

/// Does something when the plan is made, before anything is read.
struct AtPlan<F>(F);

impl<F: Fn() + Send + Sync> Observer for AtPlan<F> {
    fn observe(&self, event: &Event<'_>) {
        if matches!(event, Event::Planned { .. }) {
            (self.0)();
        }
    }
}

async fn planned_then(job: &Job, store: &MemoryCheckpoint, then: impl Fn() + Send + Sync) -> Result<Summary> {
    run(job, store, &Arc::new(Counters::default()), &AtPlan(then), &CancellationToken::new()).await
}

fn without(paths: &[&str]) -> Tree {
    files().into_iter().filter(|(path, _)| !paths.contains(&path.as_str())).collect()
}

async fn blobs() -> Store {
    Store::Blobs(Target::Fake(Target::fake().await))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_gone_are_left_out_whole_and_counted_once() {
    let [azurite, fake] = Target::both().await;
    for from in [Store::files(), Store::Blobs(azurite), Store::Blobs(fake)] {
        for to in [Store::files(), blobs().await] {
            from.put(&files()).await;
            let gone = [SMALL, SEVERAL_READS, IN_RANGES, "sub/0.bin"];
            let mut job = leaving_out(from.source(skipping("fileMissing")), &to);
            job.settings.read_back = true;
            let summary = planned_then(&job, &MemoryCheckpoint::default(), || from.remove(&gone)).await.unwrap();
            assert_eq!((summary.skipped, summary.published.files), (4, files().len() as u64 - 4), "{summary:?}");
            assert!(to.tree("out").await == without(&gone));

            // The twin: unasked, the first of them ends the copy, which says what to set.
            from.put(&files()).await;
            let job = job_that_fails(&from, &to);
            let error = planned_then(&job, &MemoryCheckpoint::default(), || from.remove(&gone)).await.unwrap_err();
            assert!(error.to_string().contains("set=skipErrorFile.fileMissing"), "{error}");
        }
    }
}

fn job_that_fails(from: &Store, to: &Store) -> Job {
    // Every class but the one that would help.
    let others = json!({"skipErrorFile": {"fileForbidden": true, "dataInconsistency": true}});
    leaving_out(from.source(others), to)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_is_no_missing_file() {
    for all_or_folder in [true, false] {
        let (from, to) = (Store::files(), Store::files());
        from.put(&files()).await;
        let Store::Files(root) = &from else { unreachable!() };
        let folder = root.path().join("in");
        let vanish = || {
            std::fs::remove_dir_all(&folder).unwrap();
            if all_or_folder {
                std::fs::create_dir(&folder).unwrap();
            }
        };
        let job = leaving_out(from.source(skipping("fileMissing")), &to);
        let error = planned_then(&job, &MemoryCheckpoint::default(), vanish).await.unwrap_err();
        assert!(error.to_string().contains("nothing is left in the folder"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_may_not_be_read_are_left_out_and_not_the_login() {
    let from = blobs().await;
    let service = from.service();
    let forbid = |paths: &[&str], is_forbidden| {
        paths.iter().for_each(|path| service.forbid(CONTAINER, &format!("in/{path}"), is_forbidden));
    };
    let to = Store::files();
    from.put(&files()).await;
    let forbidden = [SMALL, SEVERAL_READS, IN_RANGES, "sub/0.bin"];
    forbid(&forbidden, true);
    let deleting = json!({"skipErrorFile": {"fileForbidden": true, "dataInconsistency": true}, "source": {"storeSettings": {"deleteFilesAfterCompletion": true}}});
    let summary = go(&leaving_out(from.source(deleting), &to), &MemoryCheckpoint::default()).await.unwrap();
    assert_eq!(summary.skipped, 4);
    assert!(to.tree("out").await == without(&forbidden));
    // What was not copied is not deleted.
    forbid(&forbidden, false);
    let left: Vec<_> = from.tree("in").await.into_keys().collect();
    let mut expected = forbidden.map(str::to_owned);
    expected.sort();
    assert_eq!(left, expected);

    forbid(&[SMALL], true);
    let others = json!({"skipErrorFile": {"fileMissing": true, "dataInconsistency": true}});
    let error = go(&leaving_out(from.source(others), &to), &MemoryCheckpoint::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Auth, Some("AzureBlobOperationFailed")), "{error}");
    assert!(error.to_string().contains("set=skipErrorFile.fileForbidden"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_may_read_nothing_ends_the_copy_until_it_may() {
    let from = blobs().await;
    let service = from.service();
    from.put(&files()).await;
    let forbid = |is_forbidden| {
        files().keys().for_each(|path| service.forbid(CONTAINER, &format!("in/{path}"), is_forbidden));
    };
    forbid(true);
    let (to, store) = (Store::files(), MemoryCheckpoint::default());
    let job = || leaving_out(from.source(skipping("fileForbidden")), &to);
    let error = go(&job(), &store).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Auth && error.to_string().contains("it is the login"), "{error}");
    assert!(to.tree("out").await.keys().all(|path| path.contains(".ropeway/")));
    forbid(false);
    assert_eq!(go(&job(), &store).await.unwrap().skipped, 0);
    assert!(to.tree("out").await == files());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_error_leaves_a_file_out() {
    let all = json!({"skipErrorFile": {
        "fileMissing": true, "fileForbidden": true, "dataInconsistency": true,
        "invalidFileName": {"blobs": false, "folder": ""},
    }});
    for (operation, effect) in [
        (Operation::Get, Effect::Refuse(403, "AuthenticationFailed")),
        (Operation::Get, Effect::Refuse(403, "AuthorizationFailure")),
        (Operation::Get, Effect::Refuse(401, "NoAuthenticationInformation")),
        (Operation::Get, Effect::Refuse(404, "ContainerNotFound")),
        (Operation::Get, Effect::Refuse(409, "BlobArchived")),
        (Operation::Get, Effect::Refuse(500, "InternalError")),
        (Operation::Get, Effect::Busy(None)),
        (Operation::Get, Effect::Reset),
    ] {
        let from = blobs().await;
        let service = from.service();
        from.put(&files()).await;
        let to = Store::files();
        let mut job = leaving_out(from.source(all.clone()), &to);
        job.settings.retry.max_attempts = 2;
        service.inject(Fault { operation, skip: 3, times: 10_000, effect: effect.clone() });
        let error = go(&job, &MemoryCheckpoint::default()).await.expect_err(&format!("{effect:?}"));
        assert!(!error.to_string().contains("skipErrorFile"), "{effect:?}: {error}");
        assert!(to.tree("out").await.keys().all(|path| path.contains(".ropeway/")), "{effect:?}");
    }
    // Nor does any error of the sink, though it is called the same.
    for (operation, code) in [
        (Operation::PutBlock, Effect::Refuse(403, "AuthorizationPermissionMismatch")),
        (Operation::PutBlockList, Effect::Refuse(404, "BlobNotFound")),
        (Operation::PutBlock, Effect::Refuse(507, "OutOfSpace")),
    ] {
        let from = Store::files();
        from.put(&files()).await;
        let to = blobs().await;
        let service = to.service();
        service.inject(Fault { operation, skip: 3, times: 10_000, effect: code.clone() });
        let error = go(&leaving_out(from.source(all.clone()), &to), &MemoryCheckpoint::default()).await;
        error.expect_err(&format!("{code:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_change_or_are_damaged_are_left_out_where_consistency_is_asked_for() {
    let from = blobs().await;
    let service = from.service();
    from.put(&files()).await;
    // Of a file in several reads the damage shows when half of it is on its way.
    service.put_damaged(CONTAINER, &format!("in/{SEVERAL_READS}"), &content(5, 2 * PIECE));
    let to = blobs().await;
    let inconsistent = [SMALL, SEVERAL_READS, IN_RANGES, "sub/0.bin"];
    let change = || {
        for path in [SMALL, IN_RANGES, "sub/0.bin"] {
            service.put(CONTAINER, &format!("in/{path}"), &content(77, 300));
        }
    };
    let mut settings = skipping("dataInconsistency");
    settings["source"] = json!({"storeSettings": {"deleteFilesAfterCompletion": true}});
    let mut job = leaving_out(from.source(settings), &to);
    job.settings.read_back = true;
    let summary = planned_then(&job, &MemoryCheckpoint::default(), change).await.unwrap();
    assert_eq!(summary.skipped, 4, "{summary:?}");
    let codes = ["DataConsistencySourceDataChanged", "UserErrorSourceDataInconsistent"];
    assert!(summary.left_out.iter().map(String::as_str).eq(codes), "{:?}", summary.left_out);
    assert!(to.tree("out").await == without(&inconsistent));
    assert_eq!(from.tree("in").await.len(), 4, "and they are not deleted");

    let others = json!({"skipErrorFile": {"fileMissing": true, "fileForbidden": true}});
    let error = go(&leaving_out(from.source(others), &to), &MemoryCheckpoint::default()).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("UserErrorSourceDataInconsistent"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_whose_names_the_sink_does_not_take_are_left_out() {
    let from = blobs().await;
    let service = from.service();
    from.put(&files()).await;
    service.put(CONTAINER, "in/a\u{1}b", b"x");
    service.put(CONTAINER, "in/c\\d", &content(3, 5 * PIECE));
    let to = Store::files();
    let summary = go(&leaving_out(from.source(skipping("invalidFileName")), &to), &MemoryCheckpoint::default()).await;
    assert_eq!(summary.unwrap().skipped, 2);
    assert!(to.tree("out").await == files());
    let to = Store::files();
    let job = leaving_out(from.source(skipping("fileMissing")), &to);
    let error = go(&job, &MemoryCheckpoint::default()).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("InvalidFileName"));
    assert!(error.to_string().contains("skipErrorFile.invalidFileName"), "{error}");

    // A name that a file server takes and a storage account does not.
    let from = Store::files();
    from.put(&files()).await;
    from.put(&Tree::from([("what?".to_owned(), vec![1])])).await;
    let to = blobs().await;
    let names = json!({"skipErrorFile": {"invalidFileName": {"blobs": true, "folder": "out"}}});
    assert_eq!(go(&leaving_out(from.source(names), &to), &MemoryCheckpoint::default()).await.unwrap().skipped, 1);
    assert!(to.tree("out").await == files());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_of_one_file_is_about_that_file() {
    let from = blobs().await;
    let service = from.service();
    from.put(&files()).await;
    service.forbid(CONTAINER, "in/_SUCCESS", true);
    let mut one = skipping("fileForbidden");
    one["dataset"] = json!({"location": {"fileName": "_SUCCESS"}});
    let to = Store::files();
    let error = go(&leaving_out(from.source(one), &to), &MemoryCheckpoint::default()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Auth && !error.to_string().contains("skipErrorFile"), "{error}");
}
