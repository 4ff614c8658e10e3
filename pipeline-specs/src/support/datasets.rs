//! Properties of datasets.

use super::{
    ClassProperties,
    Effect::{self, Done, Ignored},
};

const HIVE: Effect = Ignored("it names a table of Hive, and no file");

pub(super) const CLASSES: ClassProperties = &[
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
    ("BinaryDatasetTypeProperties", &[("location", Done), ("compression", Done)]),
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
    // Of the older form: what has no equal in the newer one is told by `older`.
    (
        "AzureBlobDatasetTypeProperties",
        &[
            ("folderPath", Done),
            ("fileName", Done),
            ("tableRootLocation", HIVE),
            ("modifiedDatetimeStart", Done),
            ("modifiedDatetimeEnd", Done),
            ("format", Done),
            ("compression", Done),
        ],
    ),
    (
        "AzureBlobFSFileDatasetTypeProperties",
        &[("folderPath", Done), ("fileName", Done), ("format", Done), ("compression", Done)],
    ),
    (
        "FileShareDatasetTypeProperties",
        &[
            ("folderPath", Done),
            ("fileName", Done),
            ("fileFilter", Done),
            ("modifiedDatetimeStart", Done),
            ("modifiedDatetimeEnd", Done),
            ("format", Done),
            ("compression", Done),
        ],
    ),
    (
        "TextFormat",
        &[
            ("columnDelimiter", Done),
            ("rowDelimiter", Done),
            ("escapeChar", Done),
            ("quoteChar", Done),
            ("nullValue", Done),
            ("encodingName", Done),
            ("treatEmptyAsNull", Done),
            ("skipLineCount", Done),
            ("firstRowAsHeader", Done),
        ],
    ),
    (
        "JsonFormat",
        &[
            ("filePattern", Done),
            ("nestingSeparator", Done),
            ("encodingName", Done),
            ("jsonNodeReference", Done),
            ("jsonPathDefinition", Done),
        ],
    ),
    ("AvroFormat", &[]),
    ("OrcFormat", &[]),
    ("ParquetFormat", &[]),
    ("RelationalTableDatasetTypeProperties", &[("tableName", Done)]),
    // A file says itself how it is compressed.
    ("OrcDatasetTypeProperties", &[("location", Done), ("orcCompressionCodec", Done)]),
    ("DatasetCompression", &[("type", Done), ("level", Done)]),
    ("SyntheticTableDatasetTypeProperties", &[("table", Done), ("scaleFactor", Done)]),
    ("DatasetLocation", &[("folderPath", Done), ("fileName", Done)]),
    ("FileServerLocation", &[]),
    ("AzureBlobStorageLocation", &[("container", Done)]),
    ("AzureBlobFSLocation", &[("fileSystem", Done)]),
];
