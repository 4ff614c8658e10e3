//! Runs one copy: plan once, copy chunks in parallel, publish.

mod admission;
pub(crate) mod columns;
mod copy;
mod ledger;
mod pacing;
mod prospect;
mod read_back;
mod retrying;
mod settings;
pub(crate) mod snapshot;
mod stillness;
mod stragglers;
mod summary;
#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use arrow::datatypes::SchemaRef;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub use self::{
    admission::TOO_LITTLE_MEMORY,
    prospect::{Prospect, prospect},
    read_back::INCONSISTENT,
    settings::{Job, Settings},
    summary::Summary,
};
use self::{
    admission::{Admission, admit},
    copy::{Crew, cancelled, unaccounted},
    ledger::Ledger,
    read_back::ReadBack,
    retrying::retrying,
    snapshot::Snapshot,
    stillness::in_time,
};
pub(crate) use self::{pacing::Gate, stillness::unless_still};
use crate::{
    Error, ErrorKind, Result, Side,
    checkpoint::{CheckpointStore, Plan, RunRecord},
    chunk::{Chunk, Receipt},
    division::MOST_ADDED,
    progress::{Counters, Event, Observer},
    retry::{RetryClass, RetryPolicy},
    sink::{Published, RunContext, Sink, SinkRun},
    skipping::{self, SkipLog},
    source::{ChunkTarget, CopiedChunk},
    worker::Log,
};

/// Chunks per slot that a plan should have at least, so that no slot is idle while another works
/// off a last, large chunk.
const CHUNKS_PER_SLOT: u32 = 4;

/// Runs the job, or what is left of it, until every row is published. A run that succeeded before is
/// not touched: its summary is returned again.
///
/// Dropping the future is like killing the process: the run can be resumed.
///
/// # Errors
/// The first fault. After it no chunk is started and the running ones stop, but those that still
/// commit are recorded: finished work is never thrown away. [`ErrorKind::Cancelled`] once `cancel`
/// is.
pub async fn run(
    job: &Job,
    store: &dyn CheckpointStore,
    counters: &Arc<Counters>,
    observer: &dyn Observer,
    cancel: &CancellationToken,
) -> Result<Summary> {
    let (started, clock) = (SystemTime::now(), Instant::now());
    let known = store.take_over().await?;
    if let Some(record) = &known {
        same_definition(job, &record.plan)?;
        if let Some(report) = &record.report {
            return serde_json::from_value(report.clone()).map_err(|error| {
                Error::new(ErrorKind::Bug, "the report of this finished run is not readable").caused_by(error)
            });
        }
    }

    let start = start(job, store, known, cancel);
    let Started { record, schema, admission, snapshot, target, log, read_back, opening } =
        cancel.run_until_cancelled(start).await.unwrap_or_else(|| Err(cancelled(job)))?;
    let RunRecord { mut plan, epoch, receipts, skips, divisions, .. } = record;
    let mut ledger = Ledger::new(receipts, skips, divisions);
    if job.skipping.is_some()
        && let Some(receipt) = ledger.receipts().iter().find(|receipt| !ledger.knows(receipt))
    {
        return Err(unaccounted(receipt));
    }
    count_earlier_work(&plan, &ledger, counters);
    let slots = admission.slots as usize;
    let crew = Crew {
        job,
        store,
        counters,
        observer,
        cancel,
        schema: schema.clone(),
        target: target.clone(),
        log: log.clone(),
        snapshot,
        epoch,
        slots,
    };
    crew.settle_receipts(&plan.chunks, &mut ledger).await?;
    observer.observe(&Event::Planned { chunks: &plan.chunks, done: ledger.len(), slots, epoch });

    crew.copy_all(&mut plan.chunks, &mut ledger).await?;
    let (receipts, logged) = (ledger.receipts(), ledger.logged());
    observer.observe(&Event::Publishing);
    let publish = async |target: &dyn SinkRun, receipts: &[Receipt]| {
        let publish = || published(job, target, receipts);
        retrying(&job.settings.retry, cancel, publish).await.map_err(|error| error.on(Side::Sink))
    };
    // The log comes first: whoever sees the rows can look up those that are not there.
    let skip_log = match &log {
        Some(log) => publish(&*log.target, &logged).await?.names,
        None => Vec::new(),
    };
    let published = publish(&*target, &receipts).await?;

    if let Some(read_back) = &read_back {
        observer.observe(&Event::ReadingBack { files: published.files });
        let check = read_back.compare((job, &*target), (&schema, &opening), &receipts, cancel);
        check.await.map_err(|error| error.on(Side::Sink))?;
    }

    let summary = Summary {
        chunks: receipts.len() as u64,
        rows: receipts.iter().map(|receipt| receipt.rows).sum(),
        skipped: ledger.all_skipped(),
        left_out: ledger.left_out(),
        skip_log,
        bytes_read: counters.bytes_read.get(),
        bytes_written: receipts.iter().map(|receipt| receipt.bytes).sum(),
        digest: receipts.iter().map(|receipt| receipt.digest).sum(),
        retries: counters.retries.get(),
        slots: admission.slots,
        epoch,
        published,
        read_back: read_back.is_some(),
        description: plan.description,
        guarantee: job.sink.guarantee(),
        started_unix_ms: started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64),
        took_ms: clock.elapsed().as_millis() as u64,
        source_wait_ms: counters.source_wait_ns.get() / 1_000_000,
        sink_wait_ms: counters.sink_wait_ns.get() / 1_000_000,
    };
    close((job, store), &ledger.copied(&plan.chunks), &summary, cancel).await?;
    Ok(summary)
}

/// Takes away what was copied, if the definition asks for that, and only then writes down that the run is done: who is
/// killed in between comes by again.
async fn close(
    (job, store): (&Job, &dyn CheckpointStore),
    copied: &[CopiedChunk<'_>],
    summary: &Summary,
    cancel: &CancellationToken,
) -> Result<()> {
    let retire = || job.source.retire(copied);
    retrying(&job.settings.retry, cancel, retire).await.map_err(|error| error.on(Side::Source))?;
    let report = serde_json::to_value(summary)
        .map_err(|error| Error::new(ErrorKind::Bug, "the report of this run cannot be written").caused_by(error))?;
    store.close(&report).await
}

/// A publication that stands still is not repeated in this process: what is left of the first one
/// might go on beside the second under the same names. At a resume the epoch keeps them apart.
async fn published(job: &Job, target: &dyn SinkRun, receipts: &[Receipt]) -> Result<Published> {
    let limit = job.settings.settle_timeout.max(target.publish_limit().unwrap_or_default());
    unless_still(limit, || target.moved(), target.finish(receipts)).await.unwrap_or_else(|| {
        Err(Error::new(ErrorKind::Unavailable, "publishing stood still; resume the run when the sink is well again")
            .with("run", &job.run)
            .with("waited_seconds", limit.as_secs())
            .class(RetryClass::Permanent))
    })
}

struct Started {
    record: RunRecord,
    schema: SchemaRef,
    admission: Admission,
    /// The one that the chunks share, if they do.
    snapshot: Option<Snapshot>,
    target: Arc<dyn SinkRun>,
    log: Option<Arc<Log>>,
    /// If the run asks for it.
    read_back: Option<ReadBack>,
    /// What the journal keeps of the beginning.
    opening: Value,
}

/// Everything that comes before the first chunk, in an order that matters: whatever can be refused
/// is refused before the plan is written, and the plan is durable before the sink is touched.
async fn start(
    job: &Job,
    store: &dyn CheckpointStore,
    known: Option<RunRecord>,
    cancel: &CancellationToken,
) -> Result<Started> {
    let patience = job.settings.retry.at_first_contact();
    // A catalogue may be slow, and a plan may have to look at a whole index.
    let patient = job.settings.first_batch_timeout;
    let ask = || in_time(patient, job.source.schema());
    let schema = retrying(&patience, cancel, ask).await.map_err(|error| error.on(Side::Source))?;
    if let Some(record) = &known {
        columns::unchanged(&record.plan.schema, &schema)?;
    }
    let ask = || in_time(patient, job.sink.fit(&schema));
    let fits = retrying(&patience, cancel, ask).await.map_err(|error| error.on(Side::Sink))?;
    columns::held(job, &schema, &fits)?;
    let admission = admit(job, &schema)?;
    let read_back = ReadBack::of(job, &schema, &fits, cancel).await.map_err(|error| error.on(Side::Sink))?;
    let (record, snapshot) = match known {
        Some(record) => {
            let snapshot = Snapshot::of(job, &record.plan.chunks, admission.slots);
            (record, snapshot)
        }
        None => {
            let plan = plan(job, &schema, admission, &patience, cancel).await?;
            let snapshot = Snapshot::of(job, &plan.chunks, admission.slots);
            if let Some(snapshot) = &snapshot {
                snapshot.begin(cancel).await?;
            }
            (store.create(plan).await?, snapshot)
        }
    };

    let begun = Begun { job, record: &record, patience: &patience, cancel };
    let log = match job.skipping.as_ref().and_then(|skipping| skipping.log.as_ref()) {
        Some(log) => Some(Arc::new(begun.log(store, log).await?)),
        None => None,
    };
    let of_sink = record.opening.as_ref().map(read_back::opening_of_sink);
    let target = begun.target(&*job.sink, &schema, of_sink).await?;
    let opening = match record.opening.clone() {
        Some(kept) => kept,
        None => {
            let of_sink = target.opening();
            let opening = match &read_back {
                Some(it) => it.begin(job, of_sink, cancel).await.map_err(|error| error.on(Side::Sink))?,
                None => of_sink,
            };
            store.record_opening(&opening).await?;
            opening
        }
    };
    Ok(Started { record, schema, admission, snapshot, target, log, read_back, opening })
}

/// A run whose plan is on the disk.
struct Begun<'a> {
    job: &'a Job,
    record: &'a RunRecord,
    patience: &'a RetryPolicy,
    cancel: &'a CancellationToken,
}

impl Begun<'_> {
    async fn log(&self, store: &dyn CheckpointStore, log: &SkipLog) -> Result<Log> {
        let opening = self.record.log_opening.as_ref();
        let target = self.target(&*log.sink, &skipping::schema(), opening).await;
        let target = target.map_err(|error| error.with("skipped rows go to", &log.path))?;
        if opening.is_none() {
            store.record_log_opening(&target.opening()).await?;
        }
        Log::new(log, target)
    }

    /// The files of every chunk, for a sink that makes a file of each.
    fn files(&self, sink: &dyn Sink) -> Vec<Vec<String>> {
        let chunks = self.record.plan.chunks.iter().filter(|_| sink.keeps_files());
        let files = chunks.map(|chunk| Some(self.job.source.files_of(chunk)).filter(|files| !files.is_empty()));
        // Rows of a table have no files, and are laid out as if nobody had asked.
        files.collect::<Option<_>>().unwrap_or_default()
    }

    /// What a sink counts with: the chunks as they were planned, and once more as many of them as may be divided.
    fn counted_chunks(&self) -> u32 {
        let planned = self.record.plan.chunks.len() - self.record.divisions.added();
        let may_divide = stragglers::may_divide(&*self.job.source, &self.record.plan.chunks);
        (planned + if may_divide { planned.min(MOST_ADDED) } else { 0 }) as u32
    }

    async fn target(&self, sink: &dyn Sink, schema: &SchemaRef, opening: Option<&Value>) -> Result<Arc<dyn SinkRun>> {
        let begin = || {
            let context = RunContext {
                run: self.job.run.clone(),
                epoch: self.record.epoch,
                schema: schema.clone(),
                chunks: self.counted_chunks(),
                one_epoch: self.job.source.shares_snapshot(&self.record.plan.chunks),
                leaves_out: self.job.skipping.is_some(),
                files: self.files(sink),
                opening: opening.cloned(),
            };
            in_time(self.job.settings.settle_timeout, sink.begin(context))
        };
        let target = retrying(self.patience, self.cancel, begin).await.map_err(|error| error.on(Side::Sink))?;
        Ok(Arc::from(target))
    }
}

async fn plan(
    job: &Job,
    schema: &SchemaRef,
    admission: Admission,
    patience: &RetryPolicy,
    cancel: &CancellationToken,
) -> Result<Plan> {
    let target = chunk_target(job, admission);
    let ask = || in_time(job.settings.first_batch_timeout, planned(job, target));
    let chunks = retrying(patience, cancel, ask).await.map_err(|error| error.on(Side::Source))?;
    numbered(&chunks)?;
    let description = snapshot::described(job, &chunks);
    Ok(Plan { fingerprint: job.fingerprint.clone(), schema: schema.clone(), chunks, description })
}

/// The chunks, each with what the sink makes one file of.
async fn planned(job: &Job, target: ChunkTarget) -> Result<Vec<Chunk>> {
    if job.sink.keeps_files() { job.source.plan_whole_files(target).await } else { job.source.plan(target).await }
}

fn chunk_target(job: &Job, admission: Admission) -> ChunkTarget {
    ChunkTarget {
        bytes: job.settings.chunk_bytes,
        rows: job.settings.chunk_rows,
        chunks: admission.slots.saturating_mul(CHUNKS_PER_SLOT),
    }
}

/// Chunk ids are positions: the journal, the receipts and the names of parts rely on it.
fn numbered(chunks: &[Chunk]) -> Result<()> {
    match chunks.iter().zip(0..).find(|(chunk, position)| chunk.id.0 != *position) {
        None => Ok(()),
        Some((chunk, position)) => {
            Err(Error::new(ErrorKind::Bug, "the source numbered its chunks wrongly; please report it")
                .with("chunk", &chunk.label)
                .with("position", position)
                .on(Side::Source))
        }
    }
}

fn same_definition(job: &Job, plan: &Plan) -> Result<()> {
    if plan.fingerprint == job.fingerprint {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Spec,
        "the definition changed since this run was planned; undo the change, or start a new run",
    )
    .with("run", &job.run))
}

fn count_earlier_work(plan: &Plan, ledger: &Ledger, counters: &Counters) {
    let receipts = ledger.receipts();
    let sum = |value: fn(&Receipt) -> u64| receipts.iter().map(value).sum();
    counters.chunks_planned.add(plan.chunks.len() as u64);
    counters.chunks_done.add(receipts.len() as u64);
    counters.rows_read.add(sum(|receipt| receipt.rows));
    counters.rows_copied.add(sum(|receipt| receipt.rows));
    counters.rows_skipped.add(ledger.all_skipped());
    counters.bytes_written.add(sum(|receipt| receipt.bytes));
}
