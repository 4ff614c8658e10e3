//! A run that is given up takes away what it showed, and nothing else.

use ropeway_engine::chunk::ChunkId;
use ropeway_tests::blob_service::BlobService;
use serde_json::json;

use super::{
    folder::kept,
    workbench::{CONTAINER, Copy, Target, attempt, context, sink},
};

async fn folder(service: &BlobService, run: &str) -> Copy {
    let linked = json!({"connectionString": service.connection_string()});
    let sink = sink(linked, Some(service.ca().unwrap().authority()), json!({"folderPath": "out"}), json!({})).unwrap();
    Copy::begin(sink.as_ref(), context(run, 1, 7, None)).await.unwrap()
}

fn lists(service: &BlobService) -> usize {
    service.log().iter().filter(|line| line.contains("\"comp\", \"list\"")).count()
}

/// Seven parts, three names a page: who reads the first page only loses parts or leaves some.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_emptied_of_this_run_over_many_pages() {
    let service = Target::fake().await;
    let other = folder(&service, "finished").await;
    let theirs = other.write(0, attempt(1, 1), 0..10).await.unwrap();
    other.run.finish(&[theirs]).await.unwrap();
    // A name that looks like ours without being of this run.
    let copy = folder(&service, "given-up").await;
    let mut receipts = Vec::new();
    for id in 0..7 {
        receipts.push(copy.write(id, attempt(1, 1), 0..10).await.unwrap());
    }
    let ours = kept(&receipts[3])[0]["name"].as_str().unwrap().to_owned();
    let fake = format!("out/copy-of-{ours}");
    service.put(CONTAINER, &fake, b"somebody's");
    let kept: Vec<_> = service
        .names(CONTAINER)
        .into_iter()
        .filter(|name| {
            !receipts.iter().any(|receipt| *name == format!("out/{}", kept(receipt)[0]["name"].as_str().unwrap()))
        })
        .collect();
    assert_eq!(service.names(CONTAINER).len(), kept.len() + 7);

    service.page(3);
    let before = lists(&service);
    assert_eq!(copy.run.lost(&receipts).await.unwrap(), []);
    assert!(lists(&service) - before >= 4, "a list of eleven names has at least four pages");
    service.put(CONTAINER, &format!("out/{ours}"), b"");
    assert_eq!(copy.run.lost(&receipts).await.unwrap(), [ChunkId(3)], "a part that was replaced is seen");

    copy.run.abort().await.unwrap();
    let mut left = service.names(CONTAINER);
    // The one that somebody else wrote is not of this run any more.
    left.retain(|name| *name != format!("out/{ours}"));
    assert_eq!(left, kept);
    copy.run.abort().await.expect("again is no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_blob_stays_as_it_was() {
    let service = Target::fake().await;
    service.put(CONTAINER, "a.parquet", b"before");
    let linked = json!({"connectionString": service.connection_string()});
    let sink =
        sink(linked, Some(service.ca().unwrap().authority()), json!({"fileName": "a.parquet"}), json!({})).unwrap();
    let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
    copy.write(0, attempt(1, 1), 0..10).await.unwrap();
    copy.run.abort().await.unwrap();
    assert_eq!(service.blob(CONTAINER, "a.parquet").unwrap().bytes, b"before");
}
