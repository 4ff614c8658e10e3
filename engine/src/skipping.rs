//! Rows that do not fit: left out of a copy that allows it, counted, and written down in a log.
//!
//! Who meets such a row, the source or what decodes for it, leaves it out of its batch and hands it on beside the
//! batch. The log is a sink of its own with one column of text: its chunks are those of the copy, their attempts
//! have the same names, and so each line stands there once, whatever is killed or tried again.

pub mod misfits;

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, BatchLimit, ChunkId, Receipt},
    digest::Digest,
    sink::Sink,
};

/// A row that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRow {
    /// Its values as text, in the order of the source; `None` for null. It may have more of them than there are
    /// columns.
    pub cells: Vec<Option<String>>,
    /// Data Factory's symbolic code, such as `UserErrorInvalidDataValue`.
    pub code: &'static str,
    /// What is wrong with it. Other than an error this may quote the value: whoever asks for the log asks for that.
    pub message: Cow<'static, str>,
}

impl SkippedRow {
    /// A row of which the value of one column is none that the column can hold.
    pub fn invalid(cells: Vec<Option<String>>, column: &str, value: &str, reason: &str) -> Self {
        let message = format!("Column '{column}' contains an invalid value '{value}': {reason}.");
        Self { cells, code: "UserErrorInvalidDataValue", message: message.into() }
    }

    /// The memory that it takes, about; sources count it towards the limit of a batch.
    pub fn bytes(&self) -> u64 {
        let cells: usize = self.cells.iter().map(|cell| size_of_val(cell) + cell.as_ref().map_or(0, String::len)).sum();
        (size_of_val(self) + cells + self.message.len()) as u64
    }
}

/// A value of a batch that the sink cannot hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its row in the batch.
    pub row: usize,
    /// Its column in the batch.
    pub column: usize,
    /// What is wrong with it, and what to do.
    pub reason: &'static str,
}

/// A row that a target does not take because of another one with the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// The digest of the row.
    pub row: Digest,
    /// A column of the key, in the batch.
    pub column: usize,
}

/// What a source read at once, its rows and what it left out within one [`BatchLimit`].
#[derive(Clone, Debug)]
pub struct Portion {
    /// Rows that were read, those left out included: counted apart from both, so that a row that is in neither is
    /// noticed.
    pub read: u64,
    /// The rows that fit.
    pub rows: RecordBatch,
    /// The rows that do not.
    pub skipped: Vec<SkippedRow>,
    /// Parts of the chunk of which nothing is read, in this portion or another one.
    pub left_out: Vec<LeftOut>,
}

/// A part of a chunk that a source leaves out as a whole, such as one of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which part; only the source knows what the number means.
    pub part: u32,
    /// Data Factory's symbolic code of what is wrong with it.
    pub code: Cow<'static, str>,
}

impl From<RecordBatch> for Portion {
    fn from(rows: RecordBatch) -> Self {
        Self { read: rows.num_rows() as u64, rows, skipped: Vec::new(), left_out: Vec::new() }
    }
}

/// Portions of one chunk, in any order of rows.
pub type PortionStream = BoxStream<'static, Result<Portion>>;

/// What a run does with rows that do not fit, if they do not end it.
#[derive(Clone, Debug)]
pub struct Skipping {
    /// Where they are written down; `None` if they are only counted.
    pub log: Option<SkipLog>,
}

/// Where skipped rows are written down.
#[derive(Clone)]
pub struct SkipLog {
    /// Takes batches of [`schema`]: a line each.
    pub sink: Arc<dyn Sink>,
    /// How a row becomes a line.
    pub layout: Arc<dyn Layout>,
    /// For a person, and for Data Factory's output: a folder, as its definition names it.
    pub path: String,
}

impl fmt::Debug for SkipLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SkipLog").field("path", &self.path).finish_non_exhaustive()
    }
}

/// The layout of a log of skipped rows.
pub trait Layout: Send + Sync {
    /// The line of a row, without its end.
    fn line(&self, row: &SkippedRow, at: SystemTime) -> String;
}

/// Skipped rows of one attempt at a chunk: they count once this attempt is the one that committed the chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Skips {
    /// The chunk.
    pub chunk: ChunkId,
    /// The attempt.
    pub attempt: Attempt,
    /// Rows that it left out.
    pub rows: u64,
    /// The receipt of their lines; `None` if they are only counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Receipt>,
    /// Parts of the chunk that it left out as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// The one column of a log.
pub fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("line", DataType::Utf8, false)]))
}

/// How large the batches of a log are.
pub(crate) fn limit(batch: BatchLimit) -> BatchLimit {
    BatchLimit { rows: batch.rows, bytes: batch.bytes.min(1 << 20) }
}

/// A batch of lines.
pub(crate) fn lines(schema: &SchemaRef, lines: Vec<String>) -> Result<RecordBatch> {
    let lines: ArrayRef = Arc::new(StringArray::from(lines));
    RecordBatch::try_new(schema.clone(), vec![lines]).map_err(|error| {
        Error::new(ErrorKind::Bug, "the log of skipped rows cannot be written; please report it").caused_by(error)
    })
}
