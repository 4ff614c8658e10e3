//! XML files as rows, by the paths of the translator. Read only.
//!
//! A file is one object, as Data Factory has it: an element is a property, several of one name are an array, an attribute is
//! a property with `@` before its name, and the text of an element that has more than text is its `_value_`. What has
//! no text is null. That object is JSON from there on.

mod document;
mod settings;

use std::{io::Read as _, sync::OnceLock};

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};

use self::document::Reading;
use super::{
    Batches, Input, Portions, ReadFormat, Slice,
    charset::Charset,
    compression::Compression,
    hierarchy::{Columns, Hierarchy, Records, Rows},
    text_input::{TextInput, unreadable},
};

/// Bytes in which a declaration says its encoding.
const DECLARATION: usize = 256;

/// The text of a file, its elements, and their JSON.
const COPIES: u64 = 4;

/// Reads XML files.
#[derive(Debug)]
pub(super) struct XmlFiles {
    /// That of the dataset; `None` if every file says its own.
    charset: Option<Charset>,
    compression: Compression,
    reading: Reading,
    hierarchy: Hierarchy,
    columns: OnceLock<Columns>,
    /// Bytes of text that a document may have.
    longest: usize,
}

/// The one object of a file.
struct Document {
    file: Option<Input>,
    charset: Option<Charset>,
    compression: Compression,
    reading: Reading,
    longest: usize,
}

impl XmlFiles {
    fn records(&self, file: &Input) -> Document {
        Document {
            file: Some(file.clone()),
            charset: self.charset,
            compression: self.compression,
            reading: self.reading.clone(),
            longest: self.longest,
        }
    }

    fn columns(&self, file: &Input) -> Result<Columns> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns.clone());
        }
        let columns = self.hierarchy.columns(&mut self.records(file))?;
        Ok(self.columns.get_or_init(|| columns).clone())
    }

    fn rows(&self, file: &Input, limit: BatchLimit) -> Result<Rows<Document>> {
        Ok(Rows::new(self.records(file), self.columns(file)?, limit))
    }
}

impl ReadFormat for XmlFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        Ok(self.columns(&file)?.schema())
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        Ok(Box::new(self.rows(&file, limit)?.map(|portion| portion.map(|portion| portion.rows))))
    }

    fn read_skipping(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Portions> {
        let mut rows = self.rows(&file, limit)?;
        rows.skipping = true;
        Ok(Box::new(rows))
    }

    fn skips(&self) -> Option<&'static str> {
        Some("rows with a value of another type than those at the beginning of the first file")
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        Columns::working_set(limit).saturating_add(COPIES * self.longest as u64)
    }
}

impl Records for Document {
    fn next(&mut self, json: &mut String) -> Result<bool> {
        let Some(file) = self.file.take() else { return Ok(false) };
        let charset = match self.charset {
            Some(charset) => charset,
            None => declared(&file, self.compression)?,
        };
        let mut input = TextInput::new(&file, self.compression, charset)?;
        let mut text = String::new();
        while !input.ended() {
            input.fill(&mut text)?;
            if text.len() > self.longest {
                return Err(Error::new(
                    ErrorKind::Data,
                    "the file is longer than an XML file that can be read; cut it up, or give more by --memory",
                )
                .with("limit in bytes", self.longest));
            }
        }
        self.reading.json(&text, json)?;
        Ok(true)
    }
}

/// The encoding that a file declares, in ASCII whatever it is; UTF-8 if it says nothing.
fn declared(file: &Input, compression: Compression) -> Result<Charset> {
    let mut head = Vec::new();
    compression
        .reader(file)
        .map_err(unreadable)?
        .take(DECLARATION as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    let head = String::from_utf8_lossy(&head);
    let declaration =
        head.trim_start_matches('\u{FEFF}').strip_prefix("<?xml").and_then(|rest| rest.split("?>").next());
    let Some((_, said)) = declaration.and_then(|declaration| declaration.split_once("encoding")) else {
        return Charset::named(None);
    };
    let said = said.trim_start_matches([' ', '=', '\t', '\r', '\n']);
    let name = said.get(1..).and_then(|rest| rest.split(['"', '\'']).next());
    Charset::named(name)
}

#[cfg(test)]
mod tests;
