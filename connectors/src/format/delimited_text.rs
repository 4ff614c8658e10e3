//! Delimited text: rows are lines, and every value is the text that Data Factory would write.
//!
//! | value | text |
//! |---|---|
//! | date and time | `yyyy-MM-dd HH:mm:ss.fffffff`, two more digits where nanoseconds need them; ` +00:00` behind it where the type has a zone |
//! | date, time | `yyyy-MM-dd`, `HH:mm:ss.fffffff` |
//! | boolean | `True`, `False` |
//! | decimal | all digits of its scale |
//! | float | the shortest text that reads back as the same number |
//! | uuid | lower case with dashes |
//! | bytes | base64 |
//! | null | `nullValue`, never quoted; a text that looks like it is quoted |

pub(super) mod cells;
mod dialect;
mod encoder;
mod parse;
mod parser;
pub(super) mod read_back;
mod reader;
mod settings;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    digest::RowDigester,
    sink::{ColumnFit, Takes},
};

use self::encoder::Encoder;
pub(crate) use self::{
    dialect::Dialect,
    reader::{TextFiles, TextReadSettings},
    settings::WriteSettings,
};
use super::{
    Format, Fragment, FragmentEncoder, ReadFormat,
    charset::Charset,
    compression::{self, Compression},
};

/// The format of a `DelimitedText` dataset.
#[derive(Clone, Debug)]
pub(crate) struct DelimitedText {
    pub(crate) dialect: Dialect,
    pub(crate) charset: Charset,
    pub(super) compression: Compression,
    /// True if the first line holds the column names.
    pub(crate) header: bool,
    /// The ending of file names, without that of the compression.
    pub(crate) extension: String,
}

impl DelimitedText {
    fn header(&self, schema: &SchemaRef) -> Result<Vec<u8>> {
        let mut text = self.charset.mark().to_vec();
        if !self.header {
            return Ok(text);
        }
        let mut line = Vec::new();
        for (position, field) in schema.fields().iter().enumerate() {
            if position > 0 {
                line.extend_from_slice(self.dialect.column_delimiter.as_bytes());
            }
            self.dialect.write_text(field.name(), &mut line).map_err(|problem| problem.of_column(field.name()))?;
        }
        line.extend_from_slice(self.dialect.row_delimiter.as_bytes());
        let encoded = self.charset.encode(&String::from_utf8_lossy(&line)).map_err(|c| {
            Error::new(ErrorKind::Data, "the file's encoding has no such character; use encodingName UTF-8")
                .with("in", "the column names")
                .with("character", format!("U+{:04X}", c as u32))
        })?;
        text.extend(encoded);
        Ok(text)
    }
}

impl Format for DelimitedText {
    fn extension(&self) -> String {
        format!("{}{}", self.extension, self.compression.extension())
    }

    fn takes(&self) -> Takes {
        Takes::Texts
    }

    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        // Every value has an exact text. Null and the empty text differ only by quotes in Data
        // Factory's default settings; no copy could run if that were called a loss.
        let column = |field: &arrow::datatypes::FieldRef| {
            Ok(ColumnFit { sink_type: cells::text_form(field)?.to_owned(), loss: None })
        };
        schema.fields().iter().map(column).collect()
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // The text of a batch, and once more in the file's encoding.
        let copies = if self.charset == Charset::Utf8 { 3 } else { 6 };
        limit.bytes.saturating_mul(copies).saturating_add(self.compression.working_set())
    }

    fn preamble(&self, schema: &SchemaRef) -> Result<Vec<u8>> {
        self.compression.piece(&self.header(schema)?).map_err(compression::failed)
    }

    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        self.fit(schema)?;
        Ok(Box::new(Encoder::new(self, RowDigester::new(schema)?)?))
    }

    fn trailer(&self, _schema: &SchemaRef, _fragments: &[Fragment]) -> Result<Vec<u8>> {
        Ok(self.compression.trailer().to_vec())
    }

    fn read_back(&self, schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        self.fit(schema)?;
        Ok(Arc::new(read_back::ReadBack::new(self, schema)?))
    }
}

#[cfg(test)]
mod tests;
