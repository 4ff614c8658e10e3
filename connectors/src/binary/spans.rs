//! What a chunk holds of its files, and how files are put together of that.

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use md5::{Digest as _, Md5};
use ropeway_engine::{Error, ErrorKind, Result, digest::Digest, source::BatchStream};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{PIECE, Piece, leaving_out::WRONG_MD5, rows};

/// What a receipt, or the recipe of a chunk, keeps of its files, as one text: as a tree of values a hundred thousand of
/// them would take gigabytes.
///
/// # Errors
/// A defect of ours.
pub(crate) fn kept_as_text(kept: &impl Serialize) -> Result<Value> {
    serde_json::to_string(kept).map(Value::String).map_err(|error| {
        Error::new(ErrorKind::Bug, "what is kept of files cannot be written; please report it").caused_by(error)
    })
}

/// The same back from there.
///
/// # Errors
/// It is nothing that was kept of files.
pub(crate) fn kept_in<T: DeserializeOwned>(detail: &Value) -> Result<T> {
    // Earlier builds kept parts of folders, and recipes, as trees.
    detail.as_str().map_or_else(|| T::deserialize(detail), serde_json::from_str).map_err(|error| {
        Error::new(ErrorKind::Bug, "what is kept of a chunk is damaged; start the run anew and report it")
            .caused_by(error)
    })
}

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

/// The files that these spans make, by their targets, each with its spans in order.
///
/// # Errors
/// [`ErrorKind::Data`] if two files go to one target; [`ErrorKind::Bug`] for a file that is not whole.
pub(crate) fn assembled<T>(
    spans: impl IntoIterator<Item = (String, Span, T)>,
) -> Result<BTreeMap<String, Vec<(Span, T)>>> {
    let mut files: BTreeMap<String, Vec<(Span, T)>> = BTreeMap::new();
    for (target, span, of_sink) in spans {
        files.entry(target).or_default().push((span, of_sink));
    }
    for (target, parts) in &mut files {
        parts.sort_by_key(|(span, _)| (span.start, span.end));
        let mut end = 0;
        for (span, _) in parts.iter() {
            let first = &parts[0].0;
            // An archive may have two files of one path, and two archives the same.
            if span.path != first.path || (span.start == 0 && end > 0) {
                return Err(Error::new(
                    ErrorKind::Data,
                    "two files go to the same target; take fileName out of the sink's dataset, set copyBehavior to MergeFiles, or let archives keep their names as folders",
                )
                .with("target", target.escape_debug())
                .with("one", first.path.escape_debug())
                .with("other", span.path.escape_debug()));
            }
            if span.start != end || span.length != first.length {
                return Err(in_pieces(&span.path));
            }
            end = span.end;
        }
        if parts.iter().any(|(span, _)| span.length != end) {
            return Err(in_pieces(target));
        }
    }
    Ok(files)
}

pub(crate) fn in_pieces(path: &str) -> Error {
    Error::new(ErrorKind::Bug, "the pieces of a file do not make a whole; start a new run and report it")
        .with("file", path.escape_debug())
}
