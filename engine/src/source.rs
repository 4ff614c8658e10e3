//! Where rows come from.

mod arrivals;
mod hastening;

use std::borrow::Cow;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, Field, SchemaRef},
};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};

pub use self::{
    arrivals::Arrivals,
    hastening::{Haste, Hastening},
};
use crate::{
    Error, Result,
    chunk::{BatchLimit, Chunk, ChunkId},
    skipping::{LeftOut, Portion, PortionStream},
};

/// Batches of one chunk, in any order of rows. Every batch has the schema that
/// [`Source::schema`] gave.
pub type BatchStream = BoxStream<'static, Result<RecordBatch>>;

/// The metadata key of a schema field under which a source names its own type, such as
/// `datetime2(7)`. Sinks keep it where their format has a place for it.
pub const SOURCE_TYPE: &str = "ropeway.source_type";

/// The metadata key of a schema field under which a source names the system that its [`SOURCE_TYPE`] is a type of:
/// `datetime(6)` of MariaDB is no `datetime` of SQL Server. Absent where no database declares types.
pub const SOURCE_SYSTEM: &str = "ropeway.source_system";

/// How large the chunks of a plan should be.
#[derive(Clone, Copy, Debug)]
pub struct ChunkTarget {
    /// Bytes of source data per chunk, about.
    pub bytes: u64,
    /// Rows per chunk, about.
    pub rows: u64,
    /// At least so many chunks where the input has enough rows, so that every slot gets several.
    pub chunks: u32,
}

impl ChunkTarget {
    /// Bytes of source data per chunk, about, as runs choose them.
    pub const BYTES: u64 = 64 << 20;
}

/// What `plan` tells a person about a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceDescription {
    /// What is read: the SQL statement with its range placeholder, or the path.
    pub statement: String,
    /// How the input is cut, or why it is not: `by [OrderId], the clustered key`.
    pub cut: String,
    /// Which consistency the chunks have among each other.
    pub consistency: String,
}

/// A chunk that is durable in the sink.
#[derive(Clone, Copy, Debug)]
pub struct CopiedChunk<'a> {
    /// The chunk.
    pub chunk: &'a Chunk,
    /// Its parts that were left out.
    pub left_out: &'a [LeftOut],
}

/// Chunks that are whole, each by itself, and do not go together.
#[derive(Debug)]
pub struct Discord {
    /// They are to be copied again.
    pub chunks: Vec<ChunkId>,
    /// What the run ends with if that does not help.
    pub error: Error,
}

/// A place that rows are read from.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The columns, each with its [`SOURCE_TYPE`] in the metadata. Asked before `plan` and at every
    /// resume; the engine refuses a resume whose schema changed.
    async fn schema(&self) -> Result<SchemaRef>;

    /// Cuts the input into independent chunks, numbered from 0 without a gap. Called once per run;
    /// the engine stores the answer and never plans again, so a resumed run sees the same chunks.
    /// Every row that exists at this moment belongs to exactly one chunk, as does every row that
    /// appears later. A source that cannot be cut answers with one chunk.
    async fn plan(&self, target: ChunkTarget) -> Result<Vec<Chunk>>;

    /// The same with chunks whose rows come from one file each ([`files_of`](Self::files_of)), for whoever has to know it
    /// of every row.
    async fn plan_by_file(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.plan(target).await
    }

    /// The same with chunks of whole files, for whoever makes a file of each: a file, or several small ones.
    async fn plan_whole_files(&self, target: ChunkTarget) -> Result<Vec<Chunk>> {
        self.plan(target).await
    }

    /// True if all chunks of this plan have to show one state of the store, the one that
    /// [`begin_snapshot`](Self::begin_snapshot) holds. It ends with its process, so that chunks of two processes never go
    /// together.
    fn shares_snapshot(&self, _chunks: &[Chunk]) -> bool {
        false
    }

    /// Holds the state that every chunk shows from now on, also those that are read again; gives up the one that was held
    /// before. At most `readers` chunks are read at once. Called before the first chunk is read, and only if the chunks
    /// share a snapshot.
    async fn begin_snapshot(&self, _readers: u32) -> Result<()> {
        Ok(())
    }

    /// Gives the snapshot up: no chunk is read any more.
    fn end_snapshot(&self) {}

    /// Reads one chunk from its start. Reading the same chunk twice covers the same rows, unless
    /// they changed in the store. Dropping the stream stops the read and frees its connection.
    ///
    /// # Errors
    /// The stream ends with `None` only when the store said that the chunk is complete; a
    /// connection that ends early is an error.
    async fn read(&self, chunk: &Chunk, limit: BatchLimit) -> Result<BatchStream>;

    /// The same, with rows that do not fit left out and handed on beside the batches; `read` ends with an error at
    /// the first of them. Where this is not overridden no row is ever left out.
    ///
    /// # Errors
    /// Those of `read`, except for the rows that [`skips`](Self::skips) speaks of.
    async fn read_skipping(&self, chunk: &Chunk, limit: BatchLimit) -> Result<PortionStream> {
        Ok(self.read(chunk, limit).await?.map_ok(Portion::from).boxed())
    }

    /// Whether what was left out of one chunk goes together with what was left out of the others: a file that lies in
    /// several chunks is in all of them or in none. Asked once all chunks are copied, before anything is published.
    fn discord(&self, _copied: &[CopiedChunk<'_>]) -> Result<Option<Discord>> {
        Ok(None)
    }

    /// Takes away what was copied, if the definition asks for that, and nothing of what was left out. Called when the
    /// run is published and, if that was asked for, read back; and again by whoever resumes the run, until it has once
    /// succeeded.
    async fn retire(&self, _copied: &[CopiedChunk<'_>]) -> Result<()> {
        Ok(())
    }

    /// Which rows [`read_skipping`](Self::read_skipping) leaves out, in words: `rows with more columns than the
    /// header`. `None` if it leaves none out.
    fn skips(&self) -> Option<Cow<'static, str>> {
        None
    }

    /// The files that the rows of a chunk come from, in order, relative to the folder of the dataset; empty if they come
    /// from no files.
    fn files_of(&self, _chunk: &Chunk) -> Vec<String> {
        Vec::new()
    }

    /// The chunk file by file, for whoever makes a file of each: together they are read like the chunk itself, and have
    /// its number.
    ///
    /// # Errors
    /// A chunk that this source did not plan.
    fn by_file(&self, chunk: &Chunk) -> Result<Vec<Chunk>> {
        Ok(vec![chunk.clone()])
    }

    /// Rows or bytes that have arrived for the open stream of this chunk, if the source can tell ([`Arrivals`]). A
    /// stream during which this stands still for too long counts as stalled; where there is no count it is judged by
    /// its batches. Asked while a stream is pending.
    fn arrived(&self, _chunk: ChunkId) -> Option<u64> {
        None
    }

    /// Whether a stream of this chunk can end early, with all rows up to some place, and say what it did not read.
    fn divides(&self, _chunk: &Chunk) -> bool {
        false
    }

    /// Asks the open stream of a chunk to end early, as soon as it can; what it does not read shall become about so many
    /// parts ([`Hastening`]). It ends with how it divided the chunk ([`Divided::into_end`]), or with `None` if it read all
    /// of it. False if there is no such stream.
    ///
    /// [`Divided::into_end`]: crate::division::Divided::into_end
    fn hasten(&self, _chunk: ChunkId, _parts: u32) -> bool {
        false
    }

    /// Peak bytes that one open stream may hold, prefetched batches included. Asked after `schema`.
    fn working_set(&self, limit: BatchLimit) -> u64;

    /// What to tell a person. Asked after `plan`.
    fn describe(&self) -> SourceDescription;
}

/// True for 16 bytes that are a uuid: by Arrow's extension name, or because the source says so.
pub fn is_uuid(field: &Field) -> bool {
    let says = |key: &str, names: &[&str]| {
        field.metadata().get(key).is_some_and(|name| names.iter().any(|known| name.eq_ignore_ascii_case(known)))
    };
    *field.data_type() == DataType::FixedSizeBinary(16)
        && (says("ARROW:extension:name", &["arrow.uuid"])
            || says(SOURCE_TYPE, &["uniqueidentifier", "uuid", "guid", "FIXED_LEN_BYTE_ARRAY(16) UUID"]))
}
