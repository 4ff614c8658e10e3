//! Avro files as they were written: the columns under their names, the values in their types.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use ropeway_engine::{Result, chunk::BatchLimit};

use super::{container::damaged, reader::AvroFiles};
use crate::format::{Batches, Input, ReadFormat, Slice, restored::restored};

/// Reads files of these columns back.
pub(super) struct ReadBack {
    files: AvroFiles,
    written: SchemaRef,
}

impl ReadBack {
    pub(super) fn new(written: &SchemaRef) -> Self {
        // The files are our own: a block is what one batch and its longest row are.
        Self { files: AvroFiles { memory: 1 << 30 }, written: Arc::clone(written) }
    }
}

impl ReadFormat for ReadBack {
    fn schema(&self, _file: Input) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.written))
    }

    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>> {
        self.files.slices(file, bytes)
    }

    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let found = self.files.schema(file.clone())?;
        let names = |schema: &Schema| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
        if names(&found) != names(&self.written) {
            return Err(damaged("it has other columns than were written"));
        }
        let written = Arc::clone(&self.written);
        Ok(Box::new(self.files.read(file, slice, limit)?.map(move |batch| restored(&batch?, &written, damaged))))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.files.working_set(limit).saturating_add(limit.bytes)
    }
}
