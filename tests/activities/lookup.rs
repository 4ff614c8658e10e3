//! Lookups and questions about what is there.

use std::fs;

use ropeway_tests::sql_server::Server;
use serde_json::{Value, json};

use super::factory::{Factory, activity, dataset, only, service};

/// A Lookup of a dataset by a source.
fn look(dataset: Value, source: Value, first: bool) -> Value {
    activity("Look", "Lookup", json!({ "source": source, "dataset": dataset, "firstRowOnly": first }))
}

fn text_source() -> Value {
    json!({ "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings" } })
}

fn looked(factory: &Factory, lookup: Value, code: i32) -> Value {
    factory.pipeline(json!({}), json!([lookup]));
    only(&factory.report(&[], code), "Look").clone()
}

#[test]
fn a_text_file_gives_rows_or_the_first_one_or_none() {
    let factory = Factory::new();
    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    let file = factory.workshop.data().join("out/in.csv");
    fs::write(&file, "name,n\nä,1\nb,\n").expect("a writable folder");
    let input = || dataset("File", json!({ "name": "in.csv" }));
    let all = looked(&factory, look(input(), text_source(), false), 0);
    assert_eq!(all["output"]["count"], 2);
    assert_eq!(all["output"]["value"][0], json!({ "name": "ä", "n": "1" }));
    let first = looked(&factory, look(input(), text_source(), true), 0);
    assert_eq!(first["output"]["firstRow"], json!({ "name": "ä", "n": "1" }));
    fs::write(&file, "name,n\n").expect("a writable folder");
    let none = looked(&factory, look(input(), text_source(), true), 0);
    assert_eq!(none["output"].get("firstRow"), None);
}

#[test]
fn more_than_data_factory_takes_is_refused() {
    let factory = Factory::new();
    let table = |scale: f64| dataset("Table", json!({ "name": "orders", "scale": scale }));
    let synthetic = || json!({ "type": "SyntheticSource" });
    let many = looked(&factory, look(table(0.01), synthetic(), false), 1);
    assert_eq!(many["error"]["errorCode"], "2001", "{many:#}");
    assert!(many["error"]["message"].as_str().is_some_and(|text| text.contains("more than 5000 rows")), "{many:#}");
    // The first row of a large table is one row.
    assert_eq!(looked(&factory, look(table(0.01), synthetic(), true), 0)["output"]["firstRow"]["o_orderkey"], 1);
    let wide = "x".repeat(900_000);
    fs::create_dir_all(factory.workshop.data().join("out")).expect("a writable folder");
    fs::write(factory.workshop.data().join("out/wide.csv"), format!("a\n{}", format!("{wide}\n").repeat(5)))
        .expect("a writable folder");
    let large = looked(&factory, look(dataset("File", json!({ "name": "wide.csv" })), text_source(), false), 1);
    assert!(large["error"]["message"].as_str().is_some_and(|text| text.contains("larger than 4 MB")), "{large:#}");
}

/// A factory whose dataset `Rows` is a table of the stand-in.
pub(super) fn with_sql_server() -> (Server, Factory, String) {
    let server = Server::start().expect("a server");
    let factory = Factory::new();
    factory.workshop.define(
        "linkedService/Db",
        json!({ "type": "SqlServer", "typeProperties": { "server": format!("localhost,{}", server.port()),
            "database": "sales", "authenticationType": "SQL", "userName": "sa",
            "password": { "type": "SecureString", "value": "Ropeway-1!" } } }),
    );
    factory.workshop.define(
        "dataset/Rows",
        json!({ "type": "SqlServerTable", "linkedServiceName": service("Db"),
            "typeProperties": { "schema": "dbo", "table": "t" } }),
    );
    let bundle = factory.workshop.data().join(".authority.pem");
    fs::write(&bundle, &server.ca_pem).expect("a writable folder");
    (server, factory, bundle.to_string_lossy().into_owned())
}

#[test]
fn a_watermark_of_sql_server_is_read_by_query_and_by_table() {
    let (server, factory, bundle) = with_sql_server();
    server
        .execute("sales", "CREATE TABLE dbo.t (k int NOT NULL PRIMARY KEY, at datetime2(7) NULL, d decimal(10,2) NULL)")
        .expect("a table");
    server
        .execute("sales", "INSERT INTO dbo.t VALUES (1, '2026-11-22T01:02:03.4567890', 12.50), (2, NULL, NULL)")
        .expect("rows");
    for source in [
        json!({ "type": "SqlServerSource" }),
        json!({ "type": "SqlServerSource", "sqlReaderQuery": "SELECT k, at, d FROM dbo.t" }),
        json!({ "type": "SqlSource", "query": "SELECT k, at, d FROM dbo.t" }),
    ] {
        factory.pipeline(json!({}), json!([look(dataset("Rows", json!({})), source, false)]));
        let report = factory.report(&["--ca-bundle", &bundle], 0);
        let mut rows = only(&report, "Look")["output"]["value"].as_array().expect("rows").clone();
        rows.sort_by_key(|row| row["k"].as_i64());
        assert_eq!(
            rows,
            [
                json!({ "k": 1, "at": "2026-11-22T01:02:03.456789Z", "d": 12.5 }),
                json!({ "k": 2, "at": null, "d": null }),
            ]
        );
    }
}

#[test]
fn the_metadata_of_a_table_are_its_columns_and_whether_it_is_there() {
    let (server, factory, bundle) = with_sql_server();
    let ask = || {
        let fields = json!(["exists", "structure", "columnCount"]);
        factory.pipeline(
            json!({}),
            json!([activity(
                "Ask",
                "GetMetadata",
                json!({ "dataset": dataset("Rows", json!({})), "fieldList": fields })
            )]),
        );
        only(&factory.report(&["--ca-bundle", &bundle], 0), "Ask")["output"].clone()
    };
    let missing = ask();
    assert_eq!((&missing["exists"], missing.get("structure")), (&json!(false), None), "{missing:#}");
    server
        .execute("sales", "CREATE TABLE dbo.t (k int NOT NULL PRIMARY KEY, name nvarchar(10) NULL)")
        .expect("a table");
    let found = ask();
    assert_eq!((&found["exists"], &found["columnCount"]), (&json!(true), &json!(2)));
    assert_eq!(found["structure"], json!([{ "name": "k", "type": "Int32" }, { "name": "name", "type": "String" }]));
    let strange =
        activity("Ask", "GetMetadata", json!({ "dataset": dataset("Rows", json!({})), "fieldList": ["childItems"] }));
    factory.pipeline(json!({}), json!([strange]));
    let refused = factory.report(&["--ca-bundle", &bundle], 2);
    assert!(
        only(&refused, "Ask")["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("'childItems' cannot be asked"))
    );
}
