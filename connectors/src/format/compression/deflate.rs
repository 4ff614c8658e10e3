//! Raw deflate that ends where its final block does.

use std::io::{self, BufRead, Read};

use flate2::bufread::DeflateDecoder;

/// An empty last block of fixed codes.
pub(super) const FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// Reads raw deflate. Bytes behind its end would be left out without a word: they are an error.
pub(super) struct Inflater<R> {
    decoder: DeflateDecoder<R>,
}

impl<R: BufRead> Inflater<R> {
    pub(super) fn new(from: R) -> Self {
        Self { decoder: DeflateDecoder::new(from) }
    }
}

impl<R: BufRead> Read for Inflater<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(into)?;
        if read == 0 && !into.is_empty() && !self.decoder.get_mut().fill_buf()?.is_empty() {
            let message = "bytes stand behind the end of the compressed stream";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(read)
    }
}
