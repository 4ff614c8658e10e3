//! Parquet, written as row groups that know nothing of each other.
//!
//! Every chunk runs the ordinary Arrow writer into its own buffer. Pages hold no absolute offsets,
//! so a fragment is what that writer produced without its magic number and without its footer; the
//! footer itself travels in the receipt. The trailer of the file is one footer with the row groups
//! of all fragments, their offsets shifted to where the fragments stand.

mod columns;
mod dictionary;
mod encoder;
mod footer;
mod pages;
mod read_back;
mod reader;
mod settings;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::BatchLimit, digest::RowDigester, sink::ColumnFit};

pub(crate) use self::reader::ParquetFiles;
pub(crate) use self::settings::{DatasetProperties, Settings};
use self::{columns::Columns, encoder::Encoder};
use super::{Format, Fragment, FragmentEncoder, ReadFormat};

/// The four bytes at both ends of a Parquet file.
const MAGIC: &[u8; 4] = b"PAR1";

/// Rows of one row group at most; readers plan their parallelism by row groups.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// Memory that one row group may take while it is encoded. Chunks are about 64 MiB of source data,
/// which is less than this when encoded, so most chunks become one row group.
const ROW_GROUP_BYTES: usize = 24 << 20;

/// The Parquet format with the codec of its dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parquet {
    settings: Settings,
}

impl Parquet {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Format for Parquet {
    fn extension(&self) -> String {
        ".parquet".to_owned()
    }

    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        Ok(Columns::of(schema)?.fit())
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // A row group is cut after the batch that fills it: the batch itself, its pages on top, and then all pages once
        // more, as the bytes that go out.
        limit.bytes.saturating_mul(2).saturating_add(2 * ROW_GROUP_BYTES as u64)
    }

    fn preamble(&self, _schema: &SchemaRef) -> Result<Vec<u8>> {
        Ok(MAGIC.to_vec())
    }

    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        Ok(Box::new(Encoder::new(Columns::of(schema)?, RowDigester::new(schema)?, self.settings)))
    }

    fn trailer(&self, schema: &SchemaRef, fragments: &[Fragment]) -> Result<Vec<u8>> {
        footer::join(&Columns::of(schema)?, fragments)
    }

    fn read_back(&self, schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        Ok(Arc::new(read_back::ReadBack::new(schema)?))
    }
}

#[cfg(test)]
mod tests;
