//! What a resume costs: at most what was in flight when a process ended, and no more than that however many chunks
//! there are.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use ropeway_engine::{
    Result,
    checkpoint::{CheckpointStore, Plan, file::FileCheckpoint, memory::MemoryCheckpoint},
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    digest::Digest,
    progress::{Counters, Unobserved},
    run::{Job, Settings, run},
    sink::Sink,
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{
        dice::Dice,
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};
use tokio_util::sync::CancellationToken;

const CHUNKS: i64 = 40;
const ROWS: i64 = 50;
const SLOTS: u32 = 3;
const SEEDS: u64 = 40;

/// Takes its time, and counts what it hands on.
struct Counting {
    source: VecSource,
    dice: Dice,
    bytes: Arc<AtomicU64>,
    first: Arc<Mutex<Option<Instant>>>,
}

impl Counting {
    fn new(source: VecSource, dice: Dice) -> Self {
        Self { source, dice, bytes: Arc::default(), first: Arc::default() }
    }
}

#[async_trait]
impl Source for Counting {
    async fn schema(&self) -> Result<SchemaRef> {
        self.source.schema().await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.source.plan(target).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let (dice, bytes, first) = (self.dice.clone(), self.bytes.clone(), self.first.clone());
        let batches = self.source.read(chunk, limit).await?.and_then(move |batch| {
            first.lock().unwrap().get_or_insert_with(Instant::now);
            bytes.fetch_add(bytes_of(&batch), Ordering::Relaxed);
            let pause = dice.pause(10);
            async move {
                tokio::time::sleep(pause).await;
                Ok(batch)
            }
        });
        Ok(batches.boxed())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.source.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        self.source.describe()
    }
}

fn bytes_of(batch: &arrow::array::RecordBatch) -> u64 {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap() as u64).sum()
}

fn job(source: impl Source, sink: impl Sink) -> Job {
    Job {
        run: RunId::try_from("resumed".to_owned()).unwrap(),
        fingerprint: "7".into(),
        source: Arc::new(source),
        sink: Arc::new(sink),
        skipping: None,
        settings: Settings { parallel: SLOTS, batch: rows_at_most(10), ..Settings::default() },
    }
}

/// Bytes of the whole copy, and of its largest chunk.
async fn sizes() -> (u64, u64) {
    let source = VecSource::numbered(CHUNKS, ROWS);
    let target = ChunkTarget { bytes: 1, rows: 1, chunks: 1 };
    let mut sizes = Vec::new();
    for chunk in source.plan(target).await.unwrap() {
        let batches: Vec<_> = source.read(&chunk, rows_at_most(10)).await.unwrap().try_collect().await.unwrap();
        sizes.push(batches.iter().map(bytes_of).sum());
    }
    (sizes.iter().sum(), sizes.iter().copied().max().unwrap())
}

/// Kills processes until one ends. Whether they read no more than they had to, and how many kills there were.
async fn is_cheap(seed: u64, is_forgetful: bool) -> (bool, u64) {
    let dice = Dice::new(seed);
    let source = Counting::new(VecSource::numbered(CHUNKS, ROWS), dice.clone());
    let (bytes, table) =
        (source.bytes.clone(), if is_forgetful { ModelTable::without_ledger() } else { ModelTable::default() });
    let job = job(source, table);
    let mut store = MemoryCheckpoint::default();
    let mut kills = 0;
    loop {
        let (counters, cancel) = (Arc::<Counters>::default(), CancellationToken::new());
        let process = run(&job, &store, &counters, &Unobserved, &cancel);
        let Err(_) = tokio::time::timeout(dice.pause(if kills < 5 { 200 } else { 60_000 }), process).await else {
            break;
        };
        kills += 1;
        if is_forgetful {
            store = MemoryCheckpoint::default();
        }
    }
    let (whole, chunk) = sizes().await;
    (bytes.load(Ordering::Relaxed) <= whole + kills * u64::from(SLOTS) * chunk, kills)
}

#[tokio::test(start_paused = true)]
async fn a_kill_costs_at_most_the_chunks_in_flight() {
    let (mut kills, mut forgetful_is_dear) = (0, 0);
    for seed in 0..SEEDS {
        let (cheap, killed) = is_cheap(seed, false).await;
        assert!(cheap, "seed {seed}: more was read again than was in flight");
        kills += killed;
        // A tool that starts from the beginning.
        forgetful_is_dear += u64::from(!is_cheap(seed, true).await.0);
    }
    println!("{kills} kills; a tool that forgets was told from Ropeway in {forgetful_is_dear} of {SEEDS} lives");
    assert!(kills > SEEDS && forgetful_is_dear > 0);
}

/// Prints how long it takes to the first byte; the design allows two seconds in a release build.
#[tokio::test]
async fn a_resume_of_a_hundred_thousand_chunks_reads_what_is_missing_and_nothing_else() {
    const MANY: u32 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let source = Counting::new(VecSource::numbered(1, ROWS), Dice::new(7));
    let (bytes, first) = (source.bytes.clone(), source.first.clone());
    let recipe = source.plan(ChunkTarget { bytes: 1, rows: 1, chunks: 1 }).await.unwrap().remove(0).recipe;
    let schema = source.schema().await.unwrap();
    let job = job(source, ModelTable::default());
    let chunk = |id| Chunk { id: ChunkId(id), label: format!("chunk {id}"), recipe: recipe.clone() };
    let plan = Plan {
        fingerprint: "7".into(),
        schema,
        chunks: (0..MANY).map(chunk).collect(),
        description: SourceDescription::default(),
    };
    let store = FileCheckpoint::open(folder.path(), &job.run).unwrap();
    store.create(plan).await.unwrap();
    let receipt = |id| Receipt {
        chunk: ChunkId(id),
        attempt: Attempt { epoch: 1, number: 1 },
        rows: 1,
        bytes: 8,
        digest: Digest::default(),
        detail: serde_json::Value::Null.into(),
    };
    // All but one in the middle.
    let receipts: Vec<_> = (0..MANY).filter(|id| *id != MANY / 2).map(receipt).collect();
    for group in receipts.chunks(1_000) {
        store.record(group).await.unwrap();
    }
    drop(store);

    let started = Instant::now();
    let store = FileCheckpoint::open(folder.path(), &job.run).unwrap();
    let (counters, cancel) = (Arc::<Counters>::default(), CancellationToken::new());
    let summary = run(&job, &store, &counters, &Unobserved, &cancel).await.unwrap();
    println!("100,000 chunks: the first byte after {:?}", first.lock().unwrap().unwrap() - started);
    assert_eq!((summary.chunks, summary.rows), (u64::from(MANY), u64::from(MANY) - 1 + ROWS as u64));
    let one = VecSource::numbered(1, ROWS);
    let whole: Vec<_> = one.read(&chunk(0), rows_at_most(10)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(bytes.load(Ordering::Relaxed), whole.iter().map(bytes_of).sum::<u64>());
}
