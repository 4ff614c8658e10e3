//! Which ends of copies are stores that Ropeway has, told from the definitions alone.

use serde_json::{Value, json};

/// The formats of files that Ropeway has.
pub(super) const FORMATS: [&str; 8] = ["Binary", "DelimitedText", "Json", "Parquet", "Avro", "Orc", "Excel", "Xml"];
/// What is read and not written.
const READ_ONLY: [&str; 3] = ["Orc", "Excel", "Xml"];
const TABLES: [(&str, &str); 4] = [
    ("SqlServerTable", "SqlServer"),
    ("AzureSqlTable", "AzureSqlDatabase"),
    ("AzureSqlMITable", "AzureSqlMI"),
    ("OdbcTable", "Odbc"),
];
/// Files in the older form.
const OLDER: [(&str, &str); 3] =
    [("AzureBlob", "AzureBlobStorage"), ("AzureBlobFSFile", "AzureBlobFS"), ("FileShare", "FileServer")];
const FILE_STORES: [&str; 3] = ["AzureBlobStorage", "AzureBlobFS", "FileServer"];

/// One end of a copy: the properties of its dataset and of the linked service, as far as they are there.
pub(super) struct End<'a> {
    pub(super) dataset: &'a Value,
    pub(super) service: Option<&'a Value>,
    /// The source or the sink.
    pub(super) copy: &'a Value,
    pub(super) is_sink: bool,
}

/// The type of linked service of an end that Ropeway has; `None` for every other end.
pub(super) fn store(end: &End<'_>) -> Option<&'static str> {
    let End { dataset, service, copy, is_sink } = end;
    let dataset_type = dataset["type"].as_str()?;
    let location = dataset["typeProperties"]["location"]["type"].as_str().unwrap_or_default();
    let is_format = FORMATS.contains(&dataset_type) && !(*is_sink && READ_ONLY.contains(&dataset_type));
    let known = TABLES.into_iter().chain(OLDER).find(|(known, _)| *known == dataset_type).map(|(_, store)| store);
    let by_location = || FILE_STORES.into_iter().find(|store| is_format && location == format!("{store}Location"));
    let found = known.or_else(by_location)?;
    // A share of Hadoop had the dataset of a file server.
    let is_of_hadoop = copy["type"].as_str().is_some_and(|name| name.starts_with("Hdfs"));
    let is_that = service.is_none_or(|service| {
        service["type"] == found || (service["type"] == "AzureStorage" && found == "AzureBlobStorage")
    });
    (is_that && !is_of_hadoop).then_some(found)
}

/// A linked service of this type as a repository holds it: without address and secret.
pub(super) fn masked(type_name: &str) -> Value {
    let properties = match type_name {
        "FileServer" => json!({ "host": "**********", "userId": "x" }),
        "AzureBlobFS" => json!({ "url": "https://**********.dfs.core.windows.net" }),
        _ => json!({ "connectionString": { "type": "SecureString", "value": "**********" } }),
    };
    json!({ "type": type_name, "typeProperties": properties })
}
