//! Records to batches.

use std::ops::Range;

use arrow::array::RecordBatch;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    skipping::{Portion, SkippedRow},
};

use super::{
    Columns, Records,
    cell::{Cell, Column},
    infer,
    tree::Place,
};

/// The rows of a file, in batches.
pub(in crate::format) struct Rows<R> {
    records: R,
    columns: Columns,
    limit: BatchLimit,
    /// The record that is open, and what of it was not read yet.
    text: String,
    root: Vec<Place>,
    pending: std::vec::IntoIter<Option<Range<usize>>>,
    /// The record that was read last, from 1.
    record: u64,
    failed: bool,
    /// True if a row with a value that does not fit is left out.
    pub(in crate::format) skipping: bool,
}

/// Why a row does not fit.
struct Misfit {
    column: usize,
    is_complex: bool,
}

impl<R: Records> Rows<R> {
    pub(in crate::format) fn new(records: R, columns: Columns, limit: BatchLimit) -> Self {
        Self {
            records,
            columns,
            limit,
            text: String::new(),
            root: Vec::new(),
            pending: Vec::new().into_iter(),
            record: 0,
            failed: false,
            skipping: false,
        }
    }

    fn portion(&mut self) -> Result<Option<Portion>> {
        let mut columns: Vec<Column> = self.columns.kinds.iter().map(|kind| Column::new(*kind)).collect();
        let (mut read, mut bytes, mut rows, mut skipped) = (0_u32, 0_u64, 0, Vec::new());
        while read < self.limit.rows.get() && bytes < self.limit.bytes {
            let Some(cells) = self.row()? else { break };
            read += 1;
            match self.fitting(&cells) {
                Ok(fitting) => {
                    rows += 1;
                    for (column, cell) in columns.iter_mut().zip(&fitting) {
                        column.push(cell);
                        bytes += if let Cell::Text(text) = cell { text.len() as u64 + 4 } else { 8 };
                    }
                }
                Err(misfit) => {
                    let row = self.left_out(&misfit, &cells)?;
                    bytes += row.bytes();
                    skipped.push(row);
                }
            }
        }
        if read == 0 {
            return Ok(None);
        }
        let columns = columns.iter_mut().map(Column::finish).collect();
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
        let rows = RecordBatch::try_new_with_options(self.columns.schema(), columns, &options).map_err(|error| {
            Error::new(ErrorKind::Bug, "a batch of values does not fit its columns; please report it").caused_by(error)
        })?;
        Ok(Some(Portion { read: u64::from(read), rows, skipped, left_out: Vec::new() }))
    }

    /// The values of the next row.
    fn row(&mut self) -> Result<Option<Vec<Place>>> {
        let element = match self.pending.next() {
            Some(element) => element,
            None if self.open()? => self.pending.next().flatten(),
            None => return Ok(None),
        };
        let mut cells = self.root.clone();
        if let Some(element) = element {
            self.columns.trees.element(&self.text, element, &mut cells).map_err(|error| self.at(error))?;
        }
        Ok(Some(cells))
    }

    /// Opens the next record; false at the end. A record without elements is a row all the same.
    fn open(&mut self) -> Result<bool> {
        self.text.clear();
        if !self.records.next(&mut self.text).map_err(|error| self.at(error))? {
            return Ok(false);
        }
        self.record += 1;
        let found = self.columns.trees.record(&self.text).map_err(|error| self.at(error))?;
        if let Some(name) = found.unknown {
            return Err(self.at(Error::new(
                ErrorKind::Data,
                "an object has a property that none of those before it has; name the columns in the translator's mappings",
            )
            .with("property", name.escape_debug())));
        }
        self.root = found.root;
        let elements: Vec<_> =
            if found.elements.is_empty() { vec![None] } else { found.elements.into_iter().map(Some).collect() };
        self.pending = elements.into_iter();
        Ok(true)
    }

    fn fitting(&self, cells: &[Place]) -> Result<Vec<Cell<'_>>, Misfit> {
        let cell = |(column, (place, kind)): (usize, (&Place, &super::cell::Kind))| {
            let Some(place) = place else { return Ok(Cell::Null) };
            let literal = &self.text[place.clone()];
            kind.cell(literal, self.columns.complex_as_text)
                .ok_or_else(|| Misfit { column, is_complex: literal.starts_with(['{', '[']) })
        };
        cells.iter().zip(&self.columns.kinds).enumerate().map(cell).collect()
    }

    /// The row as one that is left out.
    ///
    /// # Errors
    /// No row may be left out.
    fn left_out(&self, misfit: &Misfit, cells: &[Place]) -> Result<SkippedRow> {
        let kind = self.columns.kinds[misfit.column];
        let name = self.columns.schema.field(misfit.column).name();
        if !self.skipping {
            return Err(self.at(if misfit.is_complex {
                infer::complex(name)
            } else {
                Error::new(
                    ErrorKind::Data,
                    "a value is of another type than those at the beginning of the first file; give its column the type \
                     String in the translator's mappings, or set enableSkipIncompatibleRow to leave such rows out",
                )
                .with("column", name.escape_debug())
                .with("type", kind.name())
                .code("UserErrorInvalidDataValue")
            }));
        }
        let shown = |place: &Place| {
            let literal = &self.text[place.clone()?];
            Some(super::cell::text(literal).map_or_else(|| literal.to_owned(), std::borrow::Cow::into_owned))
        };
        let texts: Vec<_> = cells.iter().map(shown).collect();
        let value = texts[misfit.column].clone().unwrap_or_default();
        let reason = format!("it is no {} as those at the beginning of the first file", kind.name());
        Ok(SkippedRow::invalid(texts, name, &value, &reason))
    }

    fn at(&self, error: Error) -> Error {
        error.with("object", self.record.max(1))
    }
}

impl<R: Records> Iterator for Rows<R> {
    type Item = Result<Portion>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let portion = self.portion().transpose();
        self.failed = matches!(portion, Some(Err(_)));
        portion
    }
}
