//! Frames of lz4, one after the other.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

/// Reads all frames.
pub(super) struct Lz4Frames<R: BufRead> {
    decoder: FrameDecoder<Endless<R>>,
    /// True before a frame, which is where a file may end.
    between: bool,
}

impl<R: BufRead> Lz4Frames<R> {
    pub(super) fn new(from: R) -> Self {
        Self { decoder: FrameDecoder::new(Endless(from)), between: true }
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !(into.is_empty() || self.between && self.decoder.get_mut().0.fill_buf()?.is_empty()) {
            let read = self.decoder.read(into)?;
            // The decoder stops behind every frame.
            self.between = read == 0;
            if read > 0 {
                return Ok(read);
            }
        }
        Ok(0)
    }
}

/// Bytes that must not end while they are read: the decoder takes the end of a file for that of its frame.
struct Endless<R>(R);

impl<R: Read> Read for Endless<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(into)?;
        if read == 0 && !into.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the compressed stream has no end"));
        }
        Ok(read)
    }
}
