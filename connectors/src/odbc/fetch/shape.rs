//! How many rows are fetched at once and how much room each value has, as the rows turn out to be.

use odbc_api::buffers::{ColumnarBuffer, ColumnarDynBuffer};
use ropeway_engine::chunk::BatchLimit;

use super::super::columns::Column;

/// Bytes of one fetch buffer: what fits into a processor's cache with room to spare.
pub(super) const BUFFER_BYTES: usize = 2 << 20;
/// Places that the buffer of a column grows to when its values turn out to be longer.
const WIDEST: usize = 16 << 10;
/// Rows of the first fetch where a value may be of any length.
const FIRST_ROWS: usize = 128;
/// How many times more rows a fetch may have than the one before.
const GROWTH: usize = 4;

/// How wide the columns of a buffer are and how many rows it holds. A driver holds at least as many
/// rows by itself, at their whole length.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) widths: Vec<usize>,
    pub(super) rows: usize,
}

/// A buffer and its shape.
pub(super) struct Buffer {
    pub(super) shape: Shape,
    pub(super) cells: ColumnarDynBuffer,
}

/// What a fetch brought.
pub(super) struct Found<'a> {
    pub(super) rows: usize,
    /// Row and column of each value that was longer than its buffer.
    pub(super) long: &'a [(usize, usize)],
    /// The bytes of all these values.
    pub(super) long_bytes: u64,
}

impl Shape {
    pub(super) fn new(columns: &[Column], limit: BatchLimit) -> Self {
        let mut shape = Self { widths: columns.iter().map(Column::width).collect(), rows: 1 };
        shape.rows = shape.most_rows(columns, 0, limit);
        if columns.iter().any(Column::is_unbounded) {
            shape.rows = shape.rows.min(FIRST_ROWS);
        }
        shape
    }

    pub(super) fn buffer(&self, columns: &[Column]) -> Buffer {
        let cells = columns.iter().zip(&self.widths).enumerate();
        let cells = cells.map(|(at, (column, width))| (at as u16 + 1, column.buffer(self.rows, *width))).collect();
        Buffer { shape: self.clone(), cells: ColumnarBuffer::new(cells) }
    }

    /// Gives more room to columns of which many values were longer than their buffer, and fetches as
    /// many rows as fit if the next are about as long as these.
    pub(super) fn adapt(&mut self, columns: &[Column], found: Found<'_>, limit: BatchLimit) {
        let mut counts = vec![0_usize; columns.len()];
        found.long.iter().for_each(|&(_, number)| counts[number] += 1);
        for (width, count) in self.widths.iter_mut().zip(counts) {
            if count * 8 > found.rows && *width * 4 <= WIDEST {
                *width *= 4;
            }
        }
        let long = usize::try_from(found.long_bytes).unwrap_or(usize::MAX) / found.rows.max(1);
        self.rows = self.most_rows(columns, long, limit).min(self.rows * GROWTH);
    }

    /// The rows that fit into the buffer and, with so many bytes of long values each, into a batch.
    fn most_rows(&self, columns: &[Column], long: usize, limit: BatchLimit) -> usize {
        let row: usize = columns.iter().zip(&self.widths).map(|(column, width)| column.buffer_bytes(*width)).sum();
        let batch = usize::try_from(limit.bytes).unwrap_or(usize::MAX);
        let most = usize::try_from(limit.rows.get()).unwrap_or(usize::MAX);
        let fitting = BUFFER_BYTES.min(batch) / row.max(1);
        fitting.min(batch / row.saturating_add(long).max(1)).clamp(1, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_the_length_of_their_values() {
        let limit = BatchLimit::default();
        let mut shape = Shape { widths: Vec::new(), rows: FIRST_ROWS };
        let none = |rows| Found { rows, long: &[], long_bytes: 0 };
        shape.adapt(&[], none(FIRST_ROWS), limit);
        assert_eq!(shape.rows, FIRST_ROWS * GROWTH);
        for _ in 0..20 {
            shape.adapt(&[], none(FIRST_ROWS), limit);
        }
        assert_eq!(shape.rows as u32, limit.rows.get());
        // Rows of 1 MiB: as many as a batch has bytes, from the next fetch on.
        shape.adapt(&[], Found { rows: 4, long: &[], long_bytes: 4 << 20 }, limit);
        assert_eq!(shape.rows as u64, limit.bytes >> 20);
        shape.adapt(&[], Found { rows: 1, long: &[], long_bytes: u64::MAX }, limit);
        assert_eq!(shape.rows, 1);
    }
}
