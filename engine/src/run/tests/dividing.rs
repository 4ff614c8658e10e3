//! Chunks that turn out slow.

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use super::*;
use crate::{
    chunk::BatchLimit,
    sink::{ColumnFit, RunContext, SinkRun},
    testing::{
        dice::Dice,
        faults::{Faults, FaultySource},
    },
};

/// One chunk that is slow, and two that are soon done; with three slots.
fn uneven(divide_after: Duration, table: &ModelTable) -> Job {
    let (long, short) = (VecSource::numbered(1, 3000), VecSource::numbered(1, 1));
    let rows = [long.all(0), short.all(0), short.all(0)];
    let slow = Faults { before: 0.0, after: 0.0, late: 0.0, delay_ms: 200, dice: Dice::new(1) };
    let source = FaultySource(VecSource::new(rows[0].schema(), rows.to_vec()).dividing(), slow);
    let mut job = job(source, table.clone());
    job.settings.divide_after = divide_after;
    job
}

/// The chunks that were divided, and how many came of it.
#[derive(Default)]
struct Ear(Mutex<Vec<(u32, usize)>>);

impl Observer for Ear {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Divided { chunk, rest } = event {
            self.0.lock().unwrap().push((chunk.id.0, rest.len()));
        }
    }
}

async fn heard(job: &Job) -> (Summary, Vec<(u32, usize)>) {
    let (counters, ear) = (Arc::new(Counters::default()), Ear::default());
    let summary = run(job, &MemoryCheckpoint::default(), &counters, &ear, &CancellationToken::new()).await.unwrap();
    assert_eq!((counters.chunks_planned.get(), counters.chunks_done.get()), (summary.chunks, summary.chunks));
    (summary, ear.0.into_inner().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_slow_chunk_is_shared_by_slots_that_have_nothing_to_do() {
    let table = ModelTable::default();
    let (summary, divided) = heard(&uneven(Duration::from_secs(1), &table)).await;
    assert_eq!(divided[0], (0, 3), "what is left goes to all three slots");
    let added: usize = divided.iter().map(|(_, rest)| rest).sum();
    assert_eq!((summary.rows, summary.chunks), (3002, 3 + added as u64));
    assert_eq!(table.rows().iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 3002);
}

#[tokio::test(start_paused = true)]
async fn a_chunk_is_left_alone_until_it_has_taken_some_time() {
    let (summary, divided) = heard(&uneven(Duration::from_secs(3600), &ModelTable::default())).await;
    assert_eq!((summary.rows, summary.chunks, divided), (3002, 3, vec![]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_divided_while_chunks_wait_for_a_slot() {
    let mut job = uneven(Duration::ZERO, &ModelTable::default());
    job.settings.parallel = 1;
    let (summary, divided) = heard(&job).await;
    assert_eq!((summary.rows, summary.chunks, divided), (3002, 3, vec![]));
}

/// Keeps how many chunks it was told to count with.
struct Counting(ModelTable, Arc<AtomicU32>);

#[async_trait]
impl Sink for Counting {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.0.fit(schema).await
    }
    fn guarantee(&self) -> String {
        self.0.guarantee()
    }
    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        self.1.store(context.chunks, Ordering::SeqCst);
        self.0.begin(context).await
    }
    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.0.working_set(schema, limit)
    }
}

#[tokio::test(start_paused = true)]
async fn sinks_count_with_what_may_be_divided_also_after_it_was() {
    let (store, told) = (MemoryCheckpoint::default(), Arc::new(AtomicU32::new(0)));
    let mut job = uneven(Duration::ZERO, &ModelTable::default());
    job.sink = Arc::new(Counting(ModelTable::default(), told.clone()));
    tokio::time::timeout(Duration::from_secs(3), go(&job, &store)).await.err().expect("it was killed before its end");
    let known = store.snapshot().unwrap().plan.chunks.len() as u64;
    assert!(known > 3 && told.swap(0, Ordering::SeqCst) == 2 * 3, "{known} chunks");
    // The process that comes next sees more chunks, and counts with as many.
    assert!(go(&job, &store).await.result.unwrap().chunks >= known);
    assert_eq!(told.load(Ordering::SeqCst), 2 * 3);

    let plain = Job {
        sink: Arc::new(Counting(ModelTable::default(), told.clone())),
        ..self::job(numbered(), ModelTable::default())
    };
    go(&plain, &MemoryCheckpoint::default()).await.result.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), CHUNKS as u32, "what cannot be divided is counted as it is");
}
