//! Exactly once under random faults, lost answers, late writes, crashes, zombies and resumes.
//!
//! Every seed is one life of a run: it is started, killed, resumed and sometimes left running beside
//! its successor until it succeeds, and then every row must be there once. Each protocol can be
//! broken on purpose; then the same property must fail, which shows that it has teeth.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends there")]

use std::{io::Write as _, sync::Arc, time::Duration};

use arrow::{
    array::{RecordBatch, cast::AsArray},
    datatypes::Int64Type,
};
use async_trait::async_trait;
use ropeway_engine::{
    Error, Result,
    checkpoint::{CheckpointStore, Plan, RunRecord, file::FileCheckpoint, memory::MemoryCheckpoint},
    chunk::{Attempt, Chunk, ChunkId, Receipt, RunId},
    division::Division,
    progress::{Counters, Unobserved},
    retry::RetryPolicy,
    run::{Job, Settings, Summary, run},
    sink::Sink,
    skipping::Skips,
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{
        dice::Dice,
        faults::{Faults, FaultyCheckpoint, FaultySink, FaultySource},
        model_blob::{Broken, ModelBlob},
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};
use tokio_util::sync::CancellationToken;

const CHUNKS: i64 = 8;
const ROWS: i64 = 40;
const TEETH_SEEDS: u64 = 60;

/// How many lives each sink goes through; `make torture` asks for many more.
fn seeds() -> u64 {
    std::env::var("ROPEWAY_SEEDS").map_or(500, |seeds| seeds.parse().unwrap())
}

/// What happens to a run between its start and its success.
#[derive(Debug, Default)]
struct Life {
    resumes: u32,
    crashes: u32,
    zombies: u32,
    /// Chunks that came of dividing others.
    divisions: u32,
}

fn job(source: impl Source, sink: impl Sink, faults: &Faults) -> Job {
    Job {
        run: RunId::try_from("simulated".to_owned()).unwrap(),
        fingerprint: "7".into(),
        source: Arc::new(FaultySource(source, faults.clone())),
        sink: Arc::new(FaultySink(sink, faults.clone())),
        skipping: None,
        settings: Settings {
            parallel: 3,
            batch: rows_at_most(12),
            // No pause: the next attempt meets the late writes of the one before.
            retry: RetryPolicy { max_attempts: 3, pace: 0.0, ..RetryPolicy::default() },
            ..Settings::default()
        },
    }
}

/// Starts the run and resumes it until it succeeds; `between` is what happens while nobody runs. There is no summary if it
/// never does.
async fn live(job: Job, store: impl Forkable, faults: &Faults, between: impl Fn()) -> (Option<Summary>, Life) {
    let (job, dice) = (Arc::new(job), &faults.dice);
    let faulty = |store| Arc::new(FaultyCheckpoint(store, Faults { late: 0.0, ..faults.clone() }));
    let mut store = faulty(store);
    let mut life = Life::default();
    loop {
        let process = {
            let (job, store) = (job.clone(), store.clone());
            async move { run(&job, &*store, &Arc::new(Counters::default()), &Unobserved, &CancellationToken::new()).await }
        };
        let outcome = match dice.below(4) {
            // Killed: every future is dropped.
            0 => {
                life.crashes += 1;
                tokio::time::timeout(dice.pause(400), process).await.ok()
            }
            // Cut off: it goes on working while its successor begins with a copy of what it knew.
            1 => {
                life.zombies += 1;
                let (epoch, zombie) = (store.0.epoch(), tokio::spawn(process));
                tokio::time::sleep(dice.pause(400)).await;
                // One journal hands out the epochs: a process that has none yet cannot be forked from.
                if store.0.epoch() > epoch {
                    store = faulty(store.0.fork())
                } else {
                    zombie.abort()
                }
                if zombie.is_finished() { zombie.await.ok() } else { None }
            }
            _ => Some(process.await),
        };
        if let Some(Ok(summary)) = outcome {
            // Every late write lands, and every zombie comes to its end.
            tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            return (Some(summary), life);
        }
        between();
        life.resumes += 1;
        if life.resumes == 1_000 {
            return (None, life);
        }
    }
}

trait Forkable: CheckpointStore + 'static {
    fn fork(&self) -> Self;
    fn epoch(&self) -> u32;
}

impl Forkable for MemoryCheckpoint {
    fn fork(&self) -> Self {
        Self::fork(self)
    }
    fn epoch(&self) -> u32 {
        self.snapshot().map_or(0, |record| record.epoch)
    }
}

impl Forkable for Store {
    fn fork(&self) -> Self {
        let tells_nobody = self.flaw == Some(Flaw::TakesDivisionsOfTheDisowned);
        Self { store: if tells_nobody { self.store.twin() } else { self.store.fork() }, flaw: self.flaw }
    }
    fn epoch(&self) -> u32 {
        self.store.epoch()
    }
}

fn exactly_once(rows: &[RecordBatch]) -> bool {
    let ids = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    let mut ids: Vec<i64> = rows.iter().flat_map(ids).collect();
    ids.sort_unstable();
    ids.into_iter().eq(0..CHUNKS * ROWS)
}

fn source(dice: &Dice) -> VecSource {
    VecSource::numbered(CHUNKS, ROWS).shuffled_by(dice.clone())
}

async fn table_case(seed: u64, table: ModelTable) -> (bool, Life) {
    let faults = Faults::some(&Dice::new(seed));
    let job = job(source(&faults.dice), table.clone(), &faults);
    let (summary, life) = live(job, MemoryCheckpoint::default(), &faults, || {}).await;
    (exactly_once(&table.rows()) && summary.is_some_and(|it| it.rows == (CHUNKS * ROWS) as u64), life)
}

async fn blob_case(seed: u64, blob: ModelBlob) -> (bool, Life) {
    let faults = Faults::some(&Dice::new(seed));
    let job = job(source(&faults.dice), blob.clone(), &faults);
    // The service forgets blocks now and then while nobody runs.
    let between = || {
        if faults.dice.chance(0.1) {
            blob.lose_blocks(&faults.dice, 0.03);
        }
    };
    let (summary, life) = live(job, MemoryCheckpoint::default(), &faults, between).await;
    let is_whole = summary.is_some_and(|it| it.chunks == CHUNKS as u64);
    (is_whole && blob.published().is_some_and(|rows| exactly_once(&rows)), life)
}

#[test]
fn simulation_rows_reach_a_table_exactly_once() {
    let sum = lives(|seed| table_case(seed, ModelTable::default()));
    sum.verdict("simulation: table", in_simulated_time(without_the_ledger()) > 0);
}

/// The same where slow chunks are divided: most of the lives have chunks that the plan does not know.
#[test]
fn simulation_divided_chunks_reach_a_table_exactly_once() {
    let sum = lives(|seed| divided_table(seed, None));
    let lost = in_simulated_time(wrong_divisions(Flaw::LosesDivisions, TEETH_SEEDS));
    let disowned = in_simulated_time(wrong_divisions(Flaw::TakesDivisionsOfTheDisowned, 5 * TEETH_SEEDS));
    sum.verdict("simulation: table, divided", lost > 0 && disowned > 0);
}

#[test]
fn simulation_divided_chunks_reach_a_blob_exactly_once() {
    let sum = lives(|seed| divided_blob(seed, None));
    let wrong = in_simulated_time(async {
        let mut wrong = 0;
        for seed in 0..TEETH_SEEDS {
            wrong += u32::from(!divided_blob(seed, Some(Flaw::LosesDivisions)).await.0);
        }
        wrong
    });
    sum.verdict("simulation: blob, divided", wrong > 0);
}

async fn wrong_divisions(flaw: Flaw, seeds: u64) -> u32 {
    let mut wrong = 0;
    for seed in 0..seeds {
        wrong += u32::from(!divided_table(seed, Some(flaw)).await.0);
    }
    println!("{flaw:?}: {wrong} of {seeds} seeds wrong");
    wrong
}

async fn divided_table(seed: u64, flaw: Option<Flaw>) -> (bool, Life) {
    let (faults, table) = (Faults::some(&Dice::new(seed)), ModelTable::default());
    let (summary, life) = divided(&faults, table.clone(), flaw, || {}).await;
    (exactly_once(&table.rows()) && summary.is_some_and(|it| it.rows == (CHUNKS * ROWS) as u64), life)
}

async fn divided_blob(seed: u64, flaw: Option<Flaw>) -> (bool, Life) {
    let (faults, blob) = (Faults::some(&Dice::new(seed)), ModelBlob::default());
    let between = || {
        if faults.dice.chance(0.1) {
            blob.lose_blocks(&faults.dice, 0.03);
        }
    };
    let (summary, life) = divided(&faults, blob.clone(), flaw, between).await;
    (summary.is_some() && blob.published().is_some_and(|rows| exactly_once(&rows)), life)
}

async fn divided(faults: &Faults, sink: impl Sink, flaw: Option<Flaw>, between: impl Fn()) -> (Option<Summary>, Life) {
    let source = VecSource::numbered(CHUNKS, ROWS).shuffled_by(faults.dice.clone()).dividing();
    let mut job = job(source, sink, faults);
    job.settings.divide_after = Duration::ZERO;
    let (summary, life) = live(job, Store::with(flaw), faults, between).await;
    let divisions = summary.as_ref().map_or(0, |it| it.chunks - CHUNKS as u64) as u32;
    (summary, Life { divisions, ..life })
}

#[test]
fn simulation_rows_reach_a_blob_exactly_once() {
    let sum = lives(|seed| blob_case(seed, ModelBlob::default()));
    sum.verdict("simulation: blob", in_simulated_time(wrong_blobs(Broken::PublishesAllStaged)) > 0);
}

/// All seeds, in as many threads as there are cores, each with a time of its own.
fn lives<F: Future<Output = (bool, Life)>>(case: impl Fn(u64) -> F + Sync) -> Life {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let some = |first: usize| {
        in_simulated_time(async {
            let mut sum = Life::default();
            for seed in (first as u64..seeds()).step_by(cores) {
                let (ok, life) = case(seed).await;
                assert!(ok, "seed {seed}: {life:?}");
                sum.add(&life);
            }
            sum
        })
    };
    std::thread::scope(|scope| {
        let some = &some;
        let threads: Vec<_> = (0..cores).map(|first| scope.spawn(move || some(first))).collect();
        let mut sum = Life::default();
        threads.into_iter().for_each(|thread| sum.add(&thread.join().unwrap()));
        sum
    })
}

fn in_simulated_time<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(work)
}

/// How many lives go wrong in a table whose rows are committed without their row of the ledger.
async fn without_the_ledger() -> u32 {
    let mut wrong = 0;
    for seed in 0..TEETH_SEEDS {
        wrong += u32::from(!table_case(seed, ModelTable::without_ledger()).await.0);
    }
    println!("no ledger: {wrong} of {TEETH_SEEDS} seeds wrong");
    wrong
}

/// The same with a real journal, which every process opens again; zombies cannot be, since it is held.
#[tokio::test(start_paused = true)]
async fn a_journal_brings_a_run_back_from_every_crash() {
    let mut crashes = 0;
    for seed in 0..20 {
        let faults = Faults::some(&Dice::new(seed));
        let (folder, blob) = (tempfile::tempdir().unwrap(), ModelBlob::default());
        let job = job(source(&faults.dice), blob.clone(), &faults);
        let summary = loop {
            let store = FileCheckpoint::open(folder.path(), &job.run).unwrap();
            let (counters, cancel) = (Arc::default(), CancellationToken::new());
            let process = run(&job, &store, &counters, &Unobserved, &cancel);
            match tokio::time::timeout(faults.dice.pause(400), process).await {
                Ok(Ok(summary)) => break summary,
                Ok(Err(_)) => {}
                Err(_) => crashes += 1,
            }
        };
        let resumed = FileCheckpoint::open(folder.path(), &job.run).unwrap();
        let again = run(&job, &resumed, &Arc::default(), &Unobserved, &CancellationToken::new()).await.unwrap();
        assert_eq!(summary, again, "seed {seed}");
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert!(blob.published().is_some_and(|rows| exactly_once(&rows)), "seed {seed}");
    }
    println!("journal: 20 seeds, {crashes} crashes");
    assert!(crashes > 0);
}

async fn wrong_blobs(broken: Broken) -> u32 {
    let mut wrong = 0;
    for seed in 0..TEETH_SEEDS {
        wrong += u32::from(!blob_case(seed, ModelBlob::broken(broken)).await.0);
    }
    println!("{broken:?}: {wrong} of {TEETH_SEEDS} seeds wrong");
    wrong
}

#[tokio::test(start_paused = true)]
async fn without_the_attempt_in_its_name_a_late_block_corrupts() {
    assert!(wrong_blobs(Broken::NoAttemptInNames).await > 0);
}

#[tokio::test(start_paused = true)]
async fn blocks_that_are_lost_in_silence_lose_rows() {
    assert!(wrong_blobs(Broken::NeverLost).await > 0);
}

/// A store that plans anew at every resume, and a source whose plans differ: what the frozen plan is
/// for.
#[tokio::test(start_paused = true)]
async fn without_the_frozen_plan_rows_are_lost_or_doubled() {
    let mut wrong = [0, 0];
    for seed in 0..TEETH_SEEDS {
        for (forgetful, wrong) in [false, true].into_iter().zip(&mut wrong) {
            let faults = Faults::some(&Dice::new(seed));
            let table = ModelTable::default();
            let job = job(Drifting(faults.dice.clone()), table.clone(), &faults);
            let store = Store::with(forgetful.then_some(Flaw::ForgetsPlans));
            let (summary, _) = live(job, store, &faults, || {}).await;
            *wrong += u32::from(summary.is_none() || !exactly_once(&table.rows()));
        }
    }
    println!("plans that drift: {} of {TEETH_SEEDS} seeds wrong with a frozen plan, {} without", wrong[0], wrong[1]);
    assert!(wrong[0] == 0 && wrong[1] > 0);
}

impl Life {
    fn add(&mut self, other: &Self) {
        self.resumes += other.resumes;
        self.crashes += other.crashes;
        self.zombies += other.zombies;
        self.divisions += other.divisions;
    }

    /// All lives of a sink ended with every row once. Adds their line to the table that `make torture` prints, and
    /// fails unless everything happened and a broken protocol was told from a good one.
    #[track_caller]
    fn verdict(&self, test: &str, twin_is_caught: bool) {
        let events = self.resumes + self.crashes + self.zombies;
        println!("{test}: {} seeds, {self:?}", seeds());
        if let Some(file) = std::env::var_os("ROPEWAY_TORTURE_TABLE") {
            let line = format!("{test}\t{events}\t0\t0\t0\t{} of 1\n", u8::from(twin_is_caught));
            let table = std::fs::OpenOptions::new().append(true).create(true).open(file);
            table.and_then(|mut table| table.write_all(line.as_bytes())).unwrap();
        }
        assert!(self.resumes > 0 && self.crashes > 0 && self.zombies > 0);
        assert_eq!(self.divisions > 0, test.ends_with("divided"), "{test}: {self:?}");
        assert!(twin_is_caught, "{test}: a protocol that is known to be bad was not caught");
    }
}

/// Cuts the same rows at another place in every plan.
struct Drifting(Dice);

#[async_trait]
impl Source for Drifting {
    async fn schema(&self) -> Result<arrow::datatypes::SchemaRef> {
        VecSource::numbered(1, 1).schema().await
    }

    async fn plan(&self, _: ChunkTarget) -> Result<Vec<Chunk>> {
        let last = CHUNKS * ROWS;
        let mut cuts: Vec<i64> = (1..CHUNKS).map(|cut| cut * ROWS + self.0.below(20) as i64 - 10).collect();
        cuts.insert(0, 0);
        cuts.push(last);
        let chunk = |(id, cut): (usize, &[i64])| Chunk {
            id: ChunkId(id as u32),
            label: format!("{cut:?}"),
            recipe: serde_json::json!(cut),
        };
        Ok(cuts.windows(2).enumerate().map(chunk).collect())
    }

    async fn read(&self, chunk: &Chunk, limit: ropeway_engine::chunk::BatchLimit) -> Result<BatchStream> {
        let cut: [i64; 2] = serde_json::from_value(chunk.recipe.clone()).unwrap();
        let all = VecSource::numbered(1, CHUNKS * ROWS);
        let whole = Chunk { id: ChunkId(0), label: String::new(), recipe: serde_json::json!(0) };
        let mut batches = all.read(&whole, rows_at_most(u32::MAX)).await?;
        let rows = futures::StreamExt::next(&mut batches).await.unwrap()?;
        let rows = rows.slice(cut[0] as usize, (cut[1] - cut[0]) as usize);
        let schema = rows.schema();
        VecSource::new(schema, vec![rows]).shuffled_by(self.0.clone()).read(&whole, limit).await
    }

    fn working_set(&self, limit: ropeway_engine::chunk::BatchLimit) -> u64 {
        limit.bytes
    }

    fn describe(&self) -> SourceDescription {
        SourceDescription::default()
    }
}

/// A journal, perhaps a bad one.
struct Store {
    store: MemoryCheckpoint,
    flaw: Option<Flaw>,
}

/// What is bad about a journal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    /// It forgets the plan whenever its process ends.
    ForgetsPlans,
    /// What attempts write down that divide their chunk is lost.
    LosesDivisions,
    /// Who lost the run goes on writing that down for himself.
    TakesDivisionsOfTheDisowned,
}

impl Store {
    fn with(flaw: Option<Flaw>) -> Self {
        Self { store: MemoryCheckpoint::default(), flaw }
    }

    fn forgets_plans(&self) -> bool {
        self.flaw == Some(Flaw::ForgetsPlans)
    }
}

#[async_trait]
impl CheckpointStore for Store {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        let record = self.store.take_over().await?;
        Ok(record.filter(|_| !self.forgets_plans()))
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        match self.store.snapshot() {
            Some(known) if self.forgets_plans() => Ok(RunRecord { plan, receipts: Vec::new(), ..known }),
            _ => self.store.create(plan).await,
        }
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
        if self.flaw == Some(Flaw::LosesDivisions) { Ok(()) } else { self.store.record_division(division).await }
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
