//! JSON: an object is a row.
//!
//! Files are read as they come: one object, objects one after the other (JSON lines among them), arrays of objects. What
//! is written has every value exactly: numbers with all their digits, and as texts
//!
//! | value | text |
//! |---|---|
//! | date and time | ISO 8601: `2024-02-29T12:00:00.0000000`, with `+00:00` behind it where the type has a zone |
//! | date, time | `2024-02-29`, `12:00:00.0000000` |
//! | uuid, bytes | lower case with dashes, base64 |
//!
//! Null is `null`. A fragment is its objects; in an array, a comma stands between two fragments.

mod encoder;
mod files;
mod form;
mod read_back;
mod records;
mod settings;
mod template;

use std::{collections::HashSet, sync::Arc};

use arrow::datatypes::SchemaRef;
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    digest::RowDigester,
    sink::{ColumnFit, Takes},
};

use self::{encoder::Encoder, form::Form, template::Template};
pub(super) use self::{files::JsonFiles, records::JsonRecords, settings::FilePattern};
use super::{
    Format, Fragment, FragmentEncoder, ReadFormat,
    charset::Charset,
    compression::{self, Compression},
};

/// The format of a `Json` dataset.
#[derive(Clone, Debug)]
pub(super) struct Json {
    pub(super) charset: Charset,
    pub(super) compression: Compression,
    pub(super) pattern: FilePattern,
    /// Where columns go in the objects that are written, if not at the top.
    pub(super) paths: Vec<settings::SinkPath>,
}

impl Json {
    fn template(&self, schema: &SchemaRef) -> Result<Template> {
        Template::of(schema, &self.paths, !self.charset.is_unicode())
    }

    fn compressed(&self, text: &str) -> Result<Vec<u8>> {
        let bytes = self.charset.encode(text).map_err(not_ascii)?;
        self.compression.piece(&bytes).map_err(compression::failed)
    }
}

impl Format for Json {
    fn extension(&self) -> String {
        format!(".json{}", self.compression.extension())
    }

    fn takes(&self) -> Takes {
        Takes::Anything
    }

    fn fit(&self, schema: &SchemaRef) -> Result<Vec<ColumnFit>> {
        let mut names = HashSet::new();
        if let Some(twice) = schema.fields().iter().find(|field| !names.insert(field.name())) {
            return Err(Error::new(
                ErrorKind::Data,
                "an object cannot have two properties of one name; rename a column in the query or the mapping",
            )
            .with("column", twice.name().escape_debug()));
        }
        self.template(schema)?;
        let column = |field: &arrow::datatypes::FieldRef| {
            Ok(ColumnFit { sink_type: Form::of(field)?.shown(field)?, loss: None })
        };
        schema.fields().iter().map(column).collect()
    }

    fn working_set(&self, _schema: &SchemaRef, limit: BatchLimit) -> u64 {
        // Names stand in every row, and numbers are longer than their bytes.
        let copies = if self.charset == Charset::Utf8 { 6 } else { 12 };
        limit.bytes.saturating_mul(copies).saturating_add(self.compression.working_set())
    }

    fn preamble(&self, _schema: &SchemaRef) -> Result<Vec<u8>> {
        let mut bytes = self.compression.piece(self.charset.mark()).map_err(compression::failed)?;
        bytes.extend(self.compressed(self.pattern.begin())?);
        Ok(bytes)
    }

    fn encoder(&self, schema: &SchemaRef) -> Result<Box<dyn FragmentEncoder>> {
        self.fit(schema)?;
        Ok(Box::new(Encoder::new(self, self.template(schema)?, RowDigester::new(schema)?)?))
    }

    fn separator(&self) -> Result<Vec<u8>> {
        self.compressed(self.pattern.between())
    }

    fn trailer(&self, _schema: &SchemaRef, _fragments: &[Fragment]) -> Result<Vec<u8>> {
        let mut bytes = self.compressed(self.pattern.end())?;
        bytes.extend_from_slice(self.compression.trailer());
        Ok(bytes)
    }

    fn read_back(&self, schema: &SchemaRef) -> Result<Arc<dyn ReadFormat>> {
        self.fit(schema)?;
        Ok(Arc::new(read_back::ReadBack::new(self, schema)))
    }
}

/// Every character of the syntax is ASCII, and so is what is written where the encoding has not all characters.
fn not_ascii(_: char) -> Error {
    Error::new(ErrorKind::Bug, "the syntax of JSON cannot be encoded; please report it")
}

#[cfg(test)]
mod tests;
