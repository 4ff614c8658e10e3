//! Files as they are, taken out of the compression that they come in, and put into the one that they are to have. The rows
//! are pieces of the files that come of it.
//!
//! A row has the length of its whole file. A codec that does not know it beforehand is read twice, but where all of the file
//! fits into what is held.

mod gathered;
mod measured;

use std::{
    io::{self, Read},
    sync::Arc,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};
use serde_json::Value;

pub(crate) use self::gathered::{Gathered, Inputs};
use self::measured::{HELD, Pieces};
use super::{
    Batches, Input, ReadFormat, Slice,
    compression::{Compressing, Compression, DatasetCompression, Member, Members, One, Packing, Unpacked},
    properties,
    text_input::unreadable,
};
use crate::binary::{PIECE, schema};

/// Pieces of one batch.
const PIECES: u64 = 4;

/// What becomes of the files of a Binary copy.
pub(crate) enum Repacking {
    /// They are copied as they are.
    None,
    /// Each becomes a file of its own, or some.
    Each(Arc<dyn ReadFormat>),
    /// All of them become one archive.
    All(Gathered),
}

/// Reads files of one compression as those of another.
#[derive(Clone, Copy)]
struct Repacked {
    from: Compression,
    into: Compression,
    /// Whether the files of an archive go to a folder of its name.
    keeps_archive: bool,
}

/// What becomes of the files of a Binary dataset. `sink` is the `compression` of the sink's dataset; `into_one` tells that the
/// sink has one file.
pub(super) fn of(
    dataset: &Value,
    format_settings: Option<&Value>,
    (sink, into_one): (Option<&Value>, bool),
) -> Result<Repacking> {
    let (from, into) = (compression(dataset.get("compression"))?, compression(sink)?);
    let unpacking = format_settings.and_then(|settings| settings.get("compressionProperties"));
    from.unpacks(unpacking)?;
    let repacked = Repacked { from, into, keeps_archive: unpacking.is_none_or(keeps_archive) };
    Ok(match (from, into) {
        (Compression::None, Compression::None) => Repacking::None,
        (_, into) if into.is_archive() && into_one => Repacking::All(Gathered::new(repacked)),
        _ => Repacking::Each(Arc::new(repacked)),
    })
}

/// The ending of files of a sink that become one: an archive of them, or streams one after the other.
pub(super) fn merged_ending(sink: &Value) -> Result<&'static str> {
    match compression(sink.get("compression"))? {
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
        let files = Members::of(self.from, file).map_err(unreadable)?;
        Ok(Box::new(Apart { how: *self, files, current: None, at_once: at_once(limit) }))
    }

    fn announced(&self) -> String {
        let packed = if self.into.is_archive() { "each packed into a" } else { "compressed to" };
        self.announced_as(packed)
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        let codecs = 2 * (self.from.working_set() + self.into.working_set());
        // What is held grows by doubling.
        limit.bytes.saturating_add(codecs + 2 * HELD + 2 * PIECES * PIECE)
    }
}

/// Bytes of a batch.
fn at_once(limit: BatchLimit) -> u64 {
    (limit.bytes / PIECE).min(limit.rows.get().into()).clamp(1, PIECES) * PIECE
}

impl Repacked {
    fn announced_as(&self, packed: &str) -> String {
        let named = |words: &str, codec: Compression| match codec {
            Compression::None => String::new(),
            codec => format!(", {words} {}", codec.extension().trim_start_matches('.')),
        };
        named("unpacked from", self.from) + &named(packed, self.into)
    }

    /// The path of a file that comes out of the one at `archive`.
    fn unpacked_path(&self, archive: &str, member: Option<&str>) -> String {
        match member {
            Some(member) if self.keeps_archive => format!("{archive}/{member}"),
            // Not into the folder of the archive: that is how Data Factory has it.
            Some(member) => member.to_owned(),
            None => without_ending(archive, self.from.extension()).to_owned(),
        }
    }

    /// The bytes of a file as they are to be; `path` is what it is called where it is unpacked.
    fn packed<'a>(
        &self,
        from: impl Read + Send + 'a,
        path: &str,
        length: Option<u64>,
    ) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self.into {
            Compression::None => Box::new(from),
            into if into.is_archive() => {
                let name = path.rsplit('/').next().map(str::to_owned);
                Box::new(Packing::reader(One::new(from, Member { path: name, length }), into)?)
            }
            into => Box::new(Compressing::reader(from, into)?),
        })
    }

    /// The length of a file, if it is known or has to be.
    fn length(&self, files: &mut Members, member: &Member) -> io::Result<Option<u64>> {
        match member.length {
            None if self.into.is_archive() => files.measured().map(Some),
            length => Ok(length),
        }
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
struct Apart {
    how: Repacked,
    files: Members,
    current: Option<Pieces>,
    /// Bytes of a batch.
    at_once: u64,
}

impl Iterator for Apart {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.current.is_none() {
            match self.files.next_file().and_then(|member| member.map(|member| self.begin(&member)).transpose()) {
                Ok(Some(current)) => self.current = Some(current),
                Ok(None) => return None,
                Err(error) => return Some(Err(unreadable(error))),
            }
        }
        let mut current = self.current.take()?;
        let batch = current.next(&mut self.files, self.at_once);
        if batch.is_ok() && !current.are_all_given() {
            self.current = Some(current);
        }
        Some(batch)
    }
}

impl Apart {
    fn begin(&mut self, member: &Member) -> io::Result<Pieces> {
        let unpacked = self.how.unpacked_path(self.files.name(), member.path.as_deref());
        let path = format!("{unpacked}{}", self.how.into.extension());
        if let (Some(length), Compression::None) = (member.length, self.how.into) {
            return Ok(Pieces::of_length(path, length));
        }
        let length = self.how.length(&mut self.files, member)?;
        let first = self.how.packed(&mut self.files, &unpacked, length)?;
        let measured = measured::measured(first)?;
        Pieces::measured(path, measured, || self.how.packed(self.files.again()?, &unpacked, length))
    }
}
