//! From blocks of rows to batches within the limit.

use std::sync::mpsc::{Receiver, SyncSender};

use arrow::array::{ArrayRef, RecordBatch};
use odbc_api::handles::StatementRef;
use ropeway_engine::{
    Error, ErrorKind, Result,
    blocking::Outlet,
    skipping::{Portion, misfits},
};

use super::{
    super::columns::{Cells, Decoder, Misfits, decoder},
    Block, Reading, fault,
    shape::Buffer,
};

/// Collects rows into batches within the limit.
pub(super) struct Batches<'a> {
    reading: &'a Reading<'a>,
    decoders: Vec<Box<dyn Decoder>>,
    rows: usize,
    /// Bytes that the last block brought.
    last_block: usize,
    misfits: Misfits,
    outlet: &'a Outlet<Portion>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(reading: &'a Reading<'_>, outlet: &'a Outlet<Portion>) -> Self {
        let decoders = reading.columns.iter().map(decoder).collect();
        let misfits = Misfits::new(reading.skips, reading.columns.len());
        Self { reading, decoders, rows: 0, last_block: 0, misfits, outlet }
    }

    /// Takes all blocks until their sender is gone.
    pub(super) fn take_all(mut self, filled: &Receiver<Block>, spare: &SyncSender<Buffer>) -> Result<()> {
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
            self.misfits.column = number;
            self.misfits.first_row = self.rows.wrapping_sub(block.rows.start);
            let cells = Cells { buffer: block.buffer.cells.column(number), rows: block.rows.clone(), long };
            decoder.append(cells, &mut self.misfits).map_err(|it| fault(column, it, self.reading.peer))?;
        }
        self.rows += block.rows.len();
        self.last_block = self.bytes() - before;
        self.flush_if_full()
    }

    pub(super) fn read_row(&mut self, statement: &mut StatementRef<'_>) -> Result<()> {
        for (number, (column, decoder)) in self.reading.columns.iter().zip(&mut self.decoders).enumerate() {
            (self.misfits.column, self.misfits.first_row) = (number, self.rows);
            decoder
                .read(statement, number as u16 + 1, &mut self.misfits)
                .map_err(|it| fault(column, it, self.reading.peer))?;
        }
        self.rows += 1;
        self.flush_if_full()
    }

    fn bytes(&self) -> usize {
        let values: usize = self.decoders.iter().map(|decoder| decoder.bytes()).sum();
        values + self.misfits.bytes()
    }

    fn flush_if_full(&mut self) -> Result<()> {
        let limit = self.reading.limit;
        if self.bytes() as u64 >= limit.bytes || self.rows as u64 >= u64::from(limit.rows.get()) {
            return self.flush();
        }
        Ok(())
    }

    /// Sends what was collected.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let read = std::mem::take(&mut self.rows) as u64;
        let arrays: Vec<_> = self.decoders.iter_mut().map(|decoder| decoder.finish()).collect();
        let names = self.reading.columns.iter().map(|column| column.name.as_str());
        let columns: Vec<_> = names.zip(arrays.iter().map(ArrayRef::clone)).collect();
        let (arrays, skipped) = misfits::part(arrays, &columns, self.misfits.take())?;
        let batch = RecordBatch::try_new(self.reading.schema.clone(), arrays).map_err(|error| {
            Error::new(ErrorKind::Bug, "the columns of a batch do not fit its schema; please report it")
                .caused_by(error)
        })?;
        if read > batch.num_rows() as u64 || !skipped.is_empty() {
            let read = read - batch.num_rows() as u64;
            self.outlet.send(Portion { read, rows: batch.slice(0, 0), skipped, left_out: Vec::new() })?;
        }
        self.send(batch)
    }

    /// Sends the rows in batches that keep the limit; a single row may exceed it.
    fn send(&self, batch: RecordBatch) -> Result<()> {
        let (rows, limit) = (batch.num_rows(), self.reading.limit);
        if rows == 0 {
            return Ok(());
        }
        let bytes = batch.columns().iter().map(|it| it.to_data().get_slice_memory_size().unwrap_or(usize::MAX));
        let bytes = bytes.fold(0, usize::saturating_add);
        if rows > 1 && (rows as u64 > u64::from(limit.rows.get()) || bytes as u64 > limit.bytes) {
            self.send(batch.slice(0, rows / 2))?;
            return self.send(batch.slice(rows / 2, rows - rows / 2));
        }
        self.outlet.send(batch.into())
    }
}
