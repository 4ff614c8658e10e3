//! Avro files as they were written: the columns under their names, the values in their types.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema, SchemaRef},
};
use ropeway_engine::{Result, chunk::BatchLimit, exact::exactly};

use super::{container::damaged, reader::AvroFiles};
use crate::format::{Batches, Input, ReadFormat, Slice};

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
        Ok(Box::new(self.files.read(file, slice, limit)?.map(move |batch| restored(&batch?, &written))))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.files.working_set(limit).saturating_add(limit.bytes)
    }
}

fn restored(batch: &RecordBatch, written: &Schema) -> Result<RecordBatch> {
    let columns = batch
        .columns()
        .iter()
        .zip(written.fields())
        .map(|(values, field)| Ok((field.name(), restored_column(values, field)?)));
    let columns: Vec<_> = columns.collect::<Result<_>>()?;
    RecordBatch::try_from_iter(columns).map_err(|error| damaged("its columns do not fit").caused_by(error))
}

/// The values in the column's type, if that is what they were written as.
fn restored_column(values: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    match exactly(values, field.data_type()) {
        Ok(Some(restored)) => Ok(restored),
        Ok(None) => Err(damaged("a value is not of its column's type").with("column", field.name().escape_debug())),
        Err(error) => Err(damaged("a column has another type").caused_by(error)),
    }
}
