//! The files that come out of a compressed file, one after the other: those of an archive, or the only one.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

use super::{
    Compression,
    archive::{Named, Tarred, Zipped},
};
use crate::format::Input;

/// Reads the file that it stands at; at first, it stands at none.
pub(in crate::format) trait Unpacked: Read + Send {
    /// Goes on to the next file; `None` behind the last one.
    fn next_file(&mut self) -> io::Result<Option<Member>>;
}

/// A file that comes out of a compressed one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::format) struct Member {
    /// Its path in the archive; `None` if there is no archive, and nobody says what it is called.
    pub(in crate::format) path: Option<String>,
    /// `None` if that is known only at its end.
    pub(in crate::format) length: Option<u64>,
}

impl From<Named> for Member {
    fn from(Named { path, length }: Named) -> Self {
        Self { path: Some(path), length: Some(length) }
    }
}

impl Compression {
    /// All files that come out of this one, also those that hold no rows.
    pub(in crate::format) fn unpacked(self, file: &Input) -> io::Result<Box<dyn Unpacked>> {
        let bytes = || BufReader::with_capacity(256 << 10, file.from(0));
        Ok(match self {
            Self::ZipDeflate => Box::new(Zipped::new(file)?),
            Self::Tar => Box::new(Tarred::new(bytes())),
            Self::TarGzip => Box::new(Tarred::new(MultiGzDecoder::new(bytes()))),
            Self::None => Box::new(Single {
                content: self.reader(file)?,
                member: Some(Member { path: None, length: Some(file.length()) }),
            }),
            _ => Box::new(Single { content: self.reader(file)?, member: Some(Member::default()) }),
        })
    }
}

impl Unpacked for Zipped {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        Ok(Self::next_file(self)?.map(Member::from))
    }
}

impl<R: Read + Send> Unpacked for Tarred<R> {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        Ok(Self::next_file(self)?.map(Member::from))
    }
}

/// The only file.
struct Single {
    content: Box<dyn Read + Send>,
    /// `None` once it was told.
    member: Option<Member>,
}

impl Read for Single {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.content.read(into)
    }
}

impl Unpacked for Single {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        Ok(self.member.take())
    }
}
