//! What dataset and source say about an XML file.

use std::collections::BTreeMap;

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{COPIES, XmlFiles, document::Reading};
use crate::{
    format::{
        charset::Charset,
        compression::{Compression, DatasetCompression},
        hierarchy::{HierarchicalFiles, Hierarchy, LONGEST_RECORD},
    },
    lenient,
};

/// The properties of an `Xml` dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct DatasetProperties {
    #[serde(deserialize_with = "lenient::option::text")]
    encoding_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    null_value: Option<String>,
    compression: Option<DatasetCompression>,
}

/// `XmlReadSettings`, with what the translator says of hierarchical columns.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct ReadSettings {
    #[serde(deserialize_with = "lenient::option::text")]
    validation_mode: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    namespaces: Option<bool>,
    namespace_prefixes: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "lenient::option::bool")]
    detect_data_type: Option<bool>,
    compression_properties: Option<Value>,
    hierarchy: Hierarchy,
}

impl XmlFiles {
    /// # Errors
    /// A validation that is not done, or an unknown encoding or codec.
    pub(in crate::format) fn reader(
        dataset: DatasetProperties,
        read: ReadSettings,
        memory: u64,
    ) -> Result<HierarchicalFiles<Self>> {
        let mode = read.validation_mode.unwrap_or_default();
        if !mode.is_empty() && !mode.eq_ignore_ascii_case("none") {
            return Err(Error::new(
                ErrorKind::Spec,
                "XML is not validated against schemas; set validationMode to none, or validate the files beforehand",
            )
            .with("validationMode", mode.escape_debug()));
        }
        let compression = Compression::of(dataset.compression.as_ref())?;
        compression.unpacks(read.compression_properties.as_ref())?;
        let named = dataset.encoding_name.filter(|name| !name.is_empty());
        let format = Self {
            charset: named.map(|name| Charset::named(Some(&name))).transpose()?,
            compression,
            reading: Reading {
                namespaces: read.namespaces.unwrap_or(true),
                prefixes: read.namespace_prefixes.unwrap_or_default(),
                detects: read.detect_data_type.unwrap_or(true),
                null_value: dataset.null_value.unwrap_or_default(),
            },
            longest: usize::try_from(memory / (2 * COPIES)).unwrap_or(usize::MAX).min(LONGEST_RECORD),
        };
        Ok(HierarchicalFiles::new(format, read.hierarchy))
    }
}
