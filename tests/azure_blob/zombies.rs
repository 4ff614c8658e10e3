//! Late blocks of attempts that should be dead.

use base64::{Engine, prelude::BASE64_STANDARD};
use ropeway_tests::{
    blob_service::{ACCOUNT, BlobService, KEY},
    raw_blob::{Raw, signed},
};
use serde_json::json;

use super::workbench::{CONTAINER, Copy, Target, attempt, context, ids, sink};

async fn put(service: &BlobService, comp: &str, id: &str, body: &str) -> u16 {
    let raw = Raw {
        endpoint: service.endpoint(),
        account: ACCOUNT,
        key: KEY,
        authority: Some(service.ca().unwrap().authority()),
    };
    let query = if id.is_empty() { vec![("comp", comp)] } else { vec![("comp", comp), ("blockid", id)] };
    signed(&raw, "PUT", &format!("/{CONTAINER}/a.parquet"), &query, body.as_bytes().to_vec()).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_stages_other_rows_at_the_same_place_changes_nothing() {
    let service = Target::fake().await;
    let linked = json!({"connectionString": service.connection_string()});
    let sink =
        sink(linked, Some(service.ca().unwrap().authority()), json!({"fileName": "a.parquet"}), json!({})).unwrap();
    let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
    let living = copy.write(0, attempt(1, 2), 0..500).await.unwrap();
    // The source changed between the attempts, and the dead one is the last to stage its blocks.
    copy.write(0, attempt(1, 1), 500..1000).await.unwrap();
    copy.run.finish(std::slice::from_ref(&living)).await.unwrap();
    assert_eq!(ids(service.blob(CONTAINER, "a.parquet").unwrap().bytes), (0..500).collect::<Vec<_>>());
    copy.write(0, attempt(1, 1), 500..1000).await.unwrap();
    copy.run.finish(&[living]).await.unwrap();
    assert_eq!(ids(service.blob(CONTAINER, "a.parquet").unwrap().bytes), (0..500).collect::<Vec<_>>());
}

/// The known-bad twin: with ids made of positions the same sequence changes a committed blob.
#[tokio::test(flavor = "multi_thread")]
async fn ids_made_of_positions_would_let_it_through() {
    let service = Target::fake().await;
    let id = BASE64_STANDARD.encode("position-0");
    let list = format!("<BlockList><Latest>{id}</Latest></BlockList>");
    assert_eq!(put(&service, "block", &id, "AAAA").await, 201);
    assert_eq!(put(&service, "blocklist", "", &list).await, 201);
    assert_eq!(service.blob(CONTAINER, "a.parquet").unwrap().bytes, b"AAAA");
    assert_eq!(put(&service, "block", &id, "ZZZZ").await, 201);
    assert_eq!(put(&service, "blocklist", "", &list).await, 201);
    assert_eq!(service.blob(CONTAINER, "a.parquet").unwrap().bytes, b"ZZZZ");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_keeps_the_rules_of_block_ids() {
    let service = Target::fake().await;
    let (short, long) = (BASE64_STANDARD.encode("a"), BASE64_STANDARD.encode("abcd"));
    assert_eq!(put(&service, "block", &short, "AAAA").await, 201);
    assert_eq!(put(&service, "block", &long, "BBBB").await, 400);
    let list = format!("<BlockList><Uncommitted>{short}</Uncommitted></BlockList>");
    assert_eq!(put(&service, "blocklist", "", &list).await, 201);
    assert_eq!(put(&service, "blocklist", "", &list).await, 400, "it is a committed block by now");
}
