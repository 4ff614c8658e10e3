//! The text of a file, piece by piece: decompressed and decoded.

use std::io::{ErrorKind as Io, Read};

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    Input,
    charset::{Charset, TextDecoder},
    compression::Compression,
};

/// Bytes that are read at once at most.
pub(super) const READ_BYTES: usize = 128 << 10;

/// Reads the text of a file from its beginning.
pub(super) struct TextInput {
    input: Box<dyn Read + Send>,
    decoder: TextDecoder,
    /// Bytes that are read at once.
    at_once: usize,
    ended: bool,
}

impl TextInput {
    /// # Errors
    /// A file that is not compressed as the dataset says.
    pub(super) fn new(file: &Input, compression: Compression, charset: Charset) -> Result<Self> {
        let input = compression.reader(file).map_err(unreadable)?;
        // A codec may make more of them than the file has.
        let at_once = if compression == Compression::None { file.step(READ_BYTES) } else { READ_BYTES };
        Ok(Self { input, decoder: charset.decoder(), at_once, ended: false })
    }

    /// True once all of the text was given.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Appends the next piece of the text.
    ///
    /// # Errors
    /// Bytes that are no text in the file's encoding, or not compressed as the dataset says.
    pub(super) fn fill(&mut self, text: &mut String) -> Result<()> {
        let mut bytes = vec![0; self.at_once];
        let read = self.input.read(&mut bytes).map_err(unreadable)?;
        self.ended = read == 0;
        self.decoder.decode(&bytes[..read], self.ended, text).map_err(|_| {
            Error::new(ErrorKind::Data, "the file is not in its encoding; set the encodingName of the dataset")
        })
    }
}

/// The error of reading a file through its codec. What a codec finds wrong has no number of the system's; whether it was the
/// store that gave no bytes is asked of the store, unless that has said it already.
pub(super) fn unreadable(error: std::io::Error) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(of_store) => return of_store,
        Err(error) => error,
    };
    let kind = match error.kind() {
        Io::InvalidData | Io::InvalidInput | Io::UnexpectedEof => ErrorKind::Data,
        Io::Other if error.raw_os_error().is_none() => ErrorKind::Data,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "the file cannot be read on; check that its compression is right and that it is complete")
        .caused_by(error)
}
