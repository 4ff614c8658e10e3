//! The settings, with Data Factory's names.

use ropeway_engine::chunk::RunId;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::{binary::SkipErrorFile, lenient, selection::ReadSettings};

/// Settings of the sink.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SinkSpec {
    pub(crate) linked_service: LinkedService,
    /// Kept whole: the format reads its own part of it.
    pub(crate) dataset: Value,
    pub(crate) sink: Value,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// Settings of the source.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceSpec {
    pub(crate) linked_service: LinkedService,
    /// Kept whole: the format reads its own part of it.
    pub(crate) dataset: Value,
    pub(crate) source: SourceSettings,
    #[serde(default)]
    pub(crate) skip_error_file: SkipErrorFile,
    /// `compression` of the sink's dataset, where files are copied as they are.
    pub(crate) sink_compression: Option<Value>,
    /// Whether the sink has one file for all of them.
    #[serde(default)]
    pub(crate) sink_is_one_file: bool,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// `ParquetSource` and `DelimitedTextSource`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SourceSettings {
    pub(crate) store_settings: Option<ReadSettings>,
    pub(crate) format_settings: Option<Value>,
    pub(crate) additional_columns: Option<Value>,
}

/// Settings of the store alone, for `test-connection`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreSpec {
    pub(crate) linked_service: LinkedService,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// `typeProperties` of the linked service. Which of them are set says how to log in.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LinkedService {
    pub(crate) connection_string: Option<SecretString>,
    pub(crate) account_key: Option<SecretString>,
    pub(crate) sas_uri: Option<SecretString>,
    pub(crate) sas_token: Option<SecretString>,
    pub(crate) service_endpoint: Option<String>,
    pub(crate) container_uri: Option<String>,
    /// That of a Data Lake account.
    pub(crate) url: Option<String>,
    pub(crate) authentication_type: Option<String>,
    pub(crate) service_principal_id: Option<String>,
    pub(crate) service_principal_key: Option<SecretString>,
    /// The same under its newer name.
    pub(crate) service_principal_credential: Option<SecretString>,
    pub(crate) service_principal_credential_type: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) azure_cloud_type: Option<String>,
}

/// What is ours, not Data Factory's.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Ropeway {
    /// A PEM file of certificate authorities that are trusted besides the system's.
    pub(crate) ca_bundle: Option<std::path::PathBuf>,
    /// The container that `test-connection` tries to write to.
    pub(crate) container: Option<String>,
    /// The proxy; may hold a password.
    pub(crate) proxy: Option<SecretString>,
    /// The run, for names that are made.
    pub(crate) run: Option<RunId>,
    #[serde(deserialize_with = "lenient::option::u64")]
    pub(crate) memory_bytes: Option<u64>,
    #[serde(deserialize_with = "lenient::option::u32")]
    pub(crate) parallel: Option<u32>,
    /// Bytes of a block to begin with, for what is smaller than rows.
    #[serde(deserialize_with = "lenient::option::u64")]
    pub(crate) block_bytes: Option<u64>,
    /// A request whose bytes stand still for so long is given up; 60 by default.
    #[serde(deserialize_with = "lenient::option::u32")]
    pub(crate) stall_seconds: Option<u32>,
}

/// The part of a dataset that says where.
#[derive(Deserialize)]
pub(crate) struct Dataset {
    pub(crate) location: Location,
}

/// `AzureBlobStorageLocation` and `AzureBlobFSLocation`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Location {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) container: Option<String>,
    #[serde(rename = "fileSystem")]
    pub(crate) file_system: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    pub(crate) folder_path: Option<String>,
    #[serde(default, deserialize_with = "lenient::option::text")]
    pub(crate) file_name: Option<String>,
}

/// `ParquetSink` and `DelimitedTextSink`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SinkSettings {
    pub(crate) store_settings: StoreSettings,
}

/// `AzureBlobStorageWriteSettings` and `AzureBlobFSWriteSettings`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StoreSettings {
    #[serde(rename = "blockSizeInMB", deserialize_with = "lenient::option::u64")]
    pub(crate) block_size_in_mb: Option<u64>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) copy_behavior: Option<String>,
    pub(crate) metadata: Vec<MetadataItem>,
}

/// One entry of `metadata`.
#[derive(Deserialize)]
pub(crate) struct MetadataItem {
    pub(crate) name: String,
    #[serde(deserialize_with = "lenient::text")]
    pub(crate) value: String,
}
