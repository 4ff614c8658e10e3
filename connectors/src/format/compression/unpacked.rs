//! The files that come out of a compressed file, one after the other: those of an archive, or the only one.

use std::io::{self, Read};

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

    /// What is really wrong where the file that it stands at is not what it was said to be.
    fn at_fault(&self, error: io::Error) -> io::Error {
        error
    }
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
        let bytes = || file.buffered(0);
        Ok(match self {
            Self::ZipDeflate(_) => Box::new(Zipped::new(file)?),
            Self::Tar => Box::new(Tarred::new(bytes())),
            Self::TarGzip(_) => Box::new(Tarred::new(MultiGzDecoder::new(bytes()))),
            Self::None => Box::new(One::new(self.reader(file)?, Member { path: None, length: Some(file.length()) })),
            _ => Box::new(One::new(self.reader(file)?, Member::default())),
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
pub(in crate::format) struct One<R> {
    content: R,
    /// `None` once it was told.
    member: Option<Member>,
}

impl<R> One<R> {
    pub(in crate::format) fn new(content: R, member: Member) -> Self {
        Self { content, member: Some(member) }
    }
}

impl<R: Read> Read for One<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.content.read(into)
    }
}

impl<R: Read + Send> Unpacked for One<R> {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        Ok(self.member.take())
    }
}

/// The files that come out of one, each of which can be begun anew.
pub(in crate::format) struct Members {
    from: Compression,
    file: Input,
    files: Box<dyn Unpacked>,
    /// How many files it went on to.
    number: usize,
}

impl Members {
    pub(in crate::format) fn of(from: Compression, file: Input) -> io::Result<Self> {
        Ok(Self { from, files: from.unpacked(&file)?, file, number: 0 })
    }

    /// The path of the file that they come out of.
    pub(in crate::format) fn name(&self) -> &str {
        self.file.name()
    }

    /// The file that it stands at, from its beginning.
    pub(in crate::format) fn again(&self) -> io::Result<Box<dyn Unpacked>> {
        let mut files = self.from.unpacked(&self.file)?;
        for _ in 0..self.number {
            files.next_file()?;
        }
        Ok(files)
    }

    /// The length of the file that it stands at, and has read nothing of; it reads from its beginning then.
    pub(in crate::format) fn measured(&mut self) -> io::Result<u64> {
        let length = io::copy(&mut self.files, &mut io::sink())?;
        self.files = self.again()?;
        Ok(length)
    }
}

impl Read for Members {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.files.read(into)
    }
}

impl Unpacked for Members {
    fn next_file(&mut self) -> io::Result<Option<Member>> {
        self.number += 1;
        self.files.next_file()
    }
}
