//! Text files as they were written: the columns under their names, every text turned back into the
//! value that has exactly this text.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};

use super::{
    DelimitedText, cells,
    dialect::Dialect,
    parse,
    parser::Record,
    reader::{Lines, Rows, TextFiles, TextReadSettings},
};
use crate::format::{Batches, Input, ReadFormat, Slice};

/// Reads files of these columns back.
pub(super) struct ReadBack {
    files: TextFiles,
    written: SchemaRef,
    /// True if null and the empty text look the same.
    null_is_empty: bool,
}

impl ReadBack {
    /// # Errors
    /// A column whose nulls and empty texts look the same.
    pub(super) fn new(format: &DelimitedText, written: &SchemaRef) -> Result<Self> {
        let null_is_empty = format.dialect.quote.is_none() && format.dialect.null_value.is_empty();
        let ambiguous = |field: &&Arc<Field>| null_is_empty && field.is_nullable() && may_be_empty(field.data_type());
        if let Some(field) = written.fields().iter().find(ambiguous) {
            return Err(Error::new(
                ErrorKind::Spec,
                "without quoteChar and nullValue, null and the empty text cannot be told apart when the file is read back; \
                 set one of them in the dataset, or remove validateDataConsistency",
            )
            .with("column", field.name().escape_debug()));
        }
        let files = TextFiles::new(format.clone(), TextReadSettings::default())?;
        Ok(Self { files, written: Arc::clone(written), null_is_empty })
    }

    fn same_names(&self, lines: &mut Lines) -> Result<()> {
        let mut record = Record::default();
        let found = lines.next(&mut record)?;
        let mut names = self.written.fields().iter().enumerate();
        let same = |(position, field): (usize, &Arc<Field>)| {
            record.value(position).is_some_and(|(name, _)| name == field.name().as_str())
        };
        if found && record.len() == self.written.fields().len() && names.all(same) {
            return Ok(());
        }
        Err(lines.bad("the first line does not hold the names of the columns that were written"))
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
        let mut lines = self.files.open(file)?;
        if self.files.format.header {
            self.same_names(&mut lines)?;
        }
        let texts = self.written.fields().iter().map(|field| Field::new(field.name(), DataType::Utf8, true));
        let mut rows = Rows::new(lines, Arc::new(Schema::new(texts.collect::<Vec<_>>())), limit);
        rows.complete = true;
        let (written, null_is_empty) = (Arc::clone(&self.written), self.null_is_empty);
        Ok(Box::new(rows.map(move |portion| restored(&portion?.rows, &written, null_is_empty))))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        self.files.working_set(limit).saturating_add(limit.bytes.saturating_mul(2))
    }
}

fn may_be_empty(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => may_be_empty(values),
        other => other.is_string() || other.is_binary(),
    }
}

fn restored(batch: &RecordBatch, written: &Schema, null_is_empty: bool) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(written.fields()).map(|(values, field)| {
        let texts = values.as_any().downcast_ref::<StringArray>().ok_or_else(|| wrong(field))?;
        let filled = null_is_empty && !field.is_nullable() && may_be_empty(field.data_type());
        let filled = filled.then(|| texts.iter().map(|text| Some(text.unwrap_or_default())).collect::<StringArray>());
        Ok((field.name(), restored_column(filled.as_ref().unwrap_or(texts), field)?))
    });
    let columns: Vec<_> = columns.collect::<Result<_>>()?;
    RecordBatch::try_from_iter(columns).map_err(|error| {
        Error::new(ErrorKind::Bug, "texts that were read back do not fit their columns; please report it")
            .caused_by(error)
    })
}

/// The values whose texts these are. Parsing may be lenient, for the values are written again: what
/// is not their exact text is no value.
pub(in crate::format) fn restored_column(texts: &StringArray, field: &Field) -> Result<ArrayRef> {
    let values = parse::column(texts, field).ok_or_else(|| wrong(field))?;
    if matches!(values.data_type(), DataType::Utf8 | DataType::Null) {
        return Ok(values);
    }
    let dialect = Dialect::bare();
    let cell = cells::cells(field, &values, &dialect)?;
    let mut again = Vec::new();
    for (row, text) in texts.iter().enumerate() {
        let Some(text) = text else { continue };
        again.clear();
        cell(row, &mut again).map_err(|problem| problem.of_column(field.name()))?;
        if again != text.as_bytes() {
            return Err(wrong(field));
        }
    }
    drop(cell);
    Ok(values)
}

fn wrong(field: &Field) -> Error {
    Error::new(ErrorKind::Data, "a text is not that of a value of its column")
        .with("column", field.name().escape_debug())
        .with("type", field.data_type())
}
