//! Cells to rows.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, StringBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, source::SOURCE_TYPE};

use super::range::{Area, Position};

/// Cells of a table at most, empty ones too: a sheet with a cell in each of its corners has billions.
const MOST_CELLS: u64 = 64 << 20;

/// A table of texts.
#[derive(Debug)]
pub(super) struct Table {
    schema: SchemaRef,
    /// The cells that hold something, row by row.
    cells: Vec<(Position, String)>,
    /// The first row behind the header, and the one behind the last.
    rows: (u32, u32),
    first_column: u32,
}

impl Table {
    /// # Errors
    /// No cell holds anything, or the table is too large.
    pub(super) fn new(mut cells: Vec<(Position, String)>, area: Area, header: bool, null_value: &str) -> Result<Self> {
        cells.sort_by_key(|(position, _)| *position);
        let ((top, left), (bottom, right)) = corners(&cells, area)?;
        if u64::from(bottom - top + 1) * u64::from(right - left + 1) > MOST_CELLS {
            return Err(Error::new(
                ErrorKind::Data,
                "the cells of the sheet are too far apart; set a range in the dataset that holds the table alone",
            )
            .with("limit of cells", MOST_CELLS));
        }
        let mut names: Vec<String> = (0..=right - left).map(|position| format!("Prop_{position}")).collect();
        let of_header = cells.iter().filter(|((row, _), text)| header && *row == top && !text.is_empty());
        for ((_, column), text) in of_header {
            names[(column - left) as usize].clone_from(text);
        }
        let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), "String".to_owned())]);
        let fields = names.iter().map(|name| Field::new(name, DataType::Utf8, true).with_metadata(metadata.clone()));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let first = top + u32::from(header);
        cells.retain(|((row, _), text)| *row >= first && text != null_value);
        Ok(Self { schema, cells, rows: (first, bottom + 1), first_column: left })
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The rows, blank ones between others too.
    pub(super) fn batches(self, limit: BatchLimit) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        let Self { schema, cells, rows: (mut row, end), first_column } = self;
        let mut cells = cells.into_iter().peekable();
        std::iter::from_fn(move || {
            if row >= end {
                return None;
            }
            let width = schema.fields().len();
            let mut columns: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
            let (mut rows, mut bytes) = (0, 0);
            while row < end && rows < limit.rows.get() && bytes < limit.bytes {
                let mut filled = 0;
                while let Some(((_, column), text)) = cells.next_if(|((of, _), _)| *of == row) {
                    let column = (column - first_column) as usize;
                    columns[filled..column].iter_mut().for_each(StringBuilder::append_null);
                    columns[column].append_value(&text);
                    bytes += text.len() as u64;
                    filled = column + 1;
                }
                columns[filled..].iter_mut().for_each(StringBuilder::append_null);
                bytes += 4 * width as u64;
                rows += 1;
                row += 1;
            }
            let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
            Some(RecordBatch::try_new(Arc::clone(&schema), columns).map_err(|error| {
                Error::new(ErrorKind::Bug, "a batch of cells does not fit its columns; please report it")
                    .caused_by(error)
            }))
        })
    }
}

/// The first and the last cell of the table.
fn corners(cells: &[(Position, String)], area: Area) -> Result<(Position, Position)> {
    if let Area::Between(first, last) = area {
        return Ok((first, last));
    }
    let (Some(((top, _), _)), Some(((bottom, _), _))) = (cells.first(), cells.last()) else {
        return Err(Error::new(
            ErrorKind::Data,
            "the sheet is empty: nothing says which columns there are; correct sheetName or range, or leave the file out",
        ));
    };
    let columns = || cells.iter().map(|((_, column), _)| *column);
    let (left, right) = (columns().min().unwrap_or_default(), columns().max().unwrap_or_default());
    let first = if let Area::From(first) = area { first } else { (*top, left) };
    Ok((first, (*bottom, right)))
}
