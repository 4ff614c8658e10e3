//! Chunks that turn out slow while other slots have nothing to do: an attempt that is asked to ends early, and what it did
//! not read becomes chunks of its own.
//!
//! What an attempt read and what it left is in the journal before the attempt may commit, and counts once its receipt is
//! recorded. From then on the chunk is what that attempt read, for ever, also if it has to be copied again; and the rest is
//! part of the plan, behind all other chunks. As long as no receipt is known the chunk is whole, so nothing has to be taken
//! back where the attempt came to nothing. A process that lost the run cannot write that down any more, so that an attempt
//! of which no division is known has read the whole chunk.

use std::{collections::BTreeMap, error::Error as StdError, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    retry::RetryClass,
};

/// Chunks that a run may get beyond those of its plan, so no more of its chunks are divided; sinks count with that from the
/// beginning ([`RunContext::chunks`](crate::sink::RunContext::chunks)).
pub(crate) const MOST_ADDED: usize = 256;

/// A part of a chunk: what a [`Chunk`] says of itself, without a number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// For people. Never a secret.
    pub label: String,
    /// For the source.
    pub recipe: Value,
}

/// How a stream that ended early divided its chunk. Every row of the chunk belongs to exactly one part, as does every row
/// that appears later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Divided {
    /// What it read.
    pub read: Part,
    /// What it did not read.
    pub rest: Vec<Part>,
}

impl Divided {
    /// What the stream ends with. It is an error, because whoever does not know of divisions must not take what came before
    /// for all of the chunk.
    pub fn into_end(self) -> Error {
        Error::new(ErrorKind::Bug, "a chunk ended early, and nobody knows what is left of it; please report it")
            .caused_by(EndedEarly(self))
    }

    /// The division, if a stream ended with one; else its error.
    pub fn of_end(end: Error) -> Result<Self> {
        let divided = end.source().and_then(|cause| cause.downcast_ref::<EndedEarly>()).map(|it| it.0.clone());
        divided.ok_or(end)
    }
}

#[derive(Debug)]
struct EndedEarly(Divided);

impl fmt::Display for EndedEarly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it was read up to {}", self.0.read.label)
    }
}

impl StdError for EndedEarly {}

/// The same with the attempt: it counts once this attempt is the one that committed the chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Division {
    /// The chunk.
    pub chunk: ChunkId,
    /// The attempt.
    pub attempt: Attempt,
    /// What it read and what it left.
    #[serde(flatten)]
    pub parts: Divided,
}

/// The divisions of a run.
#[derive(Clone, Debug, Default)]
pub struct Divisions {
    /// Of attempts of which no receipt is known.
    noted: BTreeMap<(ChunkId, Attempt), Divided>,
    /// The attempts that divided a chunk for good.
    settled: BTreeMap<ChunkId, Attempt>,
    added: usize,
}

impl Divisions {
    /// An attempt is about to commit a part of its chunk.
    pub(crate) fn note(&mut self, Division { chunk, attempt, parts }: Division) {
        self.noted.insert((chunk, attempt), parts);
    }

    /// Whether a receipt may be recorded: one of an attempt from before its chunk was divided is of other rows than the
    /// chunk has now.
    pub(crate) fn admit(&self, receipt: &Receipt) -> Result<()> {
        match self.settled.get(&receipt.chunk) {
            Some(divided_by) if receipt.attempt < *divided_by => Err(Error::new(
                ErrorKind::Data,
                "the sink holds a chunk as it was before it was divided, and parts of it beside it; start a new run",
            )
            .class(RetryClass::Fatal)
            .with("chunk", receipt.chunk.0)
            .with("attempt", format_args!("{}.{}", receipt.attempt.epoch, receipt.attempt.number))),
            _ => Ok(()),
        }
    }

    /// Whether the chunk of this receipt is about to be divided.
    pub(crate) fn is_noted(&self, receipt: &Receipt) -> bool {
        self.noted.contains_key(&(receipt.chunk, receipt.attempt))
    }

    /// A receipt is on record: if its attempt divided the chunk, the chunk is what it read, and the rest stands behind the
    /// other chunks; how many those are.
    pub(crate) fn settle(&mut self, receipt: &Receipt, chunks: &mut Vec<Chunk>) -> usize {
        let Some(Divided { read, rest }) = self.noted.remove(&(receipt.chunk, receipt.attempt)) else { return 0 };
        self.settled.insert(receipt.chunk, receipt.attempt);
        if let Some(chunk) = chunks.get_mut(receipt.chunk.0 as usize) {
            (chunk.label, chunk.recipe) = (read.label, read.recipe);
        }
        let added = rest.len();
        for Part { label, recipe } in rest {
            chunks.push(Chunk { id: ChunkId(chunks.len() as u32), label, recipe });
        }
        self.added += added;
        added
    }

    /// How many chunks there may still be more.
    pub(crate) fn room(&self) -> usize {
        MOST_ADDED.saturating_sub(self.added)
    }

    /// How many of the chunks came of dividing others.
    pub(crate) fn added(&self) -> usize {
        self.added
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::digest::Digest;

    const FIRST: Attempt = Attempt { epoch: 1, number: 1 };
    const SECOND: Attempt = Attempt { epoch: 1, number: 2 };

    fn part(recipe: u32) -> Part {
        Part { label: recipe.to_string(), recipe: json!(recipe) }
    }

    fn receipt(chunk: u32, attempt: Attempt) -> Receipt {
        let digest = Digest::default();
        Receipt { chunk: ChunkId(chunk), attempt, rows: 1, bytes: 1, digest, detail: json!(null).into() }
    }

    fn divided(attempt: Attempt) -> Division {
        Division { chunk: ChunkId(0), attempt, parts: Divided { read: part(10), rest: vec![part(11), part(12)] } }
    }

    fn recipes(chunks: &[Chunk]) -> Vec<(u32, u64)> {
        chunks.iter().map(|chunk| (chunk.id.0, chunk.recipe.as_u64().unwrap())).collect()
    }

    #[test]
    fn a_division_counts_with_the_receipt_of_its_attempt_and_only_once() {
        let mut chunks = vec![Chunk { id: ChunkId(0), label: String::new(), recipe: json!(1) }];
        let mut divisions = Divisions::default();
        divisions.note(divided(FIRST));
        assert_eq!(divisions.settle(&receipt(0, SECOND), &mut chunks), 0);
        assert_eq!(recipes(&chunks), [(0, 1)], "another attempt committed all of it");
        assert_eq!(divisions.settle(&receipt(0, FIRST), &mut chunks), 2);
        assert_eq!(divisions.settle(&receipt(0, FIRST), &mut chunks), 0);
        assert_eq!(recipes(&chunks), [(0, 10), (1, 11), (2, 12)]);
        assert_eq!((divisions.added(), divisions.room()), (2, MOST_ADDED - 2));
    }

    #[test]
    fn an_early_end_is_an_error_that_holds_the_division() {
        let parts = divided(FIRST).parts;
        let end = parts.clone().into_end().on(crate::Side::Source);
        assert_eq!((end.kind(), Divided::of_end(end).unwrap()), (ErrorKind::Bug, parts));
        let other = Error::new(ErrorKind::Unavailable, "gone").caused_by(divided(FIRST).parts.into_end());
        assert_eq!(Divided::of_end(other).unwrap_err().kind(), ErrorKind::Unavailable, "its cause is not its end");
    }

    #[test]
    fn a_receipt_from_before_the_division_is_refused() {
        let mut chunks = vec![Chunk { id: ChunkId(0), label: String::new(), recipe: json!(1) }];
        let mut divisions = Divisions::default();
        divisions.note(divided(SECOND));
        divisions.admit(&receipt(0, FIRST)).unwrap();
        divisions.settle(&receipt(0, SECOND), &mut chunks);
        let error = divisions.admit(&receipt(0, FIRST)).unwrap_err();
        assert!(error.is_fatal() && error.kind() == ErrorKind::Data, "{error}");
        divisions.admit(&receipt(0, SECOND)).unwrap();
        divisions.admit(&receipt(0, Attempt { epoch: 2, number: 1 })).unwrap();
    }
}
