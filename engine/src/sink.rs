//! Where rows go, and the two-phase protocol that makes a retry harmless.

use std::{sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, Chunk, ChunkId, Receipt, RunId},
    digest::Digest,
    mapping::Interim,
    skipping::{Clash, Misfit},
    source::{BatchStream, Source},
};

/// How a sink stores one column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ColumnFit {
    /// The sink's own type, such as `INT64 TIMESTAMP(MICROS)`.
    pub sink_type: String,
    /// What would be lost, in words. `None` if every value is kept exactly.
    pub loss: Option<String>,
}

/// What a sink takes, as far as it is fixed before the first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Whatever columns come, as they come.
    Anything,
    /// Whatever columns come; their values become texts.
    Texts,
    /// These columns, in the order of the target.
    Columns(Vec<Taken>),
}

/// A column that a target has already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// The type in which it has its values; `None` if only the sink knows how they get there.
    pub interim: Option<Interim>,
}

/// What `plan` tells a person about a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SinkDescription {
    /// Where rows go, and how: `[dbo].[orders], bulk load under a table lock`. Empty if the definition
    /// says it all.
    pub target: String,
    /// Statements that run before the first row.
    pub statements: Vec<String>,
}

/// What is known about the run when a sink begins it.
#[derive(Clone, Debug)]
pub struct RunContext {
    /// The run.
    pub run: RunId,
    /// The epoch of this process; higher than that of every process before it.
    pub epoch: u32,
    /// The columns of every batch.
    pub schema: SchemaRef,
    /// How many chunks to count with where something is shared out among them: those of the plan. Where chunks may be
    /// divided ([`division`](crate::division)) it is that many more, up to 256: a chunk and all that was divided from it may
    /// then take twice what one takes.
    pub chunks: u32,
    /// Chunks of other epochs show another state of the source. A sink that [begins again](Sink::begins_again) does not
    /// answer [`SinkRun::open`] with an attempt of theirs.
    pub one_epoch: bool,
    /// Whether rows that do not fit are left out.
    pub leaves_out: bool,
    /// The files that the rows of each chunk come from, in order, below the folder of the source's dataset, for a sink
    /// that [keeps files](Sink::keeps_files); empty where rows come from no files.
    pub files: Vec<Vec<String>>,
    /// What [`SinkRun::opening`] said when the run first began; `None` at the first time.
    pub opening: Option<Value>,
}

/// What a finished run left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// Files or blobs that hold rows; 0 for a table.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Names for a person: paths, URLs without a query.
    pub names: Vec<String>,
}

/// A file of a published run, as it should be found when it is read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its name for a person: a path, a URL without a query.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// The digest of its rows.
    pub digest: Digest,
    /// What [`SinkRun::read_back`] takes: together, all of the file.
    pub slices: Vec<Value>,
}

/// The target of a sink as a source.
pub struct TargetSource {
    /// Reads what stands there.
    pub source: Arc<dyn Source>,
    /// False as long as the run has to make it first.
    pub is_there: bool,
}

/// A place that rows are written to.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// What the target takes: asked before the columns of a source are mapped to it. Looks at the target where its
    /// columns decide, and changes nothing there.
    async fn takes(&self) -> Result<Takes> {
        Ok(Takes::Anything)
    }

    /// How each column would be stored, in schema order. Looks at the target where its columns decide,
    /// and changes nothing there. The engine refuses a run in which a column loses something, unless the
    /// person allowed it.
    ///
    /// # Errors
    /// A column that cannot be stored at all.
    async fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>>;

    /// What is promised about rows, in one sentence for `plan` and the report. Asked after `fit`.
    fn guarantee(&self) -> String;

    /// What `plan` tells a person about the target: its name, how rows get there, and the statements that
    /// a run would begin with. Asked after `fit`.
    fn describe(&self) -> SinkDescription {
        SinkDescription::default()
    }

    /// Prepares the target: container, folder, what stands there now. Idempotent per run.
    async fn begin(&self, context: RunContext) -> Result<Box<dyn SinkRun>>;

    /// Which rows [`SinkRun::misfits`] finds, in words: `rows with a value that its column in the table cannot hold`.
    /// `None` if it finds none.
    fn skips(&self) -> Option<&'static str> {
        None
    }

    /// Peak bytes that one open writer may hold, encode buffer and in-flight uploads included.
    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64;

    /// True if a run can begin again: what is published is what the receipts given to [`SinkRun::finish`] name, whatever
    /// else was committed. A table cannot, because committed rows are there at once.
    fn begins_again(&self) -> bool {
        false
    }

    /// True if every file of the source becomes a file of its own, whose name follows from its path
    /// ([`RunContext::files`]): a chunk is then a whole file, or several that its writer is told apart
    /// ([`ChunkWriter::next_file`]).
    fn keeps_files(&self) -> bool {
        false
    }

    /// The target as a source, for a sink in whose target nobody can tell the rows of a run from others: a table. A run
    /// that is to be read back reads all of it before the first chunk and after the last; what came in between has to be
    /// what was read. `None` for a sink that gives back what it published ([`SinkRun::stored`]). Asked after `fit`.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if rows do not simply come to those that stand there.
    fn as_source(&self, _schema: &SchemaRef) -> Result<Option<TargetSource>> {
        Ok(None)
    }

    /// Peak bytes that one slice may hold while it is read back. No IO. The engine asks before it
    /// writes the plan of a run whose sink shall be read back.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if the sink cannot give every value of these columns back.
    fn read_back_set(&self, _schema: &SchemaRef, _limit: BatchLimit) -> Result<u64> {
        Err(Error::new(
            ErrorKind::Spec,
            "this sink cannot be read back; remove validateDataConsistency: rows and digests are compared anyway as they are written",
        ))
    }
}

/// One run of one sink. Chunks are opened, written and committed concurrently.
#[async_trait]
pub trait SinkRun: Send + Sync {
    /// What the target looked like when the run first began, such as the etag that an overwrite
    /// replaces. The engine keeps it in the checkpoint and hands it to `begin` at a resume. Holds
    /// no secret.
    fn opening(&self) -> Value {
        Value::Null
    }

    /// Starts writing a chunk, or says that an earlier attempt already committed it.
    async fn open(&self, chunk: &Chunk, attempt: Attempt) -> Result<Opened>;

    /// Chunks whose receipts the sink can no longer honour, such as blocks that the service threw
    /// away while nobody ran. The engine asks at a resume, before any chunk is opened, and again
    /// right before `finish`; it forgets those receipts and copies the chunks again.
    async fn lost(&self, _receipts: &[Receipt]) -> Result<Vec<ChunkId>> {
        Ok(Vec::new())
    }

    /// Values that the target cannot hold, at least one of each row that [`ChunkWriter::write`] would refuse for its
    /// values. Asked before rows are digested and written, and only where such rows are left out. No IO.
    ///
    /// # Errors
    /// A column of which no value can be stored: that is no matter of single rows.
    fn misfits(&self, _batch: &RecordBatch) -> Result<Vec<Misfit>> {
        Ok(Vec::new())
    }

    /// Rows of this attempt that the target does not take because of rows that it has, or because of earlier rows of the
    /// attempt that have the same key. Asked where rows are left out, after a commit failed with [`ErrorKind::Data`];
    /// the next attempt is made without these rows. An empty answer means that the failure is no matter of keys.
    async fn clashes(&self, _chunk: ChunkId, _attempt: Attempt) -> Result<Vec<Clash>> {
        Ok(Vec::new())
    }

    /// Bytes that the sink moved so far, for all chunks and steps together: a count that only grows.
    /// A call during which it stands still for too long counts as stalled, and is dropped; a sink
    /// that does not count is judged by the time that its calls take. Asked while calls are pending.
    fn moved(&self) -> u64 {
        0
    }

    /// How long a step of a chunk, such as its commit, may stand still because the definition says so; the engine's own
    /// limit holds where that is longer.
    fn step_limit(&self) -> Option<Duration> {
        None
    }

    /// The same for [`finish`](Self::finish), where that is one long step at the store.
    fn publish_limit(&self) -> Option<Duration> {
        None
    }

    /// Publishes the whole run from the receipts, in chunk order. Idempotent: after a lost answer,
    /// and at every resume, the engine calls it again with the same receipts.
    async fn finish(&self, receipts: &[Receipt]) -> Result<Published>;

    /// The files of the published run, from the receipts. Only for a sink with
    /// [`Sink::read_back_set`], after `finish`.
    async fn stored(&self, _receipts: &[Receipt]) -> Result<Vec<Stored>> {
        Err(unreadable())
    }

    /// The rows of a slice of [`stored`](Self::stored), as the store gives them now, with values of
    /// the types of the run's columns.
    async fn read_back(&self, _slice: &Value, _limit: BatchLimit) -> Result<BatchStream> {
        Err(unreadable())
    }

    /// Discards the run. Only for a run that will never be resumed.
    async fn abort(&self) -> Result<()>;
}

/// The answer to [`SinkRun::open`].
pub enum Opened {
    /// Write the chunk.
    Writer(Box<dyn ChunkWriter>),
    /// An earlier attempt is durable: this is its receipt.
    AlreadyCommitted(Receipt),
}

/// Writes one attempt at one chunk. At most one of `commit` and `abort` ends it; both consume it,
/// and a writer that is dropped without either leaves nothing visible.
#[async_trait]
pub trait ChunkWriter: Send {
    /// Returns once the batch is accepted, not once it is durable. Waiting here is the
    /// back-pressure.
    async fn write(&mut self, batch: RecordBatch) -> Result<()>;

    /// What comes from now on is of the next file of the chunk. Only for a sink that [keeps files](Sink::keeps_files).
    async fn next_file(&mut self) -> Result<()> {
        Err(Error::new(ErrorKind::Bug, "a sink that keeps no files was told of the next one; please report it"))
    }

    /// Makes the chunk durable and returns its receipt with the rows and the digest of what was
    /// encoded. An error leaves the outcome unknown: the engine opens the chunk again and the sink
    /// tells.
    async fn commit(self: Box<Self>) -> Result<Receipt>;

    /// Best effort; the sink must also survive a process that dies without calling it.
    async fn abort(self: Box<Self>);
}

fn unreadable() -> Error {
    Error::new(ErrorKind::Bug, "a sink that cannot be read back was read back; please report it")
}
