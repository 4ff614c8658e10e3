//! Bytes that are made while they are read.

use std::io::{self, Read};

/// Makes bytes step by step.
pub(super) trait Maker {
    /// The next of them, maybe none yet; `None` once all are made.
    fn make(&mut self) -> io::Result<Option<Vec<u8>>>;
}

/// Reads what is made.
pub(in crate::format) struct Pulled<M> {
    maker: M,
    made: io::Cursor<Vec<u8>>,
}

impl<M> Pulled<M> {
    pub(super) fn from(maker: M) -> Self {
        Self { maker, made: io::Cursor::default() }
    }
}

impl<M: Maker> Read for Pulled<M> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.made.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            match self.maker.make()? {
                Some(made) => self.made = io::Cursor::new(made),
                None => return Ok(0),
            }
        }
    }
}
