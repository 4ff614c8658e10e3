//! Rows to lines.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
};
use serde_json::Value;

use super::{DelimitedText, cells, dialect::Dialect};
use crate::format::{
    Finished, FragmentEncoder,
    charset::Charset,
    compression::{self, Compressor},
};

/// Encodes one fragment.
pub(super) struct Encoder {
    dialect: Dialect,
    charset: Charset,
    compressor: Compressor,
    lines: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
}

impl Encoder {
    pub(super) fn new(format: &DelimitedText, digester: RowDigester) -> Result<Self> {
        Ok(Self {
            dialect: format.dialect.clone(),
            charset: format.charset,
            compressor: format.compression.compressor().map_err(compression::failed)?,
            lines: Vec::new(),
            rows: 0,
            digester,
            digest: Digest::default(),
        })
    }

    fn write_lines(&mut self, batch: &RecordBatch) -> Result<()> {
        let schema = batch.schema();
        let columns = batch.columns().iter().map(cells::plain).collect::<Result<Vec<_>>>()?;
        let mut row_cells = Vec::with_capacity(columns.len());
        for (field, values) in schema.fields().iter().zip(&columns) {
            let cell =
                if values.data_type().is_null() { None } else { Some(cells::cells(field, values, &self.dialect)?) };
            row_cells.push((field.name(), values.logical_nulls(), cell));
        }
        let (column_delimiter, row_delimiter) =
            (self.dialect.column_delimiter.as_bytes(), self.dialect.row_delimiter.as_bytes());
        let null = self.dialect.null_value.as_bytes();
        for row in 0..batch.num_rows() {
            for (position, (name, nulls, cell)) in row_cells.iter().enumerate() {
                if position > 0 {
                    self.lines.extend_from_slice(column_delimiter);
                }
                match cell {
                    Some(cell) if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) => {
                        cell(row, &mut self.lines).map_err(|problem| problem.of_column(name))?;
                    }
                    _ => self.lines.extend_from_slice(null),
                }
            }
            self.lines.extend_from_slice(row_delimiter);
        }
        Ok(())
    }

    fn compress(&mut self, batch: &RecordBatch) -> Result<()> {
        if self.charset == Charset::Utf8 {
            self.compressor.write(&self.lines).map_err(compression::failed)?;
        } else {
            let text = std::str::from_utf8(&self.lines).map_err(|error| {
                Error::new(ErrorKind::Bug, "a line is not UTF-8; please report it").caused_by(error)
            })?;
            let encoded = self.charset.encode(text).map_err(|c| unmappable(self.charset, batch, c))?;
            self.compressor.write(&encoded).map_err(compression::failed)?;
        }
        self.lines.clear();
        Ok(())
    }
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_lines(batch)?;
        self.compress(batch)?;
        self.rows += batch.num_rows() as u64;
        self.digest += self.digester.digest(batch)?;
        Ok(())
    }

    fn ready(&self) -> usize {
        self.compressor.ready()
    }

    fn take(&mut self) -> Vec<u8> {
        self.compressor.take()
    }

    fn finish(&mut self) -> Result<Finished> {
        self.compressor.finish().map_err(compression::failed)?;
        Ok(Finished { rows: self.rows, digest: self.digest, detail: Value::Null })
    }
}

/// The error for a character that the encoding does not have; looks for its column only now.
fn unmappable(charset: Charset, batch: &RecordBatch, character: char) -> Error {
    let holds = |values: &ArrayRef| {
        let Ok(texts) = arrow::compute::cast(values, &arrow::datatypes::DataType::LargeUtf8) else { return false };
        let texts = texts.as_string::<i64>();
        texts.iter().flatten().any(|text| text.contains(character))
    };
    let schema = batch.schema();
    let column = schema.fields().iter().zip(batch.columns()).find(|(_, values)| holds(values));
    Error::new(
        ErrorKind::Data,
        "the file's encoding has no such character; use encodingName UTF-8, or replace it in the query",
    )
    .with("column", column.map_or_else(|| "?".to_owned(), |(field, _)| field.name().escape_debug().to_string()))
    .with("character", format!("U+{:04X}", character as u32))
    .with("encoding", format!("{charset:?}"))
}
