//! Questions about blobs, and their end.

use serde_json::{Value, json};

use super::{
    factory::{Factory, activity, dataset, only, service},
    storage::Storage,
};

/// Blobs below `inbox/in/`, and the dataset `Place` (parameters `folder` and `file`) there, in an account of this type.
struct Blobs {
    storage: Storage,
    factory: Factory,
    bundle: String,
}

impl Blobs {
    fn new(type_name: &str) -> Self {
        let storage = Storage::with(&["inbox"]);
        let factory = Factory::new();
        let bundle = storage.bundle(&factory.workshop);
        for (name, text) in [("a.csv", "x,y\n1,2\n"), ("b.csv", "x,y\n"), ("c.txt", "text"), ("below/d.csv", "x,y\n")] {
            storage.put(&format!("inbox/in/{name}"), text);
        }
        factory.workshop.define("linkedService/Account", storage.service(type_name));
        let container = if type_name == "AzureBlobFS" { "fileSystem" } else { "container" };
        factory.workshop.define(
            "dataset/Place",
            json!({
                "type": "DelimitedText", "linkedServiceName": service("Account"),
                "parameters": { "folder": { "type": "String" }, "file": { "type": "String", "defaultValue": "" } },
                "typeProperties": {
                    "location": { "type": format!("{type_name}Location"), container: "inbox",
                                  "folderPath": "@dataset().folder", "fileName": "@dataset().file" },
                    "columnDelimiter": ",", "quoteChar": "\"", "firstRowAsHeader": true,
                },
            }),
        );
        Self { storage, factory, bundle }
    }

    /// The run of one activity.
    fn run(&self, kind: &str, of: Value, more: Value, code: i32) -> Value {
        let mut properties = json!({ "dataset": of });
        for (name, value) in more.as_object().expect("settings") {
            properties[name] = value.clone();
        }
        self.factory.pipeline(json!({}), json!([activity("One", kind, properties)]));
        only(&self.factory.report(&["--ca-bundle", &self.bundle], code), "One").clone()
    }
}

fn folder(name: &str) -> Value {
    dataset("Place", json!({ "folder": name }))
}

fn file(name: &str) -> Value {
    dataset("Place", json!({ "folder": "in", "file": name }))
}

#[test]
fn what_blobs_there_are_is_told_field_by_field() {
    for type_name in ["AzureBlobStorage", "AzureBlobFS"] {
        let blobs = Blobs::new(type_name);
        let ask = |of: Value, fields: &[&str]| {
            blobs.run("GetMetadata", of, json!({ "fieldList": fields }), 0)["output"].clone()
        };
        let found = ask(
            file("a.csv"),
            &["exists", "itemName", "itemType", "size", "lastModified", "contentMD5", "structure", "columnCount"],
        );
        assert_eq!(
            (&found["exists"], &found["itemName"], &found["itemType"], &found["size"], &found["columnCount"]),
            (&json!(true), &json!("a.csv"), &json!("File"), &json!(8), &json!(2)),
            "{type_name}: {found:#}"
        );
        // The digest that the service keeps of what was put: base64 of 16 bytes.
        assert!(found["contentMD5"].as_str().is_some_and(|md5| md5.len() == 24), "{found:#}");
        assert!(found["lastModified"].as_str().is_some_and(|at| at.ends_with('Z')), "{found:#}");
        assert_eq!(found["structure"][1], json!({ "name": "y", "type": "String" }));
        let mut items = ask(folder("in"), &["childItems"])["childItems"].as_array().expect("items").clone();
        items.sort_by_key(|item| item["name"].to_string());
        let expected = [("a.csv", "File"), ("b.csv", "File"), ("below", "Folder"), ("c.txt", "File")];
        assert_eq!(items, expected.map(|(name, kind)| json!({ "name": name, "type": kind })));
        assert_eq!(ask(file("z.csv"), &["exists"])["exists"], false);
        assert_eq!(ask(folder("nowhere"), &["exists"])["exists"], false);
        let error = blobs.run("GetMetadata", file("z.csv"), json!({ "fieldList": ["size"] }), 1)["error"].clone();
        assert!(error["message"].as_str().is_some_and(|text| text.contains("there is nothing")), "{error:#}");
    }
}

#[test]
fn only_the_blobs_that_are_meant_are_deleted() {
    let blobs = Blobs::new("AzureBlobStorage");
    let left = || blobs.storage.list("inbox");
    let delete = |of: Value, more: Value, code: i32| blobs.run("Delete", of, more, code);
    let wildcard = json!({ "storeSettings": { "type": "AzureBlobStorageReadSettings", "recursive": false,
                                              "wildcardFileName": "*.csv" } });
    assert_eq!(delete(folder("in"), wildcard, 0)["output"]["filesDeleted"], 2);
    assert_eq!(left(), ["in/below/d.csv", "in/c.txt"]);
    assert_eq!(delete(file("c.txt"), json!({}), 0)["output"]["filesDeleted"], 1);
    assert_eq!(delete(file("c.txt"), json!({}), 1)["error"]["failureType"], "UserError");
    assert_eq!(left(), ["in/below/d.csv"]);
    assert_eq!(delete(folder("in"), json!({ "recursive": true }), 0)["output"]["filesDeleted"], 1);
    assert_eq!(left(), [""; 0]);
}

#[test]
fn a_validation_waits_for_a_blob_and_gives_up() {
    let blobs = Blobs::new("AzureBlobStorage");
    let properties = json!({ "dataset": file("late.csv"), "timeout": "0.00:00:30", "sleep": 1, "minimumSize": 4 });
    blobs.factory.pipeline(json!({}), json!([activity("One", "Validation", properties)]));
    let waiting =
        blobs.factory.workshop.start(&["--output", "json", "--progress", "none", "--ca-bundle", &blobs.bundle]);
    blobs.storage.put("inbox/in/late.csv", "x");
    std::thread::sleep(std::time::Duration::from_secs(2));
    blobs.storage.put("inbox/in/late.csv", "x,y\n1,2\n");
    let report = crate::cli::workshop::finished(waiting.wait_with_output().expect("our child")).ended(0).json();
    assert_eq!(only(&report, "One")["output"]["size"], 8);
    let never = json!({ "timeout": "0.00:00:02", "sleep": 1 });
    assert_eq!(blobs.run("Validation", file("never.csv"), never, 1)["status"], "TimedOut");
    let children = json!({ "timeout": "0.00:00:20", "sleep": 1, "childItems": true });
    assert_eq!(blobs.run("Validation", folder("in"), children, 0)["status"], "Succeeded");
}
