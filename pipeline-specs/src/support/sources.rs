//! Properties of copy sources.

use super::{
    CONNECTIONS, ClassProperties,
    Effect::{Done, Ignored},
    Properties, RETRY,
};

pub(super) const CLASSES: ClassProperties = &[
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
    ("RelationalSource", &[("query", Done), ("additionalColumns", Done)]),
    ("BlobSource", OLDER_SOURCE),
    ("AzureBlobFSSource", OLDER_SOURCE),
    ("FileSystemSource", &[("recursive", Done), ("additionalColumns", Done)]),
    ("DelimitedTextSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("ParquetSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("JsonSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("BinarySource", &[("storeSettings", Done), ("formatSettings", Done)]),
    ("BinaryReadSettings", &[("compressionProperties", Done)]),
    ("XmlSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("ExcelSource", &[("storeSettings", Done), ("formatSettings", Done), ("additionalColumns", Done)]),
    ("AvroSource", &[("storeSettings", Done), ("additionalColumns", Done)]),
    ("OrcSource", &[("storeSettings", Done), ("additionalColumns", Done)]),
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
    // Which of them have no effect where rows are copied, `binary` says.
    ("ZipDeflateReadSettings", &[("preserveZipFileNameAsFolder", Done)]),
    ("TarReadSettings", &[("preserveCompressionFileNameAsFolder", Done)]),
    ("TarGZipReadSettings", &[("preserveCompressionFileNameAsFolder", Done)]),
    ("StoreReadSettings", &[("maxConcurrentConnections", CONNECTIONS), ("disableMetricsCollection", Done)]),
    ("FileServerReadSettings", FILE_SELECTION),
    ("AzureBlobFSReadSettings", FILE_SELECTION),
    ("AzureBlobStorageReadSettings", BLOB_SELECTION),
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
    // What it does not go with is said in `binary.rs`.
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
    // What it does not go with is said in `binary.rs`.
    ("deleteFilesAfterCompletion", Done),
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

const OLDER_SOURCE: Properties = &[("treatEmptyAsNull", Done), ("skipHeaderLineCount", Done), ("recursive", Done)];
