//! What goes wrong with a connection, and what a person is told.

use ropeway_engine::{Error, ErrorKind};
use ropeway_tests::odbc::{PASSWORD, PostgreSql, Sqlite};
use serde_json::{Value, json};

use super::{connect, settings};

async fn refusal(settings: Value) -> Error {
    match connect(settings) {
        Ok(source) => source.schema().await.unwrap_err(),
        Err(error) => error,
    }
}

fn expect(error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), kind, "{text}");
    for word in words {
        assert!(text.contains(word), "'{word}' is not in: {text}");
    }
    for secret in [PASSWORD, "hunter2"] {
        assert!(!text.contains(secret), "a secret is in: {text}");
    }
}

#[tokio::test]
async fn every_refusal_names_its_object_and_no_secret() {
    let server = PostgreSql::start();
    let at = server.connection_string();
    let table = |name: &str| json!({"tableName": name});

    let mut wrong = settings(&at, table("t"), json!({}));
    wrong["linkedService"]["password"] = "hunter2".into();
    expect(&refusal(wrong).await, ErrorKind::Auth, &["userName and password", "127.0.0.1"]);

    let missing = settings(&at, table("no_such_table"), json!({}));
    expect(&refusal(missing).await, ErrorKind::Spec, &["no_such_table"]);

    let elsewhere = at.replace("Database=postgres", "Database=nowhere");
    expect(&refusal(settings(&elsewhere, table("t"), json!({}))).await, ErrorKind::Spec, &["nowhere"]);

    let closed = "Driver={PostgreSQL Unicode};Server=127.0.0.1;Port=1;Database=postgres;";
    expect(&refusal(settings(closed, table("t"), json!({}))).await, ErrorKind::Unavailable, &["host, port"]);

    let syntax = settings(&at, json!({}), json!({"query": "SELEC 1"}));
    expect(&refusal(syntax).await, ErrorKind::Spec, &["syntax"]);

    let nothing = settings(&at, json!({}), json!({}));
    expect(&refusal(nothing).await, ErrorKind::Spec, &["tableName", "query"]);

    let doubled = settings(&at, json!({}), json!({"query": "SELECT 1 AS a, 2 AS a"}));
    expect(&refusal(doubled).await, ErrorKind::Spec, &["column=a"]);

    let unknown = "Driver={No Such Driver};Server=h;PWD=hunter2;";
    let mut unknown = settings(unknown, table("t"), json!({}));
    unknown["linkedService"]["password"] = Value::Null;
    expect(&refusal(unknown).await, ErrorKind::Spec, &["No Such Driver", "PostgreSQL Unicode", "SQLite3"]);

    let absent = "Driver={/nowhere/psqlodbcw.so};Server=h;";
    let absent = settings(absent, table("t"), json!({}));
    expect(&refusal(absent).await, ErrorKind::Spec, &["/nowhere/psqlodbcw.so", "apt-get install odbc-postgresql"]);

    for evil in ["FILEDSN=/etc/passwd", "Driver={SQLite3};SAVEFILE=/tmp/x", "DSN=a;TraceFile=/tmp/x"] {
        expect(&refusal(settings(evil, table("t"), json!({}))).await, ErrorKind::Spec, &["keyword"]);
    }

    let store = |connection: &str| {
        let service = settings(connection, json!({}), json!({}))["linkedService"].clone();
        ropeway_connectors::registry().connect_store("Odbc", json!({"linkedService": service})).unwrap()
    };
    let steps = store(&at).probe().await;
    assert!(
        steps.iter().all(|step| step.outcome.as_ref().is_ok_and(|found| found.contains("PostgreSQL"))),
        "{steps:?}"
    );
    let steps = store(closed).probe().await;
    assert!(steps.last().is_some_and(|step| step.outcome.is_err()));
    let database = Sqlite::start();
    assert!(store(&database.connection_string()).probe().await.iter().all(|step| step.outcome.is_ok()));
}
