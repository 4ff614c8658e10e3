//! Rows to the bytes of row groups.

use std::mem;

use arrow::array::RecordBatch;
use base64::{Engine, prelude::BASE64_STANDARD};
use parquet::{
    arrow::{ArrowWriter, arrow_writer::ArrowWriterOptions},
    errors::ParquetError,
    file::properties::{EnabledStatistics, WriterProperties},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
};
use serde_json::Value;

use super::{MAGIC, ROW_GROUP_BYTES, ROW_GROUP_ROWS, Settings, columns::Columns, dictionary, footer};
use crate::format::{Finished, FragmentEncoder};

/// Encodes one fragment. The Arrow writer starts with the first batch, for the values decide which
/// columns get a dictionary.
pub(super) struct Encoder {
    columns: Columns,
    settings: Settings,
    writer: Option<ArrowWriter<Vec<u8>>>,
    /// The first bytes of the Arrow writer are the magic number, which belongs to the preamble.
    magic_pending: bool,
    /// The last bytes, once the footer is cut off.
    rest: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
}

impl Encoder {
    pub(super) fn new(columns: Columns, digester: RowDigester, settings: Settings) -> Self {
        Self {
            columns,
            settings,
            writer: None,
            magic_pending: true,
            rest: Vec::new(),
            rows: 0,
            digester,
            digest: Digest::default(),
        }
    }

    fn writer(&mut self, sample: Option<&RecordBatch>) -> Result<&mut ArrowWriter<Vec<u8>>> {
        if self.writer.is_none() {
            self.writer = Some(self.start(sample).map_err(|error| encoding(&self.columns, error))?);
        }
        self.writer.as_mut().ok_or_else(|| Error::new(ErrorKind::Bug, "a Parquet fragment has ended; please report it"))
    }

    fn start(&self, sample: Option<&RecordBatch>) -> Result<ArrowWriter<Vec<u8>>, ParquetError> {
        let mut properties = WriterProperties::builder()
            .set_created_by(footer::CREATED_BY.to_owned())
            .set_compression(self.settings.compression)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            // Minimum and maximum per row group. An index of pages would have to travel in every
            // receipt, and few readers look at it.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        for column in sample.map(|batch| dictionary::useless(batch, &self.columns.descriptor)).unwrap_or_default() {
            properties = properties.set_column_dictionary_enabled(column, false);
        }
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_parquet_schema(self.columns.descriptor.as_ref().clone())
            // Every type is a standard Parquet type: all readers see the same columns.
            .with_skip_arrow_metadata(true);
        ArrowWriter::try_new_with_options(Vec::new(), self.columns.stored.clone(), options)
    }
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let stored = self.columns.convert(batch)?;
        let writer = self.writer(Some(&stored))?;
        let mut encode = || {
            writer.write(&stored)?;
            if writer.memory_size() >= ROW_GROUP_BYTES {
                let encoded = writer.in_progress_size();
                writer.inner_mut().reserve(encoded);
                writer.flush()?;
            }
            writer.sync().map_err(ParquetError::from)
        };
        encode().map_err(|error| encoding(&self.columns, error))?;
        self.rows += batch.num_rows() as u64;
        self.digest += self.digester.digest(batch)?;
        Ok(())
    }

    fn ready(&self) -> usize {
        let encoded = self.writer.as_ref().map_or(0, |writer| writer.inner().len());
        (encoded + self.rest.len()).saturating_sub(if self.magic_pending { MAGIC.len() } else { 0 })
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = mem::take(self.writer.as_mut().map_or(&mut self.rest, |writer| writer.inner_mut()));
        if self.magic_pending && bytes.len() >= MAGIC.len() {
            self.magic_pending = false;
            bytes.drain(..MAGIC.len());
        }
        bytes
    }

    fn finish(&mut self) -> Result<Finished> {
        self.writer(None)?;
        let finish = |mut writer: ArrowWriter<Vec<u8>>| {
            writer.finish()?;
            Ok(mem::take(writer.inner_mut()))
        };
        let encoded = self.writer.take().map(finish).transpose();
        self.rest = encoded.map_err(|error| encoding(&self.columns, error))?.unwrap_or_default();
        let footer = footer::split_off(&mut self.rest)?;
        Ok(Finished { rows: self.rows, digest: self.digest, detail: Value::from(BASE64_STANDARD.encode(footer)) })
    }
}

fn encoding(columns: &Columns, error: ParquetError) -> Error {
    let names: Vec<_> =
        columns.stored.fields().iter().take(20).map(|field| field.name().escape_debug().to_string()).collect();
    Error::new(ErrorKind::Data, "the rows cannot be encoded as Parquet; see the cause")
        .with("columns", names.join(", "))
        .caused_by(error)
}
