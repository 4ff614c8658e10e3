//! The bytes of a file at any place, wherever the file is.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{ChunkReader, Length},
};

/// Bytes that are read of a file at once.
const BUFFERED: usize = 256 << 10;

/// A store of bytes. Its methods may block.
pub(crate) trait ReadAt: Send + Sync + 'static {
    /// Its length.
    fn length(&self) -> io::Result<u64>;
    /// Reads some bytes from this place; 0 at its end.
    fn read_at(&self, place: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, place: u64, into: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(self, into, place)
    }
}

/// An open file.
#[derive(Clone)]
pub(crate) struct Input {
    bytes: Arc<dyn ReadAt>,
    length: u64,
    /// Which of its files is meant if it is an archive, from 0.
    member: usize,
    /// Its path below the folder that is copied.
    name: Arc<str>,
}

impl Input {
    /// # Errors
    /// Its length cannot be told.
    pub(crate) fn new(bytes: impl ReadAt) -> io::Result<Self> {
        Ok(Self { length: bytes.length()?, bytes: Arc::new(bytes), member: 0, name: "".into() })
    }

    /// As it was when it was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The same file, whose path below the folder that is copied is told.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Its path below the folder that is copied; empty if nobody told it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The same archive, of which another file is meant.
    pub(super) fn with_member(&self, member: usize) -> Self {
        Self { member, ..self.clone() }
    }

    /// Which of its files is meant if it is an archive.
    pub(super) fn member(&self) -> usize {
        self.member
    }

    /// Fills `into` as far as the file goes.
    pub(crate) fn fill(&self, place: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            match self.bytes.read_at(place + filled as u64, &mut into[filled..]) {
                Ok(0) => break,
                Ok(some) => filled += some,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// The same in steps that are worth their calls, and no longer than the file: there may be a hundred thousand small ones.
    pub(super) fn buffered(&self, place: u64) -> BufReader<Cursor> {
        BufReader::with_capacity(self.step(BUFFERED), self.from(place))
    }

    /// So many bytes, or those of all of the file.
    pub(super) fn step(&self, bytes: usize) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX).clamp(1, bytes)
    }

    /// The bytes from this place on, one after the other.
    pub(crate) fn from(&self, place: u64) -> Cursor {
        Cursor { bytes: Arc::clone(&self.bytes), place }
    }
}

/// A place in a file.
pub(crate) struct Cursor {
    bytes: Arc<dyn ReadAt>,
    place: u64,
}

impl Read for Cursor {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(self.place, into)?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Input {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.from(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A length that a damaged file claims must not be allocated before it is checked.
        if start.checked_add(length as u64).is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF("a piece lies behind the end of the file".to_owned()));
        }
        let mut bytes = vec![0; length];
        if self.fill(start, &mut bytes)? < length {
            return Err(ParquetError::EOF("the file became shorter".to_owned()));
        }
        Ok(bytes.into())
    }
}
