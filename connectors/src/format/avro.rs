//! Avro object container files: a header with the schema, then blocks of rows.
//!
//! `arrow-avro` turns rows into bytes and back; the container is ours, so that fragments are made without knowing each
//! other and blocks are bounded before they are unpacked. The marker between blocks is made of the schema, and so the
//! same in every fragment.

mod blocks;
mod codec;
mod columns;
mod container;
mod encoder;
mod read_back;
mod reader;
mod settings;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::BatchLimit, digest::RowDigester, sink::ColumnFit};

pub(super) use self::reader::AvroFiles;
use self::{columns::Columns, container::Container, encoder::Encoder};
use super::{Format, Fragment, FragmentEncoder, ReadFormat};

/// The format of an `Avro` dataset.
#[derive(Clone, Debug)]
pub(super) struct Avro {
    codec: codec::Codec,
    record: settings::RecordName,
}

impl Avro {
    fn container(&self, schema: &SchemaRef) -> Result<Container> {
        Container::new(Columns::of(schema, &self.record)?.avro_schema()?, self.codec)
    }
}

impl Format for Avro {
    fn extension(&self) -> String {
        ".avro".to_owned()
    }

    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        Ok(Columns::of(schema, &self.record)?.fit())
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // The batch in its stored types, its bytes, and those once more as they go out.
        limit.bytes.saturating_mul(4).saturating_add(self.codec.working_set())
    }

    fn preamble(&self, schema: &SchemaRef) -> Result<Vec<u8>> {
        Ok(self.container(schema)?.header())
    }

    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        let columns = Columns::of(schema, &self.record)?;
        Ok(Box::new(Encoder::new(columns, self.container(schema)?, RowDigester::new(schema)?)?))
    }

    fn trailer(&self, _schema: &SchemaRef, _fragments: &[Fragment]) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn read_back(&self, schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        Columns::of(schema, &self.record)?;
        Ok(Arc::new(read_back::ReadBack::new(schema)))
    }
}

#[cfg(test)]
mod tests;
