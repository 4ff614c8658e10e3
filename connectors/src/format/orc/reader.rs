//! ORC files as rows, by stripes.

use std::{io::BufReader, ops::Range, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use orc_rust::{ArrowReader, ArrowReaderBuilder, compression::Decompressor, proto::r#type::Kind};
use ropeway_engine::{Error, Result, chunk::BatchLimit};

use super::{
    columns::{is_timestamp, shows_a_clock},
    damaged,
    integers::{Integers, Sign},
    moments::Moments,
    stripe::{Stripe, StripeFile},
    tail::Tail,
    values::{Second, Values},
};
use crate::format::{Batches, Input, ReadFormat, Slice, survived::survived};

/// Reads ORC files.
#[derive(Clone, Copy, Debug)]
pub(in crate::format) struct OrcFiles {
    /// Bytes that decoding a chunk may take.
    pub(in crate::format) memory: u64,
}

impl OrcFiles {
    /// Bytes that a stripe and its decoders may take; the rest is for the batch and what the sink holds.
    fn stripe_bytes(self) -> u64 {
        self.memory / 4 * 3
    }
}

impl ReadFormat for OrcFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        Ok(Tail::open(&file)?.columns)
    }

    fn slices(&self, file: Input, bytes: u64) -> Result<Vec<Slice>> {
        let stripes = Tail::open(&file)?.stripes;
        let (mut slices, mut first, mut gathered) = (Vec::new(), 0, 0);
        for (position, stripe) in stripes.iter().enumerate() {
            gathered += stripe.data_length();
            if gathered >= bytes || position + 1 == stripes.len() {
                slices.push(Slice::Stripes(first, position as u32 + 1));
                (first, gathered) = (position as u32 + 1, 0);
            }
        }
        Ok(slices)
    }

    fn read(&self, file: Input, slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let tail = Tail::open(&file)?;
        let stripes = match slice {
            Slice::Whole => 0..tail.stripes.len(),
            Slice::Stripes(from, to) if *to as usize <= tail.stripes.len() => *from as usize..*to as usize,
            _ => return Err(damaged("it has other stripes than when the run was planned")),
        };
        let file = Stripes { file, tail, limit, memory: self.stripe_bytes() };
        let (mut stripes, mut open) = (Some(stripes), None);
        Ok(Box::new(std::iter::from_fn(move || {
            let next = file.next(stripes.as_mut()?, &mut open).transpose()?;
            if next.is_err() {
                (stripes, open) = (None, None);
            }
            Some(next)
        })))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        // The batch as it is decoded, and as it is handed on.
        limit.bytes.saturating_mul(2).saturating_add(self.stripe_bytes())
    }
}

/// A file whose stripes are opened one after the other.
struct Stripes {
    file: Input,
    tail: Tail,
    limit: BatchLimit,
    memory: u64,
}

/// A stripe that is being decoded.
struct Open {
    reader: ArrowReader<StripeFile>,
    values: Values,
}

impl Stripes {
    /// The next batch of the open stripe, or of those behind it.
    fn next(&self, behind: &mut Range<usize>, open: &mut Option<Open>) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(Open { reader, values }) = open
                && let Some(batch) = survived(undecoded, || reader.next())?
            {
                let batch = batch.map_err(|error| undecoded().caused_by(error))?;
                return survived(undecoded, || values.finished(&batch))?.map(Some);
            }
            // What the stripe before holds goes first.
            *open = None;
            let Some(position) = behind.next() else { return Ok(None) };
            *open = Some(self.open(position)?);
        }
    }

    fn open(&self, position: usize) -> Result<Open> {
        let info = self.tail.stripes.get(position).ok_or_else(undecoded)?;
        let Stripe { file, row_bytes, seconds, zone } = Stripe::load(&self.file, &self.tail, info, self.memory)?;
        let rows = (self.limit.bytes / row_bytes).clamp(1, u64::from(self.limit.rows.get())) as usize;
        let builder = survived(undecoded, || ArrowReaderBuilder::try_new(file))?
            .map_err(|error| undecoded().caused_by(error))?
            .with_batch_size(rows);
        let compression = builder.file_metadata().compression();
        let ids = self.tail.types.first().map(|root| root.subtypes.as_slice()).unwrap_or_default();
        let second = |id: &u32| {
            let column = self.tail.types.get(*id as usize)?;
            let sign = if is_timestamp(column) { Sign::Unsigned } else { Sign::Signed };
            // Where all are null there is no stream.
            let found = seconds.iter().find(|second| second.column == *id);
            let (stream, encoding) = found.map(|found| (found.stream.clone(), found.encoding)).unwrap_or_default();
            let decompressed = BufReader::new(Decompressor::new(stream, compression, Vec::new()));
            let integers = Integers::new(decompressed, sign, encoding);
            let zone = zone.filter(|_| shows_a_clock(column));
            match column.kind() {
                _ if is_timestamp(column) => Some(Second::Moments(Moments { nanoseconds: integers, zone })),
                Kind::Decimal => Some(Second::Scales(integers)),
                _ => None,
            }
        };
        let seconds = ids.iter().map(second).collect();
        let columns = Arc::clone(&self.tail.columns);
        Ok(Open { reader: builder.build(), values: Values { columns, seconds, is_julian: self.tail.is_julian } })
    }
}

fn undecoded() -> Error {
    damaged("a stripe cannot be decoded")
}
