//! What a file gives back, as the columns that were written to it.

use arrow::{
    array::{ArrayRef, RecordBatch},
    datatypes::{Field, Schema},
};
use ropeway_engine::{Error, Result, exact::exactly};

/// The values in the types of the columns, if that is what they were written as: nothing may be rounded away on the way
/// back. `damaged` says what a file is that gives anything else.
pub(super) fn restored(
    batch: &RecordBatch,
    written: &Schema,
    damaged: fn(&'static str) -> Error,
) -> Result<RecordBatch> {
    let column = |values: &ArrayRef, field: &Field| match exactly(values, field.data_type()) {
        Ok(Some(restored)) => Ok(restored),
        Ok(None) => Err(damaged("a value is not of its column's type").with("column", field.name().escape_debug())),
        Err(error) => Err(damaged("a column has another type").caused_by(error)),
    };
    let columns = batch.columns().iter().zip(written.fields());
    let columns = columns.map(|(values, field)| Ok((field.name(), column(values, field)?)));
    let columns: Vec<_> = columns.collect::<Result<_>>()?;
    RecordBatch::try_from_iter(columns).map_err(|error| damaged("its columns do not fit").caused_by(error))
}
