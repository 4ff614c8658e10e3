//! JSON files as they were written: the columns at their places, every literal turned back into the value that has
//! exactly this text.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{RecordBatch, StringBuilder},
    datatypes::SchemaRef,
};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};

use super::{Json, JsonRecords, form::Form, settings::SinkPath};
use crate::format::{
    Batches, Input, ReadFormat, Slice,
    charset::Charset,
    compression::Compression,
    delimited_text::read_back::restored_column,
    hierarchy::{Entries, Records},
    text_input::TextInput,
};

/// Reads files of these columns back.
pub(super) struct ReadBack {
    charset: Charset,
    compression: Compression,
    paths: Vec<SinkPath>,
    written: SchemaRef,
}

impl ReadBack {
    pub(super) fn new(format: &Json, written: &SchemaRef) -> Self {
        Self {
            charset: format.charset,
            compression: format.compression,
            paths: format.paths.clone(),
            written: Arc::clone(written),
        }
    }
}

impl ReadFormat for ReadBack {
    fn schema(&self, _file: Input) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.written))
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        let own = |name: &String| vec![name.clone()];
        let path = |name: &String| self.paths.iter().find(|path| path.name == *name).map(|path| path.path.clone());
        let fields = self.written.fields();
        let places = fields.iter().map(|field| path(field.name()).unwrap_or_else(|| own(field.name())));
        let mut rows = Rows {
            records: JsonRecords::new(TextInput::new(&file, self.compression, self.charset)?),
            places: places.enumerate().map(|(position, path)| (path, position)).collect(),
            forms: fields.iter().map(|field| Form::of(field)).collect::<Result<_>>()?,
            written: Arc::clone(&self.written),
            limit,
        };
        let mut failed = false;
        Ok(Box::new(std::iter::from_fn(move || {
            let batch = if failed { None } else { rows.batch().transpose() };
            failed = matches!(batch, Some(Err(_)));
            batch
        })))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(8).saturating_add(self.compression.working_set())
    }
}

struct Rows {
    records: JsonRecords,
    /// The paths of the columns.
    places: HashMap<Vec<String>, usize>,
    forms: Vec<Form>,
    written: SchemaRef,
    limit: BatchLimit,
}

impl Rows {
    fn batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut columns: Vec<StringBuilder> = self.forms.iter().map(|_| StringBuilder::new()).collect();
        let (mut rows, mut bytes, mut text) = (0, 0, String::new());
        while rows < self.limit.rows.get() && bytes < self.limit.bytes && self.records.next(&mut text)? {
            let mut cells = vec![None; columns.len()];
            self.gather(&text, &mut Vec::new(), &mut cells)?;
            for (position, (cell, column)) in cells.into_iter().zip(&mut columns).enumerate() {
                column.append_option(cell.ok_or_else(|| self.wrong(position))?);
            }
            rows += 1;
            bytes += text.len() as u64;
            text.clear();
        }
        if rows == 0 {
            return Ok(None);
        }
        let restored = columns
            .iter_mut()
            .zip(self.written.fields())
            .map(|(column, field)| Ok((field.name(), restored_column(&column.finish(), field)?)));
        let restored: Vec<_> = restored.collect::<Result<_>>()?;
        RecordBatch::try_from_iter(restored).map(Some).map_err(|error| {
            Error::new(ErrorKind::Bug, "values that were read back do not fit their columns; please report it")
                .caused_by(error)
        })
    }

    /// The text of every column, null where it is null; what is not there stays `None`.
    fn gather(&self, object: &str, path: &mut Vec<String>, cells: &mut [Option<Option<String>>]) -> Result<()> {
        let entries: Entries<'_> = serde_json::from_str(object).map_err(|error| {
            Error::new(ErrorKind::Data, "the file holds no JSON as it was written").caused_by(error)
        })?;
        for (name, value) in entries.0 {
            path.push(name.into_owned());
            match self.places.get(path) {
                Some(position) if cells[*position].is_some() => return Err(self.wrong(*position)),
                Some(position) => {
                    let text = match value.get() {
                        "null" => None,
                        literal => Some(self.forms[*position].read(literal).ok_or_else(|| self.wrong(*position))?),
                    };
                    cells[*position] = Some(text);
                }
                None if value.get().starts_with('{') => self.gather(value.get(), path, cells)?,
                None => return Err(Error::new(ErrorKind::Data, "an object has a property that was not written")),
            }
            path.pop();
        }
        Ok(())
    }

    fn wrong(&self, position: usize) -> Error {
        Error::new(ErrorKind::Data, "a value is missing, twice there, or none of its column")
            .with("column", self.written.field(position).name().escape_debug())
    }
}
