use std::{io::Write, num::NonZeroU32};

use arrow::{
    array::RecordBatch,
    compute::concat_batches,
    util::display::{ArrayFormatter, FormatOptions},
};
use ropeway_engine::{Error, ErrorKind, Result, chunk::BatchLimit};
use serde_json::{Value, json};

use crate::format::{Input, Slice, for_reading};

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn decode(dataset: Value, settings: Value, bytes: &[u8]) -> Result<RecordBatch> {
    let mut dataset = dataset;
    dataset["type"] = "Xml".into();
    let files = for_reading(&dataset, Some(&settings), 1 << 28)?;
    let schema = files.schema(opened(bytes))?;
    let limit = BatchLimit { rows: NonZeroU32::new(2).unwrap(), bytes: 1 << 20 };
    let batches = files.read(opened(bytes), &Slice::Whole, limit)?.collect::<Result<Vec<_>>>()?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let cells: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    let row = |row| cells.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}

/// All of a document as one text.
fn whole(settings: Value, text: &str) -> Result<String> {
    let mut settings = settings;
    settings["hierarchy"] = json!({"complexAsText": true, "columns": [{"name": "all", "path": []}]});
    Ok(shown(&decode(json!({}), settings, text.as_bytes())?).join("\n"))
}

const ORDERS: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<!-- two orders -->
<orders xmlns="urn:o" xmlns:x="urn:x" day="2024-02-29">
  <order id="1"><item>a &amp; b</item><price cur="EUR">1.50</price><x:note><![CDATA[<raw>]]></x:note></order>
  <order id="2"><item>c</item><item>d</item><empty/></order>
</orders>"#;

#[test]
fn elements_become_properties() {
    let expected = r#"{"orders":{"@day":"2024-02-29","order":[{"@id":1,"item":"a & b","price":{"@cur":"EUR","_value_":1.50},"x:note":"<raw>"},{"@id":2,"item":["c","d"],"empty":null}]}}"#;
    assert_eq!(whole(json!({}), ORDERS).unwrap(), expected);
    let settings = json!({"namespacePrefixes": {"urn:o": "o", "urn:x": "y"}, "detectDataType": false});
    let expected = r#"{"o:orders":{"@day":"2024-02-29","o:order":[{"@id":"1","o:item":"a & b","o:price":{"@cur":"EUR","_value_":"1.50"},"y:note":"<raw>"},{"@id":"2","o:item":["c","d"],"o:empty":null}]}}"#;
    assert_eq!(whole(settings, ORDERS).unwrap(), expected);
    assert!(whole(json!({"namespaces": false}), ORDERS).unwrap().contains(r#""@xmlns:x":"urn:x""#));
    let texts = "<a><b>007</b><b>true</b><b>-1e5</b><b>1.</b><b> x </b><b>&#x1F600;&lt;</b><b>1\r\n2</b></a>";
    let expected = r#"{"a":{"b":["007",true,-1e5,"1."," x ","😀<","1\n2"]}}"#;
    assert_eq!(whole(json!({}), texts).unwrap(), expected);
}

#[test]
fn elements_become_rows() {
    let name = |name: &str| json!({"name": name});
    let settings = json!({"hierarchy": {
        "collection": [name("orders"), name("order")],
        "columns": [
            {"name": "day", "path": [name("orders"), name("@day")]},
            {"name": "id", "path": [name("@id")], "ofElement": true},
            {"name": "price", "path": [name("price"), name("_value_")], "ofElement": true},
        ],
    }});
    let batch = decode(json!({}), settings.clone(), ORDERS.as_bytes()).unwrap();
    assert_eq!(shown(&batch), ["2024-02-29|1|1.5", "2024-02-29|2|-"]);
    // One order alone is no array, and is a row all the same.
    let one = br#"<orders day="x"><order id="7"/></orders>"#;
    assert_eq!(shown(&decode(json!({"nullValue": "x"}), settings, one).unwrap()), ["-|7|-"]);
}

#[test]
fn the_declared_encoding_is_heeded() {
    let text = b"<?xml version='1.0' encoding='ISO-8859-1'?><a><b>\xE9</b></a>";
    let settings = json!({"hierarchy": {"columns": [{"name": "b", "path": [{"name": "a"}, {"name": "b"}]}]}});
    assert_eq!(shown(&decode(json!({}), settings.clone(), text).unwrap()), ["é"]);
    assert_eq!(decode(json!({"encodingName": "UTF-8"}), settings, text).unwrap_err().kind(), ErrorKind::Data);
}

fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

#[test]
fn hostile_documents_are_refused() {
    let deep = "<a>".repeat(100_000);
    for (document, said) in [
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "document type definition"),
        ("<a>&lol;</a>", "entity"),
        ("<a><b></a>", "XML"),
        ("<a>", "ends within"),
        ("<a/><b/>", "second root"),
        ("<a/>x", "outside"),
        ("", "no element"),
        (deep.as_str(), "too deep"),
        ("<a b='1' b='2'/>", "duplicate"),
    ] {
        let error = whole(json!({}), document).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{document:.40}");
        assert!(text(&error).contains(said), "{document:.40}: {}", text(&error));
    }
    let refused = decode(json!({}), json!({"validationMode": "xsd"}), b"<a/>").unwrap_err();
    assert!(refused.kind() == ErrorKind::Spec && refused.to_string().contains("validationMode"), "{refused}");
}
