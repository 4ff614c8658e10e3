//! What the headers of pages announce, compared with the memory that there is: a file of one
//! kilobyte can announce a page of two gigabytes, and the decoder would believe it.

use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use ropeway_engine::{Error, Result};

use super::reader::damaged;
use crate::format::Input;

/// Bytes read at once for a header, which has some dozens unless it holds statistics.
const READ_BYTES: usize = 512;
/// Bytes of a header at most.
const LONGEST_HEADER: usize = 1 << 20;
/// Structs in structs at most.
const DEEPEST: u8 = 8;

/// Walks the page headers of these row groups.
///
/// # Errors
/// [`ErrorKind::Data`](ropeway_engine::ErrorKind::Data) if decoding them needs more than `memory` bytes at
/// once, or if a page is larger compressed than it says it is decompressed.
pub(super) fn check(file: &Input, metadata: &ParquetMetaData, groups: &[usize], memory: u64) -> Result<()> {
    for group in groups {
        // One page and one dictionary of every column are decompressed at the same time.
        let mut together = 0;
        for column in metadata.row_group(*group).columns() {
            together += largest(file, column)?;
            if together > memory {
                return Err(too_large(column, together, memory));
            }
        }
    }
    Ok(())
}

fn too_large(column: &ColumnChunkMetaData, bytes: u64, memory: u64) -> Error {
    damaged("its pages need more memory than a chunk may have; raise --memory, lower --parallel, or write it with smaller pages")
        .with("column", column.column_path().string().escape_debug())
        .with("bytes", bytes)
        .with("limit", memory)
}

/// Bytes of the largest page and of the largest dictionary together, decompressed.
fn largest(file: &Input, column: &ColumnChunkMetaData) -> Result<u64> {
    let (start, length) = column.byte_range();
    let end = start.saturating_add(length);
    let (mut at, mut dictionary, mut page) = (start, 0, 0);
    while at < end {
        let header = header(file, at, end)?;
        // Compressed bytes are hardly ever more than what they stand for. A page that says otherwise
        // would be decompressed to its real size.
        if header.compressed > header.uncompressed + header.uncompressed / 64 + 1_024 {
            return Err(damaged("a page is larger compressed than decompressed")
                .with("column", column.column_path().string().escape_debug()));
        }
        let largest = if header.kind == DICTIONARY { &mut dictionary } else { &mut page };
        *largest = header.uncompressed.max(*largest);
        at = at.saturating_add(header.length).saturating_add(header.compressed);
    }
    Ok(dictionary + page)
}

/// The type of a dictionary page.
const DICTIONARY: u64 = 2;

struct Header {
    /// Bytes of the header itself.
    length: u64,
    kind: u64,
    uncompressed: u64,
    compressed: u64,
}

fn header(file: &Input, at: u64, end: u64) -> Result<Header> {
    let cut_off = || damaged("a page has no header");
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(bytes.len());
        let read =
            file.fill(at, &mut bytes[..room]).map_err(|error| damaged("a page cannot be read").caused_by(error))?;
        let mut thrift = Thrift { bytes: &bytes[..read], at: 0 };
        if let Some(header) = thrift.page_header() {
            return Ok(header);
        }
        // It is longer than what was read, or it is none.
        if read < bytes.len() || bytes.len() >= LONGEST_HEADER {
            return Err(cut_off());
        }
        bytes.resize(bytes.len() * 8, 0);
    }
}

/// Thrift's compact protocol, as far as it takes to pass over a header. `None` where the bytes end or
/// make no sense.
struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn page_header(&mut self) -> Option<Header> {
        let mut numbers = [None; 4];
        let mut field = 0;
        while let Some(kind) = self.field(&mut field)? {
            match (kind, usize::try_from(field)) {
                (5, Ok(number @ 1..=3)) => numbers[number] = Some(u64::try_from(self.zigzag()?).ok()?),
                _ => self.skip(kind, DEEPEST)?,
            }
        }
        let [_, kind, uncompressed, compressed] = numbers;
        Some(Header { length: self.at as u64, kind: kind?, uncompressed: uncompressed?, compressed: compressed? })
    }

    /// The type of the next field, whose number is put into `field`; `Some(None)` at the end of a struct.
    fn field(&mut self, field: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        let kind = byte & 15;
        if kind == 0 {
            return Some(None);
        }
        *field = if byte >> 4 == 0 { self.zigzag()? } else { *field + i64::from(byte >> 4) };
        Some(Some(kind))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            // Truth is in the type.
            1 | 2 => Some(()),
            3 => self.byte().map(drop),
            4..=6 => self.varint().map(drop),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(usize::try_from(length).ok()?)
            }
            9 | 10 => {
                let head = self.byte()?;
                let length = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                let kind = head & 15;
                (0..length).try_for_each(|_| if kind <= 2 { self.byte().map(drop) } else { self.skip(kind, depth) })
            }
            12 => {
                let mut field = 0;
                while let Some(kind) = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn pass(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}
