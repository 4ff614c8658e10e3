//! Linked services: other names of types, gateways instead of integration runtimes, credentials inside of strings.

use serde_json::{Map, Value, json};

use crate::older::{Notes, Part};

/// Types of 2016 and of 2014 beside those of version 2. A type that is not here has the same name.
const TYPES: [(&str, &str); 29] = [
    ("OnPremisesSqlServer", "SqlServer"),
    ("OnPremisesSqlLinkedService", "SqlServer"),
    ("OnPremisesOdbc", "Odbc"),
    ("OnPremisesFileServer", "FileServer"),
    ("OnPremisesFileSystemLinkedService", "FileServer"),
    ("AzureStorage", "AzureBlobStorage"),
    ("AzureStorageSas", "AzureBlobStorage"),
    ("AzureStorageLinkedService", "AzureBlobStorage"),
    ("AzureSqlLinkedService", "AzureSqlDatabase"),
    ("AzureSqlDataWarehouseLinkedService", "AzureSqlDW"),
    ("OnPremisesOracle", "Oracle"),
    ("OnPremisesOracleLinkedService", "Oracle"),
    ("OnPremisesMySql", "MySql"),
    ("OnPremisesDb2", "Db2"),
    ("OnPremisesPostgreSql", "PostgreSql"),
    ("OnPremisesTeradata", "Teradata"),
    ("OnPremisesSybase", "Sybase"),
    ("OnPremisesCassandra", "Cassandra"),
    ("OnPremisesMongoDb", "MongoDb"),
    ("OnPremisesSapHana", "SapHana"),
    ("ODataService", "OData"),
    ("DocumentDb", "CosmosDb"),
    ("AwsAccessKey", "AmazonS3"),
    ("HDInsightBYOCLinkedService", "HDInsight"),
    ("HDInsightOnDemandLinkedService", "HDInsightOnDemand"),
    ("AzureMLLinkedService", "AzureML"),
    ("AzureBatchLinkedService", "AzureBatch"),
    ("CustomLinkedService", "CustomDataSource"),
    ("MongoDbLinkedService", "MongoDb"),
];

/// Whether a type has another name in version 2.
pub(super) fn is_renamed(type_name: &str) -> bool {
    TYPES.iter().any(|(old, _)| old.eq_ignore_ascii_case(type_name))
}

/// The properties of version 2.
pub(super) fn convert(mut old: Part, notes: &mut Notes) -> Map<String, Value> {
    let written = old.text("type").unwrap_or_default();
    let type_name = TYPES.iter().find(|(old, _)| old.eq_ignore_ascii_case(&written)).map_or(&*written, |(_, new)| new);
    let mut new = Map::from_iter([("type".to_owned(), Value::from(type_name))]);
    for kept in ["description", "connectVia", "parameters", "annotations"] {
        new.extend(old.take(kept).map(|value| (kept.to_owned(), value)));
    }
    old.leave_out(&[("hubName", "version 2 has no hubs")], notes);
    // In 2014 the settings of a store stood beside its type.
    let mut settings = if old.peek("typeProperties").is_some() {
        let settings = old.part("typeProperties");
        old.report_rest("the linked service", notes);
        settings
    } else {
        old
    };
    if let Some(gateway) = settings.text("gatewayName") {
        new.insert("connectVia".to_owned(), json!({ "referenceName": gateway, "type": "IntegrationRuntimeReference" }));
    }
    settings.leave_out(&[("gatewayLocation", "an integration runtime knows where it is")], notes);
    new.insert("typeProperties".to_owned(), type_properties(settings).into());
    new
}

fn type_properties(mut settings: Part) -> Map<String, Value> {
    let mut new = Map::new();
    if let Some(Value::String(text)) = settings.peek("connectionString") {
        let (text, credential) = without_encrypted(text);
        settings.take("connectionString");
        new.insert("connectionString".to_owned(), text.into());
        new.extend(credential.map(|credential| ("encryptedCredential".to_owned(), credential.into())));
    }
    for (old, name) in [("username", "userName"), ("userid", "userId")] {
        new.extend(settings.take(old).map(|value| (name.to_owned(), value)));
    }
    new.extend(settings.rest());
    new
}

/// A connection string without its `EncryptedCredential`, which stood inside of it.
fn without_encrypted(text: &str) -> (String, Option<String>) {
    const KEY: &str = "encryptedcredential";
    let mut credential = None;
    let kept = text.split(';').filter(|part| match part.split_once('=') {
        Some((key, value)) if key.trim().eq_ignore_ascii_case(KEY) => {
            credential = Some(value.trim().to_owned());
            false
        }
        _ => true,
    });
    let kept: Vec<&str> = kept.collect();
    (kept.join(";"), credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encrypted_credential_leaves_the_connection_string() {
        let (text, credential) = without_encrypted("Data Source=s;EncryptedCredential=eyJDb25==;Initial Catalog=d");
        assert_eq!(text, "Data Source=s;Initial Catalog=d");
        assert_eq!(credential.as_deref(), Some("eyJDb25=="));
        assert_eq!(without_encrypted("Data Source=s").1, None);
    }

    #[test]
    fn no_type_is_listed_twice() {
        for (index, (old, _)) in TYPES.iter().enumerate() {
            assert!(TYPES[..index].iter().all(|(other, _)| other != old), "{old}");
            let new = TYPES[index].1;
            assert_eq!(crate::schema::canonical_type("LinkedService", new), Some(new));
        }
    }
}
