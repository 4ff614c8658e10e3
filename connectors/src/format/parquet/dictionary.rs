//! Which columns a dictionary does not pay for.

use std::collections::HashSet;

use arrow::{
    array::{ArrayRef, RecordBatch, UInt32Array},
    compute::take,
    row::{RowConverter, SortField},
};
use parquet::schema::types::{ColumnPath, SchemaDescriptor};

/// Values looked at, spread over the batch so that sorted neighbours do not look alike.
const SAMPLE: usize = 1024;

/// The columns whose values hardly repeat. Hashing every value to find that out is what makes
/// encoding slow, so a sample of the fragment's first batch decides.
pub(super) fn useless(batch: &RecordBatch, schema: &SchemaDescriptor) -> Vec<ColumnPath> {
    let stride = batch.num_rows().div_ceil(SAMPLE).max(1);
    let sample = UInt32Array::from_iter_values((0..batch.num_rows()).step_by(stride).map(|row| row as u32));
    let columns = batch.columns().iter().zip(schema.columns());
    columns.filter(|(values, _)| mostly_distinct(values, &sample)).map(|(_, column)| column.path().clone()).collect()
}

fn mostly_distinct(values: &ArrayRef, sample: &UInt32Array) -> bool {
    // A column that cannot be compared keeps its dictionary: that is only slower.
    let distinct = || {
        let sampled = take(values, sample, None).ok()?;
        let rows = RowConverter::new(vec![SortField::new(sampled.data_type().clone())]).ok()?;
        let rows = rows.convert_columns(std::slice::from_ref(&sampled)).ok()?;
        Some(rows.iter().collect::<HashSet<_>>().len())
    };
    sample.len() >= SAMPLE / 4 && distinct().is_some_and(|distinct| 2 * distinct > sample.len())
}
