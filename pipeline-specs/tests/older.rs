//! Datasets and copies of the older form of version 2: what connectors are told of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use ropeway_specs::{Diagnostic, Factory, Inputs, ResolvedCopy, Scene, Task, validate};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A copy from the dataset `From` to the dataset `To`.
struct Definitions {
    from: Value,
    to: Value,
    copy: Value,
}

/// A dataset in one of the three stores.
fn dataset(type_name: &str, settings: Value) -> Value {
    let service = match type_name {
        "AzureBlob" => "Blobs",
        "AzureBlobFSFile" => "Lake",
        "OdbcTable" | "RelationalTable" => "Rows",
        _ => "Share",
    };
    json!({ "type": type_name, "linkedServiceName": { "referenceName": service, "type": "LinkedServiceReference" },
            "parameters": { "day": { "type": "String", "defaultValue": "2026" } }, "typeProperties": settings })
}

fn text_format(more: Value) -> Value {
    let mut format = json!({ "type": "TextFormat" });
    for (name, value) in more.as_object().unwrap() {
        format[name] = value.clone();
    }
    format
}

impl Definitions {
    fn write(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let reference = |name: &str| json!([{ "referenceName": name, "type": "DatasetReference" }]);
        let copy = json!({ "name": "Copy", "type": "Copy", "inputs": reference("From"), "outputs": reference("To"),
                           "typeProperties": self.copy });
        let of_store = |type_name: &str, settings: Value| json!({ "type": type_name, "typeProperties": settings });
        for (name, properties) in [
            ("pipeline/Main", json!({ "activities": [copy] })),
            ("dataset/From", self.from.clone()),
            ("dataset/To", self.to.clone()),
            (
                "linkedService/Blobs",
                of_store("AzureStorage", json!({ "connectionString": "AccountName=a;AccountKey=aw==" })),
            ),
            ("linkedService/Lake", of_store("AzureBlobFS", json!({ "url": "https://a.dfs.core.windows.net" }))),
            ("linkedService/Share", of_store("FileServer", json!({ "host": "/data" }))),
            ("linkedService/Rows", of_store("Odbc", json!({ "connectionString": "DSN=x" }))),
        ] {
            let file = folder.path().join(format!("{name}.json"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(
                &file,
                json!({ "name": file.file_stem().unwrap().to_str(), "properties": properties }).to_string(),
            )
            .unwrap();
        }
        folder
    }

    fn resolve(&self) -> Result<ResolvedCopy, String> {
        let folder = self.write();
        let (factory, found) = Factory::load(folder.path());
        assert_eq!(text(&found), "");
        let inputs = Inputs::manual("run-1", "2026-01-02T03:04:05Z".parse().unwrap());
        let pipeline = factory.pipeline("Main").map_err(|found| text(&found))?;
        let activity = &pipeline.activities()[0];
        activity.copy(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables())).map_err(|it| text(&it))
    }

    /// Dataset and source, dataset and sink, as connectors are told.
    fn ends(&self) -> [Value; 4] {
        let copy = self.resolve().unwrap();
        let (source, sink) = (copy.source.settings.expose(), copy.sink.settings.expose());
        [&source["dataset"], &source["source"], &sink["dataset"], &sink["sink"]].map(Value::clone)
    }

    /// What `validate` has to say of it.
    fn said(&self) -> String {
        text(&validate(&[self.write().path().to_path_buf()]).diagnostics)
    }
}

fn text(found: &[Diagnostic]) -> String {
    found.iter().map(|diagnostic| format!("{}: {}\n", diagnostic.path, diagnostic.message)).collect()
}

fn blob_to_share(from: Value, to: Value) -> Definitions {
    Definitions {
        from: dataset("AzureBlob", from),
        to: dataset("FileShare", to),
        copy: json!({ "source": { "type": "BlobSource" }, "sink": { "type": "FileSystemSink" } }),
    }
}

#[test]
fn files_without_a_format_are_copied_as_they_are() {
    let mut definitions = blob_to_share(json!({ "folderPath": "in/a/" }), json!({ "folderPath": ".\\out\\b" }));
    definitions.copy["sink"]["copyBehavior"] = json!("FlattenHierarchy");
    let [from, source, to, sink] = definitions.ends();
    let location = json!({ "type": "AzureBlobStorageLocation", "container": "in", "folderPath": "a" });
    assert_eq!(from, json!({ "type": "Binary", "location": location }));
    let settings = json!({ "type": "AzureBlobStorageReadSettings", "recursive": true });
    assert_eq!(source, json!({ "type": "BinarySource", "storeSettings": settings }));
    let location = json!({ "type": "FileServerLocation", "folderPath": "out/b" });
    assert_eq!(to, json!({ "type": "Binary", "location": location }));
    let settings = json!({ "type": "FileServerWriteSettings", "copyBehavior": "FlattenHierarchy" });
    assert_eq!(sink, json!({ "type": "BinarySink", "storeSettings": settings }));
    assert_eq!(definitions.resolve().unwrap().settings["source"]["type"], "BlobSource", "reports say what was written");
    assert_eq!(definitions.said(), "");
}

/// Binary copies unpack and compress; then nothing is left out, as in Data Factory.
#[test]
fn compression_goes_with_files_as_they_are() {
    let gzip = json!({ "type": "GZip", "level": "Fastest" });
    let mut definitions = blob_to_share(
        json!({ "folderPath": "in", "compression": { "type": "ZipDeflate" } }),
        json!({ "folderPath": "out", "compression": gzip }),
    );
    let copy = definitions.resolve().unwrap();
    let source = copy.source.settings.expose();
    assert_eq!(source["dataset"]["compression"]["type"], "ZipDeflate");
    assert_eq!((&source["sinkCompression"], &source["sinkIsOneFile"]), (&gzip, &json!(false)));
    definitions.copy["skipErrorFile"] = json!({ "fileForbidden": true, "dataInconsistency": false });
    let refused = definitions.resolve().unwrap_err();
    assert!(refused.contains("skipErrorFile.fileForbidden") && refused.contains("without compression"), "{refused}");
    assert!(!refused.contains("dataInconsistency"), "{refused}");
    definitions.copy["skipErrorFile"] = Value::Null;

    definitions.from = dataset("AzureBlob", json!({ "folderPath": "in" }));
    definitions.to = dataset("FileShare", json!({ "folderPath": "out", "compression": { "type": "None" } }));
    let copy = definitions.resolve().unwrap();
    assert_eq!(copy.source.settings.expose()["sinkCompression"], Value::Null);
    assert_eq!(definitions.said(), "");

    let mut zip = json!({ "folderPath": "out", "fileName": "all.zip", "compression": { "type": "ZipDeflate" } });
    definitions.to = dataset("FileShare", zip.clone());
    assert_eq!(definitions.said(), "");
    assert_eq!(definitions.resolve().unwrap().source.settings.expose()["sinkIsOneFile"], true);

    // Connectors refuse that when it runs.
    zip["format"] = json!({ "type": "TextFormat" });
    definitions.from = dataset("AzureBlob", json!({ "folderPath": "in", "format": zip["format"] }));
    definitions.to = dataset("FileShare", zip);
    let said = definitions.said();
    assert!(said.contains("outputs[0]: rows are not written to archives ('ZipDeflate')"), "{said}");
}

#[test]
fn one_format_is_enough_for_rows() {
    let format = text_format(json!({ "columnDelimiter": "|", "quoteChar": "'" }));
    let definitions = blob_to_share(json!({ "folderPath": "in" }), json!({ "folderPath": "out", "format": format }));
    let [from, source, to, sink] = definitions.ends();
    assert_eq!(
        (&from["type"], &from["columnDelimiter"], &from["quoteChar"]),
        (&json!("DelimitedText"), &json!(","), &json!(""))
    );
    assert_eq!((&from["nullValue"], &from["alsoNull"]), (&json!("\\N"), &json!(["NULL", ""])));
    assert_eq!((&source["type"], &sink["type"]), (&json!("DelimitedTextSource"), &json!("DelimitedTextSink")));
    // What is written has one text for null, and doubles its quotes.
    assert_eq!((&to["nullValue"], &to["alsoNull"]), (&json!("\\N"), &Value::Null));
    assert_eq!((&to["quoteChar"], &to["escapeChar"]), (&json!("'"), &json!("'")));
}

#[test]
fn what_the_copy_says_of_text_goes_to_its_format() {
    let format = text_format(json!({ "nullValue": "-", "treatEmptyAsNull": true }));
    let definitions = Definitions {
        from: dataset("AzureBlob", json!({ "folderPath": "in", "format": format })),
        to: dataset("AzureBlob", json!({ "folderPath": "out", "format": text_format(json!({})) })),
        copy: json!({
            "source": { "type": "BlobSource", "treatEmptyAsNull": false, "skipHeaderLineCount": 2, "recursive": false },
            "sink": { "type": "BlobSink", "blobWriterAddHeader": true },
        }),
    };
    let [from, source, to, _] = definitions.ends();
    assert_eq!((&from["nullValue"], &from["alsoNull"]), (&json!("-"), &json!([])));
    assert_eq!(source["formatSettings"]["skipLineCount"], 2);
    assert_eq!(source["storeSettings"]["recursive"], false);
    assert_eq!(to["firstRowAsHeader"], true);
}

#[test]
fn a_path_may_be_an_expression_and_a_pattern() {
    let folder = json!({ "value": "@concat('in/', dataset().day, '*/x')", "type": "Expression" });
    let from = json!({ "folderPath": folder, "fileName": "*.csv", "modifiedDatetimeStart": "2026-01-01T00:00:00Z",
                       "modifiedDatetimeEnd": "2026-02-01T00:00:00Z" });
    let definitions = blob_to_share(from, json!({ "folderPath": "@{dataset().day}/out", "fileName": "all.bin" }));
    let [from, source, to, _] = definitions.ends();
    assert_eq!(from["location"], json!({ "type": "AzureBlobStorageLocation", "container": "in" }));
    let settings = json!({ "type": "AzureBlobStorageReadSettings", "recursive": true, "wildcardFolderPath": "2026*/x",
                           "wildcardFileName": "*.csv", "modifiedDatetimeStart": "2026-01-01T00:00:00Z",
                           "modifiedDatetimeEnd": "2026-02-01T00:00:00Z" });
    assert_eq!(source["storeSettings"], settings);
    assert_eq!(
        to["location"],
        json!({ "type": "FileServerLocation", "folderPath": "2026/out", "fileName": "all.bin" })
    );
}

#[test]
fn every_store_and_format_has_its_newer_form() {
    for (format, became) in [("JsonFormat", "Json"), ("AvroFormat", "Avro"), ("ParquetFormat", "Parquet")] {
        let settings = json!({ "folderPath": "fs/a", "format": { "type": format } });
        let definitions = Definitions {
            from: dataset("AzureBlobFSFile", settings.clone()),
            to: dataset("AzureBlobFSFile", settings),
            copy: json!({ "source": { "type": "AzureBlobFSSource" }, "sink": { "type": "AzureBlobFSSink" } }),
        };
        let [from, source, _, sink] = definitions.ends();
        assert_eq!(from["type"], became);
        assert_eq!(from["location"], json!({ "type": "AzureBlobFSLocation", "fileSystem": "fs", "folderPath": "a" }));
        assert_eq!(
            (&source["type"], &sink["type"]),
            (&json!(format!("{became}Source")), &json!(format!("{became}Sink")))
        );
    }
    let definitions = Definitions {
        from: dataset("RelationalTable", json!({ "tableName": "t" })),
        to: dataset("OdbcTable", json!({ "tableName": "u" })),
        copy: json!({ "source": { "type": "RelationalSource", "query": "SELECT 1" }, "sink": { "type": "OdbcSink" } }),
    };
    let [from, source, ..] = definitions.ends();
    assert_eq!(from, json!({ "type": "OdbcTable", "tableName": "t" }));
    assert_eq!(source, json!({ "type": "OdbcSource", "query": "SELECT 1" }));
}

#[test]
fn columns_without_names_are_those_of_the_structure() {
    let mut definitions = blob_to_share(
        json!({ "folderPath": "in", "format": text_format(json!({})) }),
        json!({ "folderPath": "out", "format": text_format(json!({ "firstRowAsHeader": true })) }),
    );
    definitions.from["structure"] = json!([{ "name": "id" }, { "name": "note" }]);
    let named = |definitions: &Definitions| {
        let mapping = definitions.resolve().unwrap().mapping.unwrap();
        let columns = mapping.columns.unwrap();
        columns.into_iter().map(|column| (column.source.ordinal, column.sink.name)).collect::<Vec<_>>()
    };
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(named(&definitions), [(Some(1), name("id")), (Some(2), name("note"))]);
    definitions.copy["translator"] = json!({ "type": "TabularTranslator", "columnMappings": "note: text" });
    assert_eq!(named(&definitions), [(Some(2), name("text"))]);
    definitions.copy["translator"] =
        json!({ "type": "TabularTranslator", "mappings": [{ "source": { "ordinal": 1 }, "sink": { "name": "k" } }] });
    assert_eq!(named(&definitions), [(Some(1), name("k"))], "who maps columns is not told how");
}

/// What is refused, when it runs and before: the part of the message that says what.
#[test]
fn what_has_no_equal_is_refused_by_name() {
    let change = |change: &dyn Fn(&mut Definitions)| {
        let format = || json!({ "folderPath": "in", "format": text_format(json!({})) });
        let mut definitions = Definitions {
            from: dataset("AzureBlob", format()),
            to: dataset("AzureBlob", format()),
            copy: json!({ "source": { "type": "BlobSource" }, "sink": { "type": "BlobSink" } }),
        };
        change(&mut definitions);
        definitions
    };
    assert!(change(&|_| ()).resolve().is_ok(), "nothing else is wrong with it");
    type Change = Box<dyn Fn(&mut Definitions)>;
    let format = |value: Value| -> Change {
        Box::new(move |it: &mut Definitions| it.from["typeProperties"]["format"] = value.clone())
    };
    let sink = |name: &'static str, value: Value| -> Change {
        Box::new(move |it: &mut Definitions| it.copy["sink"][name] = value.clone())
    };
    let cases: [(Change, &str); 6] = [
        (format(json!({ "type": "JsonFormat", "jsonNodeReference": "$.a" })), "'jsonNodeReference' says which parts"),
        (format(json!({ "type": "JsonFormat", "nestingSeparator": "_" })), "the separator '_' of nested names"),
        (sink("blobWriterOverwriteFiles", json!(false)), "'blobWriterOverwriteFiles'"),
        (sink("blobWriterDateTimeFormat", json!("yyyy")), "'blobWriterDateTimeFormat'"),
        (sink("type", json!("FileSystemSink")), "goes with 'BlobSink', not with 'FileSystemSink'"),
        (
            Box::new(|it| {
                it.from["typeProperties"]["format"] = json!({ "type": "ParquetFormat" });
                it.from["typeProperties"]["compression"] = json!({ "type": "GZip" });
            }),
            "Parquet files have no compression around them",
        ),
    ];
    for (change_it, said) in cases {
        let definitions = change(&*change_it);
        let error = definitions.resolve().unwrap_err();
        assert!(error.contains(said), "{error}");
        let before = definitions.said();
        assert!(before.contains(said), "'{said}' in: {before}");
    }
}

#[test]
fn a_place_with_patterns_is_no_place_to_look_at() {
    let definitions =
        blob_to_share(json!({ "folderPath": "in/a", "fileName": "*.csv" }), json!({ "folderPath": "out" }));
    let folder = definitions.write();
    let activity = |kind: &str, more: Value| {
        let mut settings = json!({ "dataset": { "referenceName": "From", "type": "DatasetReference" } });
        for (name, value) in more.as_object().unwrap() {
            settings[name] = value.clone();
        }
        json!({ "name": kind, "type": kind, "typeProperties": settings })
    };
    let activities = [
        activity("Delete", json!({ "recursive": false })),
        activity("GetMetadata", json!({ "fieldList": ["exists"] })),
        activity("Validation", json!({})),
    ];
    let pipeline = json!({ "name": "Main", "properties": { "activities": activities } });
    fs::write(folder.path().join("pipeline/Main.json"), pipeline.to_string()).unwrap();
    let (factory, found) = Factory::load(folder.path());
    assert_eq!(text(&found), "");
    let pipeline = factory.pipeline("Main").unwrap();
    let inputs = Inputs::manual("run-1", "2026-01-02T03:04:05Z".parse().unwrap());
    let work = |index: usize| {
        let activity = &pipeline.activities()[index];
        activity.work(&inputs, &Scene::first(&inputs, activity.name(), pipeline.variables())).map_err(|it| text(&it))
    };
    let Task::Delete(deletion) = work(0).unwrap().task else { panic!("a Delete") };
    assert!(!deletion.recursive);
    assert_eq!(deletion.dataset.store_settings["wildcardFileName"], "*.csv");
    let location = json!({ "type": "AzureBlobStorageLocation", "container": "in", "folderPath": "a" });
    assert_eq!(deletion.dataset.settings.expose()["dataset"]["location"], location);
    for index in [1, 2] {
        let error = work(index).unwrap_err();
        assert!(error.contains("chooses files by a pattern"), "{error}");
    }
}
