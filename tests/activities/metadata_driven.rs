//! The pipeline that most factories are: a control table says what is copied, a loop copies it, and the table remembers
//! how far.

use std::fs;

use serde_json::json;

use super::{
    factory::{Factory, activity, after, dataset, only, runs, service},
    lookup::with_sql_server,
};

const TABLES: &str = "CREATE TABLE dbo.control (name nvarchar(50) NOT NULL PRIMARY KEY, watermark int NOT NULL);
    CREATE TABLE dbo.orders (id int NOT NULL PRIMARY KEY, note nvarchar(20) NULL);
    CREATE TABLE dbo.clients (id int NOT NULL PRIMARY KEY, note nvarchar(20) NULL);
    INSERT INTO dbo.control VALUES (N'orders', 0), (N'clients', 1);
    INSERT INTO dbo.orders VALUES (1, N'a'), (2, N'b');
    INSERT INTO dbo.clients VALUES (1, N'old'), (2, N'new')";

fn expression(text: &str) -> serde_json::Value {
    json!({ "value": text, "type": "Expression" })
}

/// Looks up the tables, copies what is new of each to a file, and writes down how far that went.
fn define(factory: &Factory) {
    let look = activity(
        "Look",
        "Lookup",
        json!({
            "source": { "type": "SqlServerSource", "sqlReaderQuery": "SELECT name, watermark FROM dbo.control" },
            "dataset": dataset("Rows", json!({})),
            "firstRowOnly": false,
        }),
    );
    let last = activity(
        "Last",
        "Lookup",
        json!({
            "source": { "type": "SqlServerSource", "sqlReaderQuery":
                expression("@concat('SELECT MAX(id) AS id FROM dbo.[', item().name, ']')") },
            "dataset": dataset("Rows", json!({})),
        }),
    );
    let copy = json!({
        "name": "Copy",
        "type": "Copy",
        "inputs": [dataset("Rows", json!({}))],
        "outputs": [dataset("File", json!({ "name": expression("@concat(item().name, '-', string(item().watermark), '.csv')") }))],
        "typeProperties": {
            "source": { "type": "SqlServerSource", "sqlReaderQuery": expression(
                "SELECT id, note FROM dbo.[@{item().name}] WHERE id > @{item().watermark} \
                 AND id <= @{activity('Last').output.firstRow.id}") },
            "sink": {
                "type": "DelimitedTextSink",
                "storeSettings": { "type": "FileServerWriteSettings" },
                "formatSettings": { "type": "DelimitedTextWriteSettings", "fileExtension": ".csv" },
            },
        },
    });
    let keep = json!({
        "name": "Keep",
        "type": "SqlServerStoredProcedure",
        "linkedServiceName": service("Db"),
        "typeProperties": { "storedProcedureName": "dbo.keep", "storedProcedureParameters": {
            "name": { "value": expression("@item().name"), "type": "String" },
            "watermark": { "value": expression("@activity('Last').output.firstRow.id"), "type": "Int32" },
        } },
    });
    let each = activity(
        "Each",
        "ForEach",
        json!({
            "items": expression("@activity('Look').output.value"),
            "activities": [last, after(copy, "Last", "Succeeded"), after(keep, "Copy", "Succeeded")],
        }),
    );
    factory.pipeline(json!({}), json!([look, after(each, "Look", "Succeeded")]));
}

/// The lines of a file, sorted.
fn lines(factory: &Factory, file: &str) -> Vec<String> {
    let mut lines: Vec<_> = factory.file(file).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_new_of_every_table_is_copied_once() {
    let (server, factory, bundle) = with_sql_server();
    server.execute("sales", TABLES).expect("tables");
    server
        .execute(
            "sales",
            "CREATE PROCEDURE dbo.keep @name nvarchar(50), @watermark int AS \
             UPDATE dbo.control SET watermark = @watermark WHERE name = @name",
        )
        .expect("a procedure");
    define(&factory);
    let report = factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(only(&report, "Look")["output"]["count"], 2);
    assert_eq!((runs(&report, "Copy").len(), runs(&report, "Keep").len()), (2, 2));
    assert_eq!(lines(&factory, "orders-0.csv"), ["1,a", "2,b", "id,note"]);
    assert_eq!(lines(&factory, "clients-1.csv"), ["2,new", "id,note"]);

    server.execute("sales", "INSERT INTO dbo.orders VALUES (3, N'c')").expect("a row");
    factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(lines(&factory, "orders-2.csv"), ["3,c", "id,note"], "the watermark was kept");
    assert_eq!(lines(&factory, "clients-2.csv"), ["id,note"]);
    let files = fs::read_dir(factory.workshop.data().join("out")).expect("a folder");
    let files =
        files.filter(|file| file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().ends_with(".csv")));
    assert_eq!(files.count(), 4);
}
