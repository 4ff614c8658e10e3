//! Excel workbooks as rows: the cells of one sheet, or of a range of it. Read only.
//!
//! Every value is a text, as in Data Factory: numbers in the shortest digits that are the same double, `True` and `False`,
//! dates as `yyyy-MM-dd HH:mm:ss.fff`, errors such as `#N/A` by their names. An empty cell is null.

mod cell;
mod range;
mod table;
mod workbook;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};
use serde::Deserialize;

use self::{range::Area, table::Table, workbook::Sheet};
use super::{
    Batches, Input, ReadFormat, Slice,
    compression::{Compression, DatasetCompression},
    text_input::unreadable,
};
use crate::lenient;

/// The properties of an `Excel` dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DatasetProperties {
    #[serde(deserialize_with = "lenient::option::text")]
    sheet_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::u32")]
    sheet_index: Option<u32>,
    #[serde(deserialize_with = "lenient::option::text")]
    range: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    first_row_as_header: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    null_value: Option<String>,
    compression: Option<DatasetCompression>,
}

/// Reads Excel files.
#[derive(Debug)]
pub(super) struct ExcelFiles {
    sheet: Sheet,
    area: Area,
    header: bool,
    null_value: String,
    compression: Compression,
    /// Bytes that an unpacked workbook may take.
    memory: u64,
}

impl ExcelFiles {
    /// # Errors
    /// No sheet is named, or the range is none.
    pub(super) fn new(dataset: DatasetProperties, memory: u64) -> Result<Self> {
        let sheet = match (dataset.sheet_name.filter(|name| !name.is_empty()), dataset.sheet_index) {
            (Some(name), _) => Sheet::Name(name),
            (None, Some(index)) => Sheet::Index(index as usize),
            (None, None) => {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "an Excel dataset says which sheet is read; set sheetName or sheetIndex, which begins at 0",
                ));
            }
        };
        Ok(Self {
            sheet,
            area: Area::named(dataset.range.as_deref())?,
            header: dataset.first_row_as_header.unwrap_or(false),
            null_value: dataset.null_value.unwrap_or_default(),
            compression: Compression::of(dataset.compression.as_ref())?,
            memory,
        })
    }

    fn table(&self, file: &Input) -> Result<Table> {
        let bytes = workbook::bytes(self.compression.reader(file).map_err(unreadable)?, self.memory)?;
        let cells = workbook::cells(bytes, &self.sheet, self.area, self.memory)?;
        Table::new(cells, self.area, self.header, &self.null_value)
    }
}

impl ReadFormat for ExcelFiles {
    fn schema(&self, file: Input) -> Result<SchemaRef> {
        Ok(self.table(&file)?.schema())
    }

    fn slices(&self, _file: Input, _bytes: u64) -> Result<Vec<Slice>> {
        Ok(vec![Slice::Whole])
    }

    fn read(&self, file: Input, _slice: &Slice, limit: BatchLimit) -> Result<Batches> {
        Ok(Box::new(self.table(&file)?.batches(limit)))
    }

    fn working_set(&self, limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(2).saturating_add(self.memory / 2)
    }
}

/// The error of a file that is no workbook.
fn damaged(how: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(
        ErrorKind::Data,
        "this is no sound Excel file (.xlsx or .xls); check the file, or the type of the dataset",
    )
    .code("ExcelInvalidFile")
    .caused_by(how)
}

#[cfg(test)]
mod tests;
