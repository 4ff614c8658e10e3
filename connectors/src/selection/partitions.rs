//! `enablePartitionDiscovery`: the steps `key=value` of a path are columns.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use ropeway_engine::{Error, ErrorKind, Result, source::SOURCE_TYPE};

/// Where partitions begin: paths below this folder are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Partitions {
    pub(super) root: String,
}

impl Partitions {
    /// The keys and values of a file's path, in its order.
    pub(crate) fn of<'a>(&self, path: &'a str) -> Vec<(&'a str, &'a str)> {
        let below = path.strip_prefix(&self.root).unwrap_or_default();
        let folders = below.rsplit_once('/').map_or("", |(folders, _)| folders);
        folders.split('/').filter_map(|step| step.split_once('=')).filter(|(key, _)| !key.is_empty()).collect()
    }

    /// The columns of a file with those of its path behind them.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if a column has the name of a key.
    pub(crate) fn schema(&self, columns: &SchemaRef, path: &str) -> Result<SchemaRef> {
        let mut fields = columns.fields().to_vec();
        for (key, _) in self.of(path) {
            if fields.iter().any(|field| field.name() == key) {
                return Err(Error::new(
                    ErrorKind::Spec,
                    "a step of the path and a column of the file have the same name; turn enablePartitionDiscovery off, or set partitionRootPath below that step",
                )
                .with("name", key.escape_debug())
                .with("file", path.escape_debug()));
            }
            let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), "String".to_owned())]);
            fields.push(Arc::new(Field::new(key, DataType::Utf8, false).with_metadata(metadata)));
        }
        Ok(Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone())))
    }

    /// Rows of a file with the values of its path behind them.
    pub(crate) fn rows(&self, rows: &RecordBatch, path: &str) -> Result<RecordBatch> {
        let schema = self.schema(&rows.schema(), path)?;
        let texts = self.of(path).into_iter().map(|(_, value)| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, rows.num_rows())))
        });
        let columns = rows.columns().iter().cloned().chain(texts).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(|error| {
            Error::new(ErrorKind::Bug, "columns of a path do not fit to a file; please report it").caused_by(error)
        })
    }
}
