//! An error of every class at every step of a run, in simulated time: what is transient ends in every
//! row once after the documented pauses, what is not ends the run at once with that error.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{RecordBatch, cast::AsArray},
    datatypes::{Int64Type, SchemaRef},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use ropeway_engine::{
    Error, ErrorKind, Result,
    checkpoint::memory::MemoryCheckpoint,
    chunk::{Attempt, BatchLimit, Chunk, Receipt, RunId},
    progress::{Counters, Unobserved},
    retry::RetryClass,
    run::{Job, Settings, Summary, run},
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun},
    source::{BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const CHUNKS: i64 = 3;
const ROWS: i64 = 40;
/// The chunk that is struck.
const STRUCK: u32 = 1;

/// A step at which an error comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Schema,
    Plan,
    Begin,
    Open,
    FirstRow,
    MidRows,
    Write,
    /// Nothing was committed.
    Commit,
    /// It was, and the answer is lost.
    Committed,
    Publish,
}

const STEPS: [Step; 10] = [
    Step::Schema,
    Step::Plan,
    Step::Begin,
    Step::Open,
    Step::FirstRow,
    Step::MidRows,
    Step::Write,
    Step::Commit,
    Step::Committed,
    Step::Publish,
];

/// Strikes so many times at one step.
#[derive(Clone)]
struct Lightning {
    step: Step,
    error: Strike,
    left: Arc<AtomicU32>,
    struck: Arc<AtomicU32>,
}

impl Lightning {
    fn new(step: Step, times: u32, error: Strike) -> Self {
        Self { step, error, left: Arc::new(AtomicU32::new(times)), struck: Arc::default() }
    }

    fn at(&self, step: Step) -> Result<()> {
        let taken = |left: u32| left.checked_sub(1);
        if step != self.step || self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_err() {
            return Ok(());
        }
        self.struck.fetch_add(1, Ordering::SeqCst);
        Err((self.error)())
    }
}

struct Stricken<T>(T, Lightning);

#[async_trait]
impl Source for Stricken<VecSource> {
    async fn schema(&self) -> Result<SchemaRef> {
        self.1.at(Step::Schema)?;
        self.0.schema().await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.1.at(Step::Plan)?;
        self.0.plan(target).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let batches = self.0.read(chunk, limit).await?;
        if chunk.id.0 != STRUCK {
            return Ok(batches);
        }
        self.1.at(Step::FirstRow)?;
        let midway = self.1.at(Step::MidRows);
        Ok(match midway {
            Ok(()) => batches,
            Err(error) => batches.take(2).chain(stream::once(async { Err(error) })).boxed(),
        })
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.0.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        self.0.describe()
    }
}

#[async_trait]
impl Sink for Stricken<ModelTable> {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.0.fit(schema).await
    }

    fn guarantee(&self) -> String {
        self.0.guarantee()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        self.1.at(Step::Begin)?;
        Ok(Box::new(Stricken(self.0.begin(context).await?, self.1.clone())))
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.0.working_set(schema, limit)
    }
}

#[async_trait]
impl SinkRun for Stricken<Box<dyn SinkRun>> {
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        if chunk.id.0 != STRUCK {
            return self.0.open(chunk, attempt).await;
        }
        self.1.at(Step::Open)?;
        Ok(match self.0.open(chunk, attempt).await? {
            Opened::Writer(writer) => Opened::Writer(Box::new(Stricken(writer, self.1.clone()))),
            committed => committed,
        })
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        self.1.at(Step::Publish)?;
        self.0.finish(receipts).await
    }

    async fn abort(&self) -> Result<()> {
        self.0.abort().await
    }
}

#[async_trait]
impl ChunkWriter for Stricken<Box<dyn ChunkWriter>> {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.1.at(Step::Write)?;
        self.0.write(batch).await
    }

    async fn commit(self: Box<Self>) -> Result<Receipt> {
        self.1.at(Step::Commit)?;
        let receipt = self.0.commit().await?;
        self.1.at(Step::Committed)?;
        Ok(receipt)
    }

    async fn abort(self: Box<Self>) {
        self.0.abort().await;
    }
}

struct Outcome {
    result: Result<Summary>,
    took: Duration,
    struck: u32,
    exactly_once: bool,
}

async fn copy(table: ModelTable, lightning: Lightning) -> Outcome {
    let job = Job {
        run: RunId::try_from("struck".to_owned()).unwrap(),
        fingerprint: "7".into(),
        source: Arc::new(Stricken(VecSource::numbered(CHUNKS, ROWS), lightning.clone())),
        sink: Arc::new(Stricken(table.clone(), lightning.clone())),
        skipping: None,
        settings: Settings { parallel: 2, batch: rows_at_most(10), ..Settings::default() },
    };
    let (store, counters, cancel) =
        (MemoryCheckpoint::default(), Arc::new(Counters::default()), CancellationToken::new());
    let began = Instant::now();
    let result = run(&job, &store, &counters, &Unobserved, &cancel).await;
    let ids = |batch: &RecordBatch| batch.column(0).as_primitive::<Int64Type>().values().to_vec();
    let mut ids: Vec<i64> = table.rows().iter().flat_map(ids).collect();
    ids.sort_unstable();
    Outcome {
        result,
        took: began.elapsed(),
        struck: lightning.struck.load(Ordering::SeqCst),
        exactly_once: ids.into_iter().eq(0..CHUNKS * ROWS),
    }
}

fn unavailable(class: RetryClass) -> Error {
    Error::new(ErrorKind::Unavailable, "scripted").class(class)
}

/// Makes an error, as often as it is needed.
type Strike = fn() -> Error;

/// What is transient: its error, the first pause and the longest in milliseconds, from the document.
const TRANSIENT: [(&str, Strike, u64, u64); 9] = [
    ("R", || unavailable(RetryClass::Reconnect), 1_000, 60_000),
    ("X", || unavailable(RetryClass::Redo), 100, 5_000),
    ("L", || unavailable(RetryClass::Shrink), 1_000, 30_000),
    ("H", || unavailable(RetryClass::Throttled), 10_000, 120_000),
    ("O", || unavailable(RetryClass::Conflict), 10, 50),
    ("S", || unavailable(RetryClass::Space), 60_000, 60_000),
    ("T", || unavailable(RetryClass::Transient), 2_000, 60_000),
    ("U", || unavailable(RetryClass::Unknown), 500, 30_000),
    // «Retry the request after 10 seconds»: nothing shorter, nothing longer than the second pause.
    ("40501", || unavailable(RetryClass::Throttled).retry_after(Duration::from_secs(10)), 10_000, 120_000),
];

#[tokio::test(start_paused = true)]
async fn what_is_transient_ends_in_every_row_once_after_the_documented_pauses() {
    for (name, error, first, longest) in TRANSIENT {
        for step in STEPS {
            for times in [1, 2] {
                // The answer of a commit can be lost once only: then the sink tells that it happened.
                let strikes = if step == Step::Committed { 1 } else { times };
                let outcome = copy(ModelTable::default(), Lightning::new(step, times, error)).await;
                let what = format!("{name} at {step:?}, {times} times");
                assert_eq!(outcome.result.unwrap().rows, (CHUNKS * ROWS) as u64, "{what}");
                assert!(outcome.exactly_once, "{what}");
                assert_eq!(outcome.struck, strikes, "{what}");
                let full: u64 = (0..strikes).map(|retry| (first << retry).min(longest)).sum();
                let (least, most) = (Duration::from_millis(full / 2), Duration::from_millis(full + 20));
                assert!((least..=most).contains(&outcome.took), "{what}: {:?}", outcome.took);
            }
        }
    }
}

/// What is not, each with what the run must end with.
const FINAL: [(Strike, ErrorKind, RetryClass); 8] = [
    (|| Error::new(ErrorKind::Spec, "scripted"), ErrorKind::Spec, RetryClass::Permanent),
    (|| Error::new(ErrorKind::Auth, "scripted"), ErrorKind::Auth, RetryClass::Permanent),
    (|| Error::new(ErrorKind::Data, "scripted"), ErrorKind::Data, RetryClass::Permanent),
    (|| Error::new(ErrorKind::Bug, "scripted"), ErrorKind::Bug, RetryClass::Fatal),
    (|| unavailable(RetryClass::Permanent), ErrorKind::Unavailable, RetryClass::Permanent),
    (|| Error::new(ErrorKind::Data, "scripted").class(RetryClass::Fatal), ErrorKind::Data, RetryClass::Fatal),
    (|| Error::new(ErrorKind::Spec, "scripted").class(RetryClass::Fatal), ErrorKind::Spec, RetryClass::Fatal),
    // Worth one attempt only, whatever its class allows.
    (
        || unavailable(RetryClass::Throttled).at_most(1, ErrorKind::Spec, RetryClass::Permanent),
        ErrorKind::Spec,
        RetryClass::Permanent,
    ),
];

#[tokio::test(start_paused = true)]
async fn what_is_not_ends_the_run_at_once_with_that_error() {
    for (error, kind, class) in FINAL {
        for step in STEPS {
            let outcome = copy(ModelTable::default(), Lightning::new(step, u32::MAX, error)).await;
            let ended = outcome.result.unwrap_err();
            let what = format!("{kind:?} {class:?} at {step:?}");
            assert_eq!((ended.kind(), ended.retry_class(), outcome.struck), (kind, class, 1), "{what}");
            assert!(ended.to_string().starts_with("scripted"), "{what}: {ended}");
            assert!(outcome.took < Duration::from_millis(20), "{what}: {:?}", outcome.took);
        }
    }
}

/// A number that its table gives the wrong class: the checks above notice it.
#[tokio::test(start_paused = true)]
async fn a_permanent_error_that_is_called_transient_is_noticed() {
    let wrong = || unavailable(RetryClass::Transient);
    let outcome = copy(ModelTable::default(), Lightning::new(Step::FirstRow, u32::MAX, wrong)).await;
    assert!(outcome.struck > 1 && outcome.took > Duration::from_secs(1));
    assert!(outcome.result.is_err());
}

/// A sink that takes a lost answer for a failure, and appends again.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_that_is_taken_for_a_failure_doubles_rows() {
    let lost = || unavailable(RetryClass::Unknown);
    let outcome = copy(ModelTable::without_ledger(), Lightning::new(Step::Committed, 1, lost)).await;
    assert!(outcome.result.is_ok() && !outcome.exactly_once);
    let asked = copy(ModelTable::default(), Lightning::new(Step::Committed, 1, lost)).await;
    assert!(asked.result.is_ok() && asked.exactly_once);
}
