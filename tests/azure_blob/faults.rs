//! Answers that are lost, late, or no.

use ropeway_engine::{ErrorKind, chunk::ChunkId, retry::RetryClass};
use ropeway_tests::blob_service::{BlobService, Effect, Fault, Operation};
use serde_json::{Value, json};

use super::workbench::{CONTAINER, Copy, Target, attempt, context, ids, sink};

async fn copy(service: &BlobService, run: &str) -> Copy {
    let linked = json!({"connectionString": service.connection_string()});
    let more = json!({"ropeway": {"stallSeconds": 1}});
    let sink = sink(linked, Some(service.ca().unwrap().authority()), json!({"fileName": "a.parquet"}), more).unwrap();
    Copy::begin(sink.as_ref(), context(run, 1, 1, None)).await.unwrap()
}

fn blob(service: &BlobService) -> Vec<i64> {
    ids(service.blob(CONTAINER, "a.parquet").unwrap().bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_or_late_happens_once() {
    for effect in
        [Effect::LoseAnswer, Effect::Late, Effect::Busy(None), Effect::Refuse(500, "InternalError"), Effect::Reset]
    {
        let service = Target::fake().await;
        let copy = copy(&service, "run").await;
        let receipt = copy.write(0, attempt(1, 1), 0..500).await.unwrap();
        service.inject(Fault::once(Operation::PutBlockList, effect.clone()));
        let published = copy.run.finish(&[receipt]).await.unwrap_or_else(|error| panic!("{effect:?}: {error}"));
        assert_eq!((published.files, blob(&service)), (1, (0..500).collect()), "{effect:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn brief_faults_of_blocks_are_tried_again_here() {
    let effects = [
        Effect::Busy(None),
        Effect::Reset,
        Effect::LoseAnswer,
        Effect::Refuse(400, "Md5Mismatch"),
        Effect::Refuse(400, "Crc64Mismatch"),
    ];
    for effect in effects {
        let service = Target::fake().await;
        let copy = copy(&service, "run").await;
        service.inject(Fault { operation: Operation::PutBlock, skip: 0, times: 2, effect: effect.clone() });
        let receipt = copy.write(0, attempt(1, 1), 0..500).await.unwrap_or_else(|error| panic!("{effect:?}: {error}"));
        copy.run.finish(&[receipt]).await.unwrap();
        assert_eq!(blob(&service), (0..500).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_faults_go_to_the_engine_with_their_class_and_pause() {
    for (effect, class) in [
        (Effect::Busy(Some(60)), RetryClass::Throttled),
        (Effect::Refuse(500, "OperationTimedOut"), RetryClass::Transient),
        (Effect::NeverAnswer, RetryClass::Reconnect),
        (Effect::StopReading, RetryClass::Reconnect),
    ] {
        let service = Target::fake().await;
        let copy = copy(&service, "run").await;
        service.inject(Fault { operation: Operation::PutBlock, skip: 0, times: 100, effect: effect.clone() });
        let error = copy.write(0, attempt(1, 1), 0..500).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, class), "{effect:?}: {error}");
        if matches!(effect, Effect::Busy(_)) {
            assert_eq!(error.pause_asked().unwrap().as_secs(), 60);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_that_the_service_threw_away_are_named_and_can_be_copied_again() {
    let service = Target::fake().await;
    let copy = copy(&service, "run").await;
    let receipt = copy.write(0, attempt(1, 1), 0..500).await.unwrap();
    assert_eq!(copy.run.lost(std::slice::from_ref(&receipt)).await.unwrap(), []);
    service.discard_uncommitted(CONTAINER, "a.parquet");
    assert_eq!(copy.run.lost(std::slice::from_ref(&receipt)).await.unwrap(), [ChunkId(0)]);
    let error = copy.run.finish(std::slice::from_ref(&receipt)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Unknown), "{error}");
    assert!(service.blob(CONTAINER, "a.parquet").is_none());
    let again = copy.write(0, attempt(1, 2), 0..500).await.unwrap();
    copy.run.finish(&[again]).await.unwrap();
    assert_eq!(blob(&service), (0..500).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_somebody_else_wrote_meanwhile_is_left_alone() {
    for existing in [None, Some(&b"before"[..])] {
        let service = Target::fake().await;
        if let Some(bytes) = existing {
            service.put(CONTAINER, "a.parquet", bytes);
        }
        let copy = copy(&service, "run").await;
        service.put(CONTAINER, "a.parquet", b"theirs");
        let receipt = copy.write(0, attempt(1, 1), 0..10).await.unwrap();
        let error = copy.run.finish(&[receipt]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert_eq!(service.blob(CONTAINER, "a.parquet").unwrap().bytes, b"theirs");
        assert_ne!(copy.run.opening(), Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let service = Target::fake().await;
    let copy = copy(&service, "run").await;
    service.inject(Fault { operation: Operation::PutBlock, skip: 0, times: 100, effect: Effect::Refuse(307, "x") });
    let error = copy.write(0, attempt(1, 1), 0..10).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Spec);
    assert!(error.to_string().contains("redirects"), "{error}");
}
