//! The older form of files and tables in version 2: datasets `AzureBlob`, `AzureBlobFSFile`, `FileShare` with a `format`
//! inside, and the sources and sinks of their stores (`BlobSource`, `FileSystemSink`, ...); `RelationalTable`.
//!
//! They become the newer form in memory: of version 2 when a copy is evaluated, because only then it is known what the
//! other end is and which container a path begins with; of version 1 ([`crate::v1`]) when they are loaded. What a
//! definition says stays as it is, in reports and in what `import` writes.

mod files;
mod format;
mod notes;
mod part;
mod place;
mod resolved;
mod structure;

use serde_json::{Map, Value};

pub(crate) use self::{
    files::{Converted, Files, ReadAs, Side},
    format::Use,
    notes::Notes,
    part::Part,
    place::Place,
    resolved::Used,
    structure::{Columns, names as column_names, translator as structure_as_translator},
};
use crate::support::End;

/// Whether a flag is set, as a flag or as text.
pub(crate) fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// One end of a copy, or a dataset that is looked at alone, evaluated or as it is written.
pub(crate) struct Given<'a> {
    pub(crate) end: End,
    pub(crate) dataset_type: &'a str,
    /// The type of the linked service.
    pub(crate) store: &'a str,
    /// The dataset's settings.
    pub(crate) dataset: Part,
    /// The source or sink.
    pub(crate) copy: Part,
    /// Whether the other end has rows, so that a file without a format has some too.
    pub(crate) rows: bool,
}

/// The same end in the newer form.
pub(crate) struct Newer {
    pub(crate) dataset_type: &'static str,
    pub(crate) dataset: Map<String, Value>,
    pub(crate) copy: Map<String, Value>,
    /// What there is to say of the dataset.
    pub(crate) of_dataset: Notes,
    /// What there is to say of the source or sink.
    pub(crate) of_copy: Notes,
}

/// Whether a dataset is one of the older form.
pub(crate) fn is_older(dataset_type: &str) -> bool {
    is_of_files(dataset_type) || dataset_type == "RelationalTable"
}

/// Whether a dataset of any form gives or takes files as they are, where the other end agrees.
pub(crate) fn is_without_rows(dataset_type: &str, settings: &Map<String, Value>) -> bool {
    let has_format = || settings.get("format").and_then(|format| format.get("type")).is_some_and(|it| !it.is_null());
    dataset_type == "Binary" || (is_of_files(dataset_type) && !has_format())
}

/// The newer form of an end of the older one.
pub(crate) fn newer(given: Given<'_>) -> Newer {
    if given.dataset_type == "RelationalTable" { table(given) } else { files(given) }
}

fn is_of_files(dataset_type: &str) -> bool {
    matches!(dataset_type, "AzureBlob" | "AzureBlobFSFile" | "FileShare" | "AzureDataLakeStoreFile")
}

fn files(given: Given<'_>) -> Newer {
    let Given { end, dataset_type, store, mut dataset, copy, rows } = given;
    let (mut of_dataset, mut of_copy) = (Notes::default(), Notes::default());
    let usage = Use {
        source: end == End::Source,
        sink: end == End::Sink,
        rows,
        header: copy.peek("blobWriterAddHeader").is_some_and(is_true),
        null: None,
        empty_is_null: copy.peek("treatEmptyAsNull").map(is_true),
        in_memory: true,
    };
    let mut path = |name| dataset.text(name).unwrap_or_default();
    let (folder, file) = (path("folderPath"), path("fileName"));
    let converted = Files { dataset_type, store, usage: &usage }.dataset(dataset, folder, file, &mut of_dataset);
    let side = Side { dataset_type: converted.dataset_type, store, read_as: &converted.read_as };
    let copy = match end {
        End::Source => side.source(copy, true),
        End::Sink => side.sink(copy, &mut of_copy),
    };
    Newer { dataset_type: converted.dataset_type, dataset: converted.settings, copy, of_dataset, of_copy }
}

/// A table that is known by its store only. Ropeway has one such store.
fn table(given: Given<'_>) -> Newer {
    let mut copy = given.copy.rest();
    let type_name = if given.end == End::Source { "OdbcSource" } else { "OdbcSink" };
    copy.insert("type".to_owned(), type_name.into());
    Newer {
        dataset_type: "OdbcTable",
        dataset: given.dataset.rest(),
        copy,
        of_dataset: Notes::default(),
        of_copy: Notes::default(),
    }
}
