//! Rows to blocks.

use std::mem;

use arrow::array::RecordBatch;
use arrow_avro::{
    errors::AvroError,
    writer::{Encoder as RowEncoder, WriterBuilder, format::AvroBinaryFormat},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
};
use serde_json::Value;

use super::{columns::Columns, container::Container};
use crate::format::{Finished, FragmentEncoder};

/// Bytes of the rows of a block, about: what other readers hold at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Encodes one fragment.
pub(super) struct Encoder {
    columns: Columns,
    container: Container,
    encoder: RowEncoder,
    blocks: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
}

impl Encoder {
    pub(super) fn new(columns: Columns, container: Container, digester: RowDigester) -> Result<Self> {
        let encoder = WriterBuilder::new(columns.stored.as_ref().clone())
            .build_encoder::<AvroBinaryFormat>()
            .map_err(encoding)?;
        Ok(Self { columns, container, encoder, blocks: Vec::new(), rows: 0, digester, digest: Digest::default() })
    }

    fn block(&mut self, rows: usize, bytes: &[u8]) -> Result<()> {
        let block = self.container.codec.compress(bytes).map_err(|error| {
            Error::new(ErrorKind::Bug, "a block cannot be compressed; please report it").caused_by(error)
        })?;
        self.container.frame(rows as u64, &block, &mut self.blocks);
        Ok(())
    }
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.encoder.encode(&self.columns.convert(batch)?).map_err(encoding)?;
        let encoded = self.encoder.flush();
        let (bytes, offsets) = (encoded.bytes(), encoded.offsets());
        let mut first = 0;
        for row in 1..=encoded.len() {
            if offsets[row] - offsets[first] >= BLOCK_BYTES || row == encoded.len() {
                self.block(row - first, &bytes[offsets[first]..offsets[row]])?;
                first = row;
            }
        }
        self.rows += batch.num_rows() as u64;
        self.digest += self.digester.digest(batch)?;
        Ok(())
    }

    fn ready(&self) -> usize {
        self.blocks.len()
    }

    fn take(&mut self) -> Vec<u8> {
        mem::take(&mut self.blocks)
    }

    fn finish(&mut self) -> Result<Finished> {
        Ok(Finished { rows: self.rows, digest: self.digest, detail: Value::Null })
    }
}

fn encoding(error: AvroError) -> Error {
    Error::new(ErrorKind::Data, "the rows cannot be encoded as Avro; see the cause").caused_by(error)
}
