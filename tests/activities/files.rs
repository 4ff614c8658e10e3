//! Questions about files, and their end.

use std::fs;

use serde_json::{Value, json};

use super::factory::{Factory, activity, after, dataset, only, runs, service, set, value};

/// A factory with files below `in/`, and the datasets `Folder` and `Named` (parameter `name`) there.
fn with_files() -> Factory {
    let factory = Factory::new();
    let root = factory.workshop.data().join("in");
    fs::create_dir_all(root.join("below")).expect("a writable folder");
    for (name, text) in [("a.csv", "x,y\n1,2\n"), ("b.csv", "x,y\n"), ("c.txt", "text"), ("below/d.csv", "x,y\n")] {
        fs::write(root.join(name), text).expect("a writable folder");
    }
    let of = |location: Value, parameters: Value| {
        json!({
            "type": "DelimitedText", "linkedServiceName": service("Files"), "parameters": parameters,
            "typeProperties": { "location": location, "columnDelimiter": ",", "quoteChar": "\"", "firstRowAsHeader": true },
        })
    };
    let parameter = json!({ "name": { "type": "String" } });
    factory.workshop.define(
        "dataset/Folder",
        of(json!({ "type": "FileServerLocation", "folderPath": "@dataset().name" }), parameter.clone()),
    );
    factory.workshop.define(
        "dataset/Named",
        of(json!({ "type": "FileServerLocation", "folderPath": "in", "fileName": "@dataset().name" }), parameter),
    );
    factory
}

fn ask(name: &str, of: Value, fields: &[&str]) -> Value {
    activity(name, "GetMetadata", json!({ "dataset": of, "fieldList": fields }))
}

fn folder(name: &str) -> Value {
    dataset("Folder", json!({ "name": name }))
}

fn named(name: &str) -> Value {
    dataset("Named", json!({ "name": name }))
}

#[test]
fn what_is_there_is_told_field_by_field() {
    let factory = with_files();
    factory.pipeline(
        json!({}),
        json!([
            ask(
                "File",
                named("a.csv"),
                &["exists", "itemName", "itemType", "size", "lastModified", "structure", "columnCount"]
            ),
            ask("Folder", folder("in"), &["exists", "itemName", "itemType", "childItems"]),
            ask("Nothing", named("z.csv"), &["exists", "size"]),
        ]),
    );
    let report = factory.report(&[], 0);
    let file = &only(&report, "File")["output"];
    assert_eq!(
        (&file["exists"], &file["itemName"], &file["itemType"], &file["size"]),
        (&json!(true), &json!("a.csv"), &json!("File"), &json!(8))
    );
    assert_eq!((&file["columnCount"], &file["structure"][1]), (&json!(2), &json!({ "name": "y", "type": "String" })));
    assert!(file["lastModified"].as_str().is_some_and(|at| at.ends_with('Z')), "{file:#}");
    let found = &only(&report, "Folder")["output"];
    let mut items = found["childItems"].as_array().expect("items").clone();
    items.sort_by_key(|item| item["name"].to_string());
    assert_eq!(
        items,
        [("a.csv", "File"), ("b.csv", "File"), ("below", "Folder"), ("c.txt", "File")]
            .map(|(name, kind)| json!({ "name": name, "type": kind }))
    );
    let nothing = &only(&report, "Nothing")["output"];
    assert_eq!((&nothing["exists"], nothing.get("size")), (&json!(false), None));
    for (wrong, message) in [
        (ask("Ask", named("z.csv"), &["size"]), "there is nothing at the dataset's path"),
        (ask("Ask", named("a.csv"), &["childItems"]), "'childItems' are those of a folder"),
        (ask("Ask", named("a.csv"), &["colour"]), "'colour' cannot be asked"),
        (ask("Ask", named("../../etc/passwd"), &["exists"]), "leads out of its store"),
    ] {
        factory.pipeline(json!({}), json!([wrong]));
        let said = factory.run(&["--output", "json", "--progress", "none"]).json();
        let error = only(&said, "Ask")["error"]["message"].as_str().expect("text").to_owned();
        assert!(error.contains(message), "{message}: {error}");
    }
}

#[test]
fn the_files_of_a_folder_drive_a_loop() {
    let factory = with_files();
    let each = activity(
        "Each",
        "ForEach",
        json!({
            "items": { "value": "@activity('Ask').output.childItems", "type": "Expression" }, "isSequential": true,
            "activities": [super::factory::append("Add", "names", "@item().name")],
        }),
    );
    factory.pipeline(
        json!({ "names": { "type": "Array" }, "all": { "type": "String" } }),
        json!([
            ask("Ask", folder("in"), &["childItems"]),
            after(each, "Ask", "Succeeded"),
            after(set("All", "all", "@string(length(variables('names')))"), "Each", "Succeeded"),
        ]),
    );
    assert_eq!(value(&factory.report(&[], 0), "All"), "4");
}

fn left(factory: &Factory) -> Vec<String> {
    let root = factory.workshop.data();
    let names = factory
        .workshop
        .visible()
        .into_iter()
        .filter_map(|path| Some(path.strip_prefix(root.join("in")).ok()?.display().to_string()));
    names.collect()
}

fn delete(factory: &Factory, of: Value, settings: Value, code: i32) -> Value {
    let mut properties = json!({ "dataset": of, "enableLogging": false });
    for (name, value) in settings.as_object().expect("settings") {
        properties[name] = value.clone();
    }
    factory.pipeline(json!({}), json!([activity("Delete", "Delete", properties)]));
    only(&factory.report(&[], code), "Delete").clone()
}

#[test]
fn only_what_is_meant_is_deleted() {
    let factory = with_files();
    let settings = |more: Value| {
        let mut settings = json!({ "type": "FileServerReadSettings", "recursive": false });
        for (name, value) in more.as_object().expect("settings") {
            settings[name] = value.clone();
        }
        json!({ "storeSettings": settings })
    };
    let refused = delete(&factory, folder("in"), settings(json!({ "fileListPath": "list.txt" })), 2);
    assert!(
        refused["error"]["message"].as_str().is_some_and(|text| text.contains("the file list is not there")),
        "{refused:#}"
    );
    assert_eq!(left(&factory).len(), 4);
    let some = delete(&factory, folder("in"), settings(json!({ "wildcardFileName": "*.csv" })), 0);
    assert_eq!(
        (&some["output"]["filesDeleted"], &some["output"]["isWildcardUsed"]),
        (&json!(2), &json!(true)),
        "{some:#}"
    );
    assert_eq!(left(&factory), ["below/d.csv", "c.txt"]);
    let one = delete(&factory, named("c.txt"), json!({}), 0);
    assert_eq!(one["output"]["filesDeleted"], 1);
    assert_eq!(delete(&factory, named("c.txt"), json!({}), 1)["error"]["failureType"], "UserError");
    let rest = delete(&factory, folder("in"), json!({ "recursive": true }), 0);
    assert_eq!((&rest["output"]["filesDeleted"], left(&factory).len()), (&json!(1), 0));
}

#[test]
fn a_validation_waits_for_a_file_and_gives_up() {
    let factory = with_files();
    let wait = |of: Value, more: Value| {
        let mut properties = json!({ "dataset": of, "timeout": "0.00:00:20", "sleep": 1 });
        for (name, value) in more.as_object().expect("settings") {
            properties[name] = value.clone();
        }
        activity("Wait", "Validation", properties)
    };
    factory.pipeline(json!({}), json!([wait(named("late.csv"), json!({ "minimumSize": 4 }))]));
    let child = factory.workshop.start(&["--output", "json", "--progress", "none"]);
    let file = factory.workshop.data().join("in/late.csv");
    fs::write(&file, "x").expect("a writable folder");
    std::thread::sleep(std::time::Duration::from_secs(2));
    fs::write(&file, "x,y\n1,2\n").expect("a writable folder");
    let report = crate::cli::workshop::finished(child.wait_with_output().expect("our child")).ended(0).json();
    assert_eq!(only(&report, "Wait")["output"]["size"], 8);
    factory.pipeline(json!({}), json!([wait(named("never.csv"), json!({ "timeout": "0.00:00:02" }))]));
    assert_eq!(only(&factory.report(&[], 1), "Wait")["status"], "TimedOut");
    factory.pipeline(json!({}), json!([wait(folder("in"), json!({ "childItems": true }))]));
    assert_eq!(runs(&factory.report(&[], 0), "Wait").len(), 1);
}
