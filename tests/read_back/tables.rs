//! Tables: all of them is read before the first row and after the last.

use std::sync::Arc;

use ropeway_engine::{
    ErrorKind, Result,
    checkpoint::memory::MemoryCheckpoint,
    run::{INCONSISTENT, Job, Settings, Summary},
    sink::Sink,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{
    sabotage::{ROWS, chunks, settings, source},
    store::{job, run},
};
use crate::{odbc::sink::Database, sql_server::target::Target};

/// A database with a table `t` in which a row stands already.
#[derive(Clone)]
enum Place {
    SqlServer(Arc<Target>),
    Odbc(Arc<Database>),
}

impl Place {
    fn all() -> Vec<Self> {
        let databases = Database::all().map(|database| Self::Odbc(Arc::new(database)));
        std::iter::once(Self::SqlServer(Arc::new(Target::from_env_or_start()))).chain(databases).collect()
    }

    /// With a table of these columns.
    fn with(self, table: &str) -> Self {
        self.say("DROP TABLE IF EXISTS t");
        self.say(table);
        self
    }

    /// A name without a schema is one of the test's own.
    fn say(&self, statement: &str) {
        match self {
            Self::SqlServer(target) => {
                let own = |before: &str| (format!("{before} t"), format!("{before} $(schema).t"));
                let text = ["TABLE", "EXISTS", "INTO", "FROM", "UPDATE"]
                    .map(own)
                    .iter()
                    .fold(statement.replace("varchar", "nvarchar"), |text, (plain, qualified)| {
                        text.replace(plain, qualified)
                    });
                target.run(&text);
            }
            Self::Odbc(database) => database.run(statement),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::SqlServer(_) => "SQL Server",
            Self::Odbc(database) => database.name(),
        }
    }

    fn sink(&self) -> Arc<dyn Sink> {
        match self {
            Self::SqlServer(target) => {
                let (service, ropeway) = target.connection();
                let spec = json!({"linkedService": service, "ropeway": ropeway,
                    "dataset": {"schema": target.schema(), "table": "t"}, "sink": {}});
                ropeway_connectors::registry().connect_sink("SqlServer", spec).unwrap()
            }
            Self::Odbc(database) => database.sink("t", json!({})),
        }
    }

    async fn copy(&self, settings: Settings, sabotage: impl Fn() + Send + Sync + 'static) -> Result<Summary> {
        let job = job(self.sink(), Arc::new(source(chunks())), settings, sabotage);
        run(&job, &MemoryCheckpoint::default(), &CancellationToken::new()).await
    }
}

const TABLE: &str = "CREATE TABLE t (more int, note varchar(20), name varchar(20), id bigint, other bigint)";
const BEFORE: &str = "INSERT INTO t (id, other, name, note) VALUES (-1, 1, 'before', 'b')";

/// What happens to a table, and whether its rows are others then.
const DEEDS: [(&str, &[&str]); 9] = [
    (
        "only the order differs",
        &["DELETE FROM t WHERE id = 7", "INSERT INTO t (id, other, name, note) VALUES (7, 49, 'n7', 'x, \"y\"')"],
    ),
    ("a row is lost", &["DELETE FROM t WHERE id = 7"]),
    ("a row is there twice", &["INSERT INTO t (id, other, name, note) VALUES (7, 49, 'n7', 'x, \"y\"')"]),
    (
        "a row is there twice and another one lost",
        &["DELETE FROM t WHERE id = 8", "INSERT INTO t (id, other, name, note) VALUES (7, 49, 'n7', 'x, \"y\"')"],
    ),
    ("a value is another one", &["UPDATE t SET other = 50 WHERE id = 7"]),
    ("two rows swapped a value", &["UPDATE t SET other = 56 WHERE id = 7", "UPDATE t SET other = 49 WHERE id = 8"]),
    ("null became empty", &["UPDATE t SET name = '' WHERE name IS NULL"]),
    ("empty became null", &["UPDATE t SET note = NULL WHERE note = ''"]),
    ("a row that stood there is lost", &["DELETE FROM t WHERE id = -1"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_doubled_changed_or_swapped_row_of_a_table_is_caught() {
    for place in Place::all() {
        for (what, deeds) in DEEDS {
            let place = place.clone().with(TABLE);
            place.say(BEFORE);
            let saboteur = place.clone();
            let outcome = place.copy(settings(), move || deeds.iter().for_each(|deed| saboteur.say(deed))).await;
            if what.starts_with("only") {
                let summary = outcome.unwrap_or_else(|error| panic!("{}: {what}: {error}", place.name()));
                assert!(summary.read_back && summary.rows == 3 * ROWS as u64, "{}: {summary:?}", place.name());
                continue;
            }
            let error = outcome.expect_err(what);
            assert!(error.kind() == ErrorKind::Data && error.is_fatal(), "{}: {what}: {error}", place.name());
            assert_eq!(error.symbolic_code(), Some(INCONSISTENT), "{}: {what}: {error}", place.name());
            assert!(error.to_string().contains("table="), "{}: {what}: {error}", place.name());
        }
        // Unasked, nobody looks.
        let place = place.with(TABLE);
        let saboteur = place.clone();
        let unasked = Settings { read_back: false, ..settings() };
        let summary = place.copy(unasked, move || saboteur.say("DELETE FROM t WHERE id = 7")).await.unwrap();
        assert!(!summary.read_back);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_knows_what_stood_in_the_table_before_the_run() {
    for place in Place::all() {
        let place = place.with(TABLE);
        place.say(BEFORE);
        let (journal, cancel) = (MemoryCheckpoint::default(), CancellationToken::new());
        let stop = cancel.clone();
        let first = job(place.sink(), Arc::new(source(chunks())), settings(), move || stop.cancel());
        let error = run(&first, &journal, &cancel).await.expect_err("it was stopped between publication and read-back");
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{}: {error}", place.name());

        let second = Job { run: first.run, ..job(place.sink(), Arc::new(source(chunks())), settings(), || {}) };
        let summary = run(&second, &journal, &CancellationToken::new()).await;
        let summary = summary.unwrap_or_else(|error| panic!("{}: {error}", place.name()));
        assert!(summary.read_back && summary.epoch == 2, "{summary:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_table_does_not_give_back_is_refused_before_anything_is_written() {
    for place in Place::all() {
        let place = place.with("CREATE TABLE t (id bigint, other varchar(20), name varchar(20), note varchar(20))");
        let error = place.copy(settings(), || {}).await.expect_err("numbers come back as texts");
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("column=other"), "{error}");
        let unasked = Settings { read_back: false, ..settings() };
        let summary = place.copy(unasked, || {}).await.unwrap();
        assert_eq!(summary.rows, 3 * ROWS as u64);
    }
}
