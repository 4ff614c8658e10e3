//! JSON files as rows. All files of a dataset have the columns of the one that was asked first: an object that lacks a
//! property has a null there.

use std::sync::OnceLock;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::BatchLimit};

use super::JsonRecords;
use crate::format::{
    Batches, Input, Portions, ReadFormat, Slice,
    charset::Charset,
    compression::Compression,
    hierarchy::{Columns, Hierarchy, Rows},
    text_input::TextInput,
};

/// Reads JSON files.
#[derive(Debug)]
pub(in crate::format) struct JsonFiles {
    charset: Charset,
    compression: Compression,
    hierarchy: Hierarchy,
    columns: OnceLock<Columns>,
}

impl JsonFiles {
    pub(super) fn new(charset: Charset, compression: Compression, hierarchy: Hierarchy) -> Self {
        Self { charset, compression, hierarchy, columns: OnceLock::new() }
    }

    fn records(&self, file: &Input) -> Result<JsonRecords> {
        Ok(JsonRecords::new(TextInput::new(file, self.compression, self.charset)?))
    }

    fn columns(&self, file: &Input) -> Result<Columns> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns.clone());
        }
        let columns = self.hierarchy.columns(&mut self.records(file)?)?;
        Ok(self.columns.get_or_init(|| columns).clone())
    }

    fn rows(&self, file: &Input, limit: BatchLimit) -> Result<Rows<JsonRecords>> {
        Ok(Rows::new(self.records(file)?, self.columns(file)?, limit))
    }
}

impl ReadFormat for JsonFiles {
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
        Columns::working_set(limit).saturating_add(self.compression.working_set())
    }
}
