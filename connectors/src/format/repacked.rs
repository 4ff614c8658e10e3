//! Files as they are, taken out of the compression that they come in, and put into the one that they are to have. The rows
//! are pieces of the files that come of it.
//!
//! A row has the length of its whole file. A codec that does not know it beforehand is read twice, but where all of the file
//! fits into what is held.

use std::{
    io::{self, Read},
    sync::Arc,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};
use serde_json::Value;

use super::{
    Batches, Input, ReadFormat, Slice,
    compression::{Compressing, Compression, DatasetCompression, Member, Unpacked},
    properties,
    text_input::unreadable,
};
use crate::binary::{PIECE, rows, schema};

/// Bytes of a file that are held until its length is known.
const HELD: u64 = 8 * PIECE;
/// Pieces of one batch.
const PIECES: u64 = 4;

/// Reads files of one compression as those of another.
#[derive(Clone, Copy)]
struct Repacked {
    from: Compression,
    into: Compression,
    /// Whether the files of an archive go to a folder of its name.
    keeps_archive: bool,
}

/// `None` if both ends leave the bytes as they are. `sink` is the `compression` of the sink's dataset.
pub(super) fn of(
    dataset: &Value,
    format_settings: Option<&Value>,
    sink: Option<&Value>,
) -> Result<Option<Arc<dyn ReadFormat>>> {
    let from = compression(dataset.get("compression"))?;
    let into = compression(sink)?.writable()?;
    let unpacking = format_settings.and_then(|settings| settings.get("compressionProperties"));
    from.unpacks(unpacking)?;
    let keeps_archive = unpacking.is_none_or(keeps_archive);
    Ok(match (from, into) {
        (Compression::None, Compression::None) => None,
        _ => Some(Arc::new(Repacked { from, into, keeps_archive })),
    })
}

/// The ending of files of a sink that become one, the files of each of which are compressed on their own.
pub(super) fn merged_ending(sink: &Value) -> Result<&'static str> {
    match compression(sink.get("compression"))?.writable()? {
        Compression::Deflate(_) => Err(Error::new(
            ErrorKind::Spec,
            "streams of deflate cannot stand one after the other, which MergeFiles asks for; use gzip or bzip2 in the sink's dataset",
        )),
        other => Ok(other.extension()),
    }
}

fn compression(given: Option<&Value>) -> Result<Compression> {
    let given = super::given(given).map(properties::<DatasetCompression>).transpose()?;
    Compression::of(given.as_ref())
}

/// Whether `compressionProperties` ask for a folder, as they do where they say nothing.
fn keeps_archive(properties: &Value) -> bool {
    let given = |name: &str| properties.get(name).filter(|value| !value.is_null());
    let flag = given("preserveZipFileNameAsFolder").or_else(|| given("preserveCompressionFileNameAsFolder"));
    flag.is_none_or(|flag| *flag != false && !flag.as_str().is_some_and(|text| text.eq_ignore_ascii_case("false")))
}

impl ReadFormat for Repacked {
    fn schema(&self, _file: Input) -> Result<SchemaRef> {
        Ok(schema())
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let pieces = (limit.bytes / PIECE).min(limit.rows.get().into()).clamp(1, PIECES);
        let files = self.from.unpacked(&file).map_err(unreadable)?;
        Ok(Box::new(Repacking { how: *self, file, files, number: 0, current: None, at_once: pieces * PIECE }))
    }

    fn announced(&self) -> String {
        let named = |words: &str, codec: Compression| match codec {
            Compression::None => String::new(),
            codec => format!(", {words} {}", codec.extension().trim_start_matches('.')),
        };
        named("unpacked from", self.from) + &named("compressed to", self.into)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        let codecs = 2 * (self.from.working_set() + self.into.working_set());
        // What is held grows by doubling.
        limit.bytes.saturating_add(codecs + 2 * HELD + 2 * PIECES * PIECE)
    }
}

impl Repacked {
    /// The path of a file that comes out of the one at `archive`.
    fn path(&self, archive: &str, member: Option<&str>) -> String {
        let name = match member {
            Some(member) if self.keeps_archive => format!("{archive}/{member}"),
            Some(member) => {
                archive.rsplit_once('/').map_or(member.to_owned(), |(above, _)| format!("{above}/{member}"))
            }
            None => without_ending(archive, self.from.extension()).to_owned(),
        };
        name + self.into.extension()
    }

    /// Bytes as they are to be.
    fn packed<'a>(&self, from: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self.into {
            Compression::None => Box::new(from),
            into => Box::new(Compressing::new(from, into)?),
        })
    }
}

/// The path without the ending of its codec, if it has that.
fn without_ending<'a>(path: &'a str, ending: &str) -> &'a str {
    let parted = path.len().checked_sub(ending.len()).and_then(|length| path.split_at_checked(length));
    match parted {
        Some((bare, end)) if end.eq_ignore_ascii_case(ending) && !bare.is_empty() && !bare.ends_with('/') => bare,
        _ => path,
    }
}

/// The files that come of one.
struct Repacking {
    how: Repacked,
    file: Input,
    files: Box<dyn Unpacked>,
    /// How many files it went on to.
    number: usize,
    current: Option<Current>,
    /// Bytes of a batch.
    at_once: u64,
}

/// A file whose pieces are given.
struct Current {
    path: String,
    length: u64,
    given: u64,
    /// Where its bytes come from if not from [`Repacking::files`].
    content: Option<Box<dyn Read + Send>>,
}

impl Iterator for Repacking {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.current.is_none() {
            match self.files.next_file().and_then(|member| member.map(|member| self.begin(member)).transpose()) {
                Ok(Some(current)) => self.current = Some(current),
                Ok(None) => return None,
                Err(error) => return Some(Err(unreadable(error))),
            }
        }
        let mut current = self.current.take()?;
        let batch = self.pieces(&mut current);
        if batch.is_ok() && current.given < current.length {
            self.current = Some(current);
        }
        Some(batch)
    }
}

impl Repacking {
    fn begin(&mut self, member: Member) -> io::Result<Current> {
        self.number += 1;
        let path = self.how.path(self.file.name(), member.path.as_deref());
        if let (Some(length), Compression::None) = (member.length, self.how.into) {
            return Ok(Current { path, length, given: 0, content: None });
        }
        let mut content = self.how.packed(&mut self.files)?;
        let mut held = Vec::new();
        content.by_ref().take(HELD).read_to_end(&mut held)?;
        let rest = io::copy(&mut content, &mut io::sink())?;
        drop(content);
        let length = held.len() as u64 + rest;
        let content: Box<dyn Read + Send> = if rest == 0 { Box::new(io::Cursor::new(held)) } else { self.again()? };
        Ok(Current { path, length, given: 0, content: Some(content) })
    }

    /// The content of the file that it stands at, from its beginning.
    fn again(&self) -> io::Result<Box<dyn Read + Send>> {
        let mut files = self.how.from.unpacked(&self.file)?;
        for _ in 0..self.number {
            files.next_file()?;
        }
        self.how.packed(files)
    }

    /// The next pieces of a file.
    fn pieces(&mut self, current: &mut Current) -> Result<RecordBatch> {
        let content: &mut dyn Read = match &mut current.content {
            Some(content) => content,
            None => &mut self.files,
        };
        let count = (current.length - current.given).min(self.at_once);
        let mut bytes = vec![0; count as usize];
        content.read_exact(&mut bytes).map_err(unreadable)?;
        let start = current.given;
        current.given += count;
        // Behind the last piece streams compare themselves with their checksums.
        if current.given == current.length && content.read(&mut [0]).map_err(unreadable)? > 0 {
            return Err(unreadable(io::Error::new(
                io::ErrorKind::InvalidData,
                "a file is longer than it is said to be",
            )));
        }
        rows(&current.path, (current.length, start), bytes.into(), None)
    }
}
