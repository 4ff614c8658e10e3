//! Definitions of version 1 run as those of version 2: one slice, with the values that it had.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, fs, path::Path};

use ropeway_specs::{Factory, Inputs, ResolvedCopy, Scene, import};
use serde_json::{Value, json};

/// SQL Server to a blob of texts, one folder an hour, as Microsoft's sample has it.
fn sql_server_to_blob() -> Vec<(&'static str, Value)> {
    let partition = |name: &str, format: &str| json!({ "name": name, "value": { "type": "DateTime", "date": "SliceStart", "format": format } });
    vec![
        (
            "SqlServer",
            json!({ "type": "OnPremisesSqlServer", "typeProperties": { "ConnectionString": "Data Source=s;Initial Catalog=d;Integrated Security=False;User ID=u;Password=p;", "gatewayName": "gate" } }),
        ),
        (
            "Storage",
            json!({ "type": "AzureStorage", "typeProperties": { "connectionString": "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5" } }),
        ),
        (
            "Orders",
            json!({
                "type": "SqlServerTable", "linkedServiceName": "SqlServer", "typeProperties": { "tableName": "dbo.Orders" }, "external": true,
                "availability": { "frequency": "Hour", "interval": 1 },
            }),
        ),
        (
            "Texts",
            json!({
                "type": "AzureBlob", "linkedServiceName": "Storage",
                "typeProperties": {
                    "folderPath": "box/orders/{Year}/{Hour}", "fileName": "orders.txt",
                    "partitionedBy": [partition("Year", "yyyy"), partition("Hour", "%H")],
                    "format": { "type": "TextFormat", "columnDelimiter": "\t" },
                },
                "availability": { "frequency": "Hour", "interval": 1 },
            }),
        ),
        (
            "Hourly",
            json!({
                "start": "2014-06-01T18:00:00Z", "end": "2014-06-01T20:00:00Z",
                "activities": [{
                    "name": "Copy orders", "type": "Copy",
                    "inputs": [{ "name": "Orders" }], "outputs": [{ "name": "Texts" }],
                    "typeProperties": {
                        "source": { "type": "SqlSource", "SqlReaderQuery": "$$Text.Format('select * from Orders where t >= \\'{0:yyyy-MM-dd HH:mm}\\' AND t < \\'{1:yyyy-MM-dd HH:mm}\\'', WindowStart, WindowEnd)" },
                        "sink": { "type": "BlobSink" },
                    },
                    "scheduler": { "frequency": "Hour", "interval": 1 },
                    "policy": { "retry": 3, "timeout": "01:00:00", "concurrency": 4 },
                }],
            }),
        ),
    ]
}

fn written(definitions: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, properties) in definitions {
        let text = json!({ "name": name, "properties": properties }).to_string();
        fs::write(folder.path().join(format!("{name}.json")), text).unwrap();
    }
    folder
}

/// The first activity of a pipeline, or what is wrong.
fn resolved(root: &Path, pipeline: &str, parameters: &[(&str, &str)]) -> Result<ResolvedCopy, Vec<String>> {
    let mut inputs = Inputs::manual("run", "2026-01-02T03:04:05Z".parse().unwrap());
    inputs.parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect::<BTreeMap<_, _>>();
    let (factory, _) = Factory::load(root);
    let all = |found: Vec<ropeway_specs::Diagnostic>| found.iter().map(ToString::to_string).collect::<Vec<_>>();
    let pipeline = factory.pipeline(pipeline).map_err(all)?;
    let activity = &pipeline.activities()[0];
    activity.copy(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables())).map_err(all)
}

fn query(copy: &ResolvedCopy) -> &str {
    copy.settings["source"]["sqlReaderQuery"].as_str().unwrap()
}

#[test]
fn a_slice_has_its_window_and_its_folder() {
    let folder = written(&sql_server_to_blob());
    let copy = resolved(folder.path(), "Hourly", &[]).unwrap();
    assert_eq!(query(&copy), "select * from Orders where t >= '2014-06-01 18:00' AND t < '2014-06-01 19:00'");
    assert_eq!(copy.source.linked_service_type, "SqlServer");
    assert_eq!(copy.sink.linked_service_type, "AzureBlobStorage");
    let sink = copy.sink.settings.expose();
    assert_eq!(
        sink["dataset"]["location"],
        json!({ "type": "AzureBlobStorageLocation", "container": "box", "folderPath": "orders/2014/18", "fileName": "orders.txt" })
    );
    assert_eq!(
        (&sink["dataset"]["columnDelimiter"], &sink["dataset"]["quoteChar"], &sink["dataset"]["nullValue"]),
        (&json!("\t"), &json!(""), &json!("\\N"))
    );
    assert_eq!(sink["sink"]["type"], "DelimitedTextSink");
}

#[test]
fn another_slice_is_asked_for_by_its_start() {
    let folder = written(&sql_server_to_blob());
    let copy = resolved(folder.path(), "Hourly", &[("sliceStart", "2016-01-01T00:00:00Z")]).unwrap();
    assert_eq!(query(&copy), "select * from Orders where t >= '2016-01-01 00:00' AND t < '2016-01-01 01:00'");
    let longer = [("sliceStart", "2016-01-01T00:00:00Z"), ("windowEnd", "2016-01-02T00:00:00Z")];
    let copy = resolved(folder.path(), "Hourly", &longer).unwrap();
    assert_eq!(query(&copy), "select * from Orders where t >= '2016-01-01 00:00' AND t < '2016-01-02 00:00'");
}

#[test]
fn what_import_writes_runs_the_same() {
    let folder = written(&sql_server_to_blob());
    let imported = import(folder.path());
    let out = tempfile::tempdir().unwrap();
    for (file, definition) in &imported.files {
        let file = out.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, definition.to_string()).unwrap();
    }
    assert_eq!(imported.files.len(), 5);
    let slice = [("sliceStart", "2016-01-01T05:00:00Z")];
    let (old, new) =
        (resolved(folder.path(), "Hourly", &slice).unwrap(), resolved(out.path(), "Hourly", &slice).unwrap());
    assert_eq!(old.fingerprint, new.fingerprint);
    let said = ropeway_specs::validate(&[out.path().to_path_buf()]).diagnostics;
    assert!(said.iter().all(|found| !found.code.starts_with("version-1")), "{said:?}");
}

#[test]
fn the_dialect_of_2014_runs_too() {
    let definitions = [
        (
            "Db",
            json!({ "Type": "AzureSqlLinkedService", "ConnectionString": "Data Source=tcp:s.database.windows.net,1433;Initial Catalog=d;User ID=u;Password=p" }),
        ),
        (
            "From",
            json!({ "Location": { "Type": "AzureSqlTableLocation", "TableName": "A", "LinkedServiceName": "Db" }, "Availability": { "Frequency": "Day", "Interval": 1, "waitOnExternal": {} } }),
        ),
        (
            "To",
            json!({ "location": { "type": "AzureSqlTableLocation", "tableName": "B", "linkedServiceName": "Db" }, "availability": { "frequency": "Day", "interval": 1 } }),
        ),
        (
            "Daily",
            json!({ "Activities": [{
                "Name": "Copy", "Type": "CopyActivity", "Inputs": [{ "Name": "From" }], "Outputs": [{ "Name": "To" }],
                "Transformation": { "Source": { "Type": "SqlSource" }, "Sink": { "Type": "SqlSink", "sqlWriterCleanupScript": "$$Text.Format('delete B where d = \\'{0:yyyyMMdd}\\'', SliceEnd)" } },
            }] }),
        ),
    ];
    let folder = written(&definitions);
    let copy = resolved(folder.path(), "Daily", &[("sliceStart", "2014-02-28")]).unwrap();
    assert_eq!(copy.source.linked_service_type, "AzureSqlDatabase");
    assert_eq!(copy.source.settings.expose()["dataset"]["tableName"], "A");
    assert_eq!(copy.settings["sink"]["preCopyScript"], "delete B where d = '20140301'");
    let missing = resolved(folder.path(), "Daily", &[]).unwrap_err();
    assert!(missing[0].contains("the parameter 'sliceStart' (String) of pipeline 'Daily' has no value"), "{missing:?}");
}

#[test]
fn what_would_copy_something_else_is_refused_by_name() {
    let mut definitions = sql_server_to_blob();
    definitions[3].1["availability"] = json!({ "frequency": "Day", "interval": 1 });
    let refused = resolved(written(&definitions).path(), "Hourly", &[]).unwrap_err();
    assert!(refused[0].contains("a slice of 'Texts' is 1 x Day and one of the activity 1 x Hour"), "{refused:?}");

    let mut definitions = sql_server_to_blob();
    definitions[4].1["activities"][0]["typeProperties"]["source"]["SqlReaderQuery"] =
        "$$Date.EndOfDay(SliceStart)".into();
    let folder = written(&definitions);
    let refused = resolved(folder.path(), "Hourly", &[]).unwrap_err();
    assert!(refused[0].contains("the function Date.EndOfDay with 1 arguments has no equal"), "{refused:?}");
    assert!(
        import(folder.path()).files.iter().all(|(file, _)| !file.ends_with("Hourly.json")),
        "it cannot be written down"
    );
}

#[test]
fn an_activity_that_reads_what_another_one_writes_comes_after_it() {
    let copy = |name: &str, from: &str, to: &str| {
        json!({
            "name": name, "type": "Copy", "inputs": [{ "name": from }], "outputs": [{ "name": to }],
            "typeProperties": { "source": { "type": "SqlSource" }, "sink": { "type": "SqlSink" } },
        })
    };
    let pipeline = json!({ "activities": [copy("second", "B", "C"), copy("first", "A", "b")], "hubName": "h" });
    let folder = written(&[("P", pipeline)]);
    let (factory, _) = Factory::load(folder.path());
    let pipeline = factory.pipeline("P").unwrap();
    let order: Vec<_> = pipeline.activities().iter().map(ropeway_specs::Activity::name).collect();
    assert_eq!(order, ["first", "second"]);
}

#[test]
fn texts_without_a_header_have_the_names_of_their_structure() {
    let columns =
        |names: &[&str]| names.iter().map(|name| json!({ "name": name, "type": "String" })).collect::<Value>();
    let mut definitions = sql_server_to_blob();
    definitions[2].1["structure"] = columns(&["Id", "Name"]);
    definitions[3].1["structure"] = columns(&["A", "B", "C"]);
    let activity = &mut definitions[4].1["activities"][0];
    activity["inputs"] = json!([{ "name": "Texts" }]);
    activity["outputs"] = json!([{ "name": "Orders" }]);
    activity["typeProperties"] = json!({
        "source": { "type": "BlobSource", "skipHeaderLineCount": 1 }, "sink": { "type": "SqlSink" },
        "translator": { "type": "TabularTranslator", "ColumnMappings": "A: Id, C: Name" },
    });
    let folder = written(&definitions);
    let pipeline = import(folder.path()).files.into_iter().find(|(file, _)| file.ends_with("Hourly.json")).unwrap().1;
    let settings = &pipeline["properties"]["activities"][0]["typeProperties"];
    assert_eq!(
        settings["translator"]["mappings"],
        json!([{ "source": { "ordinal": 1 }, "sink": { "name": "Id" } }, { "source": { "ordinal": 3 }, "sink": { "name": "Name" } }])
    );
    assert_eq!(
        settings["source"]["formatSettings"],
        json!({ "type": "DelimitedTextReadSettings", "skipLineCount": 1 })
    );
    assert_eq!(
        settings["source"]["storeSettings"],
        json!({ "type": "AzureBlobStorageReadSettings", "recursive": true })
    );
}

#[test]
fn what_is_left_out_is_named() {
    let mut definitions = sql_server_to_blob();
    definitions[0].1["hubName"] = "hub".into();
    definitions[2].1["policy"] =
        json!({ "externalData": { "maximumRetry": 3 }, "validation": { "minimumRows": 1 }, "odd": 1 });
    definitions[3].1["typeProperties"]["format"]["strange"] = true.into();
    definitions[4].1["isPaused"] = true.into();
    let activity = &mut definitions[4].1["activities"][0];
    activity["policy"]["longRetry"] = 2.into();
    activity["extendedProperties"] = json!({ "a": "b" });
    activity["typeProperties"]["executionLocation"] = "West US".into();
    let folder = written(&definitions);
    let (_, found) = Factory::load(folder.path());
    let found: Vec<_> =
        found.into_iter().filter(|found| found.code == "version-1-ignored").map(|found| found.message).collect();
    let names = [
        "hubName",
        "external",
        "externalData",
        "validation",
        "odd",
        "strange",
        "isPaused",
        "end",
        "concurrency",
        "longRetry",
        "extendedProperties",
        "executionLocation",
    ];
    for name in names {
        assert_eq!(found.iter().filter(|said| said.contains(&format!("'{name}'"))).count(), 1, "{name}: {found:?}");
    }
    assert_eq!(found.len(), names.len(), "{found:?}");
    assert!(resolved(folder.path(), "Hourly", &[]).is_ok(), "they change nothing");
}

#[test]
fn the_sources_of_2014_say_what_the_format_says() {
    let with = |separators: &str| {
        let mut definitions = sql_server_to_blob();
        let activity = &mut definitions[4].1["activities"][0];
        activity["inputs"] = json!([{ "name": "Texts" }]);
        activity["outputs"] = json!([{ "name": "Orders" }]);
        activity["typeProperties"] = json!({ "source": { "type": "BlobSource", "blobColumnSeparators": separators, "NullValues": "-" }, "sink": { "type": "SqlSink" } });
        let folder = written(&definitions);
        resolved(folder.path(), "Hourly", &[])
    };
    assert_eq!(with("\t").unwrap().source.settings.expose()["dataset"]["nullValue"], "-");
    let refused = with(";").unwrap_err();
    assert!(refused[0].contains("'blobColumnSeparators' is another text"), "{refused:?}");
}
