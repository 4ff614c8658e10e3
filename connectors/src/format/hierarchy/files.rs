//! Files of objects as rows. All files of a dataset have the columns of the one that was asked first: an object that lacks
//! a property has a null there.

use std::sync::OnceLock;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::BatchLimit};

use super::{Columns, Hierarchy, Records, Rows};
use crate::format::{Batches, Input, Portions, ReadFormat, Slice};

/// Finds the objects of a file.
pub(in crate::format) trait RecordFormat: Send + Sync + 'static {
    type Records: Records + 'static;

    fn records(&self, file: &Input) -> Result<Self::Records>;

    /// Peak bytes of that, beside those of the rows.
    fn working_set(&self) -> u64;
}

/// Reads files of objects.
#[derive(Debug)]
pub(in crate::format) struct HierarchicalFiles<F> {
    format: F,
    hierarchy: Hierarchy,
    columns: OnceLock<Columns>,
}

impl<F: RecordFormat> HierarchicalFiles<F> {
    pub(in crate::format) fn new(format: F, hierarchy: Hierarchy) -> Self {
        Self { format, hierarchy, columns: OnceLock::new() }
    }

    fn columns(&self, file: &Input) -> Result<Columns> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns.clone());
        }
        let columns = self.hierarchy.columns(&mut self.format.records(file)?)?;
        Ok(self.columns.get_or_init(|| columns).clone())
    }

    fn rows(&self, file: &Input, limit: BatchLimit) -> Result<Rows<F::Records>> {
        Ok(Rows::new(self.format.records(file)?, self.columns(file)?, limit))
    }
}

impl<F: RecordFormat> ReadFormat for HierarchicalFiles<F> {
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
        Columns::working_set(limit).saturating_add(self.format.working_set())
    }
}
