//! The example factories: no findings at all, and each resolves with its defaults and its secrets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use ropeway_specs::{Diagnostic, Factory, Inputs, ResolvedCopy, Scene, Secrets, validate};
use serde_json::{Value, json};

const EXAMPLES: [(&str, &str); 8] = [
    ("sql-server-to-parquet-blob", "CopyOrders"),
    ("sql-server-to-parquet-folder", "CopyOrdersSince"),
    ("odbc-to-csv-blob", "CopyCustomers"),
    ("files-to-blob", "CopyFiles"),
    ("csv-to-sql-server", "CopyToTable"),
    ("csv-to-sql-server-upsert", "UpsertIntoTable"),
    ("csv-to-sql-server-procedure", "CopyToProcedure"),
    ("synthetic-to-folder", "SyntheticToFolder"),
];

const SECRETS: &str = r#"{
    "LS_SqlServer": {"password": "sql-secret"},
    "LS_Odbc": {"password": "odbc-secret"},
    "LS_Blob": {"accountKey": "blob-secret"}
}"#;

fn folder(example: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example)
}

fn inputs(secrets: &str) -> Inputs {
    let now: DateTime<Utc> = "2026-01-02T03:04:05Z".parse().unwrap();
    Inputs { secrets: Secrets::from_text(secrets).unwrap(), ..Inputs::manual("run-1", now) }
}

fn resolve(example: &str, pipeline: &str, inputs: &Inputs) -> Result<ResolvedCopy, Vec<Diagnostic>> {
    let file = folder(example).join("pipeline").join(format!("{pipeline}.json"));
    let (factory, diagnostics) = Factory::load_for_pipeline(&file, None);
    assert_eq!(diagnostics, [], "{example}");
    let pipeline = factory.pipeline(pipeline).unwrap();
    let activity = &pipeline.activities()[0];
    activity.copy(inputs, &Scene::first(inputs, activity.name(), pipeline.variables()))
}

fn text(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect()
}

#[test]
fn all_validate_without_a_finding() {
    for (example, _) in EXAMPLES {
        assert_eq!(text(&validate(&[folder(example)]).diagnostics), "", "{example}");
    }
    assert_eq!(text(&validate(&[folder("")]).diagnostics), "");
}

#[test]
fn all_resolve_with_their_defaults() {
    for (example, pipeline) in EXAMPLES {
        let copy = resolve(example, pipeline, &inputs(SECRETS)).unwrap_or_else(|found| panic!("{}", text(&found)));
        assert_eq!(copy.warnings, [], "{example}");
        assert!(!format!("{copy:?}").contains("-secret"), "{example}");
        assert!(!copy.settings.to_string().contains("-secret"), "{example}");
    }
}

#[test]
fn the_synthetic_example_needs_nothing() {
    let copy = resolve("synthetic-to-folder", "SyntheticToFolder", &inputs("{}")).unwrap();
    assert_eq!(copy.parallel_copies, Some(4));
    assert_eq!(copy.source.linked_service_type, "Synthetic");
    assert_eq!(
        *copy.source.settings.expose(),
        json!({
            "linkedService": {"type": "Synthetic"},
            "dataset": {"type": "SyntheticTable", "table": "lineitem", "scaleFactor": 0.1},
            "source": {"type": "SyntheticSource"},
            "parallelCopies": 4,
        })
    );
    assert_eq!(
        *copy.sink.settings.expose(),
        json!({
            "linkedService": {"type": "FileServer", "host": "/tmp"},
            "dataset": {
                "type": "Parquet",
                "location": {"type": "FileServerLocation", "folderPath": "ropeway-out/lineitem"},
                "compressionCodec": "snappy",
            },
            "sink": {
                "type": "ParquetSink",
                "storeSettings": {"type": "FileServerWriteSettings"},
                "formatSettings": {"type": "ParquetWriteSettings"},
            },
        })
    );
}

#[test]
fn secrets_reach_the_connector_and_the_rest_is_evaluated() {
    let copy = resolve("sql-server-to-parquet-blob", "CopyOrders", &inputs(SECRETS)).unwrap();
    let source = copy.source.settings.expose();
    assert_eq!(source["linkedService"]["password"], "sql-secret");
    assert_eq!(source["linkedService"]["server"], "localhost");
    assert_eq!(source["dataset"], json!({"type": "SqlServerTable", "schema": "dbo", "table": "Orders"}));
    let sink = copy.sink.settings.expose();
    assert_eq!(sink["linkedService"]["accountKey"], "blob-secret");
    assert_eq!(sink["dataset"]["location"]["fileName"], "orders.parquet");
    let copy = resolve("sql-server-to-parquet-folder", "CopyOrdersSince", &inputs(SECRETS)).unwrap();
    assert_eq!(
        copy.source.settings.expose()["source"]["sqlReaderQuery"],
        "SELECT * FROM dbo.Orders WHERE OrderDate >= '2024-01-01' AND ?AdfDynamicRangePartitionCondition"
    );
    let copy = resolve("files-to-blob", "CopyFiles", &inputs(SECRETS)).unwrap();
    assert_eq!(copy.source.settings.expose()["dataset"]["columns"][0]["name"], "id");
}

#[test]
fn a_missing_secret_says_what_to_supply() {
    let found = resolve("sql-server-to-parquet-blob", "CopyOrders", &inputs("{}")).unwrap_err();
    let found = text(&found).replace(folder("sql-server-to-parquet-blob").to_str().unwrap(), "");
    assert_eq!(
        found,
        "/linkedService/LS_SqlServer.json: $.properties.typeProperties.password: error: the linked service 'LS_SqlServer' \
         has a masked secret ('**********'); supply 'password': in a file given with --secrets, \
         {\"LS_SqlServer\":{\"password\":\"...\"}}, or in the environment as ROPEWAY_SECRET__LS_SQLSERVER__PASSWORD\n\
         /linkedService/LS_Blob.json: $.properties.typeProperties.accountKey: error: the linked service 'LS_Blob' \
         takes the secret 'blob-account-key' from the Key Vault 'example-vault.vault.azure.net'; ask it with \
         --allow-host example-vault.vault.azure.net, or supply 'accountKey': in a file given with \
         --secrets, {\"LS_Blob\":{\"accountKey\":\"...\"}}, or in the environment as ROPEWAY_SECRET__LS_BLOB__ACCOUNTKEY\n"
    );
}

#[test]
fn the_fingerprint_knows_the_definition_and_not_the_secrets() {
    let (example, pipeline) = EXAMPLES[0];
    let fingerprint = |inputs: &Inputs| resolve(example, pipeline, inputs).unwrap().fingerprint;
    let first = fingerprint(&inputs(SECRETS));
    assert_eq!(first, fingerprint(&inputs(&SECRETS.replace("-secret", "-rotated"))));
    let mut other = inputs(SECRETS);
    for (name, value) in [("table", "Customers"), ("server", "elsewhere"), ("container", "other")] {
        other.parameters = [(name.to_owned(), Value::from(value))].into();
        assert_ne!(first, fingerprint(&other), "{name}");
    }
}

#[test]
fn a_linked_service_and_a_dataset_resolve_alone() {
    let (factory, _) = Factory::load(&folder("synthetic-to-folder"));
    let store = factory.linked_service("LS_Folder", &inputs("{}")).unwrap();
    assert_eq!(*store.settings.expose(), json!({"linkedService": {"type": "FileServer", "host": "/tmp"}}));
    let side = factory.dataset("DS_LineItem", &inputs("{}")).unwrap();
    assert_eq!(side.settings.expose()["source"], json!({"type": "SyntheticSource"}));
    assert_eq!(side.settings.expose()["dataset"]["scaleFactor"], 0.01);
    let found = factory.dataset("DS_LineItems", &inputs("{}")).unwrap_err();
    assert!(text(&found).contains("did you mean 'DS_LineItem'?"), "{}", text(&found));
}
