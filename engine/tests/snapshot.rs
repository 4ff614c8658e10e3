//! Chunks that share a snapshot show one state of a source that never rests: whatever is read again, killed, resumed or
//! left running beside its successor. A source that reads chunk by chunk is the twin that must fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{ArrayRef, AsArray, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Int64Type, Schema, SchemaRef},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    checkpoint::{CheckpointStore, Plan, RunRecord, memory::MemoryCheckpoint},
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    division::Division,
    progress::{Counters, Unobserved},
    retry::RetryPolicy,
    run::{Job, Settings, Summary, prospect, run},
    sink::Sink,
    skipping::Skips,
    source::{BatchStream, ChunkTarget, SOURCE_TYPE, Source, SourceDescription},
    testing::{
        dice::Dice,
        faults::{Faults, FaultyCheckpoint, FaultySink, FaultySource},
        model_blob::ModelBlob,
        model_table::ModelTable,
    },
};
use tokio_util::sync::CancellationToken;

const ACCOUNTS: usize = 8;
const SEEDS: u64 = 200;

/// What all processes see: an amount in each account. The n-th transfer moves one from account n to the next, around.
#[derive(Clone, Default)]
struct World {
    transfers: Arc<AtomicI64>,
}

impl World {
    fn now(&self) -> Vec<i64> {
        let mut amounts = vec![1_000; ACCOUNTS];
        for transfer in 0..self.transfers.load(Ordering::SeqCst) as usize {
            amounts[transfer % ACCOUNTS] -= 1;
            amounts[(transfer + 1) % ACCOUNTS] += 1;
        }
        amounts
    }

    fn transfer(&self) {
        self.transfers.fetch_add(1, Ordering::SeqCst);
    }
}

/// A chunk for each account; the world moves on with every read. Clones are one source.
#[derive(Clone)]
struct Accounts {
    world: World,
    shares: bool,
    held: Arc<Mutex<Option<Vec<i64>>>>,
    begun: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    /// Reads that go well before one fails for good.
    reads_left: Arc<AtomicI64>,
}

impl Accounts {
    fn of(world: &World, shares: bool) -> Self {
        let reads_left = Arc::new(AtomicI64::new(i64::MAX));
        let (held, begun, ended) = Default::default();
        Self { world: world.clone(), shares, held, begun, ended, reads_left }
    }

    fn failing_after(self, reads: i64) -> Self {
        Self { reads_left: Arc::new(reads.into()), ..self }
    }

    fn begun(&self) -> u32 {
        self.begun.load(Ordering::SeqCst)
    }
}

fn schema() -> SchemaRef {
    let column = |name| {
        Field::new(name, DataType::Int64, false)
            .with_metadata(HashMap::from([(SOURCE_TYPE.to_owned(), "bigint".to_owned())]))
    };
    Arc::new(Schema::new(vec![column("account"), column("amount")]))
}

#[async_trait]
impl Source for Accounts {
    async fn schema(&self) -> Result<SchemaRef> {
        Ok(schema())
    }

    async fn plan(&self, _: ChunkTarget) -> Result<Vec<Chunk>> {
        let chunk = |id| Chunk { id: ChunkId(id), label: format!("account {id}"), recipe: id.into() };
        Ok((0..ACCOUNTS as u32).map(chunk).collect())
    }

    fn shares_snapshot(&self, chunks: &[Chunk]) -> bool {
        self.shares && chunks.len() > 1
    }

    async fn begin_snapshot(&self, readers: u32) -> Result<()> {
        assert!(readers > 0 && readers as usize <= ACCOUNTS);
        self.begun.fetch_add(1, Ordering::SeqCst);
        *self.held.lock().unwrap() = Some(self.world.now());
        Ok(())
    }

    fn end_snapshot(&self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
        *self.held.lock().unwrap() = None;
    }

    async fn read(&self, chunk: &Chunk, _: BatchLimit) -> Result<BatchStream> {
        self.world.transfer();
        if self.reads_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(Error::new(ErrorKind::Auth, "scripted"));
        }
        let amounts = match self.held.lock().unwrap().clone() {
            Some(held) => held,
            None if self.shares => return Err(Error::new(ErrorKind::Bug, "a chunk was read without the snapshot")),
            None => self.world.now(),
        };
        let account = chunk.recipe.as_i64().unwrap();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![account])),
            Arc::new(Int64Array::from(vec![amounts[account as usize]])),
        ];
        let batch = RecordBatch::try_new(schema(), columns).unwrap();
        Ok(stream::iter([Ok(batch)]).boxed())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        limit.bytes
    }

    fn describe(&self) -> SourceDescription {
        SourceDescription { consistency: "one snapshot".into(), ..SourceDescription::default() }
    }
}

/// True if every account is there once and the amounts were all there at one moment.
fn is_one_state(rows: &[RecordBatch]) -> bool {
    let column = |at: usize| -> Vec<i64> {
        rows.iter().flat_map(|batch| batch.column(at).as_primitive::<Int64Type>().values().to_vec()).collect()
    };
    let mut rows: Vec<_> = column(0).into_iter().zip(column(1)).collect();
    rows.sort_unstable();
    let (accounts, amounts): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
    let moments = (0..ACCOUNTS as i64).map(|transfers| World { transfers: Arc::new(transfers.into()) }.now());
    accounts.into_iter().eq(0..ACCOUNTS as i64) && moments.into_iter().any(|moment| moment == amounts)
}

fn job(source: impl Source, sink: impl Sink) -> Job {
    Job {
        run: RunId::try_from("snapshot".to_owned()).unwrap(),
        fingerprint: "7".into(),
        source: Arc::new(source),
        sink: Arc::new(sink),
        skipping: None,
        settings: Settings {
            parallel: 3,
            retry: RetryPolicy { max_attempts: 3, pace: 0.0, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

async fn go(job: &Job, store: &dyn CheckpointStore) -> Result<Summary> {
    run(job, store, &Arc::new(Counters::default()), &Unobserved, &CancellationToken::new()).await
}

#[tokio::test(start_paused = true)]
async fn one_state_is_copied_and_given_up_when_nobody_reads_any_more() {
    for shares in [true, false] {
        let (world, blob) = (World::default(), ModelBlob::default());
        let source = Accounts::of(&world, shares);
        go(&job(source.clone(), blob.clone()), &MemoryCheckpoint::default()).await.unwrap();
        assert_eq!(is_one_state(&blob.published().unwrap()), shares, "the twin without a snapshot must be caught");
        let times = u32::from(shares);
        assert_eq!((source.begun(), source.ended.load(Ordering::SeqCst)), (times, times));
    }
}

#[tokio::test(start_paused = true)]
async fn a_resumed_run_begins_again_where_nothing_is_visible_yet() {
    for shares in [true, false] {
        let (world, blob, store) = (World::default(), ModelBlob::default(), MemoryCheckpoint::default());
        go(&job(Accounts::of(&world, shares).failing_after(5), blob.clone()), &store).await.unwrap_err();
        assert!(!store.snapshot().unwrap().receipts.is_empty());
        world.transfer();
        go(&job(Accounts::of(&world, shares), blob.clone()), &store).await.unwrap();
        assert_eq!(is_one_state(&blob.published().unwrap()), shares, "the twin without a snapshot must be caught");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_shows_rows_of_a_snapshot_that_is_gone_is_left_alone() {
    let (world, table, store) = (World::default(), ModelTable::default(), MemoryCheckpoint::default());
    go(&job(Accounts::of(&world, true).failing_after(5), table.clone()), &store).await.unwrap_err();
    let before = table.rows();
    assert!(!before.is_empty());
    let next = Accounts::of(&world, true);
    let error = go(&job(next.clone(), table.clone()), &store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("start a new one"), "{error}");
    assert_eq!((table.rows(), next.begun()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_chunk_that_only_the_table_knows_of_ends_the_run() {
    let (world, table) = (World::default(), ModelTable::default());
    let store = Mortal { store: MemoryCheckpoint::default(), records: false, closes: true };
    go(&job(Accounts::of(&world, true).failing_after(5), table.clone()), &store).await.unwrap_err();
    assert!(!table.rows().is_empty() && store.store.snapshot().unwrap().receipts.is_empty());
    let error = go(&job(Accounts::of(&world, true), table.clone()), &store).await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("start a new one"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_complete_is_published_from_its_own_snapshot() {
    let world = World::default();
    let store = Mortal { store: MemoryCheckpoint::default(), records: true, closes: false };
    let (table, blob) = (ModelTable::default(), ModelBlob::default());
    go(&job(Accounts::of(&world, true), table.clone()), &store).await.unwrap_err();
    let next = Accounts::of(&world, true);
    let summary = go(&job(next.clone(), table.clone()), &store.store).await.unwrap();
    assert_eq!((summary.epoch, next.begun()), (2, 0));
    assert!(is_one_state(&table.rows()));

    // Not so where a chunk is missing, or was lost: the others show a state that cannot be read any more.
    let store = MemoryCheckpoint::default();
    go(&job(Accounts::of(&world, true).failing_after(7), blob.clone()), &store).await.unwrap_err();
    blob.lose_blocks(&Dice::new(1), 0.5);
    go(&job(Accounts::of(&world, true), blob.clone()), &store).await.unwrap();
    assert!(is_one_state(&blob.published().unwrap()));
}

#[tokio::test]
async fn a_plan_says_what_an_interruption_means() {
    let world = World::default();
    let told = |prospect: ropeway_engine::run::Prospect| prospect.description.consistency;
    let blob = told(prospect(&job(Accounts::of(&world, true), ModelBlob::default())).await.unwrap());
    assert!(blob.starts_with("one snapshot; ") && blob.contains("begins again"), "{blob}");
    let table = told(prospect(&job(Accounts::of(&world, true), ModelTable::default())).await.unwrap());
    assert!(table.contains("cannot be resumed"), "{table}");
    let without = told(prospect(&job(Accounts::of(&world, false), ModelTable::default())).await.unwrap());
    assert_eq!(without, "one snapshot");
}

/// Every life of a run: killed, left running beside its successor, resumed until it succeeds.
async fn live(seed: u64, shares: bool) -> bool {
    let faults = Faults::some(&Dice::new(seed));
    let (world, blob) = (World::default(), ModelBlob::default());
    let mut store = Arc::new(FaultyCheckpoint(MemoryCheckpoint::default(), Faults { late: 0.0, ..faults.clone() }));
    for _ in 0..10_000 {
        // A process has a source of its own.
        let source = FaultySource(Accounts::of(&world, shares), faults.clone());
        let job = job(source, FaultySink(blob.clone(), faults.clone()));
        let process = {
            let store = store.clone();
            async move { go(&job, &*store).await }
        };
        let outcome = match faults.dice.below(4) {
            0 => tokio::time::timeout(faults.dice.pause(200), process).await.ok(),
            1 => {
                let epoch = store.0.snapshot().map_or(0, |record| record.epoch);
                let zombie = tokio::spawn(process);
                tokio::time::sleep(faults.dice.pause(200)).await;
                if store.0.snapshot().map_or(0, |record| record.epoch) > epoch {
                    store = Arc::new(FaultyCheckpoint(store.0.fork(), Faults { late: 0.0, ..faults.clone() }));
                } else {
                    zombie.abort();
                }
                if zombie.is_finished() { zombie.await.ok() } else { None }
            }
            _ => Some(process.await),
        };
        if let Some(Ok(_)) = outcome {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return is_one_state(&blob.published().unwrap());
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn a_blob_shows_one_state_whatever_happens() {
    let mut wrong = 0;
    for seed in 0..SEEDS {
        assert!(live(seed, true).await, "seed {seed}");
        wrong += u32::from(!live(seed, false).await);
    }
    println!("{SEEDS} lives: each one state; without a snapshot {wrong} are none");
    assert!(wrong > 0);
}

/// A store whose process dies before it records a chunk, or before it closes the run.
struct Mortal {
    store: MemoryCheckpoint,
    records: bool,
    closes: bool,
}

#[async_trait]
impl CheckpointStore for Mortal {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        self.store.take_over().await
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        self.store.create(plan).await
    }

    async fn record_opening(&self, opening: &serde_json::Value) -> Result<()> {
        self.store.record_opening(opening).await
    }

    async fn record_log_opening(&self, opening: &serde_json::Value) -> Result<()> {
        self.store.record_log_opening(opening).await
    }

    async fn record_skips(&self, skips: &Skips) -> Result<()> {
        self.store.record_skips(skips).await
    }

    async fn record_division(&self, division: &Division) -> Result<()> {
        self.store.record_division(division).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        if self.records { self.store.record(receipts).await } else { Ok(()) }
    }

    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()> {
        self.store.note_failure(chunk, attempt, error).await
    }

    async fn close(&self, report: &serde_json::Value) -> Result<()> {
        if self.closes { self.store.close(report).await } else { Err(Error::new(ErrorKind::Bug, "scripted")) }
    }
}
