//! File formats as pure, synchronous encoders: no runtime, no IO.
//!
//! A file is always a preamble, then the fragments of its chunks in order, then a trailer. A chunk
//! encodes its fragment without knowing where in the file it will stand, so the chunks of one file
//! are encoded and stored in parallel; a part file of a folder is a file with one fragment.

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{Result, chunk::BatchLimit, digest::Digest, sink::ColumnFit};
use serde_json::Value;

/// How rows become the bytes of a file. Chosen once per dataset.
pub(crate) trait Format: Send + Sync + 'static {
    /// The file name's ending with its dot, compression included: `.parquet`, `.csv.gz`.
    fn extension(&self) -> String;
    /// How each column is stored, and what would be lost.
    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>>;
    /// Peak bytes that one encoder may hold, encoded bytes that nobody took yet excluded.
    fn working_set(&self, schema: &SchemaRef, limit: BatchLimit) -> u64;
    /// The bytes before the first fragment.
    fn preamble(&self, schema: &SchemaRef) -> Result<Vec<u8>>;
    /// Starts a fragment.
    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>>;
    /// The bytes after the last fragment, from all fragments in file order.
    fn trailer(&self, schema: &SchemaRef, fragments: &[Fragment]) -> Result<Vec<u8>>;
}

/// Encodes the rows of one fragment.
pub(crate) trait FragmentEncoder: Send + 'static {
    /// Takes the rows in.
    fn write(&mut self, batch: &RecordBatch) -> Result<()>;
    /// Encoded bytes that [`take`](Self::take) would give now.
    fn ready(&self) -> usize;
    /// Moves out the bytes that are complete; call it again after more writes.
    fn take(&mut self) -> Vec<u8>;
    /// Ends the fragment; [`take`](Self::take) gives the rest of its bytes afterwards.
    fn finish(&mut self) -> Result<Finished>;
}

/// What an encoder says at the end of its fragment.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Rows encoded.
    pub(crate) rows: u64,
    /// The digest of the rows as they went into the encoding.
    pub(crate) digest: Digest,
    /// What the trailer needs of this fragment: row-group metadata for Parquet, null for text.
    pub(crate) detail: Value,
}

/// A finished fragment at its place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    /// Its bytes in the file.
    pub(crate) length: u64,
    /// [`Finished::detail`].
    pub(crate) detail: Value,
}
