//! Parquet files as they were written: the columns under their names, the values in their types.

use std::sync::Arc;

use arrow::{compute::can_cast_types, datatypes::SchemaRef};
use parquet::arrow::parquet_to_arrow_schema;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};

use super::{
    columns::Columns,
    reader::{LARGEST_ROW_GROUP, ParquetFiles, damaged},
};
use crate::format::{Batches, Input, ReadFormat, Slice, restored::restored};

/// Reads files of these columns back.
pub(super) struct ReadBack {
    files: ParquetFiles,
    written: SchemaRef,
}

impl ReadBack {
    /// # Errors
    /// A column whose values cannot be brought back into its type.
    pub(super) fn new(written: &SchemaRef) -> Result<Self> {
        let stored = parquet_to_arrow_schema(&Columns::of(written)?.descriptor, None).map_err(|error| {
            Error::new(ErrorKind::Bug, "the Parquet columns cannot be read back; please report it").caused_by(error)
        })?;
        for (from, to) in stored.fields().iter().zip(written.fields()) {
            let types = (from.data_type(), to.data_type());
            if !can_cast_types(types.0, types.1) || !can_cast_types(types.1, types.0) {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "a column of this type cannot be read back; cast it in the query, or remove validateDataConsistency",
                )
                .with("column", to.name().escape_debug())
                .with("type", to.data_type()));
            }
        }
        // The files are our own: a row group is what a chunk's memory held.
        Ok(Self { files: ParquetFiles { memory: LARGEST_ROW_GROUP as u64 }, written: Arc::clone(written) })
    }
}

impl ReadFormat for ReadBack {
    fn schema(&self, _file: Input) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.written))
    }

    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>> {
        self.files.slices(file, bytes)
    }

    /// Row group by row group, so that the bytes of one are all that is looked at together.
    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        same_names(&self.written, &self.files.schema(file.clone())?)?;
        let groups = match slice {
            Slice::Bytes(..) | Slice::Stripes(..) => return Err(damaged("it has row groups and nothing else")),
            Slice::Whole => self.files.slices(file.clone(), 1)?,
            Slice::RowGroups(from, to) => (*from..*to).map(|group| Slice::RowGroups(group, group + 1)).collect(),
        };
        let (files, written) = (self.files, Arc::clone(&self.written));
        let read = move |group: Slice| -> Batches {
            let written = Arc::clone(&written);
            match files.read(file.clone(), &group, limit) {
                Ok(batches) => Box::new(batches.map(move |batch| restored(&batch?, &written, damaged))),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        };
        Ok(Box::new(groups.into_iter().flat_map(read)))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.files.working_set(limit).saturating_add(limit.bytes)
    }
}

fn same_names(written: &SchemaRef, found: &SchemaRef) -> Result<()> {
    let names = |schema: &SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    if names(written) == names(found) { Ok(()) } else { Err(damaged("it has other columns than were written")) }
}
