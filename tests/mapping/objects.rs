//! Objects to columns and columns to objects, by the paths of a mapping.

use std::fs;

use serde_json::{Value, json};

use super::{Files, item, text};

fn of(format: &str, location: Value, more: Value) -> Value {
    let mut dataset = text(&location, true);
    dataset["type"] = format.into();
    dataset["typeProperties"] = more;
    dataset["typeProperties"]["location"] = location;
    dataset
}

fn at(path: &str) -> Value {
    json!({ "path": path })
}

/// The files of `in` are of this format.
fn read_from(files: &Files, format: &str, settings: &Value) {
    let location = json!({ "type": "FileServerLocation", "folderPath": "in" });
    files.workshop.define("dataset/Lines", of(format, location, json!({})));
    files.change(|properties| {
        properties["source"]["type"] = format!("{format}Source").into();
        properties["source"]["formatSettings"] = settings.clone();
    });
}

const ORDERS: &str = r#"[{"number": 1, "customer": {"city": "Ulm"}, "items": [{"sku": "a", "price": 1.50}, {"sku": "b"}]},
    {"number": 12345678901234567890, "customer": null, "items": [{"sku": "c", "price": 0.1}]}]"#;

#[test]
fn elements_of_an_array_become_rows() {
    let more = r#"{"number": 3, "items": []}"#;
    let files = Files::new(&[("a.json", ORDERS), ("b.json", more)], true);
    read_from(&files, "Json", &json!({ "type": "JsonReadSettings" }));
    files.write_one_text();
    let mut translator = json!({ "mappings": [
        item(json!({ "path": "$['number']", "type": "String" }), "number"), item(at("$.customer.city"), "city"),
        item(at("['sku']"), "sku"), item(at("['price']"), "price"),
    ] });
    translator["collectionReference"] = "$['items']".into();
    files.map(translator);
    files.workshop.run(&[]).ended(0);
    let expected =
        ["number,city,sku,price", "1,Ulm,a,1.5", "1,Ulm,b,NULL", "12345678901234567890,NULL,c,0.1", "3,NULL,NULL,NULL"];
    assert_eq!(files.copied(), expected);
}

#[test]
fn elements_of_xml_become_rows() {
    let orders = r#"<orders day="2024-02-29"><order id="7"><sku>a</sku></order><order id="8"/></orders>"#;
    let files = Files::new(&[("a.xml", orders)], true);
    read_from(&files, "Xml", &json!({ "type": "XmlReadSettings", "validationMode": "none" }));
    files.write_one_text();
    let mut translator = json!({ "mappings": [
        item(at("$['orders']['@day']"), "day"), item(at("['@id']"), "id"), item(at("['sku']"), "sku"),
    ] });
    translator["collectionReference"] = "$['orders']['order']".into();
    files.map(translator);
    files.workshop.run(&[]).ended(0);
    assert_eq!(files.copied(), ["day,id,sku", "2024-02-29,7,a", "2024-02-29,8,NULL"]);
}

#[test]
fn columns_go_into_objects() {
    let files =
        Files::new(&[("a.csv", "id,city,zip\n1,Ulm,89073\n2,NULL,NULL\n"), ("b.csv", "id,city,zip\n3,Köln,1\n")], true);
    let location = json!({ "type": "FileServerLocation", "folderPath": "out", "fileName": "copy.json" });
    files.workshop.define("dataset/Target", of("Json", location, json!({})));
    files.change(|settings| {
        settings["validateDataConsistency"] = true.into();
        settings["sink"] = json!({
            "type": "JsonSink",
            "storeSettings": { "type": "FileServerWriteSettings" },
            "formatSettings": { "type": "JsonWriteSettings", "filePattern": "arrayOfObjects" },
        });
    });
    files.map(json!({ "mappings": [
        item("id", at("$['id']")), item("city", at("$['address']['city']")),
        item("zip", at("$.address.zip")),
    ] }));
    files.workshop.run(&[]).ended(0);
    let copied = fs::read(files.workshop.data().join("out/copy.json")).expect("a copy");
    let mut objects: Vec<Value> = serde_json::from_slice(&copied).expect("one array");
    objects.sort_by_key(|object| object["id"].to_string());
    let object = |id: Value, city: Value, zip: Value| json!({ "id": id, "address": { "city": city, "zip": zip } });
    let expected = [
        object("1".into(), "Ulm".into(), "89073".into()),
        object("2".into(), Value::Null, Value::Null),
        object("3".into(), "Köln".into(), "1".into()),
    ];
    assert_eq!(objects, expected);
}
