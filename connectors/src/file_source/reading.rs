//! The files of one chunk, one after the other.

use std::{collections::VecDeque, sync::Arc};

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit, files::FileEntry, skipping::Portion};

use super::{OpenFile, OpenFiles};
use crate::{
    format::{Portions, ReadFormat, Slice},
    selection::Selection,
};

/// What happens with a row that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tolerance {
    /// It ends the read.
    None,
    /// It is left out.
    Skips,
}

/// A chunk that is being read. Its methods block.
pub(super) struct Reading {
    pub(super) store: Arc<dyn OpenFiles>,
    pub(super) format: Arc<dyn ReadFormat>,
    pub(super) selection: Selection,
    /// The columns that every file has to have.
    pub(super) expected: SchemaRef,
    pub(super) slice: Slice,
    pub(super) limit: BatchLimit,
    pub(super) tolerance: Tolerance,
    /// Those that are not open yet.
    pub(super) files: VecDeque<FileEntry>,
    pub(super) open: Option<Open>,
}

/// The file that rows come from now.
pub(super) struct Open {
    path: String,
    file: Box<dyn OpenFile>,
    portions: Portions,
}

impl Reading {
    pub(super) fn begin(mut self) -> Result<Self> {
        self.open_next()?;
        Ok(self)
    }

    /// The next portion, and what comes after it.
    pub(super) fn next(mut self) -> Result<(Option<Portion>, Self)> {
        while let Some(open) = &mut self.open {
            if let Some(portion) = open.portions.next() {
                let portion = portion.map_err(|error| self.at_fault(error))?;
                return Ok((Some(self.finished(portion)?), self));
            }
            open.file.unchanged()?;
            self.open_next()?;
        }
        Ok((None, self))
    }

    fn open_next(&mut self) -> Result<()> {
        self.open = None;
        let Some(entry) = self.files.pop_front() else { return Ok(()) };
        let file = self.store.open(&entry)?;
        self.open = Some(Open { portions: Box::new(std::iter::empty()), path: entry.path, file });
        let portions = self.portions().map_err(|error| self.at_fault(error))?;
        if let Some(open) = &mut self.open {
            open.portions = portions;
        }
        Ok(())
    }

    fn portions(&self) -> Result<Portions> {
        let Some(open) = &self.open else { return Ok(Box::new(std::iter::empty())) };
        let input = open.file.input()?.named(self.selection.relative(&open.path));
        match self.tolerance {
            Tolerance::Skips => self.format.read_skipping(input, &self.slice, self.limit),
            Tolerance::None => {
                let batches = self.format.read(input, &self.slice, self.limit)?;
                Ok(Box::new(batches.map(|batch| batch.map(Portion::from))))
            }
        }
    }

    /// What looks like bad data may be a file that someone writes to right now, or a store that gave no bytes.
    fn at_fault(&self, error: Error) -> Error {
        let Some(open) = &self.open else { return error };
        open.file.unchanged().err().unwrap_or_else(|| error.with("file", self.store.shown(&open.path)))
    }

    /// The portion with the columns of its path and the name of its file.
    fn finished(&self, mut portion: Portion) -> Result<Portion> {
        let Some(open) = &self.open else { return Ok(portion) };
        if let Some(partitions) = self.selection.partitions() {
            portion.rows = partitions.rows(&portion.rows, &open.path)?;
        }
        if portion.rows.schema() != self.expected {
            return Err(Error::new(
                ErrorKind::Data,
                "the file has other columns than the first file; copy files with different columns separately",
            )
            .with("file", self.store.shown(&open.path)));
        }
        for row in &mut portion.skipped {
            row.message = format!("{} File: {}.", row.message, open.path.escape_debug()).into();
        }
        Ok(portion)
    }
}
