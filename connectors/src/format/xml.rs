//! XML files as rows, by the paths of the translator. Read only.
//!
//! A file is one object, as Data Factory has it: an element is a property, several of one name are an array, an attribute is
//! a property with `@` before its name, and the text of an element that has more than text is its `_value_`. What has
//! no text is null. That object is JSON from there on.

mod document;
mod settings;

use std::io::Read as _;

use ropeway_engine::{Error, ErrorKind, Result};

use self::document::Reading;
use super::{
    Input,
    charset::Charset,
    compression::Compression,
    hierarchy::{RecordFormat, Records},
    text_input::{TextInput, unreadable},
};

/// Bytes in which a declaration says its encoding.
const DECLARATION: usize = 256;

/// The text of a file, its elements, and their JSON.
const COPIES: u64 = 4;

/// How XML files are read.
#[derive(Debug)]
pub(super) struct XmlFiles {
    /// That of the dataset; `None` if every file says its own.
    charset: Option<Charset>,
    compression: Compression,
    reading: Reading,
    /// Bytes of text that a document may have.
    longest: usize,
}

/// The one object of a file.
pub(super) struct Document {
    file: Option<Input>,
    charset: Option<Charset>,
    compression: Compression,
    reading: Reading,
    longest: usize,
}

impl RecordFormat for XmlFiles {
    type Records = Document;

    fn records(&self, file: &Input) -> Result<Document> {
        Ok(Document {
            file: Some(file.clone()),
            charset: self.charset,
            compression: self.compression,
            reading: self.reading.clone(),
            longest: self.longest,
        })
    }

    fn working_set(&self) -> u64 {
        COPIES * self.longest as u64
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
