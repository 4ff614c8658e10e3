//! Which stores can be read from and written to, in which formats.

use crate::diagnostic::list;

/// What a store can do: its datasets and the copy sources or sinks that go with them.
struct Store {
    linked_service: &'static str,
    pairs: &'static [(&'static str, &'static [&'static str])],
}

const READS: &[Store] = &[
    Store { linked_service: "SqlServer", pairs: &[("SqlServerTable", &["SqlServerSource", "SqlSource"])] },
    Store { linked_service: "AzureSqlDatabase", pairs: &[("AzureSqlTable", &["AzureSqlSource", "SqlSource"])] },
    Store { linked_service: "AzureSqlMI", pairs: &[("AzureSqlMITable", &["SqlMISource", "SqlSource"])] },
    Store { linked_service: "Odbc", pairs: &[("OdbcTable", &["OdbcSource"])] },
    Store { linked_service: "AzureBlobStorage", pairs: FILE_SOURCES },
    Store { linked_service: "AzureBlobFS", pairs: FILE_SOURCES },
    Store { linked_service: "FileServer", pairs: FILE_SOURCES },
    Store { linked_service: "Synthetic", pairs: &[("SyntheticTable", &["SyntheticSource"])] },
];

const FILE_SOURCES: &[(&str, &[&str])] = &[
    ("Binary", &["BinarySource"]),
    ("DelimitedText", &["DelimitedTextSource"]),
    ("Json", &["JsonSource"]),
    ("Parquet", &["ParquetSource"]),
    ("Avro", &["AvroSource"]),
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
    Store { linked_service: "AzureBlobStorage", pairs: FILE_SINKS },
    Store { linked_service: "AzureBlobFS", pairs: FILE_SINKS },
    Store { linked_service: "FileServer", pairs: FILE_SINKS },
    Store { linked_service: "Odbc", pairs: &[("OdbcTable", &["OdbcSink"])] },
    Store { linked_service: "SqlServer", pairs: &[("SqlServerTable", &["SqlServerSink", "SqlSink"])] },
    Store { linked_service: "AzureSqlDatabase", pairs: &[("AzureSqlTable", &["AzureSqlSink", "SqlSink"])] },
    Store { linked_service: "AzureSqlMI", pairs: &[("AzureSqlMITable", &["SqlMISink", "SqlSink"])] },
];

/// One end of a copy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Source,
    Sink,
}

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
    let Some(store) = end.stores().iter().find(|store| store.linked_service == linked_service) else {
        let known = list(end.stores().iter().map(|store| store.linked_service));
        return Some(format!(
            "the linked service type '{linked_service}' is not supported as a {} yet; Ropeway {verb} {known}",
            end.key()
        ));
    };
    let Some((_, copies)) = store.pairs.iter().find(|(known, _)| *known == dataset) else {
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
                for (dataset, copies) in store.pairs {
                    assert_eq!(schema::canonical_type("Dataset", dataset), Some(*dataset));
                    assert!(copies.iter().all(|copy| schema::canonical_type(family, copy).is_some()), "{copies:?}");
                }
            }
        }
    }
}
