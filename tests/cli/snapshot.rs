//! Which consistency a copy has: asked for in the definition or with `--set`, said by `plan` and by the report.

use ropeway_tests::{
    odbc::{PASSWORD, PostgreSql, USER},
    readback,
    sql_server::{Fault, Server},
};
use serde_json::{Value, json};

use super::workshop::{Finished, Workshop, copy};

const SHARED: &str = "one snapshot for all chunks";

/// The consistency that `plan` foresees, and the one that a run had.
fn told(workshop: &Workshop, more: &[&str]) -> [String; 2] {
    let plan = [&["plan", "orders/pipeline/CopyLineitem.json", "--output", "json"], more].concat();
    let plan = workshop.finish(&plan).ended(0).json();
    let run = workshop.run(&[&["--output", "json"], more].concat()).ended(0).json();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    [
        text(&plan["activities"][0]["sourceConsistency"]),
        text(&run["activityRuns"][0]["output"]["ropeway"]["sourceConsistency"]),
    ]
}

fn service() -> Value {
    json!({"referenceName": "Db", "type": "LinkedServiceReference"})
}

/// A factory that copies the table `dbo.t` of a stand-in, with 4,000 rows, as a copy source says.
fn sql_server(source: Value) -> (Server, Workshop) {
    let server = Server::start().expect("a server");
    server.execute("sales", "CREATE TABLE dbo.t (k int NOT NULL PRIMARY KEY, n int NOT NULL)").expect("a table");
    for first in (0..4_000).step_by(20) {
        let rows: Vec<_> = (first..first + 20).map(|k| format!("({k}, {k})")).collect();
        server.execute("sales", &format!("INSERT INTO dbo.t VALUES {}", rows.join(", "))).expect("rows");
    }
    server.execute("sales", "UPDATE STATISTICS dbo.t WITH FULLSCAN").expect("statistics");
    server.execute("sales", "ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON").expect("snapshots");
    let workshop = Workshop::folder(0.001);
    workshop.define(
        "linkedService/Db",
        json!({"type": "SqlServer", "typeProperties": {"server": format!("localhost,{}", server.port()),
            "database": "sales", "authenticationType": "SQL", "userName": "sa",
            "password": {"type": "SecureString", "value": "Ropeway-1!"}}}),
    );
    workshop.define(
        "dataset/Rows",
        json!({"type": "SqlServerTable", "linkedServiceName": service(),
            "typeProperties": {"schema": "dbo", "table": "t"}}),
    );
    let mut activity = copy("Copy rows", "Rows", "Target");
    activity["typeProperties"]["source"] = source;
    workshop.define("pipeline/CopyLineitem", json!({"activities": [activity]}));
    std::fs::write(workshop.data().join(".authority.pem"), &server.ca_pem).expect("a writable folder");
    (server, workshop)
}

fn bundle(workshop: &Workshop) -> String {
    workshop.data().join(".authority.pem").to_string_lossy().into_owned()
}

#[test]
fn a_snapshot_that_the_definition_asks_for_is_told_as_it_was_had() {
    for (level, shared) in [("Snapshot", true), ("ReadCommitted", false)] {
        let (_server, workshop) = sql_server(json!({"type": "SqlServerSource", "isolationLevel": level}));
        let told = told(&workshop, &["--ca-bundle", &bundle(&workshop)]);
        for told in &told {
            assert_eq!(told.starts_with(SHARED), shared, "{level}: {told}");
            assert_eq!(told.contains("begins again"), shared, "{level}: {told}");
            assert_eq!(told.contains("may be seen twice or never"), !shared, "{level}: {told}");
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(readback::parquet(&workshop.data().join("out"), 10_000).values.len(), 4_000);
    }
}

#[test]
fn a_run_that_lost_its_snapshot_says_to_resume_and_begins_again() {
    let (server, workshop) = sql_server(json!({"type": "SqlServerSource", "isolationLevel": "Snapshot"}));
    let bundle = bundle(&workshop);
    let run = |arguments: &[&str]| -> Finished { workshop.finish(&[arguments, &["--ca-bundle", &bundle]].concat()) };
    let read = "SELECT * FROM [dbo].[t] WHERE";
    // Two at once, and two to spare.
    server.on_after(1, read, Fault::BreakAfterBytes(300), 4);
    let lost = run(&["run", "orders/pipeline/CopyLineitem.json", "--run-id", "lost", "--parallel", "2"]).ended(4);
    assert!(lost.stderr.contains("snapshot is lost") && lost.stderr.contains("resume"), "{}", lost.stderr);
    server.clear_faults();
    server.execute("sales", "UPDATE dbo.t SET n = n + 1").expect("rows change");
    run(&["resume", "lost"]).ended(0);
    let rows = readback::parquet(&workshop.data().join("out"), 10_000).values;
    let number = |cell: &Option<String>| cell.as_deref().expect("a number").parse::<i64>().expect("a number");
    assert!(rows.len() == 4_000 && rows.iter().all(|row| number(&row[1]) == number(&row[0]) + 1), "one state");
}

#[test]
fn a_setting_shares_a_snapshot_of_postgresql() {
    let database = PostgreSql::start();
    database.run(
        "CREATE TABLE t AS SELECT i::bigint AS k FROM generate_series(1, 24000) i; ALTER TABLE t ADD PRIMARY KEY (k)",
    );
    let workshop = Workshop::folder(0.001);
    workshop.define(
        "linkedService/Db",
        json!({"type": "Odbc", "typeProperties": {"connectionString": database.connection_string(),
            "authenticationType": "Basic", "userName": USER, "password": {"type": "SecureString", "value": PASSWORD}}}),
    );
    workshop.define(
        "dataset/Rows",
        json!({"type": "OdbcTable", "linkedServiceName": service(), "typeProperties": {"tableName": "t"}}),
    );
    let mut activity = copy("Copy rows", "Rows", "Target");
    activity["typeProperties"]["source"] = json!({"type": "OdbcSource"});
    workshop.define("pipeline/CopyLineitem", json!({"activities": [activity]}));
    for told in told(&workshop, &["--set", "source.isolationLevel=Snapshot"]) {
        assert!(told.starts_with(SHARED), "{told}");
    }
    for told in told(&workshop, &[]) {
        assert!(told.contains("may be missed or read twice"), "{told}");
    }
    let wrong = workshop.run(&["--set", "source.isolationLevel=Chaos"]).ended(2);
    assert!(wrong.stderr.contains("Unspecified or Snapshot"), "{}", wrong.stderr);
}
