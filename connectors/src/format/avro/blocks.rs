//! The blocks of a slice as a file of their own that is not compressed: what `arrow-avro` reads.

use std::io::{self, Read};

use super::{codec::Codec, container::Container};
use crate::format::Input;

/// Reads blocks from one place of a file to another.
pub(super) struct Blocks {
    file: Input,
    container: Container,
    next: u64,
    end: u64,
    /// Bytes of the rows of a block at most.
    most: u64,
    ready: io::Cursor<Vec<u8>>,
}

impl Blocks {
    pub(super) fn new(file: Input, container: Container, (start, end): (u64, u64), most: u64) -> Self {
        let ready = io::Cursor::new(container.header_with(Codec::Null));
        Self { file, container, next: start, end, most, ready }
    }

    fn block(&mut self) -> io::Result<bool> {
        if self.next >= self.end {
            return Ok(false);
        }
        let Some(block) = self.container.block(&self.file, self.next).map_err(io::Error::other)? else {
            return Ok(false);
        };
        if block.bytes > self.most {
            return Err(io::Error::new(
                io::ErrorKind::OutOfMemory,
                "a block is larger than its chunk's share of the memory",
            ));
        }
        let mut bytes = vec![0; block.bytes as usize];
        if self.file.fill(block.start, &mut bytes)? < bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let rows = self.container.codec.decompress(bytes, self.most)?;
        let mut framed = Vec::with_capacity(rows.len() + 64);
        self.container.frame(block.rows, &rows, &mut framed);
        self.ready = io::Cursor::new(framed);
        self.next = block.end();
        Ok(true)
    }
}

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.ready.read(into)?;
            if read > 0 || into.is_empty() || !self.block()? {
                return Ok(read);
            }
        }
    }
}
