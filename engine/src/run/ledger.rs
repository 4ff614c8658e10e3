//! The receipts of a run, and what belongs to them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Error, ErrorKind, Result,
    chunk::{Attempt, Chunk, ChunkId, Receipt},
    digest::Digest,
    division::{Division, Divisions},
    skipping::{LeftOut, Skips},
    source::CopiedChunk,
    worker::Tally,
};

/// What is recorded of a run: in the journal, and here.
#[derive(Default)]
pub(super) struct Ledger {
    receipts: BTreeMap<ChunkId, Receipt>,
    /// Of every attempt that left rows out and may be the one that committed its chunk.
    skips: BTreeMap<(ChunkId, Attempt), Skips>,
    divisions: Divisions,
    /// What this process read for a receipt.
    read: BTreeMap<ChunkId, Tally>,
}

impl Ledger {
    pub(super) fn new(receipts: Vec<Receipt>, skips: Vec<Skips>, divisions: Divisions) -> Self {
        Self {
            receipts: receipts.into_iter().map(|receipt| (receipt.chunk, receipt)).collect(),
            skips: skips.into_iter().map(|skips| ((skips.chunk, skips.attempt), skips)).collect(),
            divisions,
            read: BTreeMap::new(),
        }
    }

    /// A receipt that is on record. The answer is how many chunks it adds to the plan, because its attempt divided its own.
    pub(super) fn enter(&mut self, receipt: Receipt, tally: Option<Tally>, chunks: &mut Vec<Chunk>) -> usize {
        let added = self.divisions.settle(&receipt, chunks);
        if let Some(tally) = tally {
            self.read.insert(receipt.chunk, tally);
        }
        self.receipts.insert(receipt.chunk, receipt);
        added
    }

    pub(super) fn note(&mut self, skips: Skips) {
        self.skips.insert((skips.chunk, skips.attempt), skips);
    }

    pub(super) fn note_division(&mut self, division: Division) {
        self.divisions.note(division);
    }

    pub(super) fn divisions(&self) -> &Divisions {
        &self.divisions
    }

    pub(super) fn is_done(&self, chunk: ChunkId) -> bool {
        self.receipts.contains_key(&chunk)
    }

    pub(super) fn len(&self) -> usize {
        self.receipts.len()
    }

    /// In chunk order.
    pub(super) fn receipts(&self) -> Vec<Receipt> {
        self.receipts.values().cloned().collect()
    }

    /// The receipts of the log, of the chunks that have one, in chunk order.
    pub(super) fn logged(&self) -> Vec<Receipt> {
        self.receipts.values().filter_map(|receipt| self.skips_of(receipt)?.log.clone()).collect()
    }

    /// Rows that were left out of the chunk of this receipt.
    pub(super) fn skipped(&self, receipt: &Receipt) -> u64 {
        self.skips_of(receipt).map_or(0, |skips| skips.rows)
    }

    /// Whether it is known which rows were left out of the chunk of this receipt, be there any or none.
    pub(super) fn knows(&self, receipt: &Receipt) -> bool {
        self.skips_of(receipt).is_some()
    }

    fn skips_of(&self, receipt: &Receipt) -> Option<&Skips> {
        self.skips.get(&(receipt.chunk, receipt.attempt))
    }

    /// Rows that were left out of all chunks that have a receipt.
    pub(super) fn all_skipped(&self) -> u64 {
        self.receipts.values().map(|receipt| self.skipped(receipt)).sum()
    }

    /// What is durable of these chunks, with what was left out of each.
    pub(super) fn copied<'a>(&'a self, chunks: &'a [Chunk]) -> Vec<CopiedChunk<'a>> {
        let receipts = chunks.iter().filter_map(|chunk| Some((chunk, self.receipts.get(&chunk.id)?)));
        receipts.map(|(chunk, receipt)| CopiedChunk { chunk, left_out: self.left_out_of(receipt) }).collect()
    }

    /// What is wrong with the parts of chunks that were left out, by symbolic codes.
    pub(super) fn left_out(&self) -> BTreeSet<String> {
        self.receipts.values().flat_map(|receipt| self.left_out_of(receipt)).map(|part| part.code.to_string()).collect()
    }

    fn left_out_of(&self, receipt: &Receipt) -> &[LeftOut] {
        self.skips_of(receipt).map_or(&[], |skips| &skips.left_out)
    }

    /// The receipt is worth nothing any more: the chunk has to be copied again.
    pub(super) fn forget(&mut self, chunk: ChunkId) -> Option<Receipt> {
        self.read.remove(&chunk);
        self.receipts.remove(&chunk)
    }

    /// # Errors
    /// The receipts are not exactly those of the plan, or do not add up to what was read.
    pub(super) fn balance(&self, chunks: &[Chunk]) -> Result<()> {
        let planned = chunks.iter().map(|chunk| chunk.id);
        let stored = |value: fn(&Receipt) -> u64| -> u64 { self.read.keys().map(|id| value(&self.receipts[id])).sum() };
        let digest: Digest = self.read.keys().map(|id| self.receipts[id].digest).sum();
        let skipped: u64 = self.read.keys().map(|id| self.skipped(&self.receipts[id])).sum();
        let read: Tally = self.read.values().copied().sum();
        let copied = stored(|receipt| receipt.rows);
        if planned.eq(self.receipts.keys().copied()) && copied + skipped == read.read && digest == read.digest {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Bug,
            "the receipts of this run do not add up to the rows that were read; nothing was published; please report it",
        )
        .with("receipts", self.receipts.len())
        .with("chunks", chunks.len())
        .with("rows_read", read.read)
        .with("rows_stored", copied)
        .with("rows_skipped", skipped))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIRST: Attempt = Attempt { epoch: 1, number: 1 };
    const SECOND: Attempt = Attempt { epoch: 1, number: 2 };

    fn ledger(skipped: u64, read: u64) -> Ledger {
        let (chunk, digest) = (ChunkId(0), Digest::default());
        let receipt = Receipt { chunk, attempt: SECOND, rows: 8, bytes: 1, digest, detail: json!(null).into() };
        // The first attempt came to nothing.
        let skips = [(FIRST, 7), (SECOND, skipped)].map(|(attempt, rows)| Skips {
            chunk,
            attempt,
            rows,
            log: None,
            left_out: Vec::new(),
        });
        let mut ledger = Ledger::new(Vec::new(), skips.to_vec(), Divisions::default());
        ledger.enter(receipt, Some(Tally { read, rows: 8, skipped, digest }), &mut Vec::new());
        ledger
    }

    #[test]
    fn what_was_read_was_copied_or_left_out() {
        let chunks = [Chunk { id: ChunkId(0), label: "all".into(), recipe: json!(null) }];
        ledger(2, 10).balance(&chunks).unwrap();
        assert_eq!(ledger(2, 10).all_skipped(), 2);
        for (skipped, read) in [(2, 11), (1, 10), (0, 10), (9, 10)] {
            let error = ledger(skipped, read).balance(&chunks).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Bug, "{skipped} of {read}");
        }
    }
}
