//! Properties of copy sinks.

use super::{
    CONNECTIONS, ClassProperties,
    Effect::{self, Beside, Done, Ignored},
    Properties, RETRY,
};

const FILE_BATCH: Effect = Ignored("it has no meaning for files");

pub(super) const CLASSES: ClassProperties = &[
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
    // What of them has no equal in the newer form is told by `older`.
    (
        "BlobSink",
        &[
            ("blobWriterOverwriteFiles", Done),
            ("blobWriterDateTimeFormat", Done),
            ("blobWriterAddHeader", Done),
            ("copyBehavior", Done),
            ("metadata", Done),
        ],
    ),
    ("AzureBlobFSSink", &[("copyBehavior", Done), ("metadata", Done)]),
    ("FileSystemSink", &[("copyBehavior", Done)]),
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
            // Where it has nothing to do is said in `binary.rs`.
            ("copyBehavior", Done),
        ],
    ),
    ("AzureBlobStorageWriteSettings", &[("blockSizeInMB", Done)]),
    ("AzureBlobFSWriteSettings", &[("blockSizeInMB", Done)]),
    ("FileServerWriteSettings", &[]),
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
