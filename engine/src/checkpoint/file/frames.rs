//! The bytes of a journal: a header line, then records that are only ever appended.
//!
//! A record is its payload's length (u32), its number (u64), the CRC32C of the payload (u32) and the
//! CRC32C of these three (u32), all little-endian, and the payload, which is JSON and so never holds
//! a NUL byte. The head has its own checksum so that its length can be trusted: a record that
//! reaches beyond the end of the file is a write that was cut off, not a length that was damaged.

use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// The first line of a new journal; the number is the version of the format. Every version has as many digits.
pub(super) const HEADER: &[u8] = b"ropeway journal 3\n";

/// The first lines of earlier versions: 1 has no records of skipped rows, 2 none of divided chunks, and otherwise they are
/// the same. Who goes on with a run of theirs writes today's line over them, so that no earlier Ropeway misreads it then.
const EARLIER: [&[u8]; 2] = [b"ropeway journal 1\n", b"ropeway journal 2\n"];

/// What the first line of every version begins with.
const NAME: &[u8] = b"ropeway journal ";

const HEAD: usize = 20;

/// Appends a record to `out`.
pub(super) fn encode(number: u64, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = u32::try_from(payload.len()).map_err(|error| {
        Error::new(ErrorKind::Spec, "the plan of this run is too large; ask for larger chunks").caused_by(error)
    })?;
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    let checksum = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The records of a journal, and where its whole records end.
pub(super) struct Scan<'a> {
    /// Payloads, in order.
    pub(super) payloads: Vec<&'a [u8]>,
    /// Bytes up to the end of the last whole record; 0 if not even the header is whole. What
    /// follows is a write that a crash cut off.
    pub(super) whole: usize,
}

/// Finds the records in the bytes of a journal.
///
/// # Errors
/// [`ErrorKind::Data`] if anything but the last write is damaged.
pub(super) fn scan<'a>(bytes: &'a [u8], path: &Path) -> Result<Scan<'a>> {
    let mut scan = Scan { payloads: Vec::new(), whole: 0 };
    let lines = || EARLIER.into_iter().chain([HEADER]);
    if bytes.len() < HEADER.len() && (lines().any(|line| line.starts_with(bytes)) || cut_off(bytes)) {
        return Ok(scan);
    }
    if !lines().any(|line| bytes.starts_with(line)) {
        if let Some(version) = version(bytes).filter(|version| *version > EARLIER.len() as u32 + 1) {
            return Err(newer(path, version));
        }
        return Err(damaged(path, 0, "it does not begin like a journal of this version of Ropeway"));
    }
    scan.whole = HEADER.len();
    while let Some(payload) =
        record(&bytes[scan.whole..], scan.payloads.len() as u64).map_err(|what| damaged(path, scan.whole, what))?
    {
        scan.payloads.push(payload);
        scan.whole += HEAD + payload.len();
    }
    Ok(scan)
}

/// The version that a first line names.
fn version(bytes: &[u8]) -> Option<u32> {
    let line = bytes.strip_prefix(NAME)?.split(|&byte| byte == b'\n').next()?;
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// The payload of the record at the start of these bytes, or `None` where the journal ends.
fn record(bytes: &[u8], expected: u64) -> Result<Option<&[u8]>, &'static str> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Ok(None) };
    let (fields, checksum) = head.split_at(HEAD - 4);
    if crc32c::crc32c(fields).to_le_bytes() != *checksum {
        return if cut_off(bytes) { Ok(None) } else { Err("the head of a record is damaged") };
    }
    let number =
        |range: std::ops::Range<usize>| fields[range].iter().rev().fold(0, |n, &byte| n << 8 | u64::from(byte));
    let (length, position, crc) = (number(0..4) as usize, number(4..12), number(12..16));
    if position != expected {
        return Err("a record is missing or doubled");
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    if u64::from(crc32c::crc32c(payload)) != crc {
        let last = rest.len() == length;
        return if last && payload.contains(&0) { Ok(None) } else { Err("a record is damaged") };
    }
    Ok(Some(payload))
}

/// Whether the rest of a file was allotted but never written.
fn cut_off(rest: &[u8]) -> bool {
    rest.iter().all(|&byte| byte == 0)
}

fn damaged(path: &Path, offset: usize, what: &str) -> Error {
    Error::new(
        ErrorKind::Data,
        format!("the journal of this run is damaged: {what}; restore the file from a backup, or start a new run"),
    )
    .with("file", path.display())
    .with("offset", offset)
}

fn newer(path: &Path, version: u32) -> Error {
    let (ours, advice) = (env!("CARGO_PKG_VERSION"), "resume this run with the Ropeway that began it, or a newer one");
    let text =
        format!("the journal of this run has format {version}, and Ropeway {ours} reads formats 1 to 3; {advice}");
    Error::new(ErrorKind::Spec, text).with("file", path.display()).with("offset", 0)
}
