//! A source and a sink that misbehave as they are told.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use futures::{StreamExt, stream};

use crate::{
    Error, ErrorKind, Result,
    checkpoint::memory::MemoryCheckpoint,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt},
    retry::RetryClass,
    sink::{ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkRun},
    source::{Arrivals, BatchStream, ChunkTarget, Source, SourceDescription},
    testing::{model_table::ModelTable, vec_source::VecSource},
};

/// What a read does.
pub(super) enum Act {
    Fine,
    Fail(ErrorKind),
    /// After the first batch.
    FailMidway(ErrorKind),
    /// Unavailable, of this class.
    FailAs(RetryClass),
    /// Unavailable, of this class, after the first batch.
    FailMidwayAs(RetryClass),
    Panic,
    /// After the first batch.
    Stall,
    /// After the first batch, while so many rows arrive, one every fifty seconds; then it goes on, or not.
    Trickle {
        rows: u32,
        ends: bool,
    },
    OtherColumns,
}

/// Asks the script what the n-th read of a chunk does.
pub(super) struct Scripted {
    source: VecSource,
    script: fn(u32, u32) -> Act,
    reads: Mutex<BTreeMap<u32, u32>>,
    /// If it can tell what arrives.
    arrivals: Option<Arrivals>,
}

impl Scripted {
    pub(super) fn new(source: VecSource, script: fn(u32, u32) -> Act) -> Self {
        Self { source, script, reads: Mutex::default(), arrivals: None }
    }

    pub(super) fn counting(self) -> Self {
        Self { arrivals: Some(Arrivals::default()), ..self }
    }
}

#[async_trait]
impl Source for Scripted {
    async fn schema(&self) -> Result<SchemaRef> {
        self.source.schema().await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.source.plan(target).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let read = {
            let mut reads = self.reads.lock().unwrap();
            let count = reads.entry(chunk.id.0).or_default();
            *count += 1;
            *count - 1
        };
        let batches = self.source.read(chunk, limit).await?;
        let scripted = |kind| Error::new(kind, "scripted");
        Ok(match (self.script)(chunk.id.0, read) {
            Act::Fine => batches,
            Act::Fail(kind) => return Err(scripted(kind)),
            Act::FailMidway(kind) => batches.take(1).chain(stream::once(async move { Err(scripted(kind)) })).boxed(),
            Act::FailAs(class) => return Err(scripted(ErrorKind::Unavailable).class(class)),
            Act::FailMidwayAs(class) => {
                let error = scripted(ErrorKind::Unavailable).class(class);
                batches.take(1).chain(stream::once(async move { Err(error) })).boxed()
            }
            Act::Panic => panic!("scripted"),
            Act::Stall => batches.take(1).chain(stream::pending()).boxed(),
            Act::Trickle { rows, ends } => {
                let count = self.arrivals.as_ref().map(|arrivals| arrivals.begin(chunk.id));
                let trickle = async move {
                    for _ in 0..rows {
                        tokio::time::sleep(Duration::from_secs(50)).await;
                        count.iter().for_each(|count| count.add(1));
                    }
                    if !ends {
                        std::future::pending::<()>().await;
                    }
                };
                let rest = self.source.read(chunk, limit).await?.skip(1);
                batches.take(1).chain(stream::once(trickle).filter_map(async |()| None)).chain(rest).boxed()
            }
            Act::OtherColumns => self.source.clone().renamed("name", "title").read(chunk, limit).await?,
        })
    }

    fn arrived(&self, chunk: ChunkId) -> Option<u64> {
        self.arrivals.as_ref()?.of(chunk)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.source.working_set(limit)
    }

    fn describe(&self) -> SourceDescription {
        self.source.describe()
    }
}

/// A table with something wrong, or something to look at.
pub(super) struct Tampered(pub(super) ModelTable, pub(super) Trick);

#[derive(Clone)]
pub(super) enum Trick {
    /// This column loses something.
    CannotHold(&'static str),
    /// Every second batch of a chunk is thrown away.
    DropsABatch,
    /// The writer panics.
    Panics,
    /// The most chunks that were open at once.
    Gauge(Arc<AtomicU32>),
    /// The plan has to be in this store when the sink begins.
    Planned(Arc<MemoryCheckpoint>),
    /// How many writers were told to give up.
    CountsAborts(Arc<AtomicU32>),
    /// The first such step never ends.
    StandsStill(Step, Arc<AtomicU32>),
    /// Every such step takes so long, and this is what the sink says it may take.
    Takes(Step, Duration, Option<Duration>),
}

/// A step of a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Open,
    Write,
    Commit,
    Finish,
}

impl Trick {
    async fn at(&self, step: Step) {
        match self {
            Self::StandsStill(still, times) if *still == step && times.fetch_add(1, Ordering::SeqCst) == 0 => {
                std::future::pending().await
            }
            Self::Takes(slow, long, _) if step == *slow => tokio::time::sleep(*long).await,
            _ => {}
        }
    }
}

#[async_trait]
impl Sink for Tampered {
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let mut fits = self.0.fit(schema).await?;
        for (field, fit) in schema.fields().iter().zip(&mut fits) {
            let lost = matches!(self.1, Trick::CannotHold(name) if name == field.name());
            fit.loss = lost.then(|| "its second half".to_owned());
        }
        Ok(fits)
    }

    fn guarantee(&self) -> String {
        self.0.guarantee()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        if let Trick::Planned(store) = &self.1 {
            assert!(store.snapshot().is_some());
        }
        Ok(Box::new(TamperedRun { run: self.0.begin(context).await?, trick: self.1.clone(), open: Arc::default() }))
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.0.working_set(schema, limit)
    }
}

struct TamperedRun {
    run: Box<dyn SinkRun>,
    trick: Trick,
    open: Arc<AtomicU32>,
}

#[async_trait]
impl SinkRun for TamperedRun {
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        self.trick.at(Step::Open).await;
        let Opened::Writer(writer) = self.run.open(chunk, attempt).await? else { panic!("nothing is committed yet") };
        let open = self.open.fetch_add(1, Ordering::SeqCst) + 1;
        if let Trick::Gauge(most) = &self.trick {
            most.fetch_max(open, Ordering::SeqCst);
        }
        let (trick, open) = (self.trick.clone(), self.open.clone());
        Ok(Opened::Writer(Box::new(TamperedWriter { writer, trick, batches: 0, _open: Open(open) })))
    }

    fn step_limit(&self) -> Option<Duration> {
        let Trick::Takes(Step::Commit, _, said) = &self.trick else { return None };
        *said
    }

    fn publish_limit(&self) -> Option<Duration> {
        let Trick::Takes(Step::Finish, _, said) = &self.trick else { return None };
        *said
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        self.trick.at(Step::Finish).await;
        self.run.finish(receipts).await
    }

    async fn abort(&self) -> Result<()> {
        self.run.abort().await
    }
}

struct Open(Arc<AtomicU32>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct TamperedWriter {
    writer: Box<dyn ChunkWriter>,
    trick: Trick,
    batches: u32,
    _open: Open,
}

#[async_trait]
impl ChunkWriter for TamperedWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.batches += 1;
        self.trick.at(Step::Write).await;
        assert!(!matches!(self.trick, Trick::Panics), "the sink panics");
        if matches!(self.trick, Trick::DropsABatch) && self.batches == 2 {
            return Ok(());
        }
        tokio::task::yield_now().await;
        self.writer.write(batch).await
    }

    async fn commit(self: Box<Self>) -> Result<Receipt> {
        self.trick.at(Step::Commit).await;
        self.writer.commit().await
    }

    async fn abort(self: Box<Self>) {
        if let Trick::CountsAborts(count) = &self.trick {
            count.fetch_add(1, Ordering::SeqCst);
        }
        self.writer.abort().await;
    }
}
