//! What a chunk holds of its files.

use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use md5::{Digest as _, Md5};
use ropeway_engine::{Error, ErrorKind, Result, digest::Digest, source::BatchStream};
use serde::{Deserialize, Serialize};

use super::{PIECE, Piece, leaving_out::WRONG_MD5, rows};

/// Bytes of one file without a gap, as a receipt keeps them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// The path at the source.
    pub(crate) path: String,
    /// Of the whole file.
    pub(crate) length: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The MD5 of the whole file that its rows have.
    pub(crate) given: Option<[u8; 16]>,
    /// The MD5 of the whole file as it was computed, where the span is all of it.
    pub(crate) computed: Option<[u8; 16]>,
    pub(crate) rows: u64,
    pub(crate) digest: Digest,
}

impl Span {
    pub(crate) fn is_whole(&self) -> bool {
        self.start == 0 && self.end == self.length
    }

    /// The MD5 of the whole file, if it is known.
    pub(crate) fn md5(&self) -> Option<[u8; 16]> {
        self.computed.or(self.given)
    }

    /// The rows of this span, from the bytes that `fetch` gets of its copy.
    pub(crate) fn read_back(
        self,
        fetch: impl Fn(Range<u64>) -> BoxFuture<'static, Result<Bytes>> + Send + 'static,
    ) -> BatchStream {
        let starts = (0..(self.end - self.start).div_ceil(PIECE).max(1)).map(move |number| self.start + number * PIECE);
        let batches = stream::iter(starts).then(move |start| {
            let bytes = fetch(start..(start + PIECE).min(self.end));
            let (path, length, given) = (self.path.clone(), self.length, self.given);
            async move { rows(&path, (length, start), bytes.await?, given) }
        });
        batches.map_err(|error: Error| error).boxed()
    }
}

/// A span that grows with its pieces.
pub(crate) struct Copied {
    span: Span,
    hasher: Option<Md5>,
}

impl Copied {
    /// The span that begins with this piece; the piece itself is not in it yet.
    pub(crate) fn beginning(piece: &Piece) -> Self {
        let span = Span {
            path: piece.path.clone(),
            length: piece.length,
            start: piece.offset,
            end: piece.offset,
            given: piece.md5,
            computed: None,
            rows: 0,
            digest: Digest::default(),
        };
        Self { hasher: (piece.offset == 0).then(Md5::new), span }
    }

    /// Whether this piece is the next one of the file.
    pub(crate) fn goes_on_with(&self, piece: &Piece) -> bool {
        piece.path == self.span.path && piece.offset == self.span.end && self.span.end < self.span.length
    }

    pub(crate) fn take(&mut self, piece: &Piece, digest: Digest) {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece.bytes);
        }
        self.span.end += piece.bytes.len() as u64;
        self.span.rows += 1;
        self.span.digest += digest;
    }

    /// # Errors
    /// [`ErrorKind::Data`] if the bytes are not those that the source's MD5 is of.
    pub(crate) fn finish(self) -> Result<Span> {
        let Self { mut span, hasher } = self;
        if span.is_whole() {
            span.computed = hasher.map(|hasher| hasher.finalize().into());
            same_md5(&span.path, span.given, span.computed)?;
        }
        Ok(span)
    }
}

/// # Errors
/// [`ErrorKind::Data`] if both are known and differ.
pub(crate) fn same_md5(path: &str, given: Option<[u8; 16]>, computed: Option<[u8; 16]>) -> Result<()> {
    match (given, computed) {
        (Some(given), Some(computed)) if given != computed => Err(wrong_md5(path)),
        _ => Ok(()),
    }
}

pub(super) fn wrong_md5(path: &str) -> Error {
    Error::new(
        ErrorKind::Data,
        "the bytes of a file are not those that the source keeps an MD5 of; upload the file again, correct its Content-MD5, or leave such files out (validateDataConsistency with skipErrorFile.dataInconsistency)",
    )
    .with("file", path.escape_debug())
    .code(WRONG_MD5)
}
