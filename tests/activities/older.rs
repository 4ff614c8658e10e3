//! Copies between datasets of the older form: what is in their files afterwards.

use std::fs;

use serde_json::{Value, json};

use super::{
    factory::{Factory, activity, dataset, only, service},
    storage::Storage,
};

/// A factory with the linked service `Blobs` of the older type, and datasets `From` there and `To` on the file server.
fn with_older(from: Value, to: Value) -> (Storage, Factory, String) {
    let storage = Storage::with(&["input"]);
    let factory = Factory::new();
    let bundle = storage.bundle(&factory.workshop);
    factory.workshop.define("linkedService/Blobs", storage.service("AzureStorage"));
    for (name, store, type_name, settings) in [("From", "Blobs", "AzureBlob", from), ("To", "Files", "FileShare", to)] {
        factory.workshop.define(
            &format!("dataset/{name}"),
            json!({ "type": type_name, "linkedServiceName": service(store), "typeProperties": settings,
                    "parameters": { "day": { "type": "String", "defaultValue": "2026" } } }),
        );
    }
    (storage, factory, bundle)
}

fn copy(source: Value, sink: Value) -> Value {
    json!([{
        "name": "Copy", "type": "Copy",
        "inputs": [dataset("From", json!({}))], "outputs": [dataset("To", json!({}))],
        "typeProperties": { "source": source, "sink": sink },
    }])
}

#[test]
fn files_without_a_format_keep_every_byte_and_their_places() {
    let folder = json!({ "value": "@concat('input/', dataset().day)", "type": "Expression" });
    let (storage, factory, bundle) = with_older(json!({ "folderPath": folder }), json!({ "folderPath": "out\\raw\\" }));
    storage.put("input/2026/a.csv", "a;\r\n\"b\n");
    storage.put("input/2026/below/b.bin", "\u{0}\u{1}");
    storage.put("input/2025/c.csv", "another day");
    let source = json!({ "type": "BlobSource", "recursive": true });
    factory.pipeline(json!({}), copy(source, json!({ "type": "FileSystemSink", "copyBehavior": "PreserveHierarchy" })));
    let report = factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(only(&report, "Copy")["output"]["filesWritten"], 2);
    assert_eq!(factory.file("raw/a.csv"), "a;\r\n\"b\n");
    assert_eq!(factory.file("raw/below/b.bin"), "\u{0}\u{1}");
    assert!(!factory.workshop.data().join("out/raw/c.csv").exists());
}

#[test]
fn text_has_the_nulls_and_quotes_of_the_older_form() {
    let from = json!({ "folderPath": "input", "fileName": "*.txt", "format": { "type": "TextFormat", "columnDelimiter": "|" } });
    let to = json!({ "folderPath": "out", "fileName": "all.txt",
                     "format": { "type": "TextFormat", "quoteChar": "'", "firstRowAsHeader": true } });
    let (storage, factory, bundle) = with_older(from, to);
    storage.put("input/a.txt", "skipped\n1|\\N|NULL||null|it's, so\n");
    storage.put("input/b.csv", "another file\n");
    let named = ["k", "a", "b", "c", "d", "e"].map(|name| json!({ "name": name }));
    factory.workshop.change("dataset/From", |it| it["structure"] = json!(named));
    let sink = json!({ "type": "FileSystemSink" });
    factory.pipeline(json!({}), copy(json!({ "type": "BlobSource", "skipHeaderLineCount": 1 }), sink.clone()));
    factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(factory.file("all.txt"), "k,a,b,c,d,e\r\n1,\\N,\\N,\\N,null,'it''s, so'\r\n");
    // Another text for null, and the empty text is one of its own.
    factory.workshop.change("dataset/From", |it| {
        it["typeProperties"]["format"]["nullValue"] = json!("null");
        it["typeProperties"]["format"]["treatEmptyAsNull"] = json!(false);
    });
    factory.pipeline(json!({}), copy(json!({ "type": "BlobSource", "skipHeaderLineCount": 1 }), sink));
    factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(factory.file("all.txt"), "k,a,b,c,d,e\r\n1,'\\N',NULL,,\\N,'it''s, so'\r\n");
}

#[test]
fn what_is_looked_up_and_deleted_may_be_of_the_older_form() {
    let from = json!({ "folderPath": "input/a", "fileName": "*.txt", "format": { "type": "TextFormat", "firstRowAsHeader": true } });
    let (storage, factory, bundle) = with_older(from, json!({ "folderPath": "out" }));
    for (path, text) in [("input/a/x.txt", "k,v\n1,NULL\n"), ("input/a/y.csv", "kept"), ("input/a/b/z.txt", "kept")] {
        storage.put(path, text);
    }
    let of = || dataset("From", json!({}));
    let look = json!({ "source": { "type": "BlobSource", "recursive": false }, "dataset": of() });
    let delete = json!({ "dataset": of(), "recursive": false });
    factory.pipeline(json!({}), json!([activity("Look", "Lookup", look)]));
    let report = factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(only(&report, "Look")["output"]["firstRow"], json!({ "k": "1", "v": null }));
    factory.pipeline(json!({}), json!([activity("Delete", "Delete", delete)]));
    let report = factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(only(&report, "Delete")["output"]["filesDeleted"], 1);
    assert_eq!(storage.list("input"), ["a/b/z.txt", "a/y.csv"]);
    assert_eq!(storage.get("input/a/y.csv").as_deref(), Some("kept"));
    let shown = factory.workshop.finish(&["preview", "orders", "To"]);
    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    fs::write(factory.workshop.data().join("out/p.txt"), "1,2\n").expect("a writable folder");
    assert_ne!(shown.code, Some(0), "nothing was there");
    let shown = factory.workshop.finish(&["preview", "orders", "To"]).ended(0);
    assert!(shown.stdout.contains("Prop_0"), "{}", shown.stdout);
}

/// What has no equal is not run, and nothing is written.
#[test]
fn what_the_older_form_alone_can_do_is_refused() {
    let format = json!({ "type": "TextFormat" });
    let (storage, factory, bundle) = with_older(
        json!({ "folderPath": "input", "format": format }),
        json!({ "folderPath": "out", "format": { "type": "OrcFormat" } }),
    );
    storage.put("input/a.txt", "1,2\n");
    factory.pipeline(json!({}), copy(json!({ "type": "BlobSource" }), json!({ "type": "FileSystemSink" })));
    let refused = factory.run(&["--ca-bundle", &bundle]).ended(2);
    assert!(refused.stderr.contains("'Orc' on FileServer is not supported as a sink"), "{}", refused.stderr);
    assert!(!factory.workshop.data().join("out").exists());
}
