//! From batches to digests.

use std::ops::Range;

use arrow::{
    array::RecordBatch,
    datatypes::{DataType, SchemaRef},
};

use super::{
    Digest,
    cells::{Cells, cells, value_type},
    mix::{ColumnKey, row_hash},
};
use crate::{Error, ErrorKind, Result};

/// Rows that are hashed together: their lanes stay in the first-level cache.
const BLOCK: usize = 1024;

/// Digests the rows of batches of one schema.
///
/// The digest depends on the values alone: not on the order of rows, on where batches are cut, on
/// slices, nor on how a column is laid out (`Utf8`, `LargeUtf8`, `Utf8View` and dictionaries of them
/// are one). Floats count bit by bit, so `-0.0` is not `0.0`; but one NaN is as good as another, for no
/// database and no text tells them apart. Cheap to clone and to share.
#[derive(Clone, Debug)]
pub struct RowDigester {
    columns: Vec<Column>,
}

#[derive(Clone, Debug)]
struct Column {
    name: String,
    value_type: DataType,
    key: ColumnKey,
}

impl RowDigester {
    /// A digester for batches with these columns.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a column whose type has no digest: durations, intervals and nested
    /// types.
    pub fn new(schema: &SchemaRef) -> Result<Self> {
        let columns = schema.fields().iter().enumerate().map(|(position, field)| {
            let value_type = value_type(field.data_type()).ok_or_else(|| {
                Error::new(
                    ErrorKind::Data,
                    "columns of this type cannot be copied; cast it in the query or leave the column out",
                )
                .with("column", field.name().escape_debug())
                .with("type", field.data_type())
            })?;
            Ok(Column { name: field.name().clone(), value_type, key: ColumnKey::of(position) })
        });
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }

    /// The sum of the hashes of the rows of a batch.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] if the batch has other columns than the schema; the first that differs
    /// is named.
    pub fn digest(&self, batch: &RecordBatch) -> Result<Digest> {
        let columns = self.cells(batch)?;
        let mut lanes = Lanes { first: [0; BLOCK], second: [0; BLOCK] };
        let mut sum = 0_u128;
        let mut start = 0;
        while start < batch.num_rows() {
            let rows = start..batch.num_rows().min(start + BLOCK);
            start = rows.end;
            sum = sum.wrapping_add(lanes.sum(rows, &columns));
        }
        Ok(Digest(sum))
    }

    /// The hash of every row of a batch, in order: what the digest of that row alone would be.
    ///
    /// # Errors
    /// As for [`digest`](Self::digest).
    pub fn rows(&self, batch: &RecordBatch) -> Result<Vec<Digest>> {
        let columns = self.cells(batch)?;
        let mut lanes = Lanes { first: [0; BLOCK], second: [0; BLOCK] };
        let mut hashes = Vec::with_capacity(batch.num_rows());
        while hashes.len() < batch.num_rows() {
            let rows = hashes.len()..batch.num_rows().min(hashes.len() + BLOCK);
            hashes.extend(lanes.hashes(rows, &columns).map(Digest));
        }
        Ok(hashes)
    }

    fn cells<'a>(&self, batch: &'a RecordBatch) -> Result<Vec<Box<dyn Cells + 'a>>> {
        if batch.num_columns() != self.columns.len() {
            return Err(Error::new(ErrorKind::Data, "a batch has another number of columns than the schema")
                .with("columns", batch.num_columns())
                .with("expected", self.columns.len()));
        }
        let cells = self.columns.iter().zip(batch.columns()).map(|(column, array)| {
            let same = value_type(array.data_type()).as_ref() == Some(&column.value_type);
            same.then(|| cells(array, column.key)).flatten().ok_or_else(|| {
                Error::new(ErrorKind::Data, "a batch has another column type than the schema")
                    .with("column", column.name.escape_debug())
                    .with("type", array.data_type())
                    .with("expected", &column.value_type)
            })
        });
        cells.collect()
    }
}

/// Two running sums per row of a block.
pub(super) struct Lanes {
    pub(super) first: [u64; BLOCK],
    pub(super) second: [u64; BLOCK],
}

impl Lanes {
    fn sum(&mut self, rows: Range<usize>, columns: &[Box<dyn Cells + '_>]) -> u128 {
        self.hashes(rows, columns).fold(0, u128::wrapping_add)
    }

    fn hashes(&mut self, rows: Range<usize>, columns: &[Box<dyn Cells + '_>]) -> impl Iterator<Item = u128> {
        let count = rows.len();
        self.first[..count].fill(0);
        self.second[..count].fill(0);
        for column in columns {
            column.add_to(self, rows.clone());
        }
        let lanes = self.first[..count].iter().zip(&self.second[..count]);
        lanes.map(|(&first, &second)| row_hash(first, second))
    }
}
