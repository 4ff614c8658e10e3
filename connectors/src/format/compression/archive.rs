//! Archives: the files of zip and tar, one after the other. Nothing is unpacked to a place of its own.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;

use super::deflate::Inflater;
use crate::format::Input;

/// Bytes of a block of tar.
const BLOCK: usize = 512;

/// Bytes of the extended header of a file at most.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Files of an archive at most.
pub(super) const MOST_MEMBERS: usize = 10_000;

/// The same where each is found only by unpacking all that stand before it.
pub(super) const MOST_PACKED_MEMBERS: usize = 100;

type Archive = zip::ZipArchive<BufReader<Places>>;

fn opened(file: &Input) -> io::Result<Archive> {
    let places = Places { file: file.clone(), place: 0 };
    zip::ZipArchive::new(BufReader::new(places)).map_err(broken)
}

/// Where the files of a zip archive stand in its directory.
fn positions(archive: &mut Archive) -> io::Result<Vec<usize>> {
    let mut positions = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        if !entry.is_dir() && is_visible(&entry.name().map_err(broken)?)? {
            positions.push(index);
        }
    }
    few(positions.len(), MOST_MEMBERS)?;
    Ok(positions)
}

/// How many files a zip archive holds.
pub(super) fn zipped_members(file: &Input) -> io::Result<usize> {
    Ok(positions(&mut opened(file)?)?.len())
}

/// A file of a zip archive. Its size and checksum are compared when it ends.
pub(super) fn zipped(file: &Input) -> io::Result<Box<dyn Read + Send>> {
    let mut archive = opened(file)?;
    let position = *positions(&mut archive)?.get(file.member()).ok_or_else(nothing)?;
    let entry = archive.by_index_raw(position).map_err(broken)?;
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
    Ok(Box::new(Checked { content, crc: Crc::new(), size: entry.size(), sum: entry.crc32(), read: 0 }))
}

/// Whether a file of this name holds rows, as in a folder: its name and those of its folders begin with neither a dot nor an
/// underscore.
///
/// # Errors
/// A name that leads out of the archive: whoever made it meant no good.
fn is_visible(name: &str) -> io::Result<bool> {
    let mut steps = name.split(['/', '\\']).filter(|step| *step != ".");
    if name.starts_with(['/', '\\']) || steps.clone().any(|step| step == ".." || step.contains(char::is_control)) {
        return Err(broken("the name of a file leads out of the archive, or is none"));
    }
    Ok(!steps.any(|step| step.starts_with(['.', '_'])))
}

fn few(members: usize, most: usize) -> io::Result<()> {
    if members <= most {
        return Ok(());
    }
    let message = format!("the archive holds more than {most} files; unpack it beforehand");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
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

/// How many files a tar archive holds.
pub(super) fn tarred_members(from: impl Read, most: usize) -> io::Result<usize> {
    let (mut archive, mut members) = (Tarred::new(from, 0), 0);
    while let Some(size) = archive.header()? {
        members += 1;
        few(members, most)?;
        archive.pass(size)?;
    }
    Ok(members)
}

/// A file of a tar archive.
pub(super) struct Tarred<R> {
    from: R,
    state: State,
}

/// Where the reader of a tar archive stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the file, and so many others.
    Before(usize),
    /// In the file: bytes left, and those that pad it.
    Within(u64, u64),
    /// Behind it.
    Behind,
    /// At the end.
    Ended,
}

impl<R: Read> Tarred<R> {
    /// The file behind so many others.
    pub(super) fn new(from: R, others: usize) -> Self {
        Self { from, state: State::Before(others) }
    }

    /// The length of the next file that holds rows; `None` at the end of the archive.
    fn header(&mut self) -> io::Result<Option<u64>> {
        let mut long_name: Option<String> = None;
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
            if kind.is_file() || kind.is_contiguous() {
                let short = String::from_utf8_lossy(&header.path_bytes()).into_owned();
                if is_visible(&long_name.take().unwrap_or(short))? {
                    return Ok(Some(size));
                }
                self.pass(size)?;
                continue;
            }
            if kind.is_gnu_sparse() {
                return Err(broken("sparse files cannot be read"));
            }
            let is_pax = kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
            if !is_pax && !kind.is_gnu_longname() {
                self.pass(size)?;
                continue;
            }
            if size > LONGEST_EXTENSION {
                return Err(broken("an extended header is too long"));
            }
            let mut extension = Vec::new();
            self.from.by_ref().take(padded(size)?).read_to_end(&mut extension)?;
            extension.truncate(size as usize);
            if is_pax && extension.windows(6).any(|bytes| bytes == b" size=") {
                return Err(broken("its file is larger than 8 GiB; unpack it beforehand"));
            }
            long_name = if is_pax { pax_path(&extension).or(long_name) } else { Some(gnu_name(&extension)) };
        }
    }

    /// Goes on behind a file of this length.
    fn pass(&mut self, size: u64) -> io::Result<()> {
        let padded = padded(size)?;
        let passed = io::copy(&mut self.from.by_ref().take(padded), &mut io::sink())?;
        if passed == padded { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn padded(size: u64) -> io::Result<u64> {
    size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| broken("a size is too large"))
}

fn gnu_name(extension: &[u8]) -> String {
    let end = extension.iter().position(|byte| *byte == 0).unwrap_or(extension.len());
    String::from_utf8_lossy(&extension[..end]).into_owned()
}

/// The name in records such as `30 path=a long name\n`.
fn pax_path(extension: &[u8]) -> Option<String> {
    let mut paths = tar::PaxExtensions::new(extension).flatten().filter(|record| record.key() == Ok("path"));
    paths.next().map(|record| String::from_utf8_lossy(record.value_bytes()).into_owned())
}

impl<R: Read> Read for Tarred<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            self.state = match self.state {
                State::Before(others) => {
                    let size = self.header()?.ok_or_else(nothing)?;
                    match others.checked_sub(1) {
                        None => State::Within(size, padded(size)? - size),
                        Some(others) => {
                            self.pass(size)?;
                            State::Before(others)
                        }
                    }
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
                // At the last file that is the end of the archive, whose stream checks itself.
                State::Behind => {
                    self.header()?;
                    State::Ended
                }
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

fn nothing() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the archive holds no file")
}

fn broken(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
