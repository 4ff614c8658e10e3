//! A folder of parts.

use ropeway_engine::{
    ErrorKind,
    chunk::{ChunkId, Receipt},
    sink::RunContext,
};
use ropeway_tests::blob_service::{Effect, Fault, Operation};
use serde_json::{Value, json};

use super::workbench::{CONTAINER, Copy, Target, attempt, context, ids, sink};

#[tokio::test(flavor = "multi_thread")]
async fn every_chunk_is_a_part_and_success_comes_last() {
    for target in Target::both().await {
        let sink = sink(target.service(), Some(target.authority()), json!({"folderPath": "out"}), json!({})).unwrap();
        let copy = Copy::begin(sink.as_ref(), context("run", 1, 2, None)).await.unwrap();
        let receipts = [
            copy.write(0, attempt(1, 1), 0..250).await.unwrap(),
            copy.write(1, attempt(1, 1), 250..400).await.unwrap(),
        ];
        assert_eq!(target.get("out/_SUCCESS").await, None);
        assert_eq!(copy.run.lost(&receipts).await.unwrap(), []);
        let published = copy.run.finish(&receipts).await.unwrap();
        assert_eq!(copy.run.finish(&receipts).await.unwrap(), published);
        let manifest: Value = serde_json::from_slice(&target.get("out/_manifest/run.json").await.unwrap()).unwrap();
        assert_eq!(manifest["rows"], 400);
        let mut all = Vec::new();
        for part in manifest["parts"].as_array().unwrap() {
            all.extend(ids(target.get(&format!("out/{}", part["name"].as_str().unwrap())).await.unwrap()));
        }
        assert_eq!(all, (0..400).collect::<Vec<_>>());
        assert!(target.get("out/_SUCCESS").await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_after_a_lost_answer_finds_its_part() {
    let service = Target::fake().await;
    let linked = json!({"connectionString": service.connection_string()});
    let sink = sink(linked, Some(service.ca().unwrap().authority()), json!({"folderPath": "out"}), json!({})).unwrap();
    let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
    let first = copy.write(0, attempt(1, 1), 0..100).await.unwrap();
    assert_eq!(copy.write(0, attempt(2, 1), 0..100).await.unwrap(), first);
    service.inject(Fault::once(Operation::PutBlockList, Effect::LoseAnswer));
    let second = copy.write(1, attempt(1, 1), 100..200).await.unwrap();
    copy.run.finish(&[first.clone(), second.clone()]).await.unwrap();
    let name = kept(&second)[0]["name"].as_str().unwrap().to_owned();
    service.put(CONTAINER, &format!("out/{name}"), b"somebody");
    assert_eq!(copy.run.lost(&[first, second]).await.unwrap(), [ChunkId(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_takes_the_parts_of_the_last_one_away() {
    for target in Target::both().await {
        let sink = sink(target.service(), Some(target.authority()), json!({"folderPath": "out"}), json!({})).unwrap();
        let mut names = Vec::new();
        for (run, range) in [("one", 0..50), ("two", 50..80)] {
            let copy = Copy::begin(sink.as_ref(), context(run, 1, 1, None)).await.unwrap();
            let receipt = copy.write(0, attempt(1, 1), range).await.unwrap();
            names.push(format!("out/{}", kept(&receipt)[0]["name"].as_str().unwrap()));
            copy.run.finish(&[receipt]).await.unwrap();
        }
        assert_eq!(target.get(&names[0]).await, None);
        assert_eq!(ids(target.get(&names[1]).await.unwrap()), (50..80).collect::<Vec<_>>());
        let success = String::from_utf8(target.get("out/_SUCCESS").await.unwrap()).unwrap();
        assert!(success.contains("_manifest/two.json"), "{success}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_split_by_rows_and_rewritten_by_a_later_attempt_only() {
    let service = Target::fake().await;
    let linked = json!({"connectionString": service.connection_string()});
    let more = json!({"sink": {"formatSettings": {"maxRowsPerFile": "120", "fileNamePrefix": "o"}}});
    let sink = sink(linked, Some(service.ca().unwrap().authority()), json!({"folderPath": "out"}), more).unwrap();
    let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
    copy.write(0, attempt(1, 1), 1000..1300).await.unwrap();
    // The source changed: the same names hold the rows of the later attempt now.
    let receipt = copy.write(0, attempt(1, 2), 0..300).await.unwrap();
    let parts = kept(&receipt);
    assert_eq!(parts.iter().map(|part| part["rows"].as_u64().unwrap()).collect::<Vec<_>>(), [120, 120, 60]);
    let read = |name: &Value| ids(service.blob(CONTAINER, &format!("out/{}", name.as_str().unwrap())).unwrap().bytes);
    assert_eq!(parts.iter().flat_map(|part| read(&part["name"])).collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
    let zombie = copy.write(0, attempt(1, 1), 1000..1300).await.unwrap_err();
    assert_eq!(zombie.kind(), ErrorKind::Unavailable);
    assert_eq!(parts.iter().flat_map(|part| read(&part["name"])).collect::<Vec<_>>(), (0..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_begins_again_replaces_the_parts_of_the_state_that_is_gone() {
    for (split, one_epoch) in [(false, true), (true, true), (false, false)] {
        let service = Target::fake().await;
        let linked = json!({"connectionString": service.connection_string()});
        let more = if split { json!({"sink": {"formatSettings": {"maxRowsPerFile": "40"}}}) } else { json!({}) };
        let sink = sink(linked, Some(service.ca().unwrap().authority()), json!({"folderPath": "out"}), more).unwrap();
        assert!(sink.begins_again());
        let first = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await.unwrap();
        first.write(0, attempt(1, 1), 1000..1100).await.unwrap();

        let next = RunContext { one_epoch, ..context("run", 2, 1, Some(first.run.opening())) };
        let copy = Copy::begin(sink.as_ref(), next).await.unwrap();
        let receipt = copy.write(0, attempt(2, 1), 0..30).await.unwrap();
        assert_eq!(receipt.rows, if one_epoch { 30 } else { 100 }, "the twin goes on with what is there");
        copy.run.finish(&[receipt]).await.unwrap();
        let parts: Vec<_> = service.names(CONTAINER).into_iter().filter(|name| name.ends_with(".parquet")).collect();
        assert_eq!(parts.len(), 1, "pieces of the larger state are gone: {parts:?}");
        let rows = ids(service.blob(CONTAINER, &parts[0]).unwrap().bytes);
        assert_eq!(rows == (0..30).collect::<Vec<_>>(), one_epoch);
    }
}

/// The parts of a chunk, which its receipt keeps as a text.
pub(super) fn kept(receipt: &Receipt) -> Vec<Value> {
    serde_json::from_str(receipt.detail.as_str().unwrap()).unwrap()
}
