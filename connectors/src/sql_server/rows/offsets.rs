//! The offsets of a datetimeoffset's values, in a column beside their instants.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, Int16Array};

/// The offsets of one column in the making, in minutes.
pub(super) struct Offsets {
    /// The column of the instants, by its position on the wire.
    pub(super) of: usize,
    minutes: Vec<i16>,
}

impl Offsets {
    pub(super) fn new(of: usize) -> Self {
        Self { of, minutes: Vec::new() }
    }

    /// The offset of the value in this row. Rows that were left out are null.
    pub(super) fn push(&mut self, row: usize, minutes: i16) {
        self.minutes.resize(row, 0);
        self.minutes.push(minutes);
    }

    /// The array beside that of the instants: null where that is null.
    pub(super) fn finish(&mut self, instants: &ArrayRef) -> ArrayRef {
        let mut minutes = std::mem::take(&mut self.minutes);
        minutes.resize(instants.len(), 0);
        Arc::new(Int16Array::new(minutes.into(), instants.nulls().cloned()))
    }
}
