//! The rows of a slice, some blocks at a time.

use std::io::{self, Cursor};

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    codec::Codec,
    container::{Container, damaged},
};
use crate::format::Input;

/// Reads blocks from one place of a file to another.
pub(super) struct Blocks {
    pub(super) file: Input,
    pub(super) container: Container,
    pub(super) next: u64,
    pub(super) end: u64,
    /// Bytes of the rows of a block at most.
    pub(super) most: u64,
}

/// Rows as a file of their own, of one block that is not compressed: what `arrow-avro` reads. It is asked for them once and
/// never again, because it does not come back from a block with bytes behind its rows.
pub(super) struct Group {
    pub(super) rows: usize,
    pub(super) file: Cursor<Vec<u8>>,
}

impl Blocks {
    /// The rows of the next blocks, of about so many bytes; `None` at the end.
    pub(super) fn group(&mut self, bytes: u64) -> Result<Option<Group>> {
        let (mut count, mut rows) = (0, Vec::new());
        while self.next < self.end
            && (rows.is_empty() || (rows.len() as u64) < bytes)
            && let Some(block) = self.container.block(&self.file, self.next)?
        {
            if block.bytes > self.most {
                return Err(too_large());
            }
            let mut packed = vec![0; block.bytes as usize];
            if self.file.fill(block.start, &mut packed).map_err(undecodable)? < packed.len() {
                return Err(damaged("it became shorter"));
            }
            let unpacked = self.container.codec.decompress(packed, self.most).map_err(undecodable)?;
            if block.rows > unpacked.len() as u64 || (block.rows == 0 && !unpacked.is_empty()) {
                return Err(damaged("a block has no bytes for its rows, or no rows for its bytes"));
            }
            count += block.rows;
            rows.extend(unpacked);
            self.next = block.end();
        }
        if count == 0 {
            return Ok(None);
        }
        let mut file = self.container.header_with(Codec::Null);
        self.container.frame(count, &rows, &mut file);
        Ok(Some(Group { rows: count as usize, file: Cursor::new(file) }))
    }
}

fn undecodable(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::OutOfMemory {
        too_large()
    } else {
        damaged("a block cannot be decoded").caused_by(error)
    }
}

fn too_large() -> Error {
    Error::new(
        ErrorKind::Data,
        "a block of the file is larger than its chunk's share of the memory; give more by --memory, or copy fewer files at \
         once by --parallel",
    )
}
