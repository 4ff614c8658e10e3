//! Decorators that make a store fail: errors before and after the effect, effects that come late,
//! delays.

use std::{borrow::Cow, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;

use super::dice::Dice;
use crate::{
    Error, ErrorKind, Result,
    checkpoint::{CheckpointStore, Plan, RunRecord},
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt},
    division::Division,
    sink::{
        ChunkWriter, ColumnFit, Opened, Published, RunContext, Sink, SinkDescription, SinkRun, Stored, Takes,
        TargetSource,
    },
    skipping::{Clash, Misfit, PortionStream, Skips},
    source::{BatchStream, ChunkTarget, CopiedChunk, Discord, Source, SourceDescription},
};

/// How often calls fail, and how. The probabilities are per call and exclude each other.
#[derive(Clone, Debug)]
pub struct Faults {
    /// Decides.
    pub dice: Dice,
    /// An error, and nothing happened.
    pub before: f64,
    /// An error, and it happened all the same: a lost answer.
    pub after: f64,
    /// An error, and it happens within 300 ms: a late write.
    pub late: f64,
    /// Every call takes up to so many milliseconds.
    pub delay_ms: u64,
}

impl Faults {
    /// The mixture of the protocol test.
    pub fn some(dice: &Dice) -> Self {
        Self { dice: dice.clone(), before: 0.03, after: 0.03, late: 0.03, delay_ms: 5 }
    }

    /// The same without late effects, for calls that have no name to be late under.
    fn prompt(&self) -> Self {
        Self { late: 0.0, ..self.clone() }
    }

    fn verdict(&self) -> Verdict {
        let thrown = self.dice.below(1_000_000) as f64 / 1_000_000.0;
        match thrown {
            p if p < self.before => Verdict::Before,
            p if p < self.before + self.after => Verdict::After,
            p if p < self.before + self.after + self.late => Verdict::Late,
            _ => Verdict::Fine,
        }
    }

    async fn delay(&self) {
        tokio::time::sleep(self.dice.pause(self.delay_ms.max(1))).await;
    }

    /// Runs a call that has no late effect.
    async fn around<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.delay().await;
        match self.prompt().verdict() {
            Verdict::Before | Verdict::Late => Err(down()),
            Verdict::After => {
                call.await?;
                Err(down())
            }
            Verdict::Fine => call.await,
        }
    }
}

enum Verdict {
    Before,
    After,
    Late,
    Fine,
}

fn down() -> Error {
    Error::new(ErrorKind::Unavailable, "injected fault")
}

/// A source whose calls and batches fail.
pub struct FaultySource<S>(pub S, pub Faults);

#[async_trait]
impl<S: Source> Source for FaultySource<S> {
    async fn schema(&self) -> Result<SchemaRef> {
        self.1.around(self.0.schema()).await
    }

    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.1.around(self.0.plan(target)).await
    }

    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream> {
        let batches = self.1.around(self.0.read(chunk, limit)).await?;
        let faults = self.1.clone();
        Ok(batches
            .then(move |batch| {
                let faults = faults.clone();
                async move { faults.around(async { batch }).await }
            })
            .boxed())
    }

    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        let portions = self.1.around(self.0.read_skipping(chunk, limit)).await?;
        let faults = self.1.clone();
        Ok(portions
            .then(move |portion| {
                let faults = faults.clone();
                async move { faults.around(async { portion }).await }
            })
            .boxed())
    }

    fn shares_snapshot(&self, chunks: &[Chunk]) -> bool {
        self.0.shares_snapshot(chunks)
    }

    async fn begin_snapshot(&self, readers: u32) -> Result<()> {
        self.1.around(self.0.begin_snapshot(readers)).await
    }

    fn end_snapshot(&self) {
        self.0.end_snapshot();
    }

    async fn plan_whole_files(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.1.around(self.0.plan_whole_files(target)).await
    }

    fn discord(&self, copied: &[CopiedChunk<'_>]) -> Result<Option<Discord>> {
        self.0.discord(copied)
    }

    async fn retire(&self, copied: &[CopiedChunk<'_>]) -> Result<()> {
        self.1.around(self.0.retire(copied)).await
    }

    fn skips(&self) -> Option<Cow<'static, str>> {
        self.0.skips()
    }

    fn files_of(&self, chunk: &Chunk) -> Vec<String> {
        self.0.files_of(chunk)
    }

    fn by_file(&self, chunk: &Chunk) -> Result<Vec<Chunk>> {
        self.0.by_file(chunk)
    }

    fn arrived(&self, chunk: ChunkId) -> Option<u64> {
        self.0.arrived(chunk)
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

/// A sink whose calls fail, those of its runs and writers included.
pub struct FaultySink<S>(pub S, pub Faults);

#[async_trait]
impl<S: Sink> Sink for FaultySink<S> {
    async fn takes(&self) -> Result<Takes> {
        self.1.around(self.0.takes()).await
    }

    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        self.0.fit(schema).await
    }

    fn guarantee(&self) -> String {
        self.0.guarantee()
    }

    fn describe(&self) -> SinkDescription {
        self.0.describe()
    }

    fn begins_again(&self) -> bool {
        self.0.begins_again()
    }

    fn keeps_files(&self) -> bool {
        self.0.keeps_files()
    }

    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>> {
        let run = self.1.around(self.0.begin(context)).await?;
        Ok(Box::new(FaultyRun(run, self.1.clone())))
    }

    fn skips(&self) -> Option<&'static str> {
        self.0.skips()
    }

    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64 {
        self.0.working_set(schema, limit)
    }

    fn as_source(&self, schema: &SchemaRef) -> Result<Option<TargetSource>> {
        self.0.as_source(schema)
    }

    fn read_back_set(&self, schema: &SchemaRef, limit: BatchLimit) -> Result<u64> {
        self.0.read_back_set(schema, limit)
    }
}

struct FaultyRun(Box<dyn SinkRun>, Faults);

#[async_trait]
impl SinkRun for FaultyRun {
    fn opening(&self) -> Value {
        self.0.opening()
    }

    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened> {
        Ok(match self.1.around(self.0.open(chunk, attempt)).await? {
            Opened::Writer(writer) => Opened::Writer(Box::new(FaultyWriter(Some(writer), self.1.clone()))),
            committed => committed,
        })
    }

    async fn lost(&self, receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        self.1.around(self.0.lost(receipts)).await
    }

    fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        self.0.misfits(batch)
    }

    async fn clashes(&self, chunk: ChunkId, attempt: Attempt) -> Result<Vec<Clash>> {
        self.1.around(self.0.clashes(chunk, attempt)).await
    }

    fn publish_limit(&self) -> Option<std::time::Duration> {
        self.0.publish_limit()
    }

    async fn finish(&self, receipts: &[Receipt]) -> Result<Published> {
        self.1.around(self.0.finish(receipts)).await
    }

    async fn stored(&self, receipts: &[Receipt]) -> Result<Vec<Stored>> {
        self.1.around(self.0.stored(receipts)).await
    }

    async fn read_back(&self, slice: &Value, limit: BatchLimit) -> Result<BatchStream> {
        self.1.around(self.0.read_back(slice, limit)).await
    }

    async fn abort(&self) -> Result<()> {
        self.1.around(self.0.abort()).await
    }
}

/// Empty once its writer was sent on a late errand.
struct FaultyWriter(Option<Box<dyn ChunkWriter>>, Faults);

#[async_trait]
impl ChunkWriter for FaultyWriter {
    async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.1.delay().await;
        let verdict = self.1.verdict();
        let Some(writer) = self.0.as_mut() else { return Err(down()) };
        match verdict {
            Verdict::Before => Err(down()),
            Verdict::After => {
                writer.write(batch).await?;
                Err(down())
            }
            Verdict::Late => {
                let (mut writer, pause) = (self.0.take().unwrap(), self.1.dice.pause(300));
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    writer.write(batch).await
                });
                Err(down())
            }
            Verdict::Fine => writer.write(batch).await,
        }
    }

    async fn commit(mut self: Box<Self>) -> Result<Receipt> {
        self.1.delay().await;
        let Some(writer) = self.0.take() else { return Err(down()) };
        match self.1.verdict() {
            Verdict::Before => Err(down()),
            Verdict::After => {
                writer.commit().await?;
                Err(down())
            }
            Verdict::Late => {
                let pause = self.1.dice.pause(300);
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    writer.commit().await
                });
                Err(down())
            }
            Verdict::Fine => writer.commit().await,
        }
    }

    async fn abort(mut self: Box<Self>) {
        if let Some(writer) = self.0.take() {
            writer.abort().await;
        }
    }
}

/// A checkpoint whose calls fail.
pub struct FaultyCheckpoint<S>(pub S, pub Faults);

#[async_trait]
impl<S: CheckpointStore> CheckpointStore for FaultyCheckpoint<S> {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        self.1.around(self.0.take_over()).await
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        self.1.around(self.0.create(plan)).await
    }

    async fn record_opening(&self, opening: &Value) -> Result<()> {
        self.1.around(self.0.record_opening(opening)).await
    }

    async fn record_log_opening(&self, opening: &Value) -> Result<()> {
        self.1.around(self.0.record_log_opening(opening)).await
    }

    async fn record_skips(&self, skips: &Skips) -> Result<()> {
        self.1.around(self.0.record_skips(skips)).await
    }

    async fn record_division(&self, division: &Division) -> Result<()> {
        self.1.around(self.0.record_division(division)).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        self.1.around(self.0.record(receipts)).await
    }

    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()> {
        self.1.around(self.0.note_failure(chunk, attempt, error)).await
    }

    async fn close(&self, report: &Value) -> Result<()> {
        self.1.around(self.0.close(report)).await
    }
}

/// Shared stores can be decorated without being moved.
#[async_trait]
impl<S: CheckpointStore + ?Sized> CheckpointStore for Arc<S> {
    async fn take_over(&self) -> Result<Option<RunRecord>> {
        (**self).take_over().await
    }

    async fn create(&self, plan: Plan) -> Result<RunRecord> {
        (**self).create(plan).await
    }

    async fn record_opening(&self, opening: &Value) -> Result<()> {
        (**self).record_opening(opening).await
    }

    async fn record_log_opening(&self, opening: &Value) -> Result<()> {
        (**self).record_log_opening(opening).await
    }

    async fn record_skips(&self, skips: &Skips) -> Result<()> {
        (**self).record_skips(skips).await
    }

    async fn record_division(&self, division: &Division) -> Result<()> {
        (**self).record_division(division).await
    }

    async fn record(&self, receipts: &[Receipt]) -> Result<()> {
        (**self).record(receipts).await
    }

    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()> {
        (**self).note_failure(chunk, attempt, error).await
    }

    async fn close(&self, report: &Value) -> Result<()> {
        (**self).close(report).await
    }
}
