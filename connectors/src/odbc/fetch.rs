//! From a cursor to a stream of batches: many rows at once into two buffers, one being filled by the
//! driver while the other is decoded; or row by row where a value may be longer than any buffer and
//! the driver cannot go back to it.

use std::{
    ops::Range,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use odbc_api::{
    buffers::{ColumnarBuffer, ColumnarDynBuffer},
    handles::StatementRef,
};
use ropeway_engine::{Error, ErrorKind, Result, blocking::Outlet, chunk::BatchLimit};

use super::{
    columns::{Column, Decoder, Fault, Long, decoder},
    connection::Peer,
    drivers::LongValues,
    raw::{self, Fetched},
};

/// Bytes of one fetch buffer: what fits into a processor's cache with room to spare.
const BUFFER_BYTES: usize = 2 << 20;
/// Places that the buffer of a column grows to when its values turn out to be longer.
const WIDEST: usize = 16 << 10;

/// Peak bytes of a reading: two buffers, the batch being built (builders double as they grow) and
/// the long values of one block.
pub(super) fn working_set(limit: BatchLimit) -> u64 {
    2 * BUFFER_BYTES as u64 + 3 * limit.bytes
}

/// What is read and how.
pub(super) struct Reading<'a> {
    pub(super) peer: &'a Peer,
    pub(super) columns: &'a [Column],
    pub(super) schema: SchemaRef,
    pub(super) limit: BatchLimit,
}

impl Reading<'_> {
    /// Reads the open cursor of the statement to its end.
    pub(super) fn run(&self, statement: &mut StatementRef<'_>, outlet: &Outlet) -> Result<()> {
        let one_by_one = match self.peer.driver.long_values {
            LongValues::Positioned => false,
            LongValues::NoBlocks => true,
            LongValues::OneRow => self.columns.iter().any(Column::is_unbounded),
        };
        if one_by_one { self.row_by_row(statement, outlet) } else { self.in_blocks(statement, outlet) }
    }

    fn row_by_row(&self, statement: &mut StatementRef<'_>, outlet: &Outlet) -> Result<()> {
        let mut batches = Batches::new(self, outlet);
        while raw::fetch_row(statement).map_err(|error| self.peer.error("reading", &error))? {
            batches.read_row(statement)?;
        }
        batches.flush()
    }

    fn in_blocks(&self, statement: &mut StatementRef<'_>, outlet: &Outlet) -> Result<()> {
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
            let fetched = self.fill(statement, shape, &free, &full);
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
        statement: &mut StatementRef<'_>,
        mut shape: Shape,
        free: &Receiver<Buffer>,
        full: &SyncSender<Block>,
    ) -> Result<()> {
        while let Ok(buffer) = free.recv() {
            let mut buffer = if buffer.widths == shape.widths { buffer } else { shape.buffer(self.columns) };
            let Some(rows) = self.fetch(statement, &mut buffer.cells)? else { return Ok(()) };
            let long = self.long_cells(&buffer, rows)?;
            if !self.send(statement, Filled { buffer, rows, long: &long }, full)? {
                return Ok(());
            }
            shape.widen(self.columns, &long, rows, self.limit);
        }
        Ok(())
    }

    fn fetch(&self, statement: &mut StatementRef<'_>, buffer: &mut ColumnarDynBuffer) -> Result<Option<usize>> {
        match raw::fetch(statement, buffer).map_err(|error| self.peer.error("reading", &error))? {
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
        for (number, (column, width)) in self.columns.iter().zip(&buffer.widths).enumerate() {
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

    /// Hands the rows to the decoder, in parts if their long values are more than a batch. False if
    /// the decoder has stopped.
    fn send(&self, statement: &mut StatementRef<'_>, filled: Filled<'_>, full: &SyncSender<Block>) -> Result<bool> {
        let Filled { mut buffer, rows, long } = filled;
        let mut from = 0;
        let mut values: Vec<Vec<Long>> = self.columns.iter().map(|_| Vec::new()).collect();
        let mut bytes = 0;
        let mut at = None;
        for &(row, number) in long {
            if row > from && bytes >= self.limit.bytes && at != Some(row) {
                let (back, wait) = sync_channel(1);
                let long = std::mem::replace(&mut values, self.columns.iter().map(|_| Vec::new()).collect());
                if full.send(Block { buffer, rows: from..row, long, back: Some(back) }).is_err() {
                    return Ok(false);
                }
                let Ok(returned) = wait.recv() else { return Ok(false) };
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
            values[number].push(Long { row, value });
        }
        Ok(full.send(Block { buffer, rows: from..rows, long: values, back: None }).is_ok())
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

struct Buffer {
    widths: Vec<usize>,
    cells: ColumnarDynBuffer,
}

/// How wide the columns of a buffer are and how many rows it holds.
struct Shape {
    widths: Vec<usize>,
    rows: usize,
}

impl Shape {
    fn new(columns: &[Column], limit: BatchLimit) -> Self {
        let mut shape = Self { widths: columns.iter().map(Column::width).collect(), rows: 1 };
        shape.fit(columns, limit);
        shape
    }

    /// As many rows as fit.
    fn fit(&mut self, columns: &[Column], limit: BatchLimit) {
        let row: usize = columns.iter().zip(&self.widths).map(|(column, width)| column.buffer_bytes(*width)).sum();
        let bytes = BUFFER_BYTES.min(usize::try_from(limit.bytes).unwrap_or(usize::MAX));
        let most = usize::try_from(limit.rows.get()).unwrap_or(usize::MAX);
        self.rows = (bytes / row.max(1)).clamp(1, most);
    }

    fn buffer(&self, columns: &[Column]) -> Buffer {
        let cells = columns.iter().zip(&self.widths).enumerate();
        let cells = cells.map(|(at, (column, width))| (at as u16 + 1, column.buffer(self.rows, *width))).collect();
        Buffer { widths: self.widths.clone(), cells: ColumnarBuffer::new(cells) }
    }

    /// Gives more room to columns of which many values were longer than their buffer.
    fn widen(&mut self, columns: &[Column], long: &[(usize, usize)], rows: usize, limit: BatchLimit) {
        let mut counts = vec![0_usize; columns.len()];
        long.iter().for_each(|&(_, number)| counts[number] += 1);
        let mut widened = false;
        for (width, count) in self.widths.iter_mut().zip(counts) {
            if count * 8 > rows && *width * 4 <= WIDEST {
                *width *= 4;
                widened = true;
            }
        }
        if widened {
            self.fit(columns, limit);
        }
    }
}

/// Collects rows into batches within the limit.
struct Batches<'a> {
    reading: &'a Reading<'a>,
    decoders: Vec<Box<dyn Decoder>>,
    rows: usize,
    /// Bytes that the last block brought.
    last_block: usize,
    outlet: &'a Outlet,
}

impl<'a> Batches<'a> {
    fn new(reading: &'a Reading<'_>, outlet: &'a Outlet) -> Self {
        Self { reading, decoders: reading.columns.iter().map(decoder).collect(), rows: 0, last_block: 0, outlet }
    }

    /// Takes all blocks until their sender is gone.
    fn take_all(mut self, filled: &Receiver<Block>, spare: &SyncSender<Buffer>) -> Result<()> {
        for block in filled {
            self.append(&block)?;
            // If the filler is gone, the loop ends with the next turn.
            let _ = block.back.as_ref().unwrap_or(spare).send(block.buffer);
        }
        self.flush()
    }

    fn append(&mut self, block: &Block) -> Result<()> {
        // The next block will be about as large as the one before.
        let limit = self.reading.limit;
        let (rows, bytes) = (self.rows + block.rows.len(), self.bytes() + self.last_block);
        if rows as u64 > u64::from(limit.rows.get()) || bytes as u64 > limit.bytes {
            self.flush()?;
        }
        let before = self.bytes();
        let columns = self.reading.columns.iter().zip(&mut self.decoders).zip(&block.long);
        for (number, ((column, decoder), long)) in columns.enumerate() {
            decoder
                .append(block.buffer.cells.column(number), block.rows.clone(), long)
                .map_err(|it| fault(column, it, self.reading.peer))?;
        }
        self.rows += block.rows.len();
        self.last_block = self.bytes() - before;
        self.flush_if_full()
    }

    fn read_row(&mut self, statement: &mut StatementRef<'_>) -> Result<()> {
        for (number, (column, decoder)) in self.reading.columns.iter().zip(&mut self.decoders).enumerate() {
            decoder.read(statement, number as u16 + 1).map_err(|it| fault(column, it, self.reading.peer))?;
        }
        self.rows += 1;
        self.flush_if_full()
    }

    fn bytes(&self) -> usize {
        self.decoders.iter().map(|decoder| decoder.bytes()).sum()
    }

    fn flush_if_full(&mut self) -> Result<()> {
        let limit = self.reading.limit;
        if self.bytes() as u64 >= limit.bytes || self.rows as u64 >= u64::from(limit.rows.get()) {
            return self.flush();
        }
        Ok(())
    }

    /// Sends what was collected.
    fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let arrays = self.decoders.iter_mut().map(|decoder| decoder.finish()).collect();
        let batch = RecordBatch::try_new(self.reading.schema.clone(), arrays).map_err(|error| {
            Error::new(ErrorKind::Bug, "the columns of a batch do not fit its schema; please report it")
                .caused_by(error)
        })?;
        self.send(batch)
    }

    /// Sends the rows in batches that keep the limit; a single row may exceed it.
    fn send(&self, batch: RecordBatch) -> Result<()> {
        let (rows, limit) = (batch.num_rows(), self.reading.limit);
        let bytes = batch.columns().iter().map(|it| it.to_data().get_slice_memory_size().unwrap_or(usize::MAX));
        let bytes = bytes.fold(0, usize::saturating_add);
        if rows > 1 && (rows as u64 > u64::from(limit.rows.get()) || bytes as u64 > limit.bytes) {
            self.send(batch.slice(0, rows / 2))?;
            return self.send(batch.slice(rows / 2, rows - rows / 2));
        }
        self.outlet.send(batch)
    }
}
