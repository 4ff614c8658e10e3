//! Properties of datasets.

use super::{ClassProperties, Effect::Done};

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
];
