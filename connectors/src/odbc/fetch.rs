//! From a cursor to a stream of batches: many rows at once into two buffers, one being filled by the
//! driver while the other is decoded; or row by row where a value may be longer than any buffer and
//! the driver cannot go back to it.

mod batches;
mod shape;

use std::{
    ops::Range,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use arrow::datatypes::SchemaRef;
use odbc_api::handles::StatementRef;
use ropeway_engine::{
    Error, ErrorKind, Result, blocking::Outlet, chunk::BatchLimit, skipping::Portion, source::ChunkTarget,
};

use self::{
    batches::Batches,
    shape::{BUFFER_BYTES, Buffer, Found, Shape},
};
use super::{
    columns::{Column, Fault, Long},
    connection::Peer,
    drivers::{LongValues, Portions},
    raw::{self, Fetched},
    result::OpenResult,
};

/// Peak bytes of a reading: two buffers, the batch being built (builders double as they grow), the
/// long values of one block, and what the driver holds by itself.
pub(super) fn working_set(portions: Portions, limit: BatchLimit) -> u64 {
    let held = if portions == Portions::Whole { ChunkTarget::BYTES } else { limit.bytes };
    2 * BUFFER_BYTES as u64 + 3 * limit.bytes + held
}

/// What is read and how.
pub(super) struct Reading<'a> {
    pub(super) peer: &'a Peer,
    pub(super) columns: &'a [Column],
    pub(super) schema: SchemaRef,
    pub(super) limit: BatchLimit,
    /// Whether rows with values that do not fit are left out.
    pub(super) skips: bool,
}

impl Reading<'_> {
    /// Reads the open result to its end.
    pub(super) fn run(&self, open: &mut OpenResult<'_>, outlet: &Outlet<Portion>) -> Result<()> {
        let one_by_one = match self.peer.driver.long_values {
            LongValues::Positioned => false,
            LongValues::NoBlocks => true,
            LongValues::OneRow => self.columns.iter().any(Column::is_unbounded),
        };
        if one_by_one { self.row_by_row(open, outlet) } else { self.in_blocks(open, outlet) }
    }

    fn row_by_row(&self, open: &mut OpenResult<'_>, outlet: &Outlet<Portion>) -> Result<()> {
        let mut batches = Batches::new(self, outlet);
        while open.row().map_err(|error| self.peer.error("reading", &error))? {
            batches.read_row(open.statement())?;
        }
        batches.flush()
    }

    fn in_blocks(&self, open: &mut OpenResult<'_>, outlet: &Outlet<Portion>) -> Result<()> {
        thread::scope(|scope| {
            let (full, filled) = sync_channel::<Block>(1);
            let (spare, free) = sync_channel::<Buffer>(2);
            let shape = Shape::new(self.columns, self.limit);
            for _ in 0..2 {
                // The channel holds two, so that this cannot block, and its other end is here.
                let _ = spare.send(shape.buffer(self.columns));
            }
            let decoding = thread::Builder::new()
                .name("decode".to_owned())
                .spawn_scoped(scope, move || Batches::new(self, outlet).take_all(&filled, &spare))
                .map_err(|error| {
                    Error::new(ErrorKind::Unavailable, "the system cannot start another thread").caused_by(error)
                })?;
            let fetched = self.fill(open, shape, &free, &full);
            drop(full);
            let decoded = decoding
                .join()
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::Bug, "decoding rows panicked; please report it")));
            // Fetching stops when decoding failed, without an error of its own.
            fetched.and(decoded)
        })
    }

    /// Fetches until the end, or until the decoder gives no more buffers back.
    fn fill(
        &self,
        open: &mut OpenResult<'_>,
        mut shape: Shape,
        free: &Receiver<Buffer>,
        full: &SyncSender<Block>,
    ) -> Result<()> {
        while let Ok(buffer) = free.recv() {
            let mut buffer = if buffer.shape == shape { buffer } else { shape.buffer(self.columns) };
            let Some(rows) = self.fetch(open, &mut buffer)? else { return Ok(()) };
            let long = self.long_cells(&buffer, rows)?;
            let Some(long_bytes) = self.send(open.statement(), Filled { buffer, rows, long: &long }, full)? else {
                return Ok(());
            };
            shape.adapt(self.columns, Found { rows, long: &long, long_bytes }, self.limit);
        }
        Ok(())
    }

    fn fetch(&self, open: &mut OpenResult<'_>, buffer: &mut Buffer) -> Result<Option<usize>> {
        let rows = buffer.shape.rows;
        match open.block(&mut buffer.cells, rows).map_err(|error| self.peer.error("reading", &error))? {
            Fetched::Rows(rows) => Ok(Some(rows)),
            Fetched::End => Ok(None),
            Fetched::Unusable(state) => Err(Error::new(
                ErrorKind::Data,
                "the driver could not convert a value to the type it announced; cast the column in the query",
            )
            .with("SQLSTATE", state)),
        }
    }

    /// The cells that must be read again, by row.
    fn long_cells(&self, buffer: &Buffer, rows: usize) -> Result<Vec<(usize, usize)>> {
        let mut long = Vec::new();
        for (number, (column, width)) in self.columns.iter().zip(&buffer.shape.widths).enumerate() {
            let filled = column.filled(buffer.cells.column(number), *width, rows);
            if !filled.is_empty() && !column.is_unbounded() {
                return Err(fault(
                    column,
                    Fault::Value(
                        "a value is longer than the driver announced; cast the column to a longer type in the query",
                    ),
                    self.peer,
                ));
            }
            long.extend(filled.into_iter().map(|row| (row, number)));
        }
        long.sort_unstable();
        Ok(long)
    }

    /// Hands the rows to the decoder, in parts if their long values are more than a batch. The bytes
    /// of the long values; `None` if the decoder has stopped.
    fn send(
        &self,
        statement: &mut StatementRef<'_>,
        filled: Filled<'_>,
        full: &SyncSender<Block>,
    ) -> Result<Option<u64>> {
        let Filled { mut buffer, rows, long } = filled;
        let mut from = 0;
        let mut values: Vec<Vec<Long>> = self.columns.iter().map(|_| Vec::new()).collect();
        let (mut bytes, mut all_bytes) = (0, 0);
        let mut at = None;
        for &(row, number) in long {
            if row > from && bytes >= self.limit.bytes && at != Some(row) {
                let (back, wait) = sync_channel(1);
                let long = std::mem::replace(&mut values, self.columns.iter().map(|_| Vec::new()).collect());
                if full.send(Block { buffer, rows: from..row, long, back: Some(back) }).is_err() {
                    return Ok(None);
                }
                let Ok(returned) = wait.recv() else { return Ok(None) };
                (buffer, from, bytes) = (returned, row, 0);
            }
            if at != Some(row) {
                raw::position(statement, row + 1)
                    .into_result(statement)
                    .map_err(|error| self.peer.error("going back to a long value", &error))?;
                at = Some(row);
            }
            let value = self.columns[number]
                .long_value(statement, number as u16 + 1)
                .map_err(|error| fault(&self.columns[number], Fault::Driver(error), self.peer))?;
            bytes += value.len() as u64;
            all_bytes += value.len() as u64;
            values[number].push(Long { row, value });
        }
        let sent = full.send(Block { buffer, rows: from..rows, long: values, back: None }).is_ok();
        Ok(sent.then_some(all_bytes))
    }
}

/// Names the column in what went wrong with its value.
fn fault(column: &Column, fault: Fault, peer: &Peer) -> Error {
    match fault {
        Fault::Driver(error) => peer.error("reading a value", &error),
        Fault::Value(reason) => Error::new(ErrorKind::Data, reason),
        Fault::Buffer => Error::new(ErrorKind::Bug, "a column was bound as another type; please report it"),
    }
    .with("column", column.name.escape_debug())
}

/// A row set, filled by the driver.
struct Filled<'a> {
    buffer: Buffer,
    rows: usize,
    long: &'a [(usize, usize)],
}

/// Rows of a buffer on their way to the decoder.
struct Block {
    buffer: Buffer,
    rows: Range<usize>,
    /// By column.
    long: Vec<Vec<Long>>,
    /// Where the buffer goes afterwards, if more of its rows are still to come.
    back: Option<SyncSender<Buffer>>,
}
