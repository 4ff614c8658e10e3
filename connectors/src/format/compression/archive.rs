//! Archives that hold one file: zip and tar.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;

use super::deflate::Inflater;
use crate::format::Input;

/// Bytes of a block of tar.
const BLOCK: usize = 512;

/// Bytes of the extended header of a file at most; it is skipped.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// The one file of a zip archive. Its size and checksum are compared when it ends.
pub(super) fn zipped(file: &Input) -> io::Result<Box<dyn Read + Send>> {
    let places = Places { file: file.clone(), place: 0 };
    let mut archive = zip::ZipArchive::new(BufReader::new(places)).map_err(broken)?;
    let mut found = None;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        if entry.is_dir() {
            continue;
        }
        if found.is_some() {
            return Err(several());
        }
        if entry.encrypted() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the archive is encrypted; unpack it beforehand"));
        }
        let start = entry.data_start().ok_or_else(|| broken("its file has no place"))?;
        let bytes = BufReader::with_capacity(256 << 10, file.from(start)).take(entry.compressed_size());
        let content: Box<dyn Read + Send> = match entry.compression() {
            zip::CompressionMethod::Stored => Box::new(bytes),
            zip::CompressionMethod::Deflated => Box::new(Inflater::new(bytes)),
            other => return Err(broken(format!("its method {other} is neither deflate nor none"))),
        };
        found = Some(Checked { content, crc: Crc::new(), size: entry.size(), sum: entry.crc32(), read: 0 });
    }
    found.map(|entry| Box::new(entry) as Box<dyn Read + Send>).ok_or_else(nothing)
}

/// Bytes that are compared with what their archive says of them.
struct Checked {
    content: Box<dyn Read + Send>,
    crc: Crc,
    size: u64,
    sum: u32,
    read: u64,
}

impl Read for Checked {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read(into)?;
        self.crc.update(&into[..read]);
        self.read += read as u64;
        let ended = read == 0 && !into.is_empty();
        if self.read > self.size || (ended && (self.read != self.size || self.crc.sum() != self.sum)) {
            return Err(broken("its file is not what its directory says"));
        }
        Ok(read)
    }
}

/// The one file of a tar archive.
pub(super) struct Tarred<R> {
    from: R,
    state: State,
}

/// Where the reader of a tar archive stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the file.
    Before,
    /// In the file: bytes left, and those that pad it.
    Within(u64, u64),
    /// Behind it.
    Behind,
    /// At the end of the archive.
    Ended,
}

impl<R: Read> Tarred<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, state: State::Before }
    }

    /// The header of the next regular file; `None` at the end.
    fn header(&mut self) -> io::Result<Option<u64>> {
        loop {
            let mut block = [0; BLOCK];
            self.from.read_exact(&mut block)?;
            if block.iter().all(|byte| *byte == 0) {
                // What stands behind the end is nobody's, but a stream below checks itself when it is read to its end.
                io::copy(&mut self.from, &mut io::sink())?;
                return Ok(None);
            }
            let header = tar::Header::from_byte_slice(&block);
            let sum: u32 = block[..148].iter().chain(&block[156..]).map(|byte| u32::from(*byte)).sum::<u32>() + 8 * 32;
            if header.cksum()? != sum {
                return Err(broken("the checksum of a header is wrong"));
            }
            let (kind, size) = (header.entry_type(), header.entry_size()?);
            let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| broken("a size is too large"))?;
            if kind.is_file() || kind.is_contiguous() {
                return Ok(Some(size));
            }
            if kind.is_gnu_sparse() {
                return Err(broken("sparse files cannot be read"));
            }
            let is_extension = kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
            if is_extension && size > LONGEST_EXTENSION {
                return Err(broken("an extended header is too long"));
            }
            let mut extension = Vec::new();
            self.from.by_ref().take(padded).read_to_end(&mut extension)?;
            if is_extension && extension.windows(6).any(|bytes| bytes == b" size=") {
                return Err(broken("its file is larger than 8 GiB; unpack it beforehand"));
            }
        }
    }
}

impl<R: Read> Read for Tarred<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match self.state {
                State::Before => {
                    let size = self.header()?.ok_or_else(nothing)?;
                    State::Within(size, size.next_multiple_of(BLOCK as u64) - size)
                }
                State::Within(0, padding) => {
                    io::copy(&mut self.from.by_ref().take(padding), &mut io::sink())?;
                    State::Behind
                }
                State::Within(left, padding) => {
                    let most = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let read = self.from.read(&mut into[..most])?;
                    if read == 0 && most > 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.state = State::Within(left - read as u64, padding);
                    return Ok(read);
                }
                State::Behind => match self.header()? {
                    Some(_) => return Err(several()),
                    None => State::Ended,
                },
                State::Ended => return Ok(0),
            };
        }
    }
}

/// A file that can be looked at from any place.
struct Places {
    file: Input,
    place: u64,
}

impl Read for Places {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.fill(self.place, into)?;
        self.place += read as u64;
        Ok(read)
    }
}

impl Seek for Places {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(back) => self.file.length().checked_add_signed(back),
            SeekFrom::Current(by) => self.place.checked_add_signed(by),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}

fn several() -> io::Error {
    let message = "the archive holds several files; unpack it beforehand, or pack each file into an archive of its own";
    io::Error::new(io::ErrorKind::InvalidData, message)
}

fn nothing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the archive holds no file")
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
