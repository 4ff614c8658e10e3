//! Blobs as a source: the promises of every source, on Azurite and on the stand-in, by the names of both services.

use std::{num::NonZeroU32, sync::Arc};

use arrow::array::{Int64Array, RecordBatch, StringArray};
use futures::TryStreamExt;
use ropeway_connectors::registry;
use ropeway_engine::{
    Result,
    chunk::BatchLimit,
    digest::RowDigester,
    source::{ChunkTarget, Source},
    testing::conformance::{self, SourceCase},
};
use ropeway_tests::{
    azurite,
    blob_service::{Effect, Fault, KEY, Operation},
};
use serde_json::{Value, json};

use super::workbench::{CONTAINER, Copy, Target, attempt, context, merge, rows, sink};

impl Target {
    /// The account as a Data Lake.
    fn lake(&self) -> Value {
        match self {
            Self::Real(azurite) => {
                json!({"type": "AzureBlobFS", "url": azurite.endpoint(), "accountKey": azurite::KEY})
            }
            Self::Fake(fake) => json!({"type": "AzureBlobFS", "url": fake.endpoint(), "accountKey": KEY}),
        }
    }

    /// A source of `in/`; `more` is merged into its settings.
    fn source(&self, more: Value) -> Arc<dyn Source> {
        let place = json!({"type": "AzureBlobStorageLocation", "container": CONTAINER, "folderPath": "in"});
        let mut spec = json!({
            "linkedService": self.service(),
            "dataset": {"type": "Parquet", "location": place},
            "source": {"type": "ParquetSource", "storeSettings": {"type": "AzureBlobStorageReadSettings"}},
            "ropeway": {"caBundle": self.authority(), "stallSeconds": 20},
        });
        merge(&mut spec, more);
        registry().connect_source("AzureBlobStorage", spec).unwrap()
    }

    /// Writes so many parts of 500 rows each to `in/`.
    async fn fill(&self, parts: u32) {
        let sink = sink(self.service(), Some(self.authority()), json!({"folderPath": "in"}), json!({})).unwrap();
        let copy = Copy::begin(sink.as_ref(), context("fill", 1, parts, None)).await.unwrap();
        let mut receipts = Vec::new();
        for part in 0..parts {
            let first = i64::from(part) * 500;
            receipts.push(copy.write(part, attempt(1, 1), first..first + 500).await.unwrap());
        }
        copy.run.finish(&receipts).await.unwrap();
    }
}

fn target() -> ChunkTarget {
    ChunkTarget { bytes: 1 << 20, rows: 5000, chunks: 3 }
}

fn limit() -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(100).unwrap(), bytes: 1 << 20 }
}

async fn all(source: &dyn Source) -> Result<Vec<RecordBatch>> {
    source.schema().await?;
    let mut all = Vec::new();
    for chunk in source.plan(target()).await? {
        all.extend(source.read(&chunk, limit()).await?.try_collect::<Vec<_>>().await?);
    }
    Ok(all)
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let column = |batch: &RecordBatch| batch.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec();
    batches.iter().flat_map(column).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_keep_the_promises_of_a_source() {
    let rows = rows(0..1500);
    let digest = RowDigester::new(&rows.schema()).unwrap().digest(&rows).unwrap();
    for target_store in Target::both().await {
        target_store.fill(3).await;
        let source = target_store.source(json!({}));
        let case = SourceCase { source, target: target(), limit: limit(), rows: 1500, digest };
        if let Err(breach) = conformance::source(&case).await {
            panic!("{}", breach.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_blobs_keep_the_promises_of_a_source() {
    for store in Target::both().await {
        let text: String = (0..3000).map(|id| format!("{id},name {id}\n")).collect();
        store.put("in/a.csv", format!("id,name\n{text}").as_bytes()).await;
        let source = store.source(json!({"dataset": {"type": "DelimitedText", "firstRowAsHeader": true}}));
        let read = all(source.as_ref()).await.unwrap();
        let digest = read.iter().map(|batch| RowDigester::new(&batch.schema()).unwrap().digest(batch).unwrap()).sum();
        let names = read.iter().flat_map(|batch| {
            let names = batch.column(1).as_any().downcast_ref::<StringArray>().unwrap();
            names.iter().map(|name| name.unwrap().to_owned()).collect::<Vec<_>>()
        });
        assert_eq!(names.collect::<Vec<_>>(), (0..3000).map(|id| format!("name {id}")).collect::<Vec<_>>());
        let case = SourceCase { source, target: target(), limit: limit(), rows: 3000, digest };
        if let Err(breach) = conformance::source(&case).await {
            panic!("{}", breach.0);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_lake_is_source_and_sink() {
    for store in Target::both().await {
        let location = json!({"type": "AzureBlobFSLocation", "fileSystem": CONTAINER, "folderPath": "lake"});
        let more = json!({
            "linkedService": store.lake(),
            "dataset": {"type": "Parquet", "location": location},
            "source": {"type": "ParquetSource", "storeSettings": {"type": "AzureBlobFSReadSettings", "wildcardFileName": "*.parquet"}},
            "sink": {"type": "ParquetSink", "storeSettings": {"type": "AzureBlobFSWriteSettings"}},
            "ropeway": {"caBundle": store.authority()},
        });
        let sink = registry().connect_sink("AzureBlobFS", more.clone()).unwrap();
        let copy = Copy::begin(sink.as_ref(), context("lake", 1, 1, None)).await.unwrap();
        let receipt = copy.write(0, attempt(1, 1), 0..500).await.unwrap();
        copy.run.finish(&[receipt]).await.unwrap();
        let source = registry().connect_source("AzureBlobFS", more).unwrap();
        assert_eq!(ids(&all(source.as_ref()).await.unwrap()), (0..500).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_changes_after_the_plan_stops_the_run() {
    for store in Target::both().await {
        store.put("in/a.csv", b"id\n1\n").await;
        let source = store.source(json!({"dataset": {"type": "DelimitedText", "firstRowAsHeader": true}}));
        source.schema().await.unwrap();
        let chunks = source.plan(target()).await.unwrap();
        let read = async || source.read(&chunks[0], limit()).await?.try_collect::<Vec<_>>().await;
        assert_eq!(read().await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        store.put("in/a.csv", b"id\n2\n").await;
        let error = read().await.unwrap_err();
        assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
        assert!(error.to_string().contains("in/a.csv"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_fail_are_tried_again_and_what_lasts_keeps_its_class() {
    let service = Target::fake().await;
    let store = Target::Fake(service);
    let Target::Fake(service) = &store else { unreachable!() };
    store.fill(2).await;
    for effect in [Effect::Reset, Effect::LoseAnswer, Effect::Busy(None)] {
        let source = store.source(json!({}));
        source.schema().await.unwrap();
        service.inject(Fault { operation: Operation::Get, skip: 0, times: 2, effect: effect.clone() });
        let before = service.faults();
        assert_eq!(ids(&all(source.as_ref()).await.unwrap()), (0..1000).collect::<Vec<_>>(), "{effect:?}");
        assert_eq!(service.faults(), before + 2, "{effect:?}");
    }
    let source = store.source(json!({}));
    source.schema().await.unwrap();
    service.inject(Fault { operation: Operation::Get, skip: 0, times: 100, effect: Effect::Busy(Some(60)) });
    let error = all(source.as_ref()).await.unwrap_err();
    assert_eq!(error.retry_class(), ropeway_engine::retry::RetryClass::Throttled, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_are_chosen_by_prefix_wildcard_and_list() {
    for store in Target::both().await {
        for (name, id) in [("in/a.csv", 1), ("in/sub/b.csv", 2), ("in/_SUCCESS", 3), ("other/c.csv", 4)] {
            store.put(name, format!("id\n{id}\n").as_bytes()).await;
        }
        store.put("list.txt", b"sub/b.csv\n").await;
        for (settings, wanted) in [
            (json!({}), vec!["1", "2"]),
            (json!({"recursive": false}), vec!["1"]),
            (json!({"prefix": "in/s"}), vec!["2"]),
            (json!({"prefix": "o"}), vec!["4"]),
            (json!({"wildcardFolderPath": "*", "wildcardFileName": "*.csv", "recursive": false}), vec!["1", "4"]),
            (json!({"fileListPath": "list.txt"}), vec!["2"]),
            (json!({"modifiedDatetimeStart": "2001-01-01T00:00:00Z", "recursive": false}), vec!["1"]),
        ] {
            let text = json!({"type": "DelimitedText", "firstRowAsHeader": true});
            let source = store.source(json!({"dataset": text, "source": {"storeSettings": settings.clone()}}));
            let read = all(source.as_ref()).await.unwrap();
            let ids = read.iter().flat_map(|batch| {
                let ids = batch.column(0).as_any().downcast_ref::<StringArray>().unwrap();
                ids.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
            });
            assert_eq!(ids.collect::<Vec<_>>(), wanted, "{settings}");
        }
    }
}
