//! Into tables, whose columns say which types are wanted, and out of them.

use std::fs;

use ropeway_tests::{
    odbc::{PASSWORD as ODBC_PASSWORD, PostgreSql, USER},
    sql_server::{Options, Server},
};
use serde_json::{Value, json};

use super::{item, row, text};
use crate::end_to_end::{
    example::Example,
    oracle::{Row, assert_same},
    orders::{Orders, PASSWORD},
};

fn reference(name: &str) -> Value {
    json!({ "referenceName": name, "type": "LinkedServiceReference" })
}

/// A factory of a text file and a table, either of which is the source.
struct Copying {
    example: Example,
}

impl Copying {
    fn new() -> Self {
        let example = Example::blank();
        fs::create_dir_all(example.path("data/in")).expect("a writable folder");
        let host = json!({ "type": "FileServer", "typeProperties": { "host": example.path("data") } });
        example.define("linkedService/Files", &host);
        Self { example }
    }

    /// Text files of `in/` to the table of a linked service.
    fn load(&self, lines: &str, table: (&str, Value), settings: (&str, Value)) {
        fs::write(self.example.path("data/in/a.csv"), lines).expect("a writable folder");
        self.example.define("dataset/From", &text(&json!({ "type": "FileServerLocation", "folderPath": "in" }), true));
        let (kind, properties) = table;
        self.example.define(
            "dataset/To",
            &json!({ "type": kind, "linkedServiceName": reference("Database"), "typeProperties": properties }),
        );
        let source = json!({
            "type": "DelimitedTextSource", "storeSettings": { "type": "FileServerReadSettings", "recursive": true },
        });
        self.copy(source, json!({ "type": settings.0 }), settings.1);
    }

    fn copy(&self, source: Value, sink: Value, more: Value) {
        let mut settings = json!({ "source": source, "sink": sink });
        for (name, value) in more.as_object().expect("an object") {
            settings[name] = value.clone();
        }
        let dataset = |name: &str| json!([{ "referenceName": name, "type": "DatasetReference" }]);
        self.example.define(
            "pipeline/Copy",
            &json!({ "activities": [{
            "name": "Copy", "type": "Copy", "inputs": dataset("From"), "outputs": dataset("To"),
            "policy": { "retry": 0 }, "typeProperties": settings,
        }] }),
        );
    }
}

/// A server with the database `Sales`, and a linked service that leads there.
fn sql_server(copying: &mut Copying, table: &str) -> Server {
    let mut options = Options { databases: vec!["Sales".to_owned()], ..Options::default() };
    options.users.insert("ropeway".to_owned(), PASSWORD.to_owned());
    let server = Server::start_with(options).expect("a server");
    server.execute("Sales", table).expect("a table");
    name_server(copying, &server);
    server
}

fn name_server(copying: &mut Copying, server: &Server) {
    copying.example.define(
        "linkedService/Database",
        &json!({ "type": "SqlServer", "typeProperties": {
        "server": format!("localhost,{}", server.port()), "database": "Sales", "encrypt": "mandatory",
        "authenticationType": "SQL", "userName": "ropeway",
        "password": { "type": "SecureString", "value": "**********" },
    } }),
    );
    copying.example.secret("Database", "password", PASSWORD);
    copying.example.trust(&server.ca_pem);
}

const ARRIVALS: &str = "Nr,When,Amount,Open,Note,Blob\n\
    1,29/02/2024 13:04:05.123,12.999,True,\"a, b\",AQI=\n\
    2,31/12/9999 00:00:00.000,-0.5,0,NULL,NULL\n\
    canary,01/01/2024 00:00:00.000,1,1,c,NULL\n\
    4,01/31/2024 00:00:00.000,1,1,d,NULL\n\
    5,01/01/2024 00:00:00.000,1,1,e,?\n";

fn arrivals(conversion: Value) -> Value {
    json!({
        "enableSkipIncompatibleRow": true,
        "translator": {
            "type": "TabularTranslator", "typeConversion": true, "typeConversionSettings": conversion,
            "mappings": [
                item("Note", "note"), item("nr", "ID"), item("When", "at"), item("Amount", "amount"), item("Open", "flag"),
                item("Blob", json!({ "name": "bytes", "type": "Byte array" })),
            ],
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_what_the_columns_of_sql_server_are() {
    let mut copying = Copying::new();
    let server = sql_server(
        &mut copying,
        "CREATE TABLE dbo.Arrivals (id int NOT NULL PRIMARY KEY, at datetime2(7) NULL, amount decimal(10, 2) NULL, \
         flag bit NULL, note nvarchar(20) NULL, bytes varbinary(10) NULL)",
    );
    let table = ("SqlServerTable", json!({ "schema": "dbo", "table": "Arrivals" }));
    let format = "dd/MM/yyyy HH:mm:ss.fff";
    let settings = arrivals(json!({ "dateTimeFormat": format, "allowDataTruncation": false }));
    copying.load(ARRIVALS, table.clone(), ("SqlServerSink", settings));
    let output = copying.example.run("exact").ended(0).json()["activityRuns"][0]["output"].clone();
    assert_eq!((&output["rowsCopied"], &output["rowsSkipped"]), (&1.into(), &4.into()), "{output:#}");
    copying.load(ARRIVALS, table, ("SqlServerSink", arrivals(json!({ "dateTimeFormat": format }))));
    server.execute("Sales", "DELETE FROM dbo.Arrivals").expect("a table");
    let output = copying.example.run("cut").ended(0).json()["activityRuns"][0]["output"].clone();
    assert_eq!((&output["rowsCopied"], &output["rowsSkipped"]), (&2.into(), &3.into()), "{output:#}");
    let rows = server.execute("Sales", "SELECT id, at, amount, flag, note FROM dbo.Arrivals WHERE id = 1");
    let rows: Vec<Row> = rows.expect("a table").into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
    assert_same(&rows, &[row(&["1", "2024-02-29 13:04:05.1230000", "12.99", "1", "a, b"])]);
    let rows = server.execute("Sales", "SELECT id, at, amount, flag FROM dbo.Arrivals WHERE id = 2").expect("a table");
    let rows: Vec<Row> = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
    assert_same(&rows, &[row(&["2", "9999-12-31 00:00:00.0000000", "-0.50", "0"])]);
    let bytes = server.execute("Sales", "SELECT id FROM dbo.Arrivals WHERE bytes = 0x0102").expect("a table");
    assert_eq!(bytes, [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_a_table_lacks_is_told_with_its_place() {
    let mut copying = Copying::new();
    let server = sql_server(&mut copying, "CREATE TABLE dbo.t (a int NULL, b int NULL)");
    let translator = json!({ "type": "TabularTranslator", "mappings": [item("x", "A"), item("y", "c"), item("x", 1)] });
    let table = ("SqlServerTable", json!({ "schema": "dbo", "table": "t" }));
    copying.load("x,y\n1,2\n", table, ("SqlServerSink", json!({ "translator": translator })));
    let report = copying.example.run("wrong").ended(2);
    let said = report.json()["activityRuns"][0]["error"]["message"].as_str().expect("a message").to_owned();
    insta::assert_snapshot!(said.replace("$.properties.activities[0].typeProperties.", ""));
    assert!(server.execute("Sales", "SELECT a FROM dbo.t").expect("a table").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_sql_server_becomes_a_file_with_other_names_and_formats() {
    let orders = Orders::new(300);
    let mut copying = Copying::new();
    name_server(&mut copying, &orders.server);
    copying.example.define(
        "dataset/From",
        &json!({
            "type": "SqlServerTable", "linkedServiceName": reference("Database"),
            "typeProperties": { "schema": "dbo", "table": "Orders" },
        }),
    );
    let location = json!({ "type": "FileServerLocation", "folderPath": "out", "fileName": "orders.csv" });
    copying.example.define("dataset/To", &text(&location, true));
    let sink = json!({
        "type": "DelimitedTextSink", "storeSettings": { "type": "FileServerWriteSettings" },
        "formatSettings": { "type": "DelimitedTextWriteSettings", "fileExtension": ".csv" },
    });
    copying.copy(
        json!({ "type": "SqlServerSource" }),
        sink,
        json!({
            "validateDataConsistency": true,
            "translator": {
                "type": "TabularTranslator", "typeConversion": true,
                "typeConversionSettings": { "dateTimeFormat": "d MMMM yyyy" },
                "mappings": [item("Amount", "price"), item("OrderDate", "day"), item("ORDERID", "order")],
            },
        }),
    );
    copying.example.run("one").ended(0);
    let text = fs::read_to_string(copying.example.path("data/out/orders.csv")).expect("a copy");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("price,day,order"));
    let found: Vec<Row> = lines.map(|line| line.split(',').map(|value| Some(value.to_owned())).collect()).collect();
    let day =
        |day: &str| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").expect("a date").format("%-d %B %Y").to_string();
    let expected: Vec<Row> =
        orders.rows.iter().map(|row| vec![row[3].clone(), row[1].as_deref().map(day), row[0].clone()]).collect();
    assert_same(&found, &expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_what_the_columns_of_postgresql_are() {
    let database = PostgreSql::start();
    database.run(
        "CREATE TABLE arrivals (id int PRIMARY KEY, at timestamptz, day date, clock time, amount numeric(6, 1), word text)",
    );
    let copying = Copying::new();
    copying.example.define(
        "linkedService/Database",
        &json!({ "type": "Odbc", "typeProperties": {
        "connectionString": database.connection_string(), "authenticationType": "Basic", "userName": USER,
        "password": { "type": "SecureString", "value": "**********" },
    } }),
    );
    let mut copying = copying;
    copying.example.secret("Database", "password", ODBC_PASSWORD);
    let lines = "n,at,day,clock,amount,word\n\
        1,2024-02-29 12:00 +02:00,02/29/2024,13.04,1.99,a\n\
        2,2024-02-29 12:00 +02:00,29/02/2024,13.04,1,b\n\
        3,NULL,NULL,NULL,NULL,NULL\n";
    copying.load(lines, ("OdbcTable", json!({ "tableName": "arrivals" })), ("OdbcSink", json!({
        "enableSkipIncompatibleRow": true,
        "translator": {
            "type": "TabularTranslator", "typeConversion": true,
            "typeConversionSettings": { "dateTimeOffsetFormat": "yyyy-MM-dd HH:mm zzz", "timeSpanFormat": "hh\\.mm" },
            "mappings": [item("n", "id"), item("at", "at"), item("day", "day"), item("clock", "clock"),
                item("amount", "amount"), item("word", "word")],
        },
    })));
    let output = copying.example.run("one").ended(0).json()["activityRuns"][0]["output"].clone();
    assert_eq!((&output["rowsCopied"], &output["rowsSkipped"]), (&2.into(), &1.into()), "{output:#}");
    let rows = database.rows("SELECT id, at AT TIME ZONE 'UTC', day, clock, amount, word FROM arrivals ORDER BY id");
    assert_same(
        &rows,
        &[
            row(&["1", "2024-02-29 10:00:00", "2024-02-29", "13:04:00", "1.9", "a"]),
            row(&["3", "NULL", "NULL", "NULL", "NULL", "NULL"]),
        ],
    );
}
