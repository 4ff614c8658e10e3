//! What people read when a definition is wrong: golden texts, in `snapshots/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use chrono::{DateTime, Utc};
use insta::assert_snapshot;
use ropeway_specs::{Diagnostic, Factory, Inputs, Scene, Secrets, validate};
use serde_json::Value;

const PIPELINE: &str = "pipeline/CopyOrders.json";
const SECRETS: &str = r#"{"LS_SqlServer": {"password": "canary-1"}, "LS_Blob": {"accountKey": "canary-2"}}"#;

/// A change of one file: what is replaced by what. It must be there, or the test tests nothing.
type Change<'a> = (&'a str, &'a str, &'a str);

fn inputs() -> Inputs {
    let now: DateTime<Utc> = "2026-01-02T03:04:05Z".parse().unwrap();
    Inputs { secrets: Secrets::from_text(SECRETS).unwrap(), ..Inputs::manual("run-1", now) }
}

/// The example of SQL Server to one Parquet blob, changed.
fn changed(changes: &[Change<'_>]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sql-server-to-parquet-blob");
    for kind in ["pipeline", "dataset", "linkedService"] {
        fs::create_dir(folder.path().join(kind)).unwrap();
        for file in fs::read_dir(example.join(kind)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.path().join(kind).join(file.file_name())).unwrap();
        }
    }
    for (file, from, to) in changes {
        let path = folder.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }
    folder
}

/// Everything that is said when the first activity is loaded and resolved.
fn said(changes: &[Change<'_>], inputs: &Inputs) -> String {
    let folder = changed(changes);
    let file = folder.path().join(PIPELINE);
    let (factory, mut diagnostics) = Factory::load_for_pipeline(&file, None);
    if let Some(name) = factory.pipeline_in(&file) {
        match factory.pipeline(name).map(|pipeline| {
            let activity = &pipeline.activities()[0];
            activity.work(inputs, &Scene::first(inputs, activity.name(), pipeline.variables()))
        }) {
            Ok(Ok(copy)) => diagnostics.extend(copy.warnings),
            Ok(Err(found)) | Err(found) => diagnostics.extend(found),
        }
    }
    diagnostics.dedup();
    let text = text(&diagnostics, folder.path());
    assert!(!text.contains("canary"), "{text}");
    text
}

fn text(diagnostics: &[Diagnostic], folder: &Path) -> String {
    let folder = folder.to_str().unwrap();
    let lines = diagnostics.iter().map(|diagnostic| format!("[{}] {diagnostic}\n", diagnostic.code));
    lines.collect::<String>().replace(&format!("{folder}/"), "").replace(folder, "FACTORY")
}

#[test]
fn nothing_is_said_of_the_example_itself() {
    assert_eq!(said(&[], &inputs()), "");
}

#[test]
fn files() {
    assert_snapshot!("not_json", said(&[(PIPELINE, "\"activities\": [", "\"activities\": [ nope")], &inputs()));
    assert_snapshot!("duplicate_key", said(&[(PIPELINE, "\"retry\": 1", "\"retry\": 1, \"retry\": 2")], &inputs()));
    assert_snapshot!("missing_dataset", said(&[(PIPELINE, "\"DS_SqlTable\"", "\"DS_SqlTabel\"")], &inputs()));
    assert_snapshot!(
        "missing_linked_service",
        said(&[("dataset/DS_ParquetBlob.json", "\"LS_Blob\"", "\"Warehouse\"")], &inputs())
    );
    let folder = changed(&[]);
    fs::remove_dir_all(folder.path().join("dataset")).unwrap();
    assert_snapshot!("no_datasets", text(&validate(&[folder.path().join(PIPELINE)]).diagnostics, folder.path()));
    let gone = folder.path().join("pipeline/Gone.json");
    assert_snapshot!("no_file", text(&Factory::load_for_pipeline(&gone, None).1, folder.path()));
}

#[test]
fn a_broken_neighbour_does_not_stop_a_pipeline() {
    let folder = changed(&[]);
    fs::write(folder.path().join("dataset/Other.json"), "{").unwrap();
    let (_, diagnostics) = Factory::load_for_pipeline(&folder.path().join(PIPELINE), None);
    assert_snapshot!("broken_neighbour", text(&diagnostics, folder.path()));
    assert_snapshot!(
        "broken_neighbour_validated",
        text(&validate(&[folder.path().to_path_buf()]).diagnostics, folder.path())
    );
}

#[test]
fn types() {
    assert_snapshot!("misspelt_source_type", said(&[(PIPELINE, "SqlServerSource", "SqlServerSorce")], &inputs()));
    assert_snapshot!("unsupported_source_type", said(&[(PIPELINE, "SqlServerSource", "OracleSource")], &inputs()));
    assert_snapshot!(
        "unknown_linked_service_type",
        said(&[("linkedService/LS_SqlServer.json", "\"SqlServer\"", "\"QuantumStore\"")], &inputs())
    );
    assert_snapshot!(
        "unsupported_dataset_type",
        said(&[("dataset/DS_ParquetBlob.json", "\"Parquet\"", "\"Orc\"")], &inputs())
    );
    assert_snapshot!("unsupported_activity", said(&[(PIPELINE, "\"Copy\"", "\"HDInsightHive\"")], &inputs()));
}

#[test]
fn properties() {
    let source = "\"type\": \"SqlServerSource\",";
    let with = |property: &str| said(&[(PIPELINE, source, &format!("{source} {property},"))], &inputs());
    assert_snapshot!("misspelt_property", with(r#""sqlReaderQeury": "SELECT 1""#));
    assert_snapshot!("unknown_property", with(r#""colour": "blue""#));
    let files =
        r#""type": "DelimitedTextSource", "storeSettings": {"type": "FileServerReadSettings", "fileFilter": "a"},"#;
    assert_snapshot!("unsupported_property", said(&[(PIPELINE, source, files)], &inputs()));
    assert_eq!(with(r#""additionalColumns": [{"name": "a", "value": "b"}]"#), "");
    assert_snapshot!("ignored_property", with(r#""sourceRetryCount": 3"#));
    assert_eq!(with(r#""additionalColumns": [], "disableMetricsCollection": false"#), "");
    assert_snapshot!("key_case", with(r#""SQLREADERQUERY": "SELECT 1""#));
    assert_snapshot!("type_case", said(&[(PIPELINE, source, "\"type\": \"sqlserversource\",")], &inputs()));
    let singular = [(PIPELINE, "\"AzureBlobStorageWriteSettings\"", "\"AzureBlobStorageWriteSetting\"")];
    assert_snapshot!("singular_type", said(&singular, &inputs()));
    assert_snapshot!(
        "quoted_value",
        said(&[(PIPELINE, "\"parallelCopies\": 4", "\"parallelCopies\": \"4\"")], &inputs())
    );
    let mut strict = inputs();
    strict.strict = true;
    let change =
        [(PIPELINE, "\"enableStaging\": false", "\"enableStaging\": true, \"enableSkipIncompatibleRow\": true")];
    assert_snapshot!("ignored_properties", said(&change, &inputs()));
    assert_snapshot!("ignored_properties_strict", said(&change, &strict));
}

#[test]
fn copies() {
    let no_sink = [(PIPELINE, "\"sink\":", "\"sunk\":")];
    assert_snapshot!("no_sink", said(&no_sink, &inputs()));
    assert_snapshot!(
        "no_inputs",
        said(&[(PIPELINE, "\"inputs\": [", "\"inputs\": [], \"userProperties2\": [")], &inputs())
    );
    let mappings =
        "\"typeConversion\": true, \"mappings\": [{\"source\": {\"name\": \"a\"}, \"sink\": {\"name\": \"b\"}}]";
    assert_eq!(said(&[(PIPELINE, "\"typeConversion\": true", mappings)], &inputs()), "");
    assert_snapshot!(
        "policy",
        said(&[(PIPELINE, "0.12:00:00", "half a day"), (PIPELINE, "\"retry\": 1", "\"retry\": -1")], &inputs())
    );
    assert_snapshot!(
        "parallel_copies",
        said(&[(PIPELINE, "\"parallelCopies\": 4", "\"parallelCopies\": \"many\"")], &inputs())
    );
}

#[test]
fn columns() {
    let with = |translator: &str| said(&[(PIPELINE, "\"typeConversion\": true", translator)], &inputs());
    let wrong = r#""typeConversion": true, "mappings": [
        {"source": {"path": "$.a"}, "sink": {"name": "a"}},
        {"source": {"name": "b"}},
        {"source": {"name": "c", "type": "Integer"}, "sink": {"name": "c", "ordinal": 0}},
        {"source": {"name": 4}, "sink": {"name": "d", "culture": "de-DE"}},
        {"source": {"name": "e"}, "sink": {"name": "e", "type": "DateTime", "format": "'open"}}
    ]"#;
    assert_snapshot!("wrong_mappings", with(wrong));
    assert_snapshot!(
        "two_mappings",
        with(r#""mappings": [{"source": {"name": "a"}, "sink": {"name": "b"}}], "columnMappings": "a: b""#)
    );
    assert_snapshot!("wrong_column_mappings", with(r#""columnMappings": "a: b, c""#));
    assert_snapshot!(
        "schema_mapping_with_paths",
        with(r#""schemaMapping": {"$.a": "b"}, "collectionReference": "$.c""#)
    );
    let settings = "\"allowDataTruncation\": true";
    let wrong = r#""allowDataTruncation": "perhaps", "culture": "fr-fr", "dateTimeFormat": "ffffffff",
        "timeSpanFormat": "hh:mm", "timeFormat": "HH:mm""#;
    assert_snapshot!("wrong_conversion", said(&[(PIPELINE, settings, wrong)], &inputs()));
    let off = [
        (PIPELINE, "\"typeConversion\": true", "\"typeConversion\": false"),
        (PIPELINE, settings, "\"dateTimeFormat\": \"yyyy\""),
    ];
    assert_snapshot!("conversion_is_off", said(&off, &inputs()));
    let source = "\"type\": \"SqlServerSource\",";
    let additional = format!(
        "{source} \"additionalColumns\": {}",
        r#"[{"name": "f", "value": "$$FILEPATH"}, {"name": "x", "value": "$$NOW"}, {"value": 1}],"#
    );
    assert_snapshot!("wrong_additional_columns", said(&[(PIPELINE, source, &additional)], &inputs()));
}

#[test]
fn dependencies() {
    let on = |activity: &str| {
        format!("\"dependsOn\": [{{\"activity\": \"{activity}\", \"dependencyConditions\": [\"Succeeded\"]}}]")
    };
    let depends = |activity: &str| said(&[(PIPELINE, "\"dependsOn\": []", &on(activity))], &inputs());
    assert_snapshot!("cycle", depends("CopyOrders"));
    assert_snapshot!("unknown_dependency", depends("CopyOrder"));
    let wrong = "\"dependsOn\": [{\"activity\": \"CopyOrders\", \"dependencyConditions\": [\"Done\"]}]";
    assert_snapshot!("unknown_condition", said(&[(PIPELINE, "\"dependsOn\": []", wrong)], &inputs()));
}

#[test]
fn parameters() {
    let with = |name: &str, value: Value| {
        let mut inputs = inputs();
        inputs.parameters = [(name.to_owned(), value)].into();
        said(
            &[(
                PIPELINE,
                "\"parameters\": {\n            \"server\"",
                "\"parameters\": {\"rows\": {\"type\": \"Int\", \"defaultValue\": 1},\n            \"server\"",
            )],
            &inputs,
        )
    };
    assert_snapshot!("misspelt_parameter", with("tabel", "x".into()));
    assert_snapshot!("unknown_parameter", with("colour", "blue".into()));
    assert_snapshot!("wrong_parameter", with("rows", "many canary".into()));
    let required = [(PIPELINE, "\"defaultValue\": \"Orders\"", "\"description\": \"no default\"")];
    assert_snapshot!("missing_parameter", said(&required, &inputs()));
    assert_snapshot!(
        "unknown_dataset_parameter",
        said(&[(PIPELINE, "\"fileName\": {", "\"filename2\": {")], &inputs())
    );
}

#[test]
fn expressions() {
    let table = "@pipeline().parameters.table\"";
    assert_snapshot!("open_expression", said(&[(PIPELINE, table, "@concat('a'\"")], &inputs()));
    assert_snapshot!(
        "unknown_property_in_expression",
        said(&[(PIPELINE, table, "@pipeline().parameters.tabel\"")], &inputs())
    );
    assert_snapshot!("unknown_function", said(&[(PIPELINE, table, "@concta('a')\"")], &inputs()));
    assert_snapshot!("unavailable_root", said(&[(PIPELINE, table, "@item().name\"")], &inputs()));
}

#[test]
fn secrets() {
    let mut none = inputs();
    none.secrets = Secrets::default();
    assert_snapshot!("masked_and_key_vault", said(&[], &none));
    let service = "linkedService/LS_SqlServer.json";
    let encrypted = (service, "\"authenticationType\"", "\"encryptedCredential\": \"ey\", \"authenticationType\"");
    let no_password = (service, "\"password\": {", "\"description\": {");
    assert_snapshot!("encrypted_credential", said(&[encrypted, no_password], &none));
    let whole = r#"{"LS_SqlServer": {"connectionString": "Server=canary"}, "ls_blob": {"connectionString": "canary"}}"#;
    none.secrets = Secrets::from_text(whole).unwrap();
    assert_eq!(said(&[encrypted], &none), "");
}

#[test]
fn version_1() {
    let pipeline = "\"properties\": {\n        \"start\": \"2015-01-01\", \"end\": \"2015-01-02\",";
    assert_snapshot!("version_1", said(&[(PIPELINE, "\"properties\": {", pipeline)], &inputs()));
}
