//! What must survive the process.

pub mod file;
pub mod memory;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use serde_json::Value;

use crate::{
    Error, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    division::{Division, Divisions},
    skipping::Skips,
    source::SourceDescription,
};

/// The frozen part of a run: written once, before the first side effect. Only chunks that were divided change, and what is
/// added stands behind the others.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Hash of the resolved definition; a resume against another definition is refused.
    pub fingerprint: String,
    /// The columns when the run was planned.
    pub schema: SchemaRef,
    /// Every chunk, in order.
    pub chunks: Vec<Chunk>,
    /// What the source said of itself when it was planned.
    pub description: SourceDescription,
}

/// Everything that is known of a run.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// The frozen plan.
    pub plan: Plan,
    /// The epoch of the process that holds the run now.
    pub epoch: u32,
    /// What the sink's target looked like when the run first began.
    pub opening: Option<Value>,
    /// The same of the log of skipped rows.
    pub log_opening: Option<Value>,
    /// Receipts, one per committed chunk.
    pub receipts: Vec<Receipt>,
    /// Skipped rows of attempts, also of such that came to nothing.
    pub skips: Vec<Skips>,
    /// Chunks that were divided: those of receipts are in the plan already.
    pub divisions: Divisions,
    /// The report of a run that succeeded.
    pub report: Option<Value>,
}

/// The durable record of one run. The engine is its single writer; a store refuses a second living
/// process.
#[async_trait]
pub trait CheckpointStore: Send + Sync {
    /// Takes over the run: bumps and persists the epoch, then returns what is known; `None` for a
    /// run that was never planned.
    async fn take_over(&self) -> Result<Option<RunRecord>>;
    /// Persists the plan of a new run under epoch 1; fails if the run exists.
    async fn create(&self, plan: Plan) -> Result<RunRecord>;
    /// Persists what the sink's target looked like, before the first chunk is opened.
    async fn record_opening(&self, opening: &Value) -> Result<()>;
    /// Persists what the place of the log of skipped rows looked like, before the first chunk is opened.
    async fn record_log_opening(&self, opening: &Value) -> Result<()>;
    /// Persists which rows an attempt left out, before its commit may take effect: the sink may be asked later
    /// which attempt it was, and knows nothing of them.
    async fn record_skips(&self, skips: &Skips) -> Result<()>;
    /// Persists how an attempt divided its chunk, before its commit may take effect. A store that another process has taken
    /// from this one refuses it: what that process does not know of cannot be undone.
    async fn record_division(&self, division: &Division) -> Result<()>;
    /// Persists receipts before anyone is told that their chunks are done.
    async fn record(&self, receipts: &[Receipt]) -> Result<()>;
    /// Notes a failed attempt for whoever asks later; need not be durable.
    async fn note_failure(&self, chunk: ChunkId, attempt: Attempt, error: &Error) -> Result<()>;
    /// Marks the run as succeeded and keeps its report.
    async fn close(&self, report: &Value) -> Result<()>;
}
