//! `MergeFiles`: the bytes of all files, one after the other, as one file.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    sink::ColumnFit,
};

use super::{Copied, Span, are_pieces, assembly::in_pieces, pieces};
use crate::{
    format::{Finished, Format, Fragment, FragmentEncoder, ReadFormat},
    kept::{kept_as_text, kept_in},
};

/// Files whose bytes are not looked into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BinaryFiles;

impl BinaryFiles {
    /// How pieces are stored: as they are.
    pub(crate) fn fits(columns: &SchemaRef) -> Result<Vec<ColumnFit>> {
        are_pieces(columns)?;
        let fit = |_| ColumnFit { sink_type: "bytes of a file".to_owned(), loss: None };
        Ok(columns.fields().iter().map(fit).collect())
    }
}

impl Format for BinaryFiles {
    fn extension(&self) -> String {
        String::new()
    }

    fn fit(&self, columns: &SchemaRef) -> Result<Vec<ColumnFit>> {
        Self::fits(columns)
    }

    fn working_set(&self, _columns: &SchemaRef, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(3)
    }

    fn preamble(&self, _columns: &SchemaRef) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn encoder(&self, columns: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        are_pieces(columns)?;
        Ok(Box::new(Encoder {
            bytes: Vec::new(),
            rows: 0,
            digester: RowDigester::new(columns)?,
            digest: Digest::default(),
            open: None,
            spans: Vec::new(),
        }))
    }

    /// Nothing comes behind the last file, but this is where all of them are known.
    fn trailer(&self, _columns: &SchemaRef, fragments: &[Fragment]) -> Result<Vec<u8>> {
        let mut open: Option<Span> = None;
        for fragment in fragments {
            for span in kept_in::<Vec<Span>>(&fragment.detail)? {
                let (path, begins) = (span.path.clone(), span.start == 0);
                let goes_on = open.take().map_or(begins, |open| {
                    if open.end == open.length { begins } else { open.path == span.path && open.end == span.start }
                });
                if !goes_on {
                    return Err(in_pieces(&path));
                }
                open = Some(span);
            }
        }
        match open.filter(|open| open.end != open.length) {
            Some(open) => Err(in_pieces(&open.path)),
            None => Ok(Vec::new()),
        }
    }

    fn read_back(&self, _columns: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        Err(Error::new(
            ErrorKind::Spec,
            "files that were merged cannot be compared one by one; remove validateDataConsistency, or keep the hierarchy",
        )
        .code("DataConsistencyValidationNotSupportedForNonDirectBinaryCopy"))
    }
}

struct Encoder {
    bytes: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
    open: Option<Copied>,
    spans: Vec<Span>,
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        for (row, piece) in pieces(batch)?.iter().enumerate() {
            let digest = self.digester.digest(&batch.slice(row, 1))?;
            let mut open = match self.open.take() {
                Some(open) if open.goes_on_with(piece) => open,
                before => {
                    self.spans.extend(before.map(Copied::finish).transpose()?);
                    Copied::beginning(piece)
                }
            };
            open.take(piece, digest);
            self.open = Some(open);
            self.bytes.extend_from_slice(&piece.bytes);
            self.rows += 1;
            self.digest += digest;
        }
        Ok(())
    }

    fn ready(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn finish(&mut self) -> Result<Finished> {
        self.spans.extend(self.open.take().map(Copied::finish).transpose()?);
        Ok(Finished { rows: self.rows, digest: self.digest, detail: kept_as_text(&self.spans)? })
    }
}
