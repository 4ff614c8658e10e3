//! The settings as Data Factory writes them.

use std::path::PathBuf;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::lenient;

/// Settings of a source.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceSpec {
    pub(crate) linked_service: LinkedService,
    #[serde(default)]
    pub(crate) dataset: Dataset,
    #[serde(default)]
    pub(crate) source: CopySource,
    #[serde(default, deserialize_with = "lenient::option::u32")]
    pub(crate) parallel_copies: Option<u32>,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// Settings of a sink.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SinkSpec {
    pub(crate) linked_service: LinkedService,
    #[serde(default)]
    pub(crate) dataset: Dataset,
    #[serde(default)]
    pub(crate) sink: CopySink,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// Settings of a connection test.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoreSpec {
    pub(crate) linked_service: LinkedService,
    #[serde(default)]
    pub(crate) ropeway: Ropeway,
}

/// A linked service in the recommended shape, the `connectionString` shape, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LinkedService {
    pub(crate) r#type: String,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) server: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) database: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) encrypt: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(crate) trust_server_certificate: Option<bool>,
    pub(crate) host_name_in_certificate: Option<String>,
    pub(crate) application_intent: Option<String>,
    #[serde(deserialize_with = "lenient::option::u32")]
    pub(crate) connect_timeout: Option<u32>,
    #[serde(deserialize_with = "lenient::option::u32")]
    pub(crate) command_timeout: Option<u32>,
    #[serde(deserialize_with = "lenient::option::u32")]
    pub(crate) packet_size: Option<u32>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(crate) multi_subnet_failover: Option<bool>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(crate) integrated_security: Option<bool>,
    pub(crate) authentication_type: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<SecretString>,
    pub(crate) connection_string: Option<SecretString>,
    pub(crate) service_principal_id: Option<String>,
    pub(crate) service_principal_key: Option<SecretString>,
    pub(crate) tenant: Option<String>,
    pub(crate) azure_cloud_type: Option<String>,
}

/// The table that a dataset names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Dataset {
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) schema: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) table: Option<String>,
    /// `schema.table` or `[schema].[table]`.
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) table_name: Option<String>,
}

/// What a copy source adds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CopySource {
    #[serde(alias = "query")]
    pub(crate) sql_reader_query: Option<String>,
    pub(crate) sql_reader_stored_procedure_name: Option<String>,
    pub(crate) stored_procedure_parameters: Option<serde_json::Map<String, Value>>,
    pub(crate) isolation_level: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) query_timeout: Option<String>,
    #[serde(alias = "partitionOptions")]
    pub(crate) partition_option: Option<String>,
    pub(crate) partition_settings: Option<PartitionSettings>,
}

/// What a copy sink adds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CopySink {
    pub(crate) write_behavior: Option<String>,
    pub(crate) pre_copy_script: Option<String>,
    pub(crate) table_option: Option<String>,
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(crate) sql_writer_use_table_lock: Option<bool>,
    pub(crate) upsert_settings: Option<UpsertSettings>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) sql_writer_stored_procedure_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) sql_writer_table_type: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) stored_procedure_table_type_parameter_name: Option<String>,
    pub(crate) stored_procedure_parameters: Option<serde_json::Map<String, Value>>,
    #[serde(deserialize_with = "lenient::option::u64")]
    pub(crate) write_batch_size: Option<u64>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) write_batch_timeout: Option<String>,
}

/// How an upsert finds rows, and where it keeps them meanwhile.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct UpsertSettings {
    #[serde(rename = "useTempDB", deserialize_with = "lenient::option::bool")]
    pub(crate) use_temp_db: Option<bool>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) interim_schema_name: Option<String>,
    pub(crate) keys: Option<Vec<String>>,
}

/// How a range cut is to be made.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PartitionSettings {
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) partition_column_name: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) partition_lower_bound: Option<String>,
    #[serde(deserialize_with = "lenient::option::text")]
    pub(crate) partition_upper_bound: Option<String>,
}

/// Settings of Ropeway's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Ropeway {
    /// Certificate authorities beside the system's.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Whether a sink's column may lose something.
    #[serde(deserialize_with = "lenient::option::bool")]
    pub(crate) lossy: Option<bool>,
    /// See [`settings`](super::settings) for these.
    pub(crate) uniqueidentifier: Option<String>,
    pub(crate) date_time2: Option<String>,
    pub(crate) date_time_offset: Option<String>,
    /// When rows appear in a sink's table.
    pub(crate) commit: Option<String>,
}
