//! Lines to rows. Every column is text, as in Data Factory: what it should become is for the
//! mapping to say.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, StringBuilder},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use ropeway_engine::{
    Error, ErrorKind, Result,
    chunk::BatchLimit,
    skipping::{Portion, SkippedRow},
    source::SOURCE_TYPE,
};
use serde::Deserialize;
use serde_json::Value;

use super::{
    DelimitedText, Dialect,
    parser::{self, Fault, Record},
};
use crate::{
    format::{
        Batches, Input, Portions, ReadFormat, Slice,
        text_input::{READ_BYTES, TextInput},
    },
    lenient,
};

/// A record longer than this is a quote that was never closed, or a file made to fill the memory.
const LONGEST_RECORD: usize = 64 << 20;

/// `DelimitedTextReadSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TextReadSettings {
    /// Non-empty lines before the header that are skipped.
    #[serde(deserialize_with = "lenient::option::u64")]
    skip_line_count: Option<u64>,
    compression_properties: Option<Value>,
}

/// Reads delimited text files.
#[derive(Clone, Debug)]
pub(crate) struct TextFiles {
    pub(super) format: DelimitedText,
    skip_lines: u64,
}

impl TextFiles {
    pub(crate) fn new(format: DelimitedText, settings: TextReadSettings) -> Result<Self> {
        format.compression.unpacks(settings.compression_properties.as_ref())?;
        Ok(Self { format, skip_lines: settings.skip_line_count.unwrap_or(0) })
    }

    pub(super) fn open(&self, file: Input) -> Result<Lines> {
        let mut lines = Lines {
            input: TextInput::new(&file, self.format.compression, self.format.charset)?,
            dialect: self.format.dialect.clone(),
            text: String::new(),
            consumed: 0,
            row: 0,
        };
        lines.skip(self.skip_lines)?;
        Ok(lines)
    }

    fn rows(&self, file: Input, limit: BatchLimit) -> Result<Rows> {
        let mut lines = self.open(file)?;
        let schema = self.columns(&mut lines)?;
        Ok(Rows::new(lines, schema, limit))
    }

    /// The columns, with the reader behind the header.
    fn columns(&self, lines: &mut Lines) -> Result<SchemaRef> {
        let mut record = Record::default();
        let found = if self.format.header { lines.next(&mut record)? } else { lines.peek(&mut record)? };
        if !found {
            return Err(Error::new(
                ErrorKind::Data,
                "the file is empty: it has no line that says which columns there are; leave it out or add a header",
            ));
        }
        let name = |position: usize| match record.value(position) {
            Some((name, _)) if self.format.header && !name.is_empty() => name.to_owned(),
            _ => format!("Prop_{position}"),
        };
        let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), "String".to_owned())]);
        let fields = (0..record.len())
            .map(|position| Field::new(name(position), DataType::Utf8, true).with_metadata(metadata.clone()));
        Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
    }
}

impl ReadFormat for TextFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        self.columns(&mut self.open(file)?)
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        Ok(Box::new(self.rows(file, limit)?.map(|portion| portion.map(|portion| portion.rows))))
    }

    fn read_skipping(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Portions> {
        let mut rows = self.rows(file, limit)?;
        rows.skipping = true;
        Ok(Box::new(rows))
    }

    fn skips(&self) -> Option<&'static str> {
        Some("rows with more columns than the header or the first row")
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        let fixed = 4 * READ_BYTES as u64 + self.format.compression.working_set();
        limit.bytes.saturating_mul(3).saturating_add(fixed)
    }
}

/// The records of a file.
pub(super) struct Lines {
    input: TextInput,
    dialect: Dialect,
    text: String,
    /// Bytes of `text` that are done with.
    consumed: usize,
    /// The record that was read last, from 1; header and skipped lines count.
    row: u64,
}

impl Lines {
    /// Reads the next record; false at the end of the file.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool> {
        let Some(length) = self.parse(record)? else { return Ok(false) };
        self.consumed += length;
        self.row += 1;
        Ok(true)
    }

    /// Reads the next record and stays before it.
    fn peek(&mut self, record: &mut Record) -> Result<bool> {
        Ok(self.parse(record)?.is_some())
    }

    fn parse(&mut self, record: &mut Record) -> Result<Option<usize>> {
        loop {
            let rest = &self.text[self.consumed..];
            if rest.is_empty() && self.input.ended() {
                return Ok(None);
            }
            let parsed = if rest.is_empty() {
                Err(Fault::NeedsMore)
            } else {
                parser::record(&self.dialect, rest, self.input.ended(), record)
            };
            match parsed {
                Ok(length) => return Ok(Some(length)),
                Err(Fault::NeedsMore) if !self.input.ended() && rest.len() <= LONGEST_RECORD => {
                    // Twice as much each time: a long record is looked at from its start again.
                    let enough = 2 * rest.len();
                    self.fill()?;
                    while self.text.len() < enough && !self.input.ended() {
                        self.fill()?;
                    }
                }
                Err(Fault::TooManyColumns) => {
                    return Err(self
                        .bad("a row has more columns than can be read; check the delimiters")
                        .with("limit", parser::MOST_COLUMNS));
                }
                Err(Fault::NeedsMore) if !self.input.ended() => {
                    return Err(self
                        .bad("a row is longer than can be read; check rowDelimiter, quoteChar and escapeChar")
                        .with("limit in bytes", LONGEST_RECORD));
                }
                Err(Fault::AfterQuote) => {
                    return Err(self.bad(
                        "text stands between a closing quote and the next delimiter; check quoteChar and escapeChar",
                    ));
                }
                Err(_) => {
                    return Err(self.bad(
                        "a quoted value has no end; check quoteChar and escapeChar, or whether the file was cut off",
                    ));
                }
            }
        }
    }

    pub(super) fn bad(&self, message: &'static str) -> Error {
        Error::new(ErrorKind::Data, message).with("row", self.row + 1).code("DelimitedTextBadDataDetected")
    }

    fn skip(&mut self, lines: u64) -> Result<()> {
        let mut record = Record::default();
        // What is skipped need not be well formed: its quotes mean nothing.
        let quotes = (self.dialect.quote.take(), self.dialect.escape.take());
        let mut left = lines;
        while left > 0 && self.next(&mut record)? {
            left -= u64::from(!record.is_blank());
        }
        (self.dialect.quote, self.dialect.escape) = quotes;
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        self.text.drain(..self.consumed);
        self.consumed = 0;
        self.input.fill(&mut self.text).map_err(|error| error.with("after row", self.row))
    }
}

/// The rows of a file, in batches.
pub(super) struct Rows {
    lines: Lines,
    schema: SchemaRef,
    limit: BatchLimit,
    record: Record,
    failed: bool,
    /// True if a row with fewer values than columns is an error.
    pub(super) complete: bool,
    /// True if a row with more values than columns is left out.
    skipping: bool,
}

impl Rows {
    /// The rest of the rows; every column of the schema is text.
    pub(super) fn new(lines: Lines, schema: SchemaRef, limit: BatchLimit) -> Self {
        Self { lines, schema, limit, record: Record::default(), failed: false, complete: false, skipping: false }
    }

    fn portion(&mut self) -> Result<Option<Portion>> {
        let width = self.schema.fields().len();
        let mut columns: Vec<StringBuilder> = (0..width).map(|_| StringBuilder::new()).collect();
        let (mut read, mut bytes, mut skipped) = (0, 0, Vec::new());
        while read < self.limit.rows.get() && bytes < self.limit.bytes && self.lines.next(&mut self.record)? {
            if self.record.is_blank() && width > 1 {
                continue;
            }
            read += 1;
            if self.record.len() > width {
                let row = self.too_wide(width)?;
                bytes += row.bytes();
                skipped.push(row);
                continue;
            }
            if self.complete && self.record.len() < width {
                return Err(self.lines.bad("a row has too few columns").with("columns", self.record.len()));
            }
            for (position, column) in columns.iter_mut().enumerate() {
                match self.value(position) {
                    Some(text) => {
                        column.append_value(text);
                        bytes += text.len() as u64 + 4;
                    }
                    None => column.append_null(),
                }
            }
        }
        if read == 0 {
            return Ok(None);
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let rows = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(|error| {
            Error::new(ErrorKind::Bug, "a batch of text does not fit its columns; please report it").caused_by(error)
        })?;
        Ok(Some(Portion { read: u64::from(read), rows, skipped, left_out: Vec::new() }))
    }

    /// A value of the record; `None` for null. In quotes the text is meant, even if it looks like null.
    fn value(&self, position: usize) -> Option<&str> {
        let value = self.record.value(position);
        let present = value.filter(|(text, quoted)| *quoted || !self.lines.dialect.is_null(text));
        present.map(|(text, _)| text)
    }

    /// The record as a row that is left out.
    ///
    /// # Errors
    /// No row may be left out.
    fn too_wide(&self, width: usize) -> Result<SkippedRow> {
        const CODE: &str = "DelimitedTextMoreColumnsThanDefined";
        let (row, columns) = (self.lines.row, self.record.len());
        if !self.skipping {
            return Err(Error::new(
                ErrorKind::Data,
                "a row has more columns than the header or the first row; check the delimiter and the quotes there, or \
                 set enableSkipIncompatibleRow to leave such rows out",
            )
            .with("row", row)
            .with("columns", columns)
            .with("expected", width)
            .code(CODE));
        }
        Ok(SkippedRow {
            cells: (0..columns).map(|position| self.value(position).map(str::to_owned)).collect(),
            code: CODE,
            message: format!("Row {row} has {columns} columns, more than the {width} that are expected.").into(),
        })
    }
}

impl Iterator for Rows {
    type Item = Result<Portion>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let portion = self.portion().transpose();
        self.failed = matches!(portion, Some(Err(_)));
        portion
    }
}
