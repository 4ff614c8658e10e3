//! Rows to objects.

use arrow::array::{Array, RecordBatch};
use ropeway_engine::{
    Error, ErrorKind, Result,
    digest::{Digest, RowDigester},
};
use serde_json::Value;

use super::{Json, form::Form, not_ascii, settings::FilePattern, template::Template};
use crate::format::{
    Finished, FragmentEncoder,
    charset::Charset,
    compression::{self, Compressor},
    delimited_text::{Dialect, cells},
};

/// Encodes one fragment.
pub(super) struct Encoder {
    template: Template,
    pattern: FilePattern,
    charset: Charset,
    compressor: Compressor,
    text: Vec<u8>,
    rows: u64,
    digester: RowDigester,
    digest: Digest,
}

impl Encoder {
    pub(super) fn new(format: &Json, template: Template, digester: RowDigester) -> Result<Self> {
        Ok(Self {
            template,
            pattern: format.pattern,
            charset: format.charset,
            compressor: format.compression.compressor().map_err(compression::failed)?,
            text: Vec::new(),
            rows: 0,
            digester,
            digest: Digest::default(),
        })
    }

    fn write_objects(&mut self, batch: &RecordBatch) -> Result<()> {
        let (schema, dialect) = (batch.schema(), Dialect::bare());
        let ascii = !self.charset.is_unicode();
        let plain = batch.columns().iter().map(cells::plain).collect::<Result<Vec<_>>>()?;
        let mut columns = Vec::with_capacity(plain.len());
        for (before, position) in &self.template.columns {
            let (field, values) = (schema.field(*position), &plain[*position]);
            let cell = if values.data_type().is_null() { None } else { Some(cells::cells(field, values, &dialect)?) };
            columns.push((before, field.name(), values.logical_nulls(), cell, Form::of(field)?));
        }
        let (between, behind) = (self.pattern.between().as_bytes(), self.pattern.behind().as_bytes());
        let mut value = Vec::new();
        for row in 0..batch.num_rows() {
            if self.rows > 0 || row > 0 {
                self.text.extend_from_slice(between);
            }
            for (before, name, nulls, cell, form) in &columns {
                self.text.extend_from_slice(before);
                match cell {
                    Some(cell) if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) => {
                        value.clear();
                        cell(row, &mut value).map_err(|problem| problem.of_column(name))?;
                        form.write(&value, ascii, &mut self.text)
                            .map_err(|error| error.with("column", name.escape_debug()))?;
                    }
                    _ => self.text.extend_from_slice(b"null"),
                }
            }
            self.text.extend_from_slice(&self.template.end);
            self.text.extend_from_slice(behind);
        }
        Ok(())
    }

    fn compress(&mut self) -> Result<()> {
        if self.charset == Charset::Utf8 {
            self.compressor.write(&self.text).map_err(compression::failed)?;
        } else {
            let text = std::str::from_utf8(&self.text).map_err(|error| {
                Error::new(ErrorKind::Bug, "an object is not UTF-8; please report it").caused_by(error)
            })?;
            self.compressor.write(&self.charset.encode(text).map_err(not_ascii)?).map_err(compression::failed)?;
        }
        self.text.clear();
        Ok(())
    }
}

impl FragmentEncoder for Encoder {
    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_objects(batch)?;
        self.compress()?;
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
