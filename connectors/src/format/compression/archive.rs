//! Archives: the files of zip and tar, one after the other. Nothing is unpacked to a place of its own.

use std::{
    io::{self, BufReader, Read, Seek, SeekFrom},
    mem,
};

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

/// What an archive says of one of its files.
pub(super) struct Named {
    /// Its path in the archive, which leads nowhere else.
    pub(super) path: String,
    pub(super) length: u64,
}

impl Named {
    /// Whether it holds rows, as in a folder: its name and those of its folders begin with neither a dot nor an underscore.
    fn is_visible(&self) -> bool {
        !self.path.split('/').any(|step| step.starts_with(['.', '_']))
    }
}

/// The path of a file in an archive. Both slashes part it.
///
/// # Errors
/// A name that leads out of the archive: whoever made it meant no good.
fn checked(name: &str) -> io::Result<String> {
    let steps: Vec<&str> = name.split(['/', '\\']).filter(|step| !step.is_empty() && *step != ".").collect();
    let leads_out = steps.iter().any(|step| *step == ".." || step.contains(char::is_control));
    if name.starts_with(['/', '\\']) || leads_out || steps.is_empty() {
        return Err(broken("the name of a file leads out of the archive, or is none"));
    }
    Ok(steps.join("/"))
}

/// A zip archive whose files are read in the order of its directory.
pub(super) struct Zipped {
    file: Input,
    archive: Archive,
    next: usize,
    content: Box<dyn Read + Send>,
}

impl Zipped {
    pub(super) fn new(file: &Input) -> io::Result<Self> {
        let places = Places { file: file.clone(), place: 0 };
        let archive = zip::ZipArchive::new(BufReader::new(places)).map_err(broken)?;
        Ok(Self { file: file.clone(), archive, next: 0, content: Box::new(io::empty()) })
    }

    /// Goes on to the next file; `None` behind the last one.
    pub(super) fn next_file(&mut self) -> io::Result<Option<Named>> {
        while self.next < self.archive.len() {
            let entry = self.archive.by_index_raw(self.next).map_err(broken)?;
            self.next += 1;
            if entry.is_dir() {
                continue;
            }
            if entry.is_symlink() {
                return Err(a_link());
            }
            let named = Named { path: checked(&entry.name().map_err(broken)?)?, length: entry.size() };
            self.content = content(&self.file, &entry)?;
            return Ok(Some(named));
        }
        Ok(None)
    }
}

/// Reads the file that it stands at.
impl Read for Zipped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.content.read(into)
    }
}

/// The bytes of a file of a zip archive. Its size and checksum are compared when it ends.
fn content(file: &Input, entry: &zip::read::ZipFile<'_, BufReader<Places>>) -> io::Result<Box<dyn Read + Send>> {
    if entry.encrypted() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the archive is encrypted; unpack it beforehand"));
    }
    let start = entry.data_start().ok_or_else(|| broken("its file has no place"))?;
    let bytes = file.buffered(start).take(entry.compressed_size());
    let content: Box<dyn Read + Send> = match entry.compression() {
        zip::CompressionMethod::Stored => Box::new(bytes),
        zip::CompressionMethod::Deflated => Box::new(Inflater::new(bytes)),
        other => return Err(broken(format!("its method {other} is neither deflate nor none"))),
    };
    Ok(Box::new(Checked { content, crc: Crc::new(), size: entry.size(), sum: entry.crc32(), read: 0 }))
}

/// How many files of rows a zip archive holds.
pub(super) fn zipped_members(file: &Input) -> io::Result<usize> {
    let (mut archive, mut members) = (Zipped::new(file)?, 0);
    while let Some(named) = archive.next_file()? {
        members += usize::from(named.is_visible());
        few(members, MOST_MEMBERS)?;
    }
    Ok(members)
}

/// A file of rows of a zip archive, behind so many others.
pub(super) fn zipped(file: &Input) -> io::Result<Zipped> {
    let (mut archive, mut others) = (Zipped::new(file)?, file.member());
    while let Some(named) = archive.next_file()? {
        if !named.is_visible() {
            continue;
        }
        match others.checked_sub(1) {
            None => return Ok(archive),
            Some(fewer) => others = fewer,
        }
    }
    Err(nothing())
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

/// How many files of rows a tar archive holds.
pub(super) fn tarred_members(from: impl Read, most: usize) -> io::Result<usize> {
    let (mut archive, mut members) = (Tarred::new(from), 0);
    while archive.next_of_rows()?.is_some() {
        members += 1;
        few(members, most)?;
    }
    Ok(members)
}

/// A tar archive that is read from its beginning.
pub(super) struct Tarred<R> {
    from: R,
    /// Bytes left of the file that it stands at, and those that pad it.
    left: u64,
    padding: u64,
}

impl<R: Read> Tarred<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, left: 0, padding: 0 }
    }

    fn next_of_rows(&mut self) -> io::Result<Option<Named>> {
        loop {
            match self.next_file()? {
                Some(named) if !named.is_visible() => {}
                found => return Ok(found),
            }
        }
    }

    /// Goes on to the next file; `None` at the end of the archive.
    pub(super) fn next_file(&mut self) -> io::Result<Option<Named>> {
        self.pass(self.left + self.padding)?;
        (self.left, self.padding) = (0, 0);
        let mut said = Extended::default();
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
                let said = mem::take(&mut said);
                let short = String::from_utf8_lossy(&header.path_bytes()).into_owned();
                let length = said.length.unwrap_or(size);
                let name = said.path.unwrap_or(short);
                let path = checked(&name)?;
                // Archives of old mark a folder by nothing but its name.
                if name.ends_with('/') {
                    self.pass(padded(length)?)?;
                    continue;
                }
                (self.left, self.padding) = (length, padded(length)? - length);
                return Ok(Some(Named { path, length }));
            }
            if kind.is_gnu_sparse() {
                return Err(broken("sparse files cannot be read"));
            }
            if kind.is_symlink() || kind.is_hard_link() {
                return Err(a_link());
            }
            let is_pax = kind.is_pax_local_extensions() || kind.is_pax_global_extensions();
            if !is_pax && !kind.is_gnu_longname() {
                self.pass(padded(size)?)?;
                continue;
            }
            if size > LONGEST_EXTENSION {
                return Err(broken("an extended header is too long"));
            }
            let mut extension = Vec::new();
            self.from.by_ref().take(padded(size)?).read_to_end(&mut extension)?;
            extension.truncate(size as usize);
            if is_pax {
                said.take_pax(&extension)?;
            } else {
                said.path = Some(gnu_name(&extension));
            }
        }
    }

    /// Goes on so many bytes.
    fn pass(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut self.from.by_ref().take(bytes), &mut io::sink())?;
        if passed == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Reads the file that it stands at.
impl<R: Read> Read for Tarred<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.from.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// One file of rows of a tar archive.
pub(super) struct OneTarred<R> {
    archive: Tarred<R>,
    /// The files of rows that are passed over first.
    others: Option<usize>,
    is_ended: bool,
}

impl<R: Read> OneTarred<R> {
    /// The file behind so many others.
    pub(super) fn new(from: R, others: usize) -> Self {
        Self { archive: Tarred::new(from), others: Some(others), is_ended: false }
    }
}

impl<R: Read> Read for OneTarred<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(others) = self.others.take() {
            for _ in 0..=others {
                self.archive.next_of_rows()?.ok_or_else(nothing)?;
            }
        }
        let read = self.archive.read(into)?;
        if read == 0 && !into.is_empty() && !self.is_ended {
            // At the last file that is the end of the archive, whose stream checks itself.
            self.archive.next_of_rows()?;
            (self.is_ended, self.archive.left) = (true, 0);
        }
        Ok(read)
    }
}

/// What an extended header says of the file behind it, because the header has no place for it.
#[derive(Default)]
struct Extended {
    path: Option<String>,
    length: Option<u64>,
}

impl Extended {
    /// Takes records such as `30 path=a long name\n`.
    fn take_pax(&mut self, extension: &[u8]) -> io::Result<()> {
        for record in tar::PaxExtensions::new(extension) {
            let record = record?;
            match record.key() {
                Ok("path") => self.path = Some(String::from_utf8_lossy(record.value_bytes()).into_owned()),
                Ok("size") => {
                    let size = record.value().ok().and_then(|size| size.parse().ok());
                    self.length = Some(size.ok_or_else(|| broken("a size is no number"))?);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

pub(super) fn padded(size: u64) -> io::Result<u64> {
    size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| broken("a size is too large"))
}

fn gnu_name(extension: &[u8]) -> String {
    let end = extension.iter().position(|byte| *byte == 0).unwrap_or(extension.len());
    String::from_utf8_lossy(&extension[..end]).into_owned()
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

fn a_link() -> io::Error {
    broken("the archive holds a link to another file, which is no file of its own; unpack it beforehand")
}
