//! What a sink promises.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use futures::TryStreamExt;
use serde_json::Value;

use super::{Breach, Sum, ensure, in_time};
use crate::{
    chunk::{Attempt, BatchLimit, Chunk, Receipt, RunId},
    digest::{Digest, RowDigester},
    sink::{ChunkWriter, Opened, Published, RunContext, Sink, SinkRun},
    source::{ChunkTarget, Source},
    testing::vec_source::{VecSource, rows_at_most},
};

const CHUNKS: i64 = 4;
const ROWS: i64 = 250;

/// A sink in front of an empty target, and an independent eye on what readers of the target see.
#[async_trait]
pub trait SinkTarget: Send + Sync {
    /// The sink under test; each call may make another one for the same target.
    fn sink(&self) -> Arc<dyn Sink>;
    /// All rows that a reader sees now; the columns are `id` (Int64) and `name` (Utf8).
    async fn rows(&self) -> Vec<RecordBatch>;
    /// Whether rows must stay invisible until the run is finished.
    fn all_at_once(&self) -> bool;
}

/// Asks of a sink: receipts tell the truth; nothing is visible too early; an attempt that was
/// aborted, dropped or whose answer was lost leaves no row behind; a chunk that is committed can be
/// opened again, in this process and the next; `finish` can be called again, in this process and the
/// next; chunks and runs may be empty. `new` makes an empty target for each question.
///
/// # Errors
/// The first promise that is not kept.
pub async fn sink<T: SinkTarget>(new: impl AsyncFn() -> T) -> Result<(), Breach> {
    whole_run(&new().await).await.map_err(during("a whole run"))?;
    lost_answers(&new().await).await.map_err(during("lost answers"))?;
    abandoned_attempts(&new().await).await.map_err(during("abandoned attempts"))?;
    next_process(&new().await).await.map_err(during("a resume"))?;
    empty_chunk(&new().await).await.map_err(during("an empty chunk"))?;
    empty_run(&new().await).await.map_err(during("an empty run"))
}

fn during(what: &'static str) -> impl Fn(Breach) -> Breach {
    move |Breach(breach)| Breach(format!("{what}: {breach}"))
}

async fn whole_run(target: &impl SinkTarget) -> Result<(), Breach> {
    let script = Script::new(CHUNKS, 1, None, target).await?;
    let mut writers = Vec::new();
    for chunk in &script.chunks {
        writers.push(script.writer(chunk, 1).await?);
    }
    let mut receipts = Vec::new();
    // The last chunk commits first, as it may in parallel.
    for (chunk, writer) in script.chunks.iter().zip(writers).rev() {
        receipts.insert(0, script.fill(chunk, writer).await?);
    }
    if target.all_at_once() {
        ensure(target.rows().await.is_empty(), || "rows are visible before finish".into())?;
    }
    script.publish(&receipts, target).await
}

async fn lost_answers(target: &impl SinkTarget) -> Result<(), Breach> {
    let script = Script::new(CHUNKS, 1, None, target).await?;
    let mut receipts = Vec::new();
    for chunk in &script.chunks {
        let writer = script.writer(chunk, 1).await?;
        let unheard = script.fill(chunk, writer).await?;
        receipts.push(match in_time("open", script.run.open(chunk, script.attempt(2))).await?? {
            Opened::AlreadyCommitted(receipt) => {
                ensure(receipt == unheard, || format!("the receipt was {unheard:?} and is {receipt:?}"))?;
                receipt
            }
            Opened::Writer(writer) => script.fill(chunk, writer).await?,
        });
    }
    script.publish(&receipts, target).await
}

async fn abandoned_attempts(target: &impl SinkTarget) -> Result<(), Breach> {
    let script = Script::new(CHUNKS, 1, None, target).await?;
    let mut receipts = Vec::new();
    for chunk in &script.chunks {
        let mut aborted = script.writer(chunk, 1).await?;
        aborted.write(script.rows(chunk).slice(0, 100)).await?;
        in_time("abort", aborted.abort()).await?;
        let mut dropped = script.writer(chunk, 2).await?;
        dropped.write(script.rows(chunk)).await?;
        drop(dropped);
        let writer = script.writer(chunk, 3).await?;
        receipts.push(script.fill(chunk, writer).await?);
    }
    script.publish(&receipts, target).await
}

async fn next_process(target: &impl SinkTarget) -> Result<(), Breach> {
    let first = Script::new(CHUNKS, 1, None, target).await?;
    let opening = first.run.opening();
    let mut receipts = Vec::new();
    for chunk in &first.chunks[..2] {
        let writer = first.writer(chunk, 1).await?;
        receipts.push(first.fill(chunk, writer).await?);
    }
    let mut unfinished = first.writer(&first.chunks[2], 1).await?;
    unfinished.write(first.rows(&first.chunks[2])).await?;
    drop((unfinished, first));

    let second = Script::new(CHUNKS, 2, Some(opening.clone()), target).await?;
    let lost = in_time("lost", second.run.lost(&receipts)).await??;
    ensure(lost.is_empty(), || format!("{lost:?} were lost"))?;
    for chunk in &second.chunks[2..] {
        let writer = second.writer(chunk, 1).await?;
        receipts.push(second.fill(chunk, writer).await?);
    }
    second.publish(&receipts, target).await?;
    drop(second);

    // The process died before it could note that the run is finished.
    let third = Script::new(CHUNKS, 3, Some(opening), target).await?;
    let lost = in_time("lost", third.run.lost(&receipts)).await??;
    ensure(lost.is_empty(), || format!("{lost:?} were lost although the run is published"))?;
    third.publish(&receipts, target).await
}

async fn empty_chunk(target: &impl SinkTarget) -> Result<(), Breach> {
    let mut script = Script::new(CHUNKS, 1, None, target).await?;
    script.rows[1] = script.rows[1].slice(0, 0);
    let mut receipts = Vec::new();
    for chunk in &script.chunks {
        let writer = script.writer(chunk, 1).await?;
        receipts.push(script.fill(chunk, writer).await?);
    }
    script.publish(&receipts, target).await
}

async fn empty_run(target: &impl SinkTarget) -> Result<(), Breach> {
    Script::new(0, 1, None, target).await?.publish(&[], target).await
}

/// One process with its rows.
struct Script {
    run: Box<dyn SinkRun>,
    epoch: u32,
    schema: SchemaRef,
    chunks: Vec<Chunk>,
    rows: Vec<RecordBatch>,
}

impl Script {
    async fn new(chunks: i64, epoch: u32, opening: Option<Value>, target: &impl SinkTarget) -> Result<Self, Breach> {
        let source = VecSource::numbered(chunks, ROWS);
        let schema = source.schema().await?;
        let chunks = source.plan(ChunkTarget { bytes: 1, rows: 1, chunks: 1 }).await?;
        let whole = BatchLimit { bytes: u64::MAX, ..rows_at_most(u32::MAX) };
        let mut rows = Vec::new();
        for chunk in &chunks {
            rows.extend(source.read(chunk, whole).await?.try_collect::<Vec<_>>().await?);
        }
        let sink = target.sink();
        let fits = sink.fit(&schema).await?;
        ensure(fits.len() == schema.fields().len(), || "fit does not name every column once".into())?;
        ensure(sink.working_set(&schema, whole) > 0, || "the working set is 0".into())?;
        let context = RunContext {
            run: RunId::try_from("conformance".to_owned())?,
            epoch,
            schema: schema.clone(),
            chunks: chunks.len() as u32,
            one_epoch: false,
            leaves_out: false,
            files: Vec::new(),
            opening,
        };
        let run = in_time("begin", sink.begin(context)).await??;
        Ok(Self { run, epoch, schema, chunks, rows })
    }

    fn attempt(&self, number: u32) -> Attempt {
        Attempt { epoch: self.epoch, number }
    }

    fn rows(&self, chunk: &Chunk) -> RecordBatch {
        self.rows[chunk.id.0 as usize].clone()
    }

    async fn writer(&self, chunk: &Chunk, number: u32) -> Result<Box<dyn ChunkWriter>, Breach> {
        match in_time("open", self.run.open(chunk, self.attempt(number))).await?? {
            Opened::Writer(writer) => Ok(writer),
            Opened::AlreadyCommitted(_) => Err(Breach(format!("chunk {} is said to be committed", chunk.id.0))),
        }
    }

    /// Writes the chunk in batches and checks its receipt.
    async fn fill(&self, chunk: &Chunk, mut writer: Box<dyn ChunkWriter>) -> Result<Receipt, Breach> {
        let rows = self.rows(chunk);
        for start in (0..rows.num_rows()).step_by(64) {
            let batch = rows.slice(start, 64.min(rows.num_rows() - start));
            in_time("write", writer.write(batch)).await??;
        }
        let receipt = in_time("commit", writer.commit()).await??;
        let (told, true_sum) = ((receipt.rows, receipt.digest), self.sum(&[rows])?);
        ensure(receipt.chunk == chunk.id, || {
            format!("the receipt of chunk {} is for {}", chunk.id.0, receipt.chunk.0)
        })?;
        ensure(told == true_sum, || format!("the receipt tells {told:?} and {true_sum:?} was written"))?;
        Ok(receipt)
    }

    /// Finishes twice and checks what a reader sees.
    async fn publish(&self, receipts: &[Receipt], target: &impl SinkTarget) -> Result<(), Breach> {
        let once: Published = in_time("finish", self.run.finish(receipts)).await??;
        let again = in_time("finish", self.run.finish(receipts)).await??;
        ensure(once == again, || format!("finish says {once:?}, then {again:?}"))?;
        let (seen, expected) = (self.sum(&target.rows().await)?, self.sum(&self.rows)?);
        ensure(seen == expected, || format!("a reader sees {seen:?} and {expected:?} was committed"))
    }

    fn sum(&self, batches: &[RecordBatch]) -> Result<Sum, Breach> {
        let digester = RowDigester::new(&self.schema)?;
        let mut sum: Sum = (0, Digest::default());
        for batch in batches {
            sum.0 += batch.num_rows() as u64;
            sum.1 += digester.digest(batch)?;
        }
        Ok(sum)
    }
}
