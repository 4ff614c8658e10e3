//! What Ropeway does of what Data Factory has, per class: the one place to extend when something is added.

use serde_json::{Map, Value};

use crate::{
    diagnostic::{Findings, Severity, element, list, property},
    expression::is_dynamic,
    schema,
};

/// What happens with a property.
#[derive(Clone, Copy)]
enum Effect {
    /// It is done, or has nothing to do here.
    Done,
    /// It is ignored and the rows that are written stay the same; the text says what happens instead.
    Ignored(&'static str),
    /// As [`Effect::Done`] beside another property, and without that one ignored.
    Beside(&'static str, &'static str),
    /// Ignoring it would change what is read or written, so a copy with it does not run.
    Refused,
}

use Effect::{Beside, Done, Ignored, Refused};

/// Whether definitions are being looked at or a copy is about to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Everything is a warning: nothing runs.
    Validate,
    /// What is refused is an error.
    Run {
        /// What is ignored is an error too.
        strict: bool,
    },
}

type Properties = &'static [(&'static str, Effect)];

const RETRY: Effect = Ignored("Ropeway retries every chunk by its own rules, and the copy by the activity's policy");
const CONNECTIONS: Effect = Ignored("'parallelCopies' limits the connections");
const DECIMALS: Effect = Ignored("decimals that a number of JSON does not hold exactly are texts in any case");
const POOL: Effect = Ignored("Ropeway keeps its own connections");
const STAGING: Effect = Ignored("Ropeway copies directly, without a staging store");
const DELETED: Effect = Ignored("the activity's output names the files that were deleted");
const MOUNTED: Effect = Ignored("Ropeway reads the mounted folder with its own account");
const ARCHIVE: Effect = Ignored("an archive is read where it holds one file, and nothing is unpacked beside it");
const FILE_BATCH: Effect = Ignored("it has no meaning for files");

/// Class by class; inherited properties are listed at the class that has them. A property of a listed class
/// that is not here is refused.
const TABLE: &[(&str, Properties)] = &[
    (
        "CopyActivityTypeProperties",
        &[
            ("source", Done),
            ("sink", Done),
            ("translator", Done),
            ("parallelCopies", Done),
            // Rows and a digest of every chunk are compared anyway; with it, the sink is read back too.
            ("validateDataConsistency", Done),
            ("enableStaging", STAGING),
            ("stagingSettings", STAGING),
            ("dataIntegrationUnits", Ignored("the copy runs on this machine; --parallel and --memory size it")),
            ("enableSkipIncompatibleRow", Done),
            ("redirectIncompatibleRowSettings", Done),
            ("skipErrorFile", Ignored("a file that cannot be read fails the copy, which can be resumed")),
            ("logSettings", Done),
            ("logStorageSettings", Done),
            ("preserve", Ignored("it has a meaning for binary copies only")),
            ("preserveRules", Ignored("it has a meaning for binary copies only")),
        ],
    ),
    (
        "LookupActivityTypeProperties",
        &[("source", Done), ("dataset", Done), ("firstRowOnly", Done), ("treatDecimalAsString", DECIMALS)],
    ),
    (
        "GetMetadataActivityTypeProperties",
        &[("dataset", Done), ("fieldList", Done), ("storeSettings", Done), ("formatSettings", Done)],
    ),
    (
        "DeleteActivityTypeProperties",
        &[
            ("dataset", Done),
            ("recursive", Done),
            ("storeSettings", Done),
            ("enableLogging", DELETED),
            ("logStorageSettings", DELETED),
            ("maxConcurrentConnections", CONNECTIONS),
        ],
    ),
    (
        "ValidationActivityTypeProperties",
        &[("dataset", Done), ("timeout", Done), ("sleep", Done), ("minimumSize", Done), ("childItems", Done)],
    ),
    (
        "ScriptActivityTypeProperties",
        &[
            ("scripts", Done),
            ("scriptBlockExecutionTimeout", Done),
            ("logSettings", Done),
            ("treatDecimalAsString", DECIMALS),
        ],
    ),
    ("ScriptBlock", &[("text", Done), ("parameters", Done)]),
    ("ScriptBlockParameter", &[("name", Done), ("value", Done), ("direction", Done), ("size", Done)]),
    (
        "SqlServerStoredProcedureActivityTypeProperties",
        &[("storedProcedureName", Done), ("storedProcedureParameters", Done)],
    ),
    (
        "WebActivityActivityTypeProperties",
        &[
            ("method", Done),
            ("url", Done),
            ("headers", Done),
            ("body", Done),
            ("authentication", Done),
            ("disableCertValidation", Done),
            ("httpRequestTimeout", Done),
            ("turnOffAsync", Done),
            ("connectVia", Ignored("Ropeway calls the endpoint from where it runs")),
        ],
    ),
    // What they say of levels and places is looked at in `skipping.rs`. Every line is durable before its chunk counts.
    (
        "LogSettings",
        &[("enableCopyActivityLog", Done), ("copyActivityLogSettings", Done), ("logLocationSettings", Done)],
    ),
    ("CopyActivityLogSettings", &[("logLevel", Done), ("enableReliableLogging", Done)]),
    ("LogLocationSettings", &[("linkedServiceName", Done), ("path", Done)]),
    (
        "LogStorageSettings",
        &[("linkedServiceName", Done), ("path", Done), ("logLevel", Done), ("enableReliableLogging", Done)],
    ),
    (
        "CopySource",
        &[
            ("sourceRetryCount", RETRY),
            ("sourceRetryWait", RETRY),
            ("maxConcurrentConnections", CONNECTIONS),
            ("disableMetricsCollection", Done),
        ],
    ),
    ("TabularSource", &[("queryTimeout", Done), ("additionalColumns", Done)]),
    ("SqlSource", SQL_SOURCE),
    ("SqlServerSource", SQL_SOURCE),
    ("AzureSqlSource", SQL_SOURCE),
    ("SqlMISource", SQL_SOURCE),
    (
        "SqlPartitionSettings",
        &[("partitionColumnName", Done), ("partitionLowerBound", Done), ("partitionUpperBound", Done)],
    ),
    ("OdbcSource", &[("query", Done), ("partitionOption", Done), ("partitionSettings", Done)]),
    ("DelimitedTextSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("ParquetSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("JsonSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("BinarySource", &[("storeSettings", Done), ("formatSettings", Done)]),
    ("BinaryReadSettings", &[]),
    ("XmlSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("ExcelSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("AvroSource", &[("storeSettings", Done), ("additionalColumns", Done)]),
    ("SyntheticSource", &[("additionalColumns", Done)]),
    ("DelimitedTextReadSettings", &[("skipLineCount", Done), ("compressionProperties", Done)]),
    ("ParquetReadSettings", &[]),
    ("JsonReadSettings", &[("compressionProperties", Done)]),
    (
        "XmlReadSettings",
        &[
            ("compressionProperties", Done),
            ("validationMode", Done),
            ("detectDataType", Done),
            ("namespaces", Done),
            ("namespacePrefixes", Done),
        ],
    ),
    ("ExcelReadSettings", &[]),
    // Archives are read where they hold one file, so that no folder is made of their names.
    ("ZipDeflateReadSettings", &[("preserveZipFileNameAsFolder", ARCHIVE)]),
    ("TarReadSettings", &[("preserveCompressionFileNameAsFolder", ARCHIVE)]),
    ("TarGZipReadSettings", &[("preserveCompressionFileNameAsFolder", ARCHIVE)]),
    ("StoreReadSettings", &[("maxConcurrentConnections", CONNECTIONS), ("disableMetricsCollection", Done)]),
    ("FileServerReadSettings", FILE_SELECTION),
    ("AzureBlobFSReadSettings", FILE_SELECTION),
    ("AzureBlobStorageReadSettings", BLOB_SELECTION),
    (
        "CopySink",
        &[
            ("writeBatchSize", FILE_BATCH),
            ("writeBatchTimeout", FILE_BATCH),
            ("sinkRetryCount", RETRY),
            ("sinkRetryWait", RETRY),
            ("maxConcurrentConnections", CONNECTIONS),
            ("disableMetricsCollection", Done),
        ],
    ),
    ("SqlSink", SQL_SINK),
    ("SqlServerSink", SQL_SINK),
    ("AzureSqlSink", SQL_SINK),
    ("SqlMISink", SQL_SINK),
    // Where rows are staged is Ropeway's own schema, or the one that is named.
    ("SqlUpsertSettings", &[("useTempDB", Done), ("interimSchemaName", Done), ("keys", Done)]),
    (
        "OdbcSink",
        &[
            ("preCopyScript", Done),
            ("writeBatchSize", Done),
            ("writeBatchTimeout", Ignored("a load that stands still is noticed and tried again")),
        ],
    ),
    ("DelimitedTextSink", &[("storeSettings", Done), ("formatSettings", Done)]),
    ("ParquetSink", &[("storeSettings", Done), ("formatSettings", Done)]),
    ("JsonSink", &[("storeSettings", Done), ("formatSettings", Done)]),
    ("BinarySink", &[("storeSettings", Done)]),
    (
        "DelimitedTextWriteSettings",
        &[("quoteAllText", Done), ("fileExtension", Done), ("maxRowsPerFile", Done), ("fileNamePrefix", Done)],
    ),
    ("ParquetWriteSettings", &[("maxRowsPerFile", Done), ("fileNamePrefix", Done)]),
    ("JsonWriteSettings", &[("filePattern", Done)]),
    ("AvroSink", &[("storeSettings", Done), ("formatSettings", Done)]),
    (
        "AvroWriteSettings",
        &[("recordName", Done), ("recordNamespace", Done), ("maxRowsPerFile", Done), ("fileNamePrefix", Done)],
    ),
    (
        "StoreWriteSettings",
        &[
            ("maxConcurrentConnections", CONNECTIONS),
            ("disableMetricsCollection", Done),
            ("metadata", Done),
            // What is ignored where rows are copied is said in `binary.rs`.
            ("copyBehavior", Done),
        ],
    ),
    ("AzureBlobStorageWriteSettings", &[("blockSizeInMB", Done)]),
    ("AzureBlobFSWriteSettings", &[("blockSizeInMB", Done)]),
    ("FileServerWriteSettings", &[]),
    ("SqlServerTableDatasetTypeProperties", &[("tableName", Done), ("schema", Done), ("table", Done)]),
    ("AzureSqlTableDatasetTypeProperties", &[("tableName", Done), ("schema", Done), ("table", Done)]),
    ("AzureSqlMITableDatasetTypeProperties", &[("tableName", Done), ("schema", Done), ("table", Done)]),
    ("OdbcTableDatasetTypeProperties", &[("tableName", Done)]),
    (
        "DelimitedTextDatasetTypeProperties",
        &[
            ("location", Done),
            ("columnDelimiter", Done),
            ("rowDelimiter", Done),
            ("encodingName", Done),
            ("compressionCodec", Done),
            ("compressionLevel", Done),
            ("quoteChar", Done),
            ("escapeChar", Done),
            ("firstRowAsHeader", Done),
            ("nullValue", Done),
        ],
    ),
    ("BinaryDatasetTypeProperties", &[("location", Done)]),
    ("ParquetDatasetTypeProperties", &[("location", Done), ("compressionCodec", Done)]),
    ("JsonDatasetTypeProperties", &[("location", Done), ("encodingName", Done), ("compression", Done)]),
    (
        "XmlDatasetTypeProperties",
        &[("location", Done), ("encodingName", Done), ("nullValue", Done), ("compression", Done)],
    ),
    (
        "ExcelDatasetTypeProperties",
        &[
            ("location", Done),
            ("sheetName", Done),
            ("sheetIndex", Done),
            ("range", Done),
            ("firstRowAsHeader", Done),
            ("nullValue", Done),
            ("compression", Done),
        ],
    ),
    (
        "AvroDatasetTypeProperties",
        &[("location", Done), ("avroCompressionCodec", Done), ("avroCompressionLevel", Done)],
    ),
    ("DatasetCompression", &[("type", Done), ("level", Done)]),
    ("SyntheticTableDatasetTypeProperties", &[("table", Done), ("scaleFactor", Done)]),
    ("DatasetLocation", &[("folderPath", Done), ("fileName", Done)]),
    ("FileServerLocation", &[]),
    ("AzureBlobStorageLocation", &[("container", Done)]),
    ("AzureBlobFSLocation", &[("fileSystem", Done)]),
    (
        "SqlServerBaseLinkedServiceTypeProperties",
        &[
            ("server", Done),
            ("database", Done),
            ("encrypt", Done),
            ("trustServerCertificate", Done),
            ("hostNameInCertificate", Done),
            ("applicationIntent", Done),
            ("connectTimeout", Done),
            ("commandTimeout", Done),
            ("packetSize", Done),
            ("integratedSecurity", Done),
            ("connectRetryCount", RETRY),
            ("connectRetryInterval", RETRY),
            ("loadBalanceTimeout", POOL),
            ("maxPoolSize", POOL),
            ("minPoolSize", POOL),
            ("pooling", POOL),
            ("multipleActiveResultSets", POOL),
            ("multiSubnetFailover", Done),
            ("failoverPartner", Ignored("Ropeway connects to 'server' only")),
        ],
    ),
    (
        "SqlServerLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("authenticationType", Done),
            ("userName", Done),
            ("password", Done),
            ("credential", Done),
        ],
    ),
    ("AzureSqlDatabaseLinkedServiceTypeProperties", AZURE_SQL),
    ("AzureSqlMILinkedServiceTypeProperties", AZURE_SQL),
    (
        "OdbcLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("authenticationType", Done),
            ("userName", Done),
            ("password", Done),
            ("credential", Done),
        ],
    ),
    (
        "FileServerLinkedServiceTypeProperties",
        &[("encryptedCredential", MOUNTED), ("host", Done), ("userId", MOUNTED), ("password", MOUNTED)],
    ),
    (
        "AzureBlobStorageLinkedServiceTypeProperties",
        &[
            ("connectionString", Done),
            ("encryptedCredential", Done),
            ("accountKey", Done),
            ("sasUri", Done),
            ("sasToken", Done),
            ("serviceEndpoint", Done),
            ("containerUri", Done),
            ("authenticationType", Done),
            ("servicePrincipalId", Done),
            ("servicePrincipalKey", Done),
            ("tenant", Done),
            ("azureCloudType", Done),
            ("credential", Done),
            ("accountKind", Done),
        ],
    ),
    (
        "AzureBlobFSLinkedServiceTypeProperties",
        &[
            ("url", Done),
            ("accountKey", Done),
            ("sasUri", Done),
            ("sasToken", Done),
            ("servicePrincipalId", Done),
            ("servicePrincipalKey", Done),
            ("servicePrincipalCredentialType", Done),
            ("servicePrincipalCredential", Done),
            ("tenant", Done),
            ("azureCloudType", Done),
            ("encryptedCredential", Done),
            ("credential", Done),
        ],
    ),
    ("SyntheticLinkedServiceTypeProperties", &[]),
];

/// How files are chosen; `fileFilter` is a pattern of Windows' own.
const FILE_SELECTION: Properties = &[
    ("recursive", Done),
    ("wildcardFolderPath", Done),
    ("wildcardFileName", Done),
    ("fileListPath", Done),
    ("modifiedDatetimeStart", Done),
    ("modifiedDatetimeEnd", Done),
    ("enablePartitionDiscovery", Done),
    ("partitionRootPath", Done),
    // The connector refuses it where rows are copied.
    ("deleteFilesAfterCompletion", Done),
];

const BLOB_SELECTION: Properties = &[
    ("recursive", Done),
    ("wildcardFolderPath", Done),
    ("wildcardFileName", Done),
    ("prefix", Done),
    ("fileListPath", Done),
    ("modifiedDatetimeStart", Done),
    ("modifiedDatetimeEnd", Done),
    ("enablePartitionDiscovery", Done),
    ("partitionRootPath", Done),
    // The connector refuses it where rows are copied.
    ("deleteFilesAfterCompletion", Done),
];

const AZURE_SQL: Properties = &[
    ("connectionString", Done),
    ("encryptedCredential", Done),
    ("authenticationType", Done),
    ("userName", Done),
    ("password", Done),
    ("servicePrincipalId", Done),
    ("servicePrincipalKey", Done),
    ("servicePrincipalCredentialType", Done),
    ("servicePrincipalCredential", Done),
    ("tenant", Done),
    ("azureCloudType", Done),
    ("credential", Done),
];

const SQL_SOURCE: Properties = &[
    ("sqlReaderQuery", Done),
    ("query", Done),
    ("partitionOption", Done),
    ("partitionSettings", Done),
    ("isolationLevel", Done),
    ("sqlReaderStoredProcedureName", Done),
    ("storedProcedureParameters", Done),
    ("produceAdditionalTypes", Ignored("every SQL Server type is copied")),
];

const SQL_SINK: Properties = &[
    ("preCopyScript", Done),
    ("tableOption", Done),
    ("sqlWriterUseTableLock", Done),
    ("writeBehavior", Done),
    ("upsertSettings", Done),
    ("sqlWriterStoredProcedureName", Done),
    ("sqlWriterTableType", Done),
    ("storedProcedureTableTypeParameterName", Done),
    ("storedProcedureParameters", Done),
    (
        "writeBatchSize",
        Beside("sqlWriterStoredProcedureName", "the rows of a chunk are one bulk load, and committed as a whole"),
    ),
    ("writeBatchTimeout", Done),
];

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

/// Reports every property below `value` that Ropeway ignores or refuses. A class that is not in the table is
/// somebody else's to refuse.
pub(crate) fn check(value: &Value, shape: &str, path: &str, moment: Moment, findings: &mut Findings) {
    match value {
        Value::Array(items) if shape.starts_with('[') => {
            for (index, item) in items.iter().enumerate() {
                check(item, shape.trim_matches(['[', ']']), &element(path, index), moment, findings);
            }
        }
        Value::Object(object) => {
            let named = object.get("type").and_then(Value::as_str).filter(|name| schema::is_class(name));
            let class = if schema::family(shape).is_empty() { shape } else { named.unwrap_or_default() };
            if !TABLE.iter().any(|(known, _)| *known == class) {
                return;
            }
            for (name, item) in object.iter().filter(|(name, item)| *name != "type" && !is_inert(item)) {
                let Some((owner, shape)) = schema::owner_and_shape(class, name) else { continue };
                let path = &property(path, name);
                check_property(item, &Checked { object, class, owner, name, shape, path, moment }, findings);
            }
        }
        _ => {}
    }
}

struct Checked<'a> {
    /// What the property is one of.
    object: &'a Map<String, Value>,
    class: &'a str,
    /// The class that declares the property.
    owner: &'a str,
    name: &'a str,
    shape: &'a str,
    path: &'a str,
    moment: Moment,
}

fn check_property(value: &Value, checked: &Checked<'_>, findings: &mut Findings) {
    let Checked { object, class, owner, name, shape, path, moment } = *checked;
    let plain = schema::plain(class);
    let listed = |class: &str| {
        let (_, properties) = TABLE.iter().find(|(known, _)| *known == class)?;
        properties.iter().find(|(known, _)| *known == name).map(|(_, effect)| *effect)
    };
    if moment == Moment::Validate && is_dynamic(value) && !matches!(listed(class), Some(Refused)) {
        return;
    }
    let effect = match listed(class).or_else(|| listed(owner)).unwrap_or(Refused) {
        Beside(other, _) if object.get(other).is_some_and(|other| !is_inert(other)) => Done,
        Beside(_, instead) => Ignored(instead),
        effect => effect,
    };
    match effect {
        Done | Beside(..) => check(value, shape, path, moment, findings),
        Ignored(instead) => {
            let severity = match moment {
                Moment::Run { strict: true } => Severity::Error,
                _ => Severity::Warning,
            };
            findings.push(severity, "ignored-property", path, format!("'{name}' of {plain} is ignored: {instead}"));
        }
        Refused => {
            let (severity, consequence) = match moment {
                Moment::Validate => (Severity::Warning, "a copy with it will not run"),
                Moment::Run { .. } => (Severity::Error, "remove it, or run this copy in Data Factory"),
            };
            let message = format!(
                "'{name}' of {plain} is not supported by Ropeway yet, and ignoring it could change what is copied; {consequence}"
            );
            findings.push(severity, "unsupported-property", path, message);
        }
    }
}

/// A value that asks for nothing, such as the `"enableStaging": false` that the user interface always writes.
fn is_inert(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty() || text.eq_ignore_ascii_case("false"),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt name in the table would refuse what is meant to be done.
    #[test]
    fn every_row_names_a_class_and_a_property_of_the_schema() {
        for (class, properties) in TABLE {
            assert!(schema::is_class(class), "{class}");
            for (name, _) in *properties {
                assert!(schema::shape_of(class, name).is_some(), "{class}.{name}");
            }
        }
    }

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
