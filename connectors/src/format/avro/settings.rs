//! What dataset and sink say about an Avro file.

use ropeway_engine::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::{Avro, codec::Codec, columns::is_name};
use crate::lenient;

/// The properties of an `Avro` dataset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct DatasetProperties {
    #[serde(deserialize_with = "lenient::option::text")]
    avro_compression_codec: Option<String>,
    #[serde(deserialize_with = "lenient::option::u32")]
    avro_compression_level: Option<u32>,
}

/// `AvroWriteSettings`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::format) struct WriteSettings {
    #[serde(deserialize_with = "lenient::option::text")]
    record_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    record_namespace: Option<String>,
}

/// The name of the record that a row is.
#[derive(Clone, Debug)]
pub(super) struct RecordName {
    pub(super) name: String,
    pub(super) namespace: Option<String>,
}

impl Avro {
    pub(in crate::format) fn new(dataset: DatasetProperties, write: WriteSettings) -> Result<Self> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let record = RecordName {
            name: given(write.record_name).unwrap_or_else(|| "topLevelRecord".to_owned()),
            namespace: given(write.record_namespace),
        };
        let pieces = record.namespace.iter().flat_map(|namespace| namespace.split('.')).chain([record.name.as_str()]);
        if let Some(wrong) = pieces.into_iter().find(|name| !is_name(name)) {
            return Err(Error::new(
                ErrorKind::Spec,
                "recordName and recordNamespace are made of letters, digits and underscores; correct them",
            )
            .with("name", wrong.escape_debug()));
        }
        let codec = Codec::for_writing(dataset.avro_compression_codec.as_deref(), dataset.avro_compression_level)?;
        Ok(Self { codec, record })
    }
}
