//! Chunks that end early, because slots have nothing to do: whatever is asked when, every row is in one part.

use std::{collections::BTreeMap, time::Duration};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::StreamExt as _;
use ropeway_engine::{
    checkpoint::{CheckpointStore as _, memory::MemoryCheckpoint},
    chunk::ChunkId,
    division::{Divided, Part},
    run::Job,
    source::{BatchStream, SourceDescription},
    testing::model_table::ModelTable,
};

use super::*;
use crate::copy_run::{self, go, killed};

const ROWS: usize = 600;
const SMALL: BatchLimit = BatchLimit { rows: NonZeroU32::new(8).unwrap(), bytes: 1 << 20 };

/// A table with this key, and rows of which some share their value.
fn table(columns: &str, index: &str, value: impl Fn(usize) -> String) -> Stage {
    let mut batch = format!("CREATE TABLE $(schema).t ({columns}, n int NOT NULL);");
    for first in (0..ROWS).step_by(100) {
        let rows: Vec<_> = (first..first + 100).map(|n| format!("({}, {n})", value(n))).collect();
        batch.push_str(&format!("INSERT INTO $(schema).t (k, n) VALUES {};", rows.join(", ")));
    }
    Stage::with(&format!("{batch}{index}"))
}

/// A table with a clustered key, and 3 rows for each of its values.
fn stage(key: &str, value: impl Fn(usize) -> String) -> Stage {
    let index = "CREATE CLUSTERED INDEX ix ON $(schema).t (k);";
    table(&format!("k {key} NOT NULL"), index, |n| value(n / 3))
}

/// The table in two ranges, whatever the server knows of it.
fn halves(stage: &Stage, middle: &str) -> Arc<dyn Source> {
    let settings = json!({"partitionColumnName": "k", "partitionLowerBound": middle, "partitionUpperBound": middle});
    let cut = json!({"partitionOption": "DynamicRange", "partitionSettings": settings});
    let mut spec = stage.spec(json!({"schema": stage.target.schema(), "table": "t"}), cut);
    spec["parallelCopies"] = json!(2);
    connect(spec).unwrap()
}

/// The value of a row's key, as T-SQL writes it.
type ValueOf = Box<dyn Fn(usize) -> String>;

/// Reads a chunk that is asked to end after its first batch.
async fn hastened(source: &dyn Source, chunk: &Chunk) -> (Vec<RecordBatch>, Option<Divided>) {
    let mut stream = source.read(chunk, SMALL).await.unwrap().fuse();
    let mut batches = Vec::from_iter(stream.next().await.transpose().unwrap());
    source.hasten(chunk.id, 3);
    while let Some(batch) = stream.next().await {
        match batch {
            Ok(batch) => batches.push(batch),
            Err(end) => return (batches, Some(Divided::of_end(end).unwrap())),
        }
    }
    (batches, None)
}

/// Every chunk, and every part that becomes of one, asked to end early; how often they did.
async fn read_in_haste(source: &dyn Source, tamper: impl Fn(&mut Divided)) -> (Vec<RecordBatch>, usize) {
    source.schema().await.unwrap();
    let mut waiting = source.plan(TARGET).await.unwrap();
    assert!(waiting.iter().all(|chunk| source.divides(chunk)));
    let (mut batches, mut divided, mut next) = (Vec::new(), 0, waiting.len() as u32);
    while let Some(chunk) = waiting.pop() {
        let (rows, parts) = hastened(source, &chunk).await;
        batches.extend(rows);
        let Some(mut parts) = parts else { continue };
        tamper(&mut parts);
        divided += 1;
        for Part { label, recipe } in parts.rest {
            waiting.push(Chunk { id: ChunkId(next), label, recipe });
            next += 1;
        }
    }
    (batches, divided)
}

fn is_complete(batches: &[RecordBatch]) -> bool {
    let mut seen = BTreeMap::new();
    for n in texts(batches, "n") {
        *seen.entry(n.unwrap().parse::<usize>().unwrap()).or_insert(0) += 1;
    }
    seen.len() == ROWS && seen.values().all(|times| *times == 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_in_one_part_whatever_the_key_is() {
    let day = |n: usize| format!("'20{:02}-{:02}-{:02}'", n / 60, n / 28 % 12 + 1, n % 28 + 1);
    let fine = |n: usize| format!("'2024-02-29T12:00:{:02}.{:07}'", n % 60, n * 1_001 + 7);
    let cases: [(&str, &str, ValueOf); 6] = [
        ("int", "300", Box::new(|n| (n * 4).to_string())),
        ("bigint", "0", Box::new(|n| ((n as i64 - 100) << 40).to_string())),
        ("tinyint", "100", Box::new(|n| n.to_string())),
        ("date", "2001-06-15", Box::new(day)),
        ("datetime2(7)", "2024-02-29T12:00:30", Box::new(fine)),
        ("smalldatetime", "2024-01-01T00:50:00", Box::new(|n| format!("'2024-01-01T{:02}:{:02}:00'", n / 60, n % 60))),
    ];
    for (key, middle, value) in cases {
        let stage = stage(key, value);
        let (batches, divided) = read_in_haste(&*halves(&stage, middle), |_| {}).await;
        assert!(is_complete(&batches), "{key}: {} rows", texts(&batches, "n").len());
        assert!(divided > 4, "{key}: {divided}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_above_sees_a_part_that_is_missing_and_one_that_overlaps() {
    let stage = stage("int", |n| (n * 4).to_string());
    let missing = |divided: &mut Divided| drop(divided.rest.remove(0));
    let overlapping = |divided: &mut Divided| divided.rest[0].recipe["after"] = json!("-1");
    let source = halves(&stage, "400");
    assert!(!is_complete(&read_in_haste(&*source, missing).await.0));
    source.schema().await.unwrap();
    let chunk = source.plan(TARGET).await.unwrap().remove(1);
    let (mut batches, divided) = hastened(&*source, &chunk).await;
    let mut divided = divided.unwrap();
    overlapping(&mut divided);
    for Part { label, recipe } in divided.rest {
        batches.extend(read(&*source, &Chunk { id: ChunkId(9), label, recipe }).await.unwrap());
    }
    let mut rows: Vec<_> = texts(&batches, "n");
    let all = rows.len();
    rows.sort_unstable();
    rows.dedup();
    assert!(rows.len() < all, "rows came twice, and nobody saw it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_order_is_read_to_its_end() {
    for columns in ["k int NOT NULL PRIMARY KEY NONCLUSTERED", "k varchar(10) NOT NULL PRIMARY KEY"] {
        let stage = table(columns, "", |n| n.to_string());
        stage.target.update_statistics("t");
        let source = stage.table("t");
        source.schema().await.unwrap();
        let chunks = source.plan(TARGET).await.unwrap();
        assert!(stage.is_real() || chunks.len() > 1);
        assert!(!chunks.iter().any(|chunk| source.divides(chunk)), "{columns}");
        let mut batches = Vec::new();
        for chunk in &chunks {
            let (rows, divided) = hastened(&*source, chunk).await;
            assert_eq!(divided, None);
            batches.extend(rows);
        }
        assert!(is_complete(&batches), "{columns}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_have_to_be_sorted_and_what_shares_a_snapshot_is_read_to_its_end() {
    let Some(target) = Target::only_stand_in("a real server may have no partition functions, and no snapshots") else {
        return;
    };
    target.run("CREATE PARTITION FUNCTION pf (int) AS RANGE RIGHT FOR VALUES (100, 200)");
    target.run("CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])");
    target.run("ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON");
    for (name, place) in [("whole", ""), ("parted", " ON ps(k)")] {
        target.run(&format!("CREATE TABLE dbo.{name} (k int NOT NULL, n int NOT NULL){place}"));
        target.run(&format!("CREATE CLUSTERED INDEX ix ON dbo.{name} (k)"));
        target.run(&format!("INSERT INTO dbo.{name} (k, n) VALUES (1, 1), (150, 2), (300, 3)"));
    }
    let stage = Stage::of(target);
    let cases = [
        ("whole", json!({}), true),
        ("parted", json!({}), false),
        ("whole", json!({"isolationLevel": "Snapshot"}), false),
    ];
    for (table, settings, divides) in cases {
        let bounds = json!({"partitionColumnName": "k", "partitionLowerBound": "150", "partitionUpperBound": "150"});
        let mut cut = json!({"partitionOption": "DynamicRange", "partitionSettings": bounds});
        cut.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        let mut spec = stage.spec(json!({"schema": "dbo", "table": table}), cut);
        spec["parallelCopies"] = json!(2);
        let source = connect(spec).unwrap();
        source.schema().await.unwrap();
        let chunks = source.plan(TARGET).await.unwrap();
        assert_eq!(chunks.len(), 2);
        assert!(chunks.iter().all(|chunk| source.divides(chunk) == divides), "{table} {settings}");
        let order = if divides { " ORDER BY [k]" } else { "" };
        let statement = format!("SELECT * FROM [dbo].[{table}] WHERE <range>{order}");
        assert_eq!(source.describe().statement, statement);
    }
}

/// A source on a slow line.
struct Slow(Arc<dyn Source>);

#[async_trait]
impl Source for Slow {
    async fn schema(&self) -> Result<SchemaRef> {
        self.0.schema().await
    }
    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.0.plan(target).await
    }
    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let pause = |batch| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            batch
        };
        Ok(self.0.read(chunk, limit).await?.then(pause).boxed())
    }
    fn divides(&self, chunk: &Chunk) -> bool {
        self.0.divides(chunk)
    }
    fn hasten(&self, chunk: ChunkId, parts: u32) -> bool {
        self.0.hasten(chunk, parts)
    }
    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.0.working_set(limit)
    }
    fn describe(&self) -> SourceDescription {
        self.0.describe()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_chunks_are_divided_is_killed_and_resumed() {
    let stage = stage("int", |n| (n * 4).to_string());
    stage.target.run("CREATE TABLE $(schema).copied (k int NOT NULL, n int NOT NULL)");
    let job = || -> Job {
        let source = Arc::new(Slow(halves(&stage, "40")));
        let mut job = copy_run::job(source, ModelTable::default(), 1_000, SMALL);
        job.sink = stage.sink("copied", json!({}));
        job.settings.divide_after = Duration::ZERO;
        job
    };
    let store = MemoryCheckpoint::default();
    killed(&job(), &store, 3);
    let record = store.snapshot().unwrap();
    assert!(record.plan.chunks.len() > 2, "a chunk was divided before the process died: {:?}", record.plan.chunks);
    let summary = go(&job(), &store).await.unwrap();
    assert_eq!(
        (summary.rows, store.take_over().await.unwrap().unwrap().plan.chunks.len() as u64),
        (600, summary.chunks)
    );
    let (copied, _) = read_all(&*stage.table("copied")).await.unwrap();
    assert!(is_complete(&copied), "{} chunks", summary.chunks);
}
