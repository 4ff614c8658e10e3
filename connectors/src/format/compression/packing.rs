//! Archives that are written while they are read, file by file. The same files make the same bytes.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use super::{
    Compression, Compressor, Member, Unpacked,
    archive::padded,
    pulled::{Maker, Pulled},
};
use crate::format::CompressionLevel;

/// Bytes of a file that are packed at once.
const AT_ONCE: usize = 64 << 10;

/// An archive of files, each of which has a path and, for tar, a length.
pub(in crate::format) struct Packing<F> {
    files: F,
    archive: Box<dyn Archive>,
    is_in_file: bool,
    is_ended: bool,
}

/// What is packed so far is taken away as it comes.
trait Archive: Send {
    fn begin(&mut self, file: Member) -> io::Result<()>;
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn end_file(&mut self) -> io::Result<()>;
    fn end(&mut self) -> io::Result<()>;
    fn take(&mut self) -> Vec<u8>;
}

impl<F: Unpacked> Packing<F> {
    /// # Errors
    /// The codec is none of an archive.
    pub(in crate::format) fn reader(files: F, into: Compression) -> io::Result<Pulled<Self>> {
        let archive: Box<dyn Archive> = match into {
            Compression::ZipDeflate(level) => Box::new(Zip::new(level)),
            Compression::Tar => Box::new(Tar::new(Compression::None)?),
            Compression::TarGzip(level) => Box::new(Tar::new(Compression::Gzip(level))?),
            _ => return Err(io::Error::new(io::ErrorKind::Unsupported, "this is no archive")),
        };
        Ok(Pulled::from(Self { files, archive, is_in_file: false, is_ended: false }))
    }

    fn pack_on(&mut self) -> io::Result<()> {
        let mut bytes = [0; AT_ONCE];
        let read = self.files.read(&mut bytes)?;
        if read > 0 {
            return self.archive.write(&bytes[..read]);
        }
        self.is_in_file = false;
        self.archive.end_file().map_err(|error| self.files.at_fault(error))
    }
}

impl<F: Unpacked> Maker for Packing<F> {
    fn make(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_ended {
            return Ok(None);
        }
        if self.is_in_file {
            self.pack_on()?;
        } else if let Some(file) = self.files.next_file()? {
            self.archive.begin(file)?;
            self.is_in_file = true;
        } else {
            self.archive.end()?;
            self.is_ended = true;
        }
        Ok(Some(self.archive.take()))
    }
}

/// Where a writer that is not ours leaves its bytes.
#[derive(Clone, Default)]
struct Outbox(Arc<Mutex<Vec<u8>>>);

impl Outbox {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Zip {
    /// `None` behind the end.
    writer: Option<ZipWriter<StreamWriter<Outbox>>>,
    out: Outbox,
    level: CompressionLevel,
}

impl Zip {
    fn new(level: CompressionLevel) -> Self {
        let out = Outbox::default();
        Self { writer: Some(ZipWriter::new_stream(out.clone())), out, level }
    }

    fn writer(&mut self) -> io::Result<&mut ZipWriter<StreamWriter<Outbox>>> {
        self.writer.as_mut().ok_or_else(|| io::Error::other("the archive has ended"))
    }
}

impl Archive for Zip {
    fn begin(&mut self, file: Member) -> io::Result<()> {
        let level = match self.level {
            CompressionLevel::Fastest => flate2::Compression::fast(),
            CompressionLevel::Optimal => flate2::Compression::default(),
        };
        // Deflate may make a file a little longer.
        let is_large = file.length.is_none_or(|length| length >= 2 << 30);
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .compression_level(Some(level.level().into()))
            .last_modified_time(zip::DateTime::DEFAULT)
            .unix_permissions(0o644)
            .large_file(is_large);
        self.writer()?.start_file(file.path.unwrap_or_default(), options).map_err(io::Error::other)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer()?.write_all(bytes)
    }

    fn end_file(&mut self) -> io::Result<()> {
        // The next one ends it.
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        self.writer.take().map_or(Ok(()), |writer| writer.finish().map(drop).map_err(io::Error::other))
    }

    fn take(&mut self) -> Vec<u8> {
        self.out.take()
    }
}

struct Tar {
    out: Compressor,
    /// Bytes that the file has got, and those that were announced.
    written: u64,
    announced: u64,
}

impl Tar {
    fn new(codec: Compression) -> io::Result<Self> {
        Ok(Self { out: codec.compressor()?, written: 0, announced: 0 })
    }
}

impl Archive for Tar {
    fn begin(&mut self, file: Member) -> io::Result<()> {
        self.announced = file.length.ok_or_else(|| io::Error::other("a file without a length has no place in tar"))?;
        self.written = 0;
        let mut header = tar::Header::new_gnu();
        header.set_size(self.announced);
        header.set_mode(0o644);
        // Long names go before it.
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_data(&mut header, file.path.unwrap_or_default(), io::empty())?;
        self.out.write(builder.get_ref())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write(bytes)
    }

    fn end_file(&mut self) -> io::Result<()> {
        if self.written != self.announced {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a file has another length than it is said to have",
            ));
        }
        let padding = padded(self.written)? - self.written;
        self.out.write(&vec![0; padding as usize])
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write(&[0; 1024])?;
        self.out.finish()
    }

    fn take(&mut self) -> Vec<u8> {
        self.out.take()
    }
}
