//! Rows that do not fit are left out and written down exactly once, under random faults, lost answers, late writes,
//! crashes and resumes; each protocol can be broken on purpose, and then the same property fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use arrow::{array::RecordBatch, array::cast::AsArray, datatypes::Int64Type};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use ropeway_engine::{
    Error, ErrorKind, Result,
    checkpoint::{CheckpointStore, Plan, RunRecord, memory::MemoryCheckpoint},
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    division::Division,
    progress::{Counters, Unobserved},
    retry::RetryPolicy,
    run::{Job, Settings, Summary, run},
    sink::Sink,
    skipping::{Layout, Portion, PortionStream, SkipLog, SkippedRow, Skipping, Skips},
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{
        dice::Dice,
        faults::{Faults, FaultySink, FaultySource},
        model_blob::{Broken, ModelBlob},
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};
use tokio_util::sync::CancellationToken;

const CHUNKS: i64 = 8;
const ROWS: i64 = 40;
/// Every seventh row does not fit.
const EVERY: i64 = 7;
/// Every fifth one does not fit into a narrow table.
const NARROW: i64 = 5;
/// Of a table with a unique key: more than the rows of a chunk, fewer than all.
const KEYS: i64 = 90;
const SEEDS: u64 = 100;

/// The id of the row.
struct Ids;

impl Layout for Ids {
    fn line(&self, row: &SkippedRow, _: SystemTime) -> String {
        row.cells[0].clone().unwrap_or_default()
    }
}

fn source() -> VecSource {
    VecSource::numbered(CHUNKS, ROWS).misfits(EVERY)
}

fn job(source: impl Source, sink: impl Sink, log: Option<Arc<dyn Sink>>) -> Job {
    Job {
        run: RunId::try_from("simulated".to_owned()).unwrap(),
        fingerprint: "7".into(),
        source: Arc::new(source),
        sink: Arc::new(sink),
        skipping: log.map(|sink| Skipping { log: Some(SkipLog { sink, layout: Arc::new(Ids), path: "log".into() }) }),
        settings: Settings {
            parallel: 3,
            batch: rows_at_most(12),
            retry: RetryPolicy { max_attempts: 3, pace: 0.0, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

async fn once(job: &Job, store: &dyn CheckpointStore) -> Result<Summary> {
    run(job, store, &Arc::new(Counters::default()), &Unobserved, &CancellationToken::new()).await
}

fn ids(rows: &[RecordBatch]) -> Vec<i64> {
    let ids = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    let mut ids: Vec<i64> = rows.iter().flat_map(ids).collect();
    ids.sort_unstable();
    ids
}

fn logged(log: &ModelBlob) -> Vec<i64> {
    let lines = log.published().unwrap_or_default();
    let lines = lines.iter().flat_map(|batch| batch.column(0).as_string::<i32>().iter().flatten());
    let mut ids: Vec<i64> = lines.map(|line| line.parse().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// Every row that fits is in the sink once, every other one in the log once, and the report says so.
fn is_right(summary: &Summary, fits: fn(i64) -> bool, rows: &[RecordBatch], log: &ModelBlob) -> bool {
    let (fit, misfits): (Vec<i64>, Vec<i64>) = (0..CHUNKS * ROWS).partition(|id| fits(*id));
    let counted = (summary.rows, summary.skipped) == (fit.len() as u64, misfits.len() as u64);
    counted && ids(rows) == fit && logged(log) == misfits
}

/// Where the rows go, as the simulation needs to know it.
trait Model: Sink + Clone {
    fn rows(&self) -> Vec<RecordBatch>;
    /// Which rows it ends with.
    fn fits(&self) -> fn(i64) -> bool {
        |id| id % EVERY != 0
    }
    /// Whether rows and log are what they should be.
    fn is_right(&self, summary: &Summary, log: &ModelBlob) -> bool {
        is_right(summary, self.fits(), &self.rows(), log)
    }
    /// What happens to it, and to the log, while nobody runs.
    fn suffer(&self, _: &Dice, _: &ModelBlob) {}
}

/// A chunk that is committed surfaces again, with the attempt that committed it.
impl Model for ModelTable {
    fn rows(&self) -> Vec<RecordBatch> {
        Self::rows(self)
    }
    fn fits(&self) -> fn(i64) -> bool {
        if self.is_narrow() { |id| id % EVERY != 0 && id % NARROW != 0 } else { |id| id % EVERY != 0 }
    }
    fn is_right(&self, summary: &Summary, log: &ModelBlob) -> bool {
        match self.keys() {
            Some(keys) => is_right_by_key(summary, keys, &self.rows(), log),
            None => is_right(summary, self.fits(), &self.rows(), log),
        }
    }
}

/// Which of the rows with one key is taken is a matter of who comes first: one of them is.
fn is_right_by_key(summary: &Summary, keys: i64, rows: &[RecordBatch], log: &ModelBlob) -> bool {
    let (taken, mut all) = (ids(rows), logged(log));
    let mut found: Vec<i64> = taken.iter().map(|id| id % keys).collect();
    found.sort_unstable();
    let counted = (summary.rows, summary.skipped) == (taken.len() as u64, all.len() as u64);
    all.extend(&taken);
    all.sort_unstable();
    let wanted = (0..CHUNKS * ROWS).filter(|id| id % EVERY != 0).map(|id| id % keys);
    counted && found.into_iter().eq(BTreeSet::from_iter(wanted)) && all.into_iter().eq(0..CHUNKS * ROWS)
}

/// What is staged can get lost, here and in the log.
impl Model for ModelBlob {
    fn rows(&self) -> Vec<RecordBatch> {
        self.published().unwrap_or_default()
    }
    fn suffer(&self, dice: &Dice, log: &ModelBlob) {
        if dice.chance(0.1) {
            self.lose_blocks(dice, 0.03);
            log.lose_blocks(dice, 0.03);
        }
    }
}

/// Starts the run, kills it and resumes it until it succeeds. `None` if it refuses to go on.
async fn live<M: Model>(seed: u64, sink: M, log: ModelBlob, forgetful: bool) -> Option<(bool, u32)> {
    let faults = Faults::some(&Dice::new(seed));
    let faulty = |sink: &ModelBlob| Arc::new(FaultySink(sink.clone(), faults.clone())) as Arc<dyn Sink>;
    let source = FaultySource(source().shuffled_by(faults.dice.clone()), faults.clone());
    let job = job(source, FaultySink(sink.clone(), faults.clone()), Some(faulty(&log)));
    let store = Forgetful { store: MemoryCheckpoint::default(), forgetful };
    let mut crashes = 0;
    let summary = loop {
        match tokio::time::timeout(faults.dice.pause(400), once(&job, &store)).await {
            Ok(Ok(summary)) => break summary,
            Ok(Err(error)) if error.is_fatal() => return None,
            Ok(Err(_)) => {}
            Err(_) => crashes += 1,
        }
        sink.suffer(&faults.dice, &log);
    };
    // Every late write lands.
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    Some((sink.is_right(&summary, &log), crashes))
}

#[tokio::test(start_paused = true)]
async fn every_row_is_copied_once_or_logged_once() {
    let mut crashes = 0;
    for seed in 0..SEEDS {
        for (right, crashed) in [
            live(seed, ModelTable::default(), ModelBlob::default(), false).await.expect("it can go on"),
            live(seed, ModelBlob::default(), ModelBlob::default(), false).await.expect("it can go on"),
        ] {
            assert!(right, "seed {seed}");
            crashes += crashed;
        }
    }
    println!("{SEEDS} seeds, {crashes} crashes");
    assert!(crashes > 0);
}

#[tokio::test(start_paused = true)]
async fn every_row_is_copied_once_or_logged_once_where_the_sink_cannot_hold_some() {
    let mut crashes = 0;
    for seed in 0..SEEDS {
        let lived = live(seed, ModelTable::narrow(NARROW), ModelBlob::default(), false).await;
        let (right, crashed) = lived.expect("it can go on");
        assert!(right, "seed {seed}");
        crashes += crashed;
    }
    assert!(crashes > 0);
}

#[tokio::test(start_paused = true)]
async fn of_rows_with_one_key_one_is_copied_and_the_others_are_logged() {
    let mut crashes = 0;
    for seed in 0..SEEDS {
        let lived = live(seed, ModelTable::keyed(KEYS), ModelBlob::default(), false).await;
        let (right, crashed) = lived.expect("it can go on");
        assert!(right, "seed {seed}");
        crashes += crashed;
    }
    assert!(crashes > 0);
}

/// Where no row may be left out, and where the sink does not say which rows it is about, a key ends the run.
#[tokio::test(start_paused = true)]
async fn unasked_a_key_that_is_there_already_ends_the_run() {
    let job = job(VecSource::numbered(CHUNKS, ROWS), ModelTable::keyed(KEYS), None);
    let error = once(&job, &MemoryCheckpoint::default()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("a key is there"), "{error}");
}

/// A log that takes lines as they come, whichever attempt they are of.
#[tokio::test(start_paused = true)]
async fn a_log_without_receipts_has_lines_twice() {
    let mut wrong = 0;
    for seed in 0..SEEDS {
        let log = ModelBlob::broken(Broken::PublishesAllStaged);
        wrong += u64::from(!live(seed, ModelTable::default(), log, false).await.expect("it can go on").0);
    }
    println!("without receipts: {wrong} of {SEEDS} seeds wrong");
    assert!(wrong > 0);
}

/// A table says that a chunk is there, and nobody knows any more which of its rows are not: the run ends with that.
#[tokio::test(start_paused = true)]
async fn a_journal_that_forgets_what_was_left_out_is_noticed() {
    let mut noticed = 0;
    for seed in 0..SEEDS {
        match live(seed, ModelTable::default(), ModelBlob::default(), true).await {
            None => noticed += 1,
            Some((right, _)) => assert!(right, "seed {seed}: it went unnoticed"),
        }
    }
    println!("forgetful: noticed in {noticed} of {SEEDS} seeds");
    assert!(noticed > 0);
}

/// A sink that does not tell beforehand which rows it cannot hold: nothing is left out in silence.
#[tokio::test(start_paused = true)]
async fn a_row_that_a_sink_refuses_when_it_is_written_ends_the_run() {
    for (table, log) in [
        (ModelTable::narrow_and_silent(NARROW), Some(Arc::new(ModelBlob::default()) as Arc<dyn Sink>)),
        // Nobody asks it where no row may be left out.
        (ModelTable::narrow(NARROW), None),
    ] {
        let job = job(VecSource::numbered(CHUNKS, ROWS), table.clone(), log);
        let error = once(&job, &MemoryCheckpoint::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains("does not hold"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_being_asked_the_first_row_that_does_not_fit_ends_the_run() {
    let table = ModelTable::default();
    let error = once(&job(source(), table.clone(), None), &MemoryCheckpoint::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("does not fit")), (ErrorKind::Data, true), "{error}");
    assert!(table.rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_log_rows_are_counted() {
    let table = ModelTable::default();
    let job = Job { skipping: Some(Skipping { log: None }), ..job(source(), table.clone(), None) };
    let (store, counters) = (MemoryCheckpoint::default(), Arc::new(Counters::default()));
    let summary = run(&job, &store, &counters, &Unobserved, &CancellationToken::new()).await.unwrap();
    let misfits = ((CHUNKS * ROWS) as u64).div_ceil(EVERY as u64);
    assert_eq!((summary.rows + summary.skipped, summary.skipped), ((CHUNKS * ROWS) as u64, misfits));
    assert_eq!((counters.rows_skipped.get(), counters.rows_read.get()), (misfits, summary.rows));
    assert_eq!(ids(&table.rows()).len() as u64, summary.rows);
    // A run that succeeded says so again.
    assert_eq!(once(&job, &store).await.unwrap(), summary);
}

/// Says that it read a row more than it hands on.
struct Loses(VecSource);

#[async_trait]
impl Source for Loses {
    async fn schema(&self) -> Result<arrow::datatypes::SchemaRef> {
        self.0.schema().await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.0.plan(target).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        self.0.read(chunk, limit).await
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        let portions = self.0.read_skipping(chunk, limit).await?;
        let lost = Mutex::new(false);
        let lose = move |mut portion: Portion| {
            let mut lost = lost.lock().unwrap();
            if !*lost && portion.skipped.pop().is_some() {
                *lost = true;
            }
            portion
        };
        Ok(portions.map_ok(lose).boxed())
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.0.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        self.0.describe()
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_neither_copied_nor_left_out_is_noticed() {
    let (table, log) = (ModelTable::default(), Arc::new(ModelBlob::default()));
    let error = once(&job(Loses(source()), table, Some(log.clone())), &MemoryCheckpoint::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug, "{error}");
    assert!(log.published().is_none());
}

/// A journal that keeps no skipped rows, if it is forgetful.
struct Forgetful {
    store: MemoryCheckpoint,
    forgetful: bool,
}

#[async_trait]
impl CheckpointStore for Forgetful {
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
        if self.forgetful { Ok(()) } else { self.store.record_skips(skips).await }
    }

    async fn record_division(&self, division: &Division) -> Result<()> {
        self.store.record_division(division).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        self.store.record(receipts).await
    }

    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()> {
        self.store.note_failure(chunk, attempt, error).await
    }

    async fn close(&self, report: &serde_json::Value) -> Result<()> {
        self.store.close(report).await
    }
}
