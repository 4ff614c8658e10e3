//! Scripts and stored procedures, at the stand-in of SQL Server and at a real PostgreSQL.

use ropeway_tests::odbc::{PASSWORD, PostgreSql, USER};
use serde_json::{Value, json};

use super::{
    factory::{Factory, after, only, service, set, value},
    lookup::with_sql_server,
};

fn script(name: &str, blocks: Value) -> Value {
    json!({ "name": name, "type": "Script", "linkedServiceName": service("Db"), "typeProperties": { "scripts": blocks } })
}

fn procedure(name: &str, procedure: &str, parameters: Value) -> Value {
    json!({
        "name": name, "type": "SqlServerStoredProcedure", "linkedServiceName": service("Db"),
        "typeProperties": { "storedProcedureName": procedure, "storedProcedureParameters": parameters },
    })
}

#[test]
fn a_script_of_sql_server_gives_its_results_and_counts() {
    let (server, factory, bundle) = with_sql_server();
    server
        .execute("sales", "CREATE TABLE dbo.t (k int NOT NULL PRIMARY KEY, name nvarchar(50) NULL)")
        .expect("a table");
    let hostile = "x'); DROP TABLE dbo.t; --";
    let fill = script(
        "Fill",
        json!([
            { "type": "NonQuery", "text": "INSERT INTO dbo.t VALUES (1, N'one'), (2, N'two')" },
            { "type": "NonQuery", "text": "INSERT INTO dbo.t VALUES (3, @name)", "parameters": [
                { "name": "name", "value": hostile, "type": "String", "direction": "Input" }] },
        ]),
    );
    let read = script(
        "Read",
        json!([{ "type": "Query", "text": "SELECT k, name FROM dbo.t WHERE k >= @least ORDER BY k", "parameters": [
        { "name": "least", "value": "2", "type": "Int32", "direction": "Input" }] }]),
    );
    let seen = set("Seen", "v", "@activity('Read').output.resultSets[0].rows[1].name");
    factory.pipeline(
        json!({ "v": { "type": "String" } }),
        json!([fill, after(read, "Fill", "Succeeded"), after(seen, "Read", "Succeeded")]),
    );
    let report = factory.report(&["--ca-bundle", &bundle], 0);
    assert_eq!(only(&report, "Fill")["output"]["recordsAffected"], 3);
    let read = &only(&report, "Read")["output"];
    assert_eq!((&read["resultSetCount"], &read["resultSets"][0]["rowCount"]), (&json!(1), &json!(2)), "{read:#}");
    assert_eq!(read["resultSets"][0]["rows"][0], json!({ "k": 2, "name": "two" }));
    assert_eq!(value(&report, "Seen"), hostile, "a parameter is a value and no text of the statement");
}

#[test]
fn a_procedure_of_sql_server_takes_its_parameters_and_says_why_it_failed() {
    let (server, factory, bundle) = with_sql_server();
    server
        .execute("sales", "CREATE TABLE dbo.t (k int NOT NULL PRIMARY KEY, name nvarchar(50) NULL)")
        .expect("a table");
    server
        .execute(
            "sales",
            "CREATE PROCEDURE dbo.put @k int, @name nvarchar(50) AS BEGIN INSERT INTO dbo.t VALUES (@k, @name) END",
        )
        .expect("a procedure");
    let put = |name: &str| {
        procedure(
            name,
            "[dbo].[put]",
            json!({ "k": { "value": "7", "type": "Int32" }, "name": { "value": "it's", "type": "String" } }),
        )
    };
    factory.pipeline(json!({}), json!([put("Put"), after(put("Again"), "Put", "Succeeded")]));
    let report = factory.report(&["--ca-bundle", &bundle], 1);
    assert_eq!(only(&report, "Put")["status"], "Succeeded");
    let error = &only(&report, "Again")["error"];
    assert_eq!((&error["errorCode"], &error["failureType"]), (&json!("2402"), &json!("UserError")), "{error:#}");
    let rows = server.execute("sales", "SELECT k, name FROM dbo.t").expect("rows");
    assert_eq!(rows, [["7", "it's"]]);
}

fn with_postgresql() -> (PostgreSql, Factory) {
    let server = PostgreSql::start();
    let factory = Factory::new();
    factory.workshop.define(
        "linkedService/Db",
        json!({ "type": "Odbc", "typeProperties": { "connectionString": server.connection_string(), "authenticationType": "Basic",
            "userName": USER, "password": { "type": "SecureString", "value": PASSWORD } } }),
    );
    (server, factory)
}

#[test]
fn scripts_and_procedures_of_postgresql_run_over_odbc() {
    let (server, factory) = with_postgresql();
    server.run("CREATE TABLE t (k int PRIMARY KEY, name text, at timestamp)");
    server.run("CREATE FUNCTION put(k int, name text) RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES ($1, $2)'");
    let hostile = "x'); DROP TABLE t; --";
    let fill = script(
        "Fill",
        json!([
            { "type": "NonQuery", "text": "INSERT INTO t VALUES (1, 'one', '2026-11-22 01:02:03.5'), (2, 'two', NULL)" },
            { "type": "NonQuery", "text": "UPDATE t SET name = ? WHERE k = 2", "parameters": [{ "value": hostile, "type": "String" }] },
        ]),
    );
    let put = procedure(
        "Put",
        "public.put",
        json!({ "k": { "value": 3, "type": "Int32" }, "name": { "value": "three", "type": "String" } }),
    );
    let read = script("Read", json!([{ "type": "Query", "text": "SELECT k, name, at FROM t ORDER BY k" }]));
    factory.pipeline(json!({}), json!([fill, after(put, "Fill", "Succeeded"), after(read, "Put", "Succeeded")]));
    let report = factory.report(&[], 0);
    assert_eq!(only(&report, "Fill")["output"]["recordsAffected"], 3);
    assert_eq!(
        only(&report, "Read")["output"]["resultSets"][0]["rows"],
        json!([
            { "k": 1, "name": "one", "at": "2026-11-22T01:02:03.5Z" },
            { "k": 2, "name": hostile, "at": null },
            { "k": 3, "name": "three", "at": null },
        ])
    );
}

#[test]
fn a_script_that_takes_too_long_runs_out_of_time_and_a_wrong_one_fails() {
    let (_server, factory) = with_postgresql();
    let mut slow = script("Slow", json!([{ "type": "Query", "text": "SELECT pg_sleep(60)" }]));
    slow["policy"] = json!({ "timeout": "0.00:00:02" });
    factory.pipeline(json!({}), json!([slow]));
    let report = factory.report(&[], 4);
    assert_eq!(only(&report, "Slow")["status"], "TimedOut");
    factory.pipeline(
        json!({}),
        json!([script("Wrong", json!([{ "type": "Query", "text": "SELECT nothing FROM nowhere" }]))]),
    );
    let report = factory.report(&[], 2);
    assert_eq!(only(&report, "Wrong")["error"]["errorCode"], "2011");
    let out = script(
        "Out",
        json!([{ "type": "Query", "text": "SELECT ?", "parameters": [{ "name": "x", "type": "String", "direction": "Output", "size": 10 }] }]),
    );
    factory.pipeline(json!({}), json!([out]));
    let report = factory.report(&[], 2);
    assert!(only(&report, "Out")["error"]["message"].as_str().is_some_and(|text| text.contains("do not come out")));
}
