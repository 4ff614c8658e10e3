//! What dataset, source and sink say about a JSON file.

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Json, JsonFiles};
use crate::{
    format::{
        charset::Charset,
        compression::{Compression, DatasetCompression},
        hierarchy::{HierarchicalFiles, Hierarchy},
    },
    lenient,
};

/// The properties of a `Json` dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct DatasetProperties {
    #[serde(deserialize_with = "lenient::option::text")]
    encoding_name: Option<String>,
    compression: Option<DatasetCompression>,
}

/// `JsonReadSettings`, with what the translator says of hierarchical columns.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct ReadSettings {
    compression_properties: Option<Value>,
    hierarchy: Hierarchy,
}

/// `JsonWriteSettings`, with what the translator says of hierarchical columns.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct WriteSettings {
    #[serde(deserialize_with = "lenient::option::text")]
    file_pattern: Option<String>,
    hierarchy: Vec<SinkPath>,
}

/// A column that does not stand at the top of its object.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::format) struct SinkPath {
    /// The column.
    pub(super) name: String,
    /// The properties that lead to it, its own the last.
    pub(super) path: Vec<String>,
}

/// How objects stand in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::format) enum FilePattern {
    /// One object on each line.
    #[default]
    SetOfObjects,
    /// All of them in one array.
    ArrayOfObjects,
}

impl FilePattern {
    fn named(name: Option<&str>) -> Result<Self> {
        match name.unwrap_or_default() {
            "" | "setOfObjects" => Ok(Self::SetOfObjects),
            "arrayOfObjects" => Ok(Self::ArrayOfObjects),
            other => Err(Error::new(ErrorKind::Spec, "filePattern is setOfObjects or arrayOfObjects; use one of them")
                .with("filePattern", other.escape_debug())),
        }
    }

    pub(super) fn begin(self) -> &'static str {
        if self == Self::ArrayOfObjects { "[" } else { "" }
    }

    /// What stands between two objects.
    pub(super) fn between(self) -> &'static str {
        if self == Self::ArrayOfObjects { ",\r\n" } else { "" }
    }

    /// What stands behind every object.
    pub(super) fn behind(self) -> &'static str {
        if self == Self::ArrayOfObjects { "" } else { "\n" }
    }

    pub(super) fn end(self) -> &'static str {
        if self == Self::ArrayOfObjects { "]" } else { "" }
    }
}

impl Json {
    pub(in crate::format) fn new(dataset: DatasetProperties, write: WriteSettings) -> Result<Self> {
        Ok(Self {
            charset: Charset::named(dataset.encoding_name.as_deref())?,
            compression: Compression::of(dataset.compression.as_ref())?.of_rows()?,
            pattern: FilePattern::named(write.file_pattern.as_deref())?,
            paths: write.hierarchy,
        })
    }
}

impl JsonFiles {
    pub(in crate::format) fn reader(dataset: DatasetProperties, read: ReadSettings) -> Result<HierarchicalFiles<Self>> {
        let compression = Compression::of(dataset.compression.as_ref())?;
        compression.unpacks(read.compression_properties.as_ref())?;
        let charset = Charset::named(dataset.encoding_name.as_deref())?;
        Ok(HierarchicalFiles::new(Self { charset, compression }, read.hierarchy))
    }
}
