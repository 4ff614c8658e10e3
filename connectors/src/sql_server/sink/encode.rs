//! Arrow batches as the rows of a bulk load, column by column.
//!
//! How a column is converted and written is decided once, by [`fit`](super::fit). Per batch the values of every column
//! are checked and converted as a whole; then rows are laid out in [`blocks`].

mod blocks;
mod cells;
mod numbers;
mod texts;
mod times;

use std::sync::Arc;

use arrow::{
    array::{Array as _, ArrayRef, Int64Array, RecordBatch},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, SchemaRef},
};
use bytes::Bytes;
use mssql_tds::datatypes::sql_string::EncodingType;
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
    skipping::Misfit,
    text::{OTHER_TYPE, numbers as numbers_in_texts},
};

use self::cells::Cells;
pub(crate) use self::{blocks::Spare, cells::Frame, numbers::decimal_bytes};
use super::{
    clashes::halves,
    grow::{self, Outgrown},
};
use crate::unfit;

/// What a `bigint` takes.
const MARK: Form = Form { precision: 19, scale: 0, most_bytes: 8, frame: Frame::Short, encoding: None, rounds: false };

const DOES_NOT_FIT: &str =
    "a value does not fit the column; widen the column, or CAST or filter the values in the source's query";
const NULL: &str = "a null goes to a column that is NOT NULL; make it nullable, or replace nulls in the source's query";

/// What a column of the table takes.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) precision: u8,
    pub(crate) scale: u8,
    /// Of one value.
    pub(crate) most_bytes: usize,
    pub(crate) frame: Frame,
    pub(crate) encoding: Option<EncodingType>,
    /// True if digits that the column does not keep may go.
    pub(crate) rounds: bool,
}

type Made<'a> = Result<Box<dyn Cells + 'a>, &'static str>;

/// Makes the cells of a column, of values that are of the type it takes.
pub(crate) type Make = for<'a> fn(&'a ArrayRef, &Form) -> Made<'a>;

/// What [`Make`]s there are.
pub(crate) mod makes {
    pub(crate) use super::{
        numbers::{bigint, bit, decimal, float, int, money, real, smallint, smallmoney, tinyint},
        texts::{binary, guid, narrow, wide},
        times::{date, datetime, datetime2, datetimeoffset, smalldatetime, time},
    };
}

/// How a column of a batch becomes one of the table.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its position in the batch.
    pub(crate) source: usize,
    /// Its name in the table.
    pub(crate) name: String,
    pub(crate) nullable: bool,
    /// The Arrow type that `make` takes.
    pub(crate) takes: DataType,
    pub(crate) make: Make,
    pub(crate) form: Form,
    /// The bytes that the column has room for now, if it becomes longer when a text does.
    pub(crate) room: Option<usize>,
}

impl Column {
    /// The values as the type that `make` takes.
    fn converted(&self, array: &ArrayRef) -> Result<ArrayRef, &'static str> {
        if !self.nullable && array.null_count() > 0 {
            return Err(NULL);
        }
        if *array.data_type() == self.takes {
            return Ok(ArrayRef::clone(array));
        }
        let cast = |array: &ArrayRef, to: &DataType| {
            // Arrow's own error names the value.
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, to, &options).map_err(|_| DOES_NOT_FIT)
        };
        if array.data_type().is_string() && !self.takes.is_string() {
            return numbers_in_texts::texts(&cast(array, &DataType::Utf8)?, &self.takes);
        }
        cast(array, &self.takes)
    }

    fn check(&self, array: &ArrayRef) -> Result<(), &'static str> {
        (self.make)(&self.converted(array)?, &self.form).map(drop)
    }

    fn refused(&self, why: &'static str) -> Error {
        let kind = if why == OTHER_TYPE { ErrorKind::Bug } else { ErrorKind::Data };
        Error::new(kind, why).with("column", self.name.escape_debug())
    }
}

/// Encodes batches of one schema.
#[derive(Debug)]
pub(crate) struct Encoder {
    columns: Vec<Column>,
    digester: RowDigester,
    /// Whether the digest of each row stands behind its values, in two columns.
    marks: bool,
}

/// What becomes of a batch.
pub(crate) enum Encoding {
    /// Its rows.
    Rows(Encoded),
    /// Columns that have to become longer first.
    Outgrown(Vec<Outgrown>),
}

/// The rows of a batch.
pub(crate) struct Encoded {
    pub(crate) blocks: Vec<Bytes>,
    pub(crate) rows: u64,
    pub(crate) digest: Digest,
}

impl Encoder {
    /// `columns` in the order of the bulk load.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a column whose type has no digest.
    pub(crate) fn new(schema: &SchemaRef, columns: Vec<Column>) -> Result<Self> {
        Ok(Self { columns, digester: RowDigester::new(schema)?, marks: false })
    }

    /// The same; behind the values of each row stands its digest, as two columns of `bigint`.
    pub(crate) fn marking(self, marks: bool) -> Self {
        Self { marks, ..self }
    }

    /// The rows of a batch, in memory that is taken from `spare` and comes back to it.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a value that a column cannot hold exactly; the column is named, the value is not.
    pub(crate) fn encode(&self, batch: &RecordBatch, spare: &Spare) -> Result<Encoding> {
        let converted =
            |column: &Column| column.converted(batch.column(column.source)).map_err(|why| column.refused(why));
        let arrays = self.columns.iter().map(converted).collect::<Result<Vec<_>>>()?;
        let outgrown = self.outgrown(&arrays);
        if !outgrown.is_empty() {
            return Ok(Encoding::Outgrown(outgrown));
        }
        let marks = if self.marks { marks(&self.digester.rows(batch)?).to_vec() } else { Vec::new() };
        let cells = self.columns.iter().zip(&arrays);
        let mut cells = cells
            .map(|(column, array)| (column.make)(array, &column.form).map_err(|why| column.refused(why)))
            .collect::<Result<Vec<_>>>()?;
        for half in &marks {
            cells.push(makes::bigint(half, &MARK).map_err(|why| Error::new(ErrorKind::Bug, why))?);
        }
        let blocks = blocks::of(&cells, batch.num_rows(), spare);
        let digest = self.digester.digest(batch)?;
        Ok(Encoding::Rows(Encoded { blocks, rows: batch.num_rows() as u64, digest }))
    }

    fn outgrown(&self, arrays: &[ArrayRef]) -> Vec<Outgrown> {
        let of = |(column, (of, array)): (usize, (&Column, &ArrayRef))| {
            let units = grow::outgrown(array, of.room?)?;
            Some(Outgrown { column, units })
        };
        self.columns.iter().zip(arrays).enumerate().filter_map(of).collect()
    }

    /// The values that `encode` would refuse.
    pub(crate) fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        let of = |column: &Column| {
            let array = batch.column(column.source);
            unfit::refused((column.source, array), &|array| column.check(array)).map_err(|why| column.refused(why))
        };
        Ok(self.columns.iter().map(of).collect::<Result<Vec<_>>>()?.concat())
    }
}

/// The digests of rows, their low halves and their high halves.
fn marks(digests: &[Digest]) -> [ArrayRef; 2] {
    let halves: Vec<_> = digests.iter().map(|digest| halves(*digest)).collect();
    [0, 1].map(|at| Arc::new(Int64Array::from_iter_values(halves.iter().map(|halves| halves[at]))) as ArrayRef)
}

#[cfg(test)]
mod tests;
