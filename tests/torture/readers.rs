//! What a reader finds in the bytes of a file or blob.

use std::{io::Cursor, sync::Arc};

use arrow::{
    array::RecordBatch,
    csv::{ReaderBuilder, reader::Format},
    datatypes::{DataType, Field, Schema},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::end_to_end::oracle::Row;

/// The rows of a whole file, `.parquet` or `.csv` with a header.
///
/// # Errors
/// Why it is no whole file.
pub(crate) fn rows(name: &str, bytes: &[u8]) -> Result<Vec<Row>, String> {
    let batches = if name.ends_with(".parquet") { parquet(bytes) } else { csv(bytes) };
    let texts = batches.and_then(|batches| batches.iter().map(texts).collect::<Result<Vec<_>, _>>());
    texts.map(|texts| texts.concat()).map_err(|error| format!("{name}: {error}"))
}

fn parquet(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    ParquetRecordBatchReaderBuilder::try_new(Bytes::copy_from_slice(bytes))?.build()?.collect()
}

fn csv(bytes: &[u8]) -> Result<Vec<RecordBatch>, ArrowError> {
    if bytes.last() != Some(&b'\n') {
        return Err(ArrowError::CsvError("the last row has no end".to_owned()));
    }
    let format = Format::default().with_header(true);
    let (header, _) = format.infer_schema(Cursor::new(bytes), Some(0))?;
    let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
    let schema = Schema::new(header.fields().iter().map(text).collect::<Vec<_>>());
    ReaderBuilder::new(Arc::new(schema)).with_format(format).build(Cursor::new(bytes))?.collect()
}

/// Every value as text. CSV cannot tell null from no text, so both are null; no source here has both.
fn texts(batch: &RecordBatch) -> Result<Vec<Row>, ArrowError> {
    let options = FormatOptions::new();
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let text = |column: &ArrayFormatter<'_>, row| Some(column.value(row).to_string()).filter(|text| !text.is_empty());
    Ok((0..batch.num_rows()).map(|row| columns.iter().map(|column| text(column, row)).collect()).collect())
}
