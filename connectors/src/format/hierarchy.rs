//! Objects with objects and arrays in them as rows of columns: for JSON, and for XML, which becomes JSON.
//!
//! What a column is stands in the definition as a path, or is a property at the top of every object. A record is the
//! JSON text of one object; nothing of it is copied before it goes into its column.

mod cell;
mod files;
mod infer;
mod rows;
mod tree;

use arrow::datatypes::SchemaRef;
use ropeway_engine::{Result, chunk::BatchLimit};
use serde::Deserialize;

pub(super) use self::{
    files::{HierarchicalFiles, RecordFormat},
    rows::Rows,
    tree::{Entries, Step},
};

/// A record longer than this is a file made to fill the memory, or one that has its rows in one single object.
pub(super) const LONGEST_RECORD: usize = 64 << 20;

/// The objects of a file, one after the other.
pub(super) trait Records: Send {
    /// Puts the JSON text of the next object into `text`, which is empty; false at the end.
    fn next(&mut self, text: &mut String) -> Result<bool>;
}

/// What a definition says of the columns of hierarchical data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Hierarchy {
    /// The array that makes a row of each of its elements.
    collection: Option<Vec<Step>>,
    /// The columns; all properties at the top if nothing is said.
    columns: Option<Vec<PathColumn>>,
    /// Objects and arrays become the text of their JSON.
    complex_as_text: bool,
}

/// A column and where its values are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathColumn {
    name: String,
    path: Vec<Step>,
    /// True if the path begins at an element of the collection.
    #[serde(default)]
    of_element: bool,
    /// True if all its values are texts, whatever they look like.
    #[serde(default)]
    text: bool,
}

/// Columns with their types, known once a file was looked at.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    schema: SchemaRef,
    trees: std::sync::Arc<tree::Trees>,
    kinds: Vec<cell::Kind>,
    complex_as_text: bool,
}

impl Hierarchy {
    /// The columns of the records: their types are those of the values in the first [`infer::SAMPLE`] bytes of text.
    pub(super) fn columns(&self, records: &mut dyn Records) -> Result<Columns> {
        infer::columns(self, records)
    }
}

impl Columns {
    pub(super) fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }

    /// Peak bytes of reading rows.
    pub(super) fn working_set(limit: BatchLimit) -> u64 {
        limit.bytes.saturating_mul(3).saturating_add(8 * super::text_input::READ_BYTES as u64)
    }
}
