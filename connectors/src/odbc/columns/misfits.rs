//! Values that do not fit their column, where rows may be left out for them.

use ropeway_engine::skipping::misfits::Misfit;

use super::decode::Fault;

/// Takes note of values that do not fit; every decoder puts a null in their place.
#[derive(Default)]
pub(crate) struct Misfits {
    /// False if the first of them ends the read.
    tolerated: bool,
    /// The column that is decoded.
    pub(crate) column: usize,
    /// What is added to a row of a buffer to make it one of the batch; it wraps around, for it may be negative.
    pub(crate) first_row: usize,
    found: Vec<Misfit>,
    bytes: usize,
    columns: usize,
}

impl Misfits {
    /// For a batch of so many columns.
    pub(crate) fn new(tolerated: bool, columns: usize) -> Self {
        Self { tolerated, columns, ..Self::default() }
    }

    /// True if a value did not fit, and a null has to stand in its place; `row` is that of the buffer.
    ///
    /// # Errors
    /// What is not for a row to answer for, and everything if no row may be left out.
    #[inline]
    pub(super) fn took(
        &mut self,
        done: Result<(), Fault>,
        row: usize,
        text: impl FnOnce() -> String,
    ) -> Result<bool, Fault> {
        match done {
            Ok(()) => Ok(false),
            Err(Fault::Value(reason)) if self.tolerated => {
                let row = self.first_row.wrapping_add(row);
                let misfit = Misfit { row, column: self.column, reason, text: text() };
                self.bytes += misfit.bytes(self.columns);
                self.found.push(misfit);
                Ok(true)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Memory that the rows that are left out may take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Those of a batch.
    pub(crate) fn take(&mut self) -> Vec<Misfit> {
        self.bytes = 0;
        std::mem::take(&mut self.found)
    }
}
