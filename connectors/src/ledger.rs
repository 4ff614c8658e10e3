//! What a ledger in the sink's database says of a run: which chunks are committed, by which attempt, with which rows.
//!
//! The row of a chunk and its rows in the target are committed in one transaction, so the ledger is the authority: a
//! commit whose answer was lost is settled by reading it.

use std::collections::HashMap;

use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::{Attempt, ChunkId, Receipt},
    digest::Digest,
    retry::RetryClass,
};
use serde_json::Value;

/// A chunk that is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) chunk: ChunkId,
    pub(crate) attempt: Attempt,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
}

impl Entry {
    /// The proof that the engine keeps.
    pub(crate) fn receipt(self) -> Receipt {
        let Self { chunk, attempt, rows, bytes, digest } = self;
        Receipt { chunk, attempt, rows, bytes, digest, detail: Value::Null.into() }
    }

    /// A row as a database gives it, each value by the name of its column.
    ///
    /// # Errors
    /// [`ErrorKind::Data`], fatal, for a row that no process of ours writes.
    pub(crate) fn read<'a>(value: impl Fn(&'static str) -> Option<&'a str>) -> Result<Self> {
        fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
            text?.trim().parse().ok()
        }
        let entry = || {
            Some(Self {
                chunk: ChunkId(number(value("chunk_id"))?),
                attempt: Attempt { epoch: number(value("epoch"))?, number: number(value("attempt"))? },
                rows: number(value("row_count"))?,
                bytes: number(value("byte_count"))?,
                digest: value("digest")?.trim().parse().ok()?,
            })
        };
        entry().ok_or_else(|| {
            Error::new(
                ErrorKind::Data,
                "the ledger has a row that no copy writes; somebody changed it: compare source and target before you \
                 start a new run",
            )
            .class(RetryClass::Fatal)
        })
    }
}

/// The chunks whose receipts the ledger does not bear out: a backup was restored, or somebody deleted rows.
pub(crate) fn lost(receipts: &[Receipt], entries: &[Entry]) -> Vec<ChunkId> {
    let stored: HashMap<_, _> = entries.iter().map(|entry| (entry.chunk, (entry.rows, entry.digest))).collect();
    let is_lost = |receipt: &&Receipt| stored.get(&receipt.chunk) != Some(&(receipt.rows, receipt.digest));
    receipts.iter().filter(is_lost).map(|receipt| receipt.chunk).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(chunk: u32, rows: u64) -> Entry {
        let attempt = Attempt { epoch: 2, number: 3 };
        Entry { chunk: ChunkId(chunk), attempt, rows, bytes: 8, digest: Digest::default() }
    }

    #[test]
    fn a_receipt_without_its_row_is_lost() {
        let receipts: Vec<_> = [entry(0, 1), entry(1, 2), entry(2, 3)].map(Entry::receipt).to_vec();
        assert_eq!(lost(&receipts, &[entry(2, 3), entry(0, 1), entry(1, 2)]), []);
        assert_eq!(lost(&receipts, &[entry(0, 1), entry(2, 4)]), [ChunkId(1), ChunkId(2)]);
    }

    #[test]
    fn only_rows_of_ours_are_read() {
        let digest = "0".repeat(32);
        let row = |digest: &'static str| move |name: &'static str| Some(if name == "digest" { digest } else { "7" });
        let read = Entry::read(row(Box::leak(digest.into_boxed_str()))).unwrap();
        assert_eq!((read.chunk, read.rows, read.attempt.number), (ChunkId(7), 7, 7));
        assert!(Entry::read(row("x")).unwrap_err().is_fatal());
        assert!(Entry::read(|_| None).is_err());
    }
}
