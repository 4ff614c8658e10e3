//! `--set source.NAME=VALUE`: shown by `plan`, kept for `resume`, and part of what a run is.

use ropeway_tests::{
    readback,
    sql_server::{Fault, Server, SqlError},
};
use serde_json::json;

use super::workshop::{Finished, Workshop, copy};

const READ: &str = "SELECT * FROM [dbo].[Moments]";
const UTC: &str = "source.dateTimeOffset=utcAndOffset";
const MICROSECONDS: &str = "source.dateTime2=microseconds";

/// A table with a date that nanoseconds do not reach, and a moment that has an offset.
struct Moments {
    server: Server,
    workshop: Workshop,
}

impl Moments {
    fn new() -> Self {
        Self::with_password("Ropeway-1!")
    }

    fn with_password(password: &str) -> Self {
        let server = Server::start().expect("a server");
        let table = "CREATE TABLE dbo.Moments (Until datetime2(7) NOT NULL, Seen datetimeoffset(0) NULL); \
                     INSERT INTO dbo.Moments VALUES ('9999-12-31T23:59:59', '2024-02-29T12:00:00-03:30')";
        server.execute("sales", table).expect("a table");
        let workshop = Workshop::folder(0.001);
        workshop.define(
            "linkedService/Db",
            json!({"type": "SqlServer", "typeProperties": {"server": format!("localhost,{}", server.port()),
                "database": "sales", "authenticationType": "SQL", "userName": "sa",
                "password": {"type": "SecureString", "value": password}}}),
        );
        let service = json!({"referenceName": "Db", "type": "LinkedServiceReference"});
        workshop.define(
            "dataset/Moments",
            json!({"type": "SqlServerTable", "linkedServiceName": service,
                "typeProperties": {"schema": "dbo", "table": "Moments"}}),
        );
        let mut activity = copy("Copy moments", "Moments", "Target");
        activity["typeProperties"]["source"] = json!({"type": "SqlServerSource"});
        // A retry would take longer than the whole test run.
        activity["policy"] = json!({"retry": 1, "retryIntervalInSeconds": 86_400});
        workshop.define("pipeline/CopyLineitem", json!({"activities": [activity]}));
        std::fs::write(workshop.data().join(".authority.pem"), &server.ca_pem).expect("a writable folder");
        Self { server, workshop }
    }

    fn finish(&self, arguments: &[&str]) -> Finished {
        let authority = self.workshop.data().join(".authority.pem");
        let bundle = ["--ca-bundle", authority.to_str().expect("a plain path")];
        self.workshop.finish(&[arguments, &bundle].concat())
    }

    fn run(&self, id: &str, settings: &[&str]) -> Finished {
        let settings: Vec<_> = settings.iter().flat_map(|&setting| ["--set", setting]).collect();
        self.finish(&[&["run", "orders/pipeline/CopyLineitem.json", "--run-id", id], &settings[..]].concat())
    }

    fn reads(&self) -> usize {
        self.server.seen().statements.iter().filter(|text| text.starts_with(READ)).count()
    }
}

#[test]
fn a_date_beyond_nanoseconds_names_the_setting_that_helps_and_is_not_tried_again() {
    let moments = Moments::new();
    let said = moments.run("coarse", &[]).ended(1);
    for named in ["column=Until", &format!("--set {MICROSECONDS}"), "CAST"] {
        assert!(said.stderr.contains(named), "'{named}' is missing in:\n{}", said.stderr);
    }
    assert_eq!(moments.reads(), 1, "a row that does not fit is read once");

    // The setting changes what is written: it is another run.
    let said = moments.finish(&["resume", "coarse", "--set", MICROSECONDS]).ended(2);
    assert!(said.stderr.contains("the definition changed since this run was planned"), "{}", said.stderr);
    moments.run("fine", &[MICROSECONDS]).ended(0);
}

#[test]
fn a_setting_is_shown_by_plan_and_kept_for_resume() {
    let moments = Moments::new();
    let plan = ["plan", "orders/pipeline/CopyLineitem.json", "--set", UTC, "--set", MICROSECONDS];
    let plan = moments.finish(&plan).ended(0);
    for shown in [UTC, MICROSECONDS, "Seen_offset"] {
        assert!(plan.stdout.contains(shown), "'{shown}' is missing in:\n{}", plan.stdout);
    }
    let preview = moments.finish(&["preview", "orders", "Moments", "--set", UTC, "--set", MICROSECONDS]).ended(0);
    assert!(preview.stdout.contains("-210"), "{}", preview.stdout);

    let denied = SqlError::new(229, 14, "The SELECT permission was denied on the object 'Moments'.");
    moments.server.on(READ, Fault::Error(denied), 1);
    moments.run("kept", &[UTC, MICROSECONDS]).ended(3);
    moments.finish(&["resume", "kept"]).ended(0);
    let rows = readback::parquet(&moments.workshop.data().join("out"), 10).values;
    let row: Vec<_> = rows[0].iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
    assert!(rows.len() == 1 && row.len() == 3, "{rows:?}");
    assert!(row[0].starts_with("9999-12-31") && row[1].starts_with("2024-02-29") && row[2] == "-210", "{row:?}");
    assert!(row[1].contains("15:30:00"), "the moment is in UTC: {row:?}");
}

#[test]
fn a_setting_that_does_not_exist_is_refused_before_anything_starts() {
    let moments = Moments::new();
    for (wrong, said) in [
        ("source.dateTime3=x", "source.dateTime2=nanoseconds|microseconds"),
        ("source.dateTime2=years", "nanoseconds or microseconds"),
        ("dateTime2", "source.NAME=VALUE"),
    ] {
        let refused = moments.run("wrong", &[wrong]).ended(2);
        assert!(refused.stderr.contains(said), "'{said}' is missing in:\n{}", refused.stderr);
    }
    assert_eq!(moments.server.seen().logins, 0);
    let other = Workshop::folder(0.001);
    let warned = other.run(&["--set", MICROSECONDS]).ended(0);
    assert!((warned.stdout + &warned.stderr).contains("has no effect"), "a source without the setting says so");
    other.run(&["--set", MICROSECONDS, "--strict", "--run-id", "strict"]).ended(2);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let moments = Moments::with_password("not-the-password");
    moments.run("locked", &[]).ended(3);
    assert_eq!(moments.server.seen().refused, 1, "an account is locked by repeated wrong logins");
}
