//! Which stores can be read from and written to, in which formats.

use serde_json::{Map, Value};

use crate::diagnostic::list;

/// What a store can do: its datasets and the copy sources or sinks that go with them.
struct Store {
    linked_service: &'static str,
    pairs: &'static [(&'static str, &'static [&'static str])],
    /// Those of the older form.
    older: &'static [(&'static str, &'static [&'static str])],
}

impl Store {
    const fn new(linked_service: &'static str, pairs: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { linked_service, pairs, older: &[] }
    }

    const fn with_older(self, older: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { older, ..self }
    }

    fn pairs(&self) -> impl Iterator<Item = &(&'static str, &'static [&'static str])> {
        self.pairs.iter().chain(self.older)
    }
}

const READS: &[Store] = &[
    Store::new("SqlServer", &[("SqlServerTable", &["SqlServerSource", "SqlSource"])]),
    Store::new("AzureSqlDatabase", &[("AzureSqlTable", &["AzureSqlSource", "SqlSource"])]),
    Store::new("AzureSqlMI", &[("AzureSqlMITable", &["SqlMISource", "SqlSource"])]),
    Store::new("Odbc", &[("OdbcTable", &["OdbcSource", "RelationalSource"])])
        .with_older(&[("RelationalTable", &["RelationalSource", "OdbcSource"])]),
    Store::new("AzureBlobStorage", FILE_SOURCES).with_older(&[("AzureBlob", &["BlobSource"])]),
    Store::new("AzureBlobFS", FILE_SOURCES).with_older(&[("AzureBlobFSFile", &["AzureBlobFSSource"])]),
    Store::new("FileServer", FILE_SOURCES).with_older(&[("FileShare", &["FileSystemSource"])]),
    Store::new("Synthetic", &[("SyntheticTable", &["SyntheticSource"])]),
];

const FILE_SOURCES: &[(&str, &[&str])] = &[
    ("Binary", &["BinarySource"]),
    ("DelimitedText", &["DelimitedTextSource"]),
    ("Json", &["JsonSource"]),
    ("Parquet", &["ParquetSource"]),
    ("Avro", &["AvroSource"]),
    ("Orc", &["OrcSource"]),
    ("Excel", &["ExcelSource"]),
    ("Xml", &["XmlSource"]),
];

const FILE_SINKS: &[(&str, &[&str])] = &[
    ("Binary", &["BinarySink"]),
    ("DelimitedText", &["DelimitedTextSink"]),
    ("Json", &["JsonSink"]),
    ("Parquet", &["ParquetSink"]),
    ("Avro", &["AvroSink"]),
];

const WRITES: &[Store] = &[
    Store::new("AzureBlobStorage", FILE_SINKS).with_older(&[("AzureBlob", &["BlobSink"])]),
    Store::new("AzureBlobFS", FILE_SINKS).with_older(&[("AzureBlobFSFile", &["AzureBlobFSSink"])]),
    Store::new("FileServer", FILE_SINKS).with_older(&[("FileShare", &["FileSystemSink"])]),
    Store::new("Odbc", &[("OdbcTable", &["OdbcSink"])]).with_older(&[("RelationalTable", &["OdbcSink"])]),
    Store::new("SqlServer", &[("SqlServerTable", &["SqlServerSink", "SqlSink"])]),
    Store::new("AzureSqlDatabase", &[("AzureSqlTable", &["AzureSqlSink", "SqlSink"])]),
    Store::new("AzureSqlMI", &[("AzureSqlMITable", &["SqlMISink", "SqlSink"])]),
];

/// The type of linked service that one of this type is: `AzureStorage` is how `AzureBlobStorage` was called.
pub(crate) fn store(linked_service: &str) -> &str {
    if linked_service == "AzureStorage" { "AzureBlobStorage" } else { linked_service }
}

/// One end of a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Source,
    Sink,
}

/// Codecs that make one file of several.
const ARCHIVES: [&str; 3] = ["ZipDeflate", "Tar", "TarGzip"];

impl End {
    /// The key of this end in a Copy's `typeProperties`.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Sink => "sink",
        }
    }

    /// The key of this end's dataset references in a Copy.
    pub(crate) fn references(self) -> &'static str {
        match self {
            Self::Source => "inputs",
            Self::Sink => "outputs",
        }
    }

    fn stores(self) -> &'static [Store] {
        match self {
            Self::Source => READS,
            Self::Sink => WRITES,
        }
    }
}

/// Why a linked service, a dataset and a copy source or sink of these types do not go together; `None` when
/// they do.
pub(crate) fn refusal(end: End, linked_service: &str, dataset: &str, copy: &str) -> Option<String> {
    let verb = if end == End::Source { "reads from" } else { "writes to" };
    let linked_service = store(linked_service);
    let Some(store) = end.stores().iter().find(|store| store.linked_service == linked_service) else {
        let known = list(end.stores().iter().map(|store| store.linked_service));
        return Some(format!(
            "the linked service type '{linked_service}' is not supported as a {} yet; Ropeway {verb} {known}",
            end.key()
        ));
    };
    let Some((_, copies)) = store.pairs().find(|(known, _)| *known == dataset) else {
        let known = list(store.pairs.iter().map(|(known, _)| known));
        return Some(format!(
            "a dataset of type '{dataset}' on {linked_service} is not supported as a {} yet; Ropeway {verb} {known} there",
            end.key()
        ));
    };
    (!copies.contains(&copy)).then(|| {
        format!(
            "a dataset of type '{dataset}' on {linked_service} goes with {}, not with '{copy}'",
            list(copies.iter())
        )
    })
}

/// Why rows cannot be written to files of a dataset with these `typeProperties`; `None` when they can.
pub(crate) fn unwritten(dataset: &Map<String, Value>) -> Option<String> {
    let of_text = || dataset.get("compressionCodec")?.as_str();
    let codec = of_text().or_else(|| dataset.get("compression")?.get("type")?.as_str())?;
    ARCHIVES.iter().any(|archive| archive.eq_ignore_ascii_case(codec)).then(|| {
        format!(
            "rows are not written to archives ('{codec}'): use gzip, bzip2 or deflate in the sink's dataset, or pack the files \
             by a Binary copy behind this one"
        )
    })
}

/// The copy source that reads a dataset on its own.
pub(crate) fn natural_source(linked_service: &str, dataset: &str) -> Option<&'static str> {
    let store = READS.iter().find(|store| store.linked_service == linked_service)?;
    store.pairs.iter().find(|(known, _)| *known == dataset).and_then(|(_, sources)| sources.first()).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn every_store_names_types_of_the_schema() {
        for (stores, family) in [(READS, "CopySource"), (WRITES, "CopySink")] {
            for store in stores {
                assert!(schema::canonical_type("LinkedService", store.linked_service).is_some());
                for (dataset, copies) in store.pairs() {
                    assert_eq!(schema::canonical_type("Dataset", dataset), Some(*dataset));
                    assert!(copies.iter().all(|copy| schema::canonical_type(family, copy).is_some()), "{copies:?}");
                }
            }
        }
    }
}
