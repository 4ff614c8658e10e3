//! One blob from many chunks.

use futures::future::try_join_all;
use serde_json::json;

use super::workbench::{CONTAINER, Copy, Target, attempt, context, ids, sink};

#[tokio::test(flavor = "multi_thread")]
async fn chunks_written_in_parallel_become_one_blob_at_once() {
    for target in Target::both().await {
        let more = json!({"sink": {"storeSettings": {"metadata": [{"name": "owner", "value": "ops"}]}}});
        let sink = sink(
            target.service(),
            Some(target.authority()),
            json!({"folderPath": "in/2024", "fileName": "a b.parquet"}),
            more,
        );
        let sink = sink.unwrap();
        let copy = Copy::begin(sink.as_ref(), context("run-1", 1, 4, None)).await.unwrap();
        let writes = (0..4_i64).map(|id| copy.write(id as u32, attempt(1, 1), id * 1000..(id + 1) * 1000));
        let mut receipts = try_join_all(writes).await.unwrap();
        assert_eq!(target.get("in/2024/a%20b.parquet").await, None, "visible before it is whole");
        assert_eq!(copy.run.lost(&receipts).await.unwrap(), []);
        receipts.reverse();
        let published = copy.run.finish(&receipts).await.unwrap();
        let bytes = target.get("in/2024/a%20b.parquet").await.unwrap();
        assert_eq!((published.files, published.bytes), (1, bytes.len() as u64));
        assert_eq!(ids(bytes.clone()), (0..4000).collect::<Vec<_>>());
        assert!(published.names[0].ends_with("/orders/in/2024/a%20b.parquet"), "{:?}", published.names);

        // Again, as after a lost answer or at a resume: nothing changes.
        assert_eq!(copy.run.finish(&receipts).await.unwrap(), published);
        assert_eq!(copy.run.lost(&receipts).await.unwrap(), []);
        assert_eq!(target.get("in/2024/a%20b.parquet").await, Some(bytes));
        if let Target::Fake(fake) = &target {
            let blob = fake.blob(CONTAINER, "in/2024/a b.parquet").unwrap();
            assert_eq!(blob.metadata["owner"], "ops");
            assert_eq!(blob.metadata["ropeway_run"], "run-1");
            assert_eq!(blob.metadata["ropeway_rows"], "4000");
            assert_eq!(
                fake.log().iter().filter(|line| line.contains("PUT") && line.contains("\"blocklist\"")).count(),
                1
            );
        }
    }
}

/// Between the rows of two chunks stands a comma, also where chunks without a row are between them.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_an_array_are_joined_with_commas() {
    for target in Target::both().await {
        let more = json!({
            "dataset": {"type": "Json"},
            "sink": {"type": "JsonSink", "formatSettings": {"type": "JsonWriteSettings", "filePattern": "arrayOfObjects"}},
        });
        let sink = sink(target.service(), Some(target.authority()), json!({"fileName": "a.json"}), more).unwrap();
        let copy = Copy::begin(sink.as_ref(), context("run", 1, 5, None)).await.unwrap();
        let ranges = [0..0_i64, 0..3, 3..3, 3..5, 5..5];
        let writes = ranges.into_iter().enumerate().map(|(id, rows)| copy.write(id as u32, attempt(1, 1), rows));
        let receipts = try_join_all(writes).await.unwrap();
        assert_eq!(copy.run.lost(&receipts).await.unwrap(), []);
        copy.run.finish(&receipts).await.unwrap();
        let objects: Vec<serde_json::Value> = serde_json::from_slice(&target.get("a.json").await.unwrap()).unwrap();
        let ids: Vec<_> = objects.iter().map(|object| object["OrderId"].as_i64().unwrap()).collect();
        assert_eq!(ids, (0..5).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_run_replaces_what_stood_there_when_it_first_began() {
    for target in Target::both().await {
        let sink =
            sink(target.service(), Some(target.authority()), json!({"fileName": "a.parquet"}), json!({})).unwrap();
        let old = Copy::begin(sink.as_ref(), context("old", 1, 1, None)).await.unwrap();
        let receipt = old.write(0, attempt(1, 1), 0..10).await.unwrap();
        old.run.finish(&[receipt]).await.unwrap();

        let first = Copy::begin(sink.as_ref(), context("new", 1, 2, None)).await.unwrap();
        let early = first.write(0, attempt(1, 1), 100..300).await.unwrap();
        let opening = first.run.opening();
        drop(first);
        assert_eq!(ids(target.get("a.parquet").await.unwrap()).len(), 10, "the old blob stays until the commit");

        let second = Copy::begin(sink.as_ref(), context("new", 2, 2, Some(opening))).await.unwrap();
        assert_eq!(second.run.lost(std::slice::from_ref(&early)).await.unwrap(), []);
        let late = second.write(1, attempt(2, 1), 300..500).await.unwrap();
        second.run.finish(&[early, late]).await.unwrap();
        assert_eq!(ids(target.get("a.parquet").await.unwrap()), (100..500).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_rows_are_a_file_without_rows() {
    for target in Target::both().await {
        let sink =
            sink(target.service(), Some(target.authority()), json!({"fileName": "a.parquet"}), json!({})).unwrap();
        let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
        let receipt = copy.write(0, attempt(1, 1), 0..0).await.unwrap();
        copy.run.finish(&[receipt]).await.unwrap();
        assert_eq!(ids(target.get("a.parquet").await.unwrap()), Vec::<i64>::new());
    }
}
