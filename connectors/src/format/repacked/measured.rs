//! The pieces of a file whose length may be known only once it was read.

use std::io::{self, Read};

use arrow::array::RecordBatch;
use ropeway_engine::Result;

use super::unreadable;
use crate::binary::{PIECE, rows};

/// Bytes of a file that are held until its length is known.
pub(super) const HELD: u64 = 8 * PIECE;

/// What was found out about a file.
pub(super) struct Measured {
    length: u64,
    /// All of it, unless it is longer.
    held: Vec<u8>,
}

/// Reads a file to its end.
pub(super) fn measured(mut content: impl Read) -> io::Result<Measured> {
    let mut held = Vec::new();
    content.by_ref().take(HELD).read_to_end(&mut held)?;
    let rest = io::copy(&mut content, &mut io::sink())?;
    Ok(Measured { length: held.len() as u64 + rest, held })
}

/// A file whose pieces are given.
pub(super) struct Pieces {
    path: String,
    length: u64,
    given: u64,
    /// Where its bytes come from, if that is a place of its own.
    content: Option<Box<dyn Read + Send>>,
}

impl Pieces {
    /// Of a file whose length was told.
    pub(super) fn of_length(path: String, length: u64) -> Self {
        Self { path, length, given: 0, content: None }
    }

    /// Of one that was read; `again` reads it a second time.
    pub(super) fn measured(
        path: String,
        Measured { length, held }: Measured,
        again: impl FnOnce() -> io::Result<Box<dyn Read + Send>>,
    ) -> io::Result<Self> {
        let is_held = held.len() as u64 == length;
        let content = if is_held { Box::new(io::Cursor::new(held)) } else { again()? };
        Ok(Self { path, length, given: 0, content: Some(content) })
    }

    pub(super) fn are_all_given(&self) -> bool {
        self.given == self.length
    }

    /// The next of them. Bytes that have no place of their own come `from` there.
    pub(super) fn next(&mut self, from: &mut dyn Read, at_once: u64) -> Result<RecordBatch> {
        let content: &mut dyn Read = match &mut self.content {
            Some(content) => content,
            None => from,
        };
        let count = (self.length - self.given).min(at_once);
        let mut bytes = vec![0; count as usize];
        content.read_exact(&mut bytes).map_err(unreadable)?;
        let start = self.given;
        self.given += count;
        // Behind the last piece streams compare themselves with their checksums.
        if self.given == self.length && content.read(&mut [0]).map_err(unreadable)? > 0 {
            return Err(unreadable(io::Error::new(
                io::ErrorKind::InvalidData,
                "a file is longer than it is said to be",
            )));
        }
        rows(&self.path, (self.length, start), bytes.into(), None)
    }
}
