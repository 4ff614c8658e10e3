//! Arrow batches as the parameters of INSERTs.
//!
//! Per batch the values of every column are checked and converted as a whole, to what the driver takes: whole numbers,
//! reals, or bytes that are a text or not. Then rows are cut into blocks, whose values lie in arrays of one width.

mod cells;
mod moments;

use arrow::{
    array::{Array as _, ArrayRef, RecordBatch},
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, SchemaRef},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
    skipping::Misfit,
    text::{OTHER_TYPE, numbers},
};

use self::cells::Cells;
pub(super) use self::moments::Moments;
use super::super::raw::insert::{Block, Parameter, Passed};
use crate::unfit;

/// Bytes of a block, unless a single row has more.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

const DOES_NOT_FIT: &str =
    "a value does not fit the column; widen the column, or CAST or filter the values in the source's query";
const NULL: &str = "a null goes to a column that is NOT NULL; make it nullable, or replace nulls in the source's query";

/// As what values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number of 64 bits.
    Whole,
    /// A number in digits.
    Digits,
    /// A floating-point number; whether the database has one that is not a number.
    Real {
        nan: bool,
    },
    /// The same in digits; whether it must be finite.
    RealText {
        finite: bool,
    },
    Date(Moments),
    Time(u8),
    Moment {
        form: Moments,
        utc: bool,
    },
    /// At most so many characters.
    Text(Option<usize>),
    /// The same in UTF-16.
    Wide(Option<usize>),
    Uuid,
    Bytes {
        most: Option<usize>,
        fixed: bool,
    },
    /// Bytes as PostgreSQL writes them.
    Hex,
}

/// How a column of a batch becomes one of the table.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its position in the batch.
    pub(super) source: usize,
    /// Its name in the table.
    pub(super) name: String,
    pub(super) takes_no_null: bool,
    /// The Arrow type that the form is made of.
    pub(super) takes: DataType,
    pub(super) form: Form,
}

impl Column {
    fn cells(&self, array: &ArrayRef) -> Result<Cells, &'static str> {
        if self.takes_no_null && array.null_count() > 0 {
            return Err(NULL);
        }
        cells::of(&self.cast(array)?, self.form)
    }

    fn cast(&self, array: &ArrayRef) -> Result<ArrayRef, &'static str> {
        if *array.data_type() == self.takes {
            return Ok(ArrayRef::clone(array));
        }
        let cast = |to: &DataType| {
            // Arrow's own error names the value.
            let options = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(array, to, &options).map_err(|_| DOES_NOT_FIT)
        };
        let is_text = match array.data_type() {
            DataType::Dictionary(_, values) => values.is_string(),
            other => other.is_string(),
        };
        match (is_text, &self.takes) {
            (true, to) if !to.is_string() => numbers::texts(&cast(&DataType::Utf8)?, to),
            (_, to) => cast(to),
        }
    }

    fn refused(&self, why: &'static str) -> Error {
        let kind = if why == OTHER_TYPE { ErrorKind::Bug } else { ErrorKind::Data };
        Error::new(kind, why).with("column", self.name.escape_debug())
    }
}

/// Encodes batches of one schema.
pub(super) struct Encoder {
    columns: Vec<(Column, Passed)>,
    digester: RowDigester,
    /// Rows of a block, at most.
    rows: usize,
}

/// A batch whose values are converted.
pub(super) struct Encoded {
    columns: Vec<Cells>,
    rows: usize,
    pub(super) digest: Digest,
}

impl Encoder {
    /// `columns` in the order of the INSERT, each with how its values are passed.
    ///
    /// # Errors
    /// [`ErrorKind::Data`] for a column whose type has no digest.
    pub(super) fn new(schema: &SchemaRef, columns: Vec<(Column, Passed)>, rows: usize) -> Result<Self> {
        Ok(Self { columns, digester: RowDigester::new(schema)?, rows })
    }

    /// # Errors
    /// [`ErrorKind::Data`] for a value that a column cannot hold exactly; the column is named, the value is not.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Encoded> {
        let of = |(column, _): &(Column, Passed)| {
            column.cells(batch.column(column.source)).map_err(|why| column.refused(why))
        };
        let columns = self.columns.iter().map(of).collect::<Result<_>>()?;
        Ok(Encoded { columns, rows: batch.num_rows(), digest: self.digester.digest(batch)? })
    }

    /// The values that `encode` would refuse.
    pub(super) fn misfits(&self, batch: &RecordBatch) -> Result<Vec<Misfit>> {
        let of = |(column, _): &(Column, Passed)| {
            let array = batch.column(column.source);
            let check = |array: &ArrayRef| column.cells(array).map(drop);
            unfit::refused((column.source, array), &check).map_err(|why| column.refused(why))
        };
        Ok(self.columns.iter().map(of).collect::<Result<Vec<_>>>()?.concat())
    }

    /// The block that begins with this row; `None` behind the last one.
    pub(super) fn block(&self, encoded: &Encoded, start: usize) -> Option<Block> {
        let rows = self.rows_of_block(encoded, start)?;
        let mut bytes = 0;
        let parameters = self.columns.iter().zip(&encoded.columns).map(|((_, passed), cells)| {
            let width = (start..start + rows).map(|row| cells.bytes(row)).max().unwrap_or(0);
            let mut parameter = Parameter::nulls(*passed, rows, width);
            for row in 0..rows {
                bytes += cells.bytes(start + row) as u64;
                cells.put(start + row, |value| parameter.set(row, value));
            }
            parameter
        });
        let parameters = parameters.collect();
        Some(Block { rows, parameters, bytes })
    }

    /// As many as fit with room for the longest value of each column.
    fn rows_of_block(&self, encoded: &Encoded, start: usize) -> Option<usize> {
        let mut widths = vec![0; encoded.columns.len()];
        let mut rows = 0;
        for row in start..encoded.rows.min(start + self.rows) {
            for (width, cells) in widths.iter_mut().zip(&encoded.columns) {
                *width = cells.bytes(row).max(*width);
            }
            if rows > 0 && (rows + 1) * widths.iter().sum::<usize>() > BLOCK_BYTES {
                break;
            }
            rows += 1;
        }
        (rows > 0).then_some(rows)
    }
}
