//! All files of a copy as one archive.

use std::io::{self, Read};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{Error, Result, chunk::BatchLimit};

use super::{
    Batches, Input, Member, Members, Packing, ReadFormat as _, Repacked, Unpacked, at_once,
    measured::{self, Pieces},
    unreadable,
};
use crate::binary::schema;

/// The files of a copy, one after the other.
pub(crate) trait Inputs: Send {
    /// The next file, with its path below the folder that is copied; `None` behind the last one. Says first whether the
    /// last one is still what it was when it was opened.
    ///
    /// # Errors
    /// Those of the store, within.
    fn next(&mut self) -> io::Result<Option<Input>>;

    /// What is really wrong where the file that was given last cannot be read.
    fn at_fault(&self, error: io::Error) -> io::Error;
}

/// Reads files as one archive of them.
pub(crate) struct Gathered(Repacked);

impl Gathered {
    pub(super) fn new(how: Repacked) -> Self {
        Self(how)
    }

    /// What a file's own bytes, or the store, are at fault for.
    pub(crate) fn unreadable(error: io::Error) -> Error {
        unreadable(error)
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        schema()
    }

    /// What is said of it to a person, behind what is read.
    pub(crate) fn announced(&self) -> String {
        self.0.announced_as("packed into one")
    }

    pub(crate) fn working_set(&self, limit: BatchLimit) -> u64 {
        self.0.working_set(limit)
    }

    /// Pieces of the archive. The files are opened twice if it is long: its length comes before its first piece.
    ///
    /// # Errors
    /// A file that cannot be read, or has no place in such an archive.
    pub(crate) fn read(&self, open: impl Fn() -> Box<dyn Inputs>, limit: BatchLimit) -> Result<Batches> {
        let archive = || Packing::reader(Files { how: self.0, inputs: open(), current: None }, self.0.into);
        let path = format!("all{}", self.0.into.extension());
        let measured = archive().and_then(measured::measured).map_err(unreadable)?;
        let again = || Ok(Box::new(archive()?) as Box<dyn Read + Send>);
        let pieces = Pieces::measured(path, measured, again).map_err(unreadable)?;
        Ok(Box::new(Batched { pieces: Some(pieces), at_once: at_once(limit) }))
    }
}

/// What goes into the archive.
struct Files {
    how: Repacked,
    inputs: Box<dyn Inputs>,
    current: Option<Members>,
}

impl Files {
    fn next_of_current(&mut self) -> io::Result<Option<Member>> {
        let Some(current) = &mut self.current else { return Ok(None) };
        let Some(member) = current.next_file()? else { return Ok(None) };
        let length = self.how.length(current, &member)?;
        let path = self.how.unpacked_path(current.name(), member.path.as_deref());
        Ok(Some(Member { path: Some(path), length }))
    }
}

impl Unpacked for Files {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        loop {
            if let Some(member) = self.next_of_current().map_err(|error| self.inputs.at_fault(error))? {
                return Ok(Some(member));
            }
            let Some(input) = self.inputs.next()? else { return Ok(None) };
            self.current = Some(Members::of(self.how.from, input).map_err(|error| self.inputs.at_fault(error))?);
        }
    }

    fn at_fault(&self, error: io::Error) -> io::Error {
        self.inputs.at_fault(error)
    }
}

impl Read for Files {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(current) = &mut self.current else { return Ok(0) };
        current.read(into).map_err(|error| self.inputs.at_fault(error))
    }
}

/// The batches of the archive.
struct Batched {
    /// `None` behind the last one.
    pieces: Option<Pieces>,
    at_once: u64,
}

impl Iterator for Batched {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut pieces = self.pieces.take()?;
        let batch = pieces.next(&mut io::empty(), self.at_once);
        if batch.is_ok() && !pieces.are_all_given() {
            self.pieces = Some(pieces);
        }
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::format::{ReadAt, Repacking, for_repacking};

    /// A file that became shorter, or longer, after it was opened.
    struct Changed(Vec<u8>);

    impl ReadAt for Changed {
        fn length(&self) -> io::Result<u64> {
            Ok(10)
        }

        fn read_at(&self, place: u64, into: &mut [u8]) -> io::Result<usize> {
            let mut rest = &self.0[(place as usize).min(self.0.len())..];
            rest.read(into)
        }
    }

    struct OneOf(Option<Input>);

    impl Inputs for OneOf {
        fn next(&mut self) -> io::Result<Option<Input>> {
            Ok(self.0.take())
        }

        fn at_fault(&self, error: io::Error) -> io::Error {
            io::Error::other(unreadable(error).with("file", "a.txt"))
        }
    }

    #[test]
    fn a_file_that_changes_its_length_while_it_is_packed_is_named() {
        let packed = |codec: &str, length: usize| {
            let sink = json!({ "type": codec });
            let Repacking::All(archive) = for_repacking(&json!({}), None, (Some(&sink), true)).unwrap() else {
                panic!("an archive of all")
            };
            let open = move || -> Box<dyn Inputs> {
                Box::new(OneOf(Some(Input::new(Changed(vec![7; length])).unwrap().named("a.txt"))))
            };
            archive.read(open, BatchLimit::default()).map(Iterator::count)
        };
        for codec in ["Tar", "TarGzip"] {
            assert_eq!(packed(codec, 10).unwrap(), 1);
            for other in [9, 11] {
                let error = packed(codec, other).unwrap_err();
                assert!(error.to_string().contains("a.txt"), "{codec} {other}: {error}");
            }
        }
    }
}
