//! Copies into tables, of SQL Server, by its stored procedures, and over ODBC, killed and stopped at random moments. Rows
//! appear chunk by chunk, so at any moment there are whole chunks, those of the ledger, and in the end every row once.

use std::{
    fs,
    io::Write as _,
    process::{Child, Output},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use ropeway_engine::sink::Sink;
use ropeway_tests::{
    odbc::{self, MariaDb, PostgreSql, Sqlite},
    sql_server::{Options, Server},
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{
    side_by_side::{side_by_side, slowdown},
    sources::Source,
    table::{Tally, dice, events},
    takeover::{Stopped, is_stopped, signal},
};
use crate::{
    end_to_end::{
        example::Example,
        oracle::{Row, same_rows},
    },
    odbc::sink::Database,
};

/// Of one run.
const MOST_KILLS: u32 = 4;

const DATABASE: &str = "Sales";
const PASSWORD: &str = "canary-Sink;'pass\"word";

pub(crate) mod left_out;
mod lost_answers;

/// A server with tables that copies are made into.
enum Tables {
    SqlServer(Box<SqlServer>),
    Odbc(Database),
}

struct SqlServer {
    server: Server,
    authority: NamedTempFile,
    way: Way,
}

/// How rows get into a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Insert,
    /// The same, and all rows appear at once.
    WholeRun,
    /// A stored procedure of the table inserts them.
    Call,
}

impl SqlServer {
    /// The sink of an activity; what it needs for a table is made.
    fn sink(&self, table: &str) -> Value {
        if self.way != Way::Call {
            return json!({ "type": "SqlServerSink", "writeBehavior": "insert", "tableOption": "autoCreate",
                "sqlWriterUseTableLock": false, "disableMetricsCollection": false });
        }
        let is_there = self.server.execute(DATABASE, &format!("SELECT name FROM sys.tables WHERE name = N'{table}'"));
        if is_there.expect("a catalogue").is_empty() {
            let columns = "(id bigint NOT NULL, name nvarchar(100) NULL)";
            for definition in [
                format!("CREATE TABLE dbo.{table} {columns}"),
                format!("CREATE TYPE dbo.{table}_rows AS TABLE {columns}"),
                format!(
                    "CREATE PROCEDURE dbo.put_{table} @rows dbo.{table}_rows READONLY AS \
                     INSERT INTO dbo.{table} (id, name) SELECT id, name FROM @rows"
                ),
            ] {
                self.server.execute(DATABASE, &definition).expect("a table, a type, a procedure");
            }
        }
        json!({ "type": "SqlServerSink", "writeBehavior": "storedProcedure", "writeBatchSize": 150,
            "sqlWriterStoredProcedureName": format!("[dbo].[put_{table}]"), "sqlWriterTableType": format!("{table}_rows"),
            "storedProcedureTableTypeParameterName": "rows" })
    }
}

impl Tables {
    fn sql_server(way: Way) -> Self {
        let mut options = Options { databases: vec![DATABASE.to_owned()], ..Options::default() };
        options.users.insert("ropeway".to_owned(), PASSWORD.to_owned());
        let server = Server::start_with(options).expect("a server");
        let mut authority = NamedTempFile::new().expect("a temporary file");
        authority.write_all(server.ca_pem.as_bytes()).expect("a writable folder");
        Self::SqlServer(Box::new(SqlServer { server, authority, way }))
    }

    fn postgresql() -> Self {
        Self::Odbc(Database::PostgreSql(PostgreSql::start()))
    }

    fn mariadb() -> Self {
        Self::Odbc(Database::MariaDb(MariaDb::start()))
    }

    fn sqlite() -> Self {
        Self::Odbc(Database::Sqlite(Sqlite::start()))
    }

    /// The SQL Server, where it is one.
    fn server(&self) -> &Server {
        match self {
            Self::SqlServer(it) => &it.server,
            Self::Odbc(database) => panic!("it is {}", database.name()),
        }
    }

    /// How statements call a table.
    fn name(&self, table: &str) -> String {
        match self {
            Self::SqlServer(..) => format!("dbo.{table}"),
            Self::Odbc(_) => table.to_owned(),
        }
    }

    /// A factory that copies a source into a table of this name, which it makes.
    fn example(&self, source: &Source, table: &str, slots: u32) -> Example {
        let mut example = Example::blank();
        let from = source.define(&mut example);
        let named = json!({ "referenceName": "To", "type": "LinkedServiceReference" });
        let (service, mut dataset, sink) = match self {
            Self::SqlServer(it) => {
                example.secret("To", "password", PASSWORD);
                example.trust(&it.server.ca_pem);
                if it.way == Way::WholeRun {
                    example.always(&["--set", "sink.commit=wholeRun"]);
                }
                let server = format!("localhost,{}", it.server.port());
                // Also where the machine has no time for the server.
                let service = json!({ "server": server, "database": DATABASE, "encrypt": "mandatory", "connectTimeout": 60,
                    "trustServerCertificate": false, "authenticationType": "SQL", "userName": "ropeway" });
                (
                    json!({ "type": "SqlServer", "typeProperties": service }),
                    json!({ "type": "SqlServerTable", "typeProperties": { "schema": "dbo", "table": table } }),
                    it.sink(table),
                )
            }
            Self::Odbc(database) => {
                database.run(&format!("CREATE TABLE IF NOT EXISTS {table} (id bigint, name varchar(100))"));
                let mut service = json!({ "connectionString": database.connection_string(),
                    "authenticationType": "Anonymous" });
                if !matches!(database, Database::Sqlite(_)) {
                    example.secret("To", "password", odbc::PASSWORD);
                    service["authenticationType"] = "Basic".into();
                    service["userName"] = odbc::USER.into();
                }
                (
                    json!({ "type": "Odbc", "typeProperties": service }),
                    json!({ "type": "OdbcTable", "typeProperties": { "tableName": table } }),
                    json!({ "type": "OdbcSink", "writeBatchSize": 100, "writeBatchTimeout": "00:30:00" }),
                )
            }
        };
        example.define("linkedService/To", &service);
        dataset["linkedServiceName"] = named;
        example.define("dataset/To", &dataset);
        let activity = json!({
            "name": "Copy", "type": "Copy", "policy": { "retry": 0 },
            "inputs": [{ "referenceName": "From", "type": "DatasetReference" }],
            "outputs": [{ "referenceName": "To", "type": "DatasetReference" }],
            "typeProperties": { "source": from, "sink": sink, "parallelCopies": slots },
        });
        example.define("pipeline/Copy", &json!({ "activities": [activity] }));
        example
    }

    /// The rows of a query; none where a table is not there yet.
    fn ask(&self, query: &str) -> Option<Vec<Row>> {
        let text = |text: String| Some(text).filter(|text| text != "NULL" && !text.is_empty());
        let rows: Vec<Row> = match self {
            Self::SqlServer(it) => match it.server.execute(DATABASE, query) {
                Ok(rows) => rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect(),
                Err(error) if error.number == 208 => return None,
                Err(error) => panic!("{query}: {error:?}"),
            },
            Self::Odbc(database) => {
                let is_there = match database {
                    Database::PostgreSql(_) => "SELECT 1 FROM pg_tables WHERE tablename = '_cpy_ledger'",
                    Database::MariaDb(_) => {
                        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'ropeway' AND table_name = '_cpy_ledger'"
                    }
                    Database::Sqlite(_) => "SELECT 1 FROM sqlite_master WHERE name = '_cpy_ledger'",
                };
                if database.rows(is_there).is_empty() {
                    return None;
                }
                // MariaDB's client writes the end of a line as two characters.
                let own = |value: String| match database {
                    Database::MariaDb(_) => text(value.replace("\\n", "\n")),
                    _ => text(value),
                };
                let rows = database.rows(query).into_iter();
                rows.map(|row| row.into_iter().map(|value| value.and_then(own)).collect()).collect()
            }
        };
        Some(rows)
    }

    fn delete(&self, table: &str, predicate: &str) {
        let statement = format!("DELETE FROM {} WHERE {predicate}", self.name(table));
        match self {
            Self::SqlServer(it) => drop(it.server.execute(DATABASE, &statement).expect("rows to delete")),
            Self::Odbc(database) => database.run(&statement),
        }
    }

    fn rows(&self, table: &str) -> Vec<Row> {
        self.ask(&format!("SELECT * FROM {}", self.name(table))).unwrap_or_default()
    }

    /// What is visible before the end: rows of the source, each once, and all rows of the chunks that the ledger names, or
    /// none where they appear at once.
    fn look(&self, table: &str, run: &str, expected: &[Row], tally: &mut Tally) {
        let rows = self.rows(table);
        tally.duplicate += same_rows(&rows, expected).err().map_or(0, |difference| difference.extra);
        if matches!(self, Self::SqlServer(it) if it.way == Way::WholeRun) {
            tally.partial += u64::from(!rows.is_empty() && rows.len() < expected.len());
            return;
        }
        let ledger = match self {
            Self::SqlServer(..) => "_cpy.ledger",
            Self::Odbc(_) => "_cpy_ledger",
        };
        let sums = format!(
            "SELECT (SELECT COUNT(*) FROM {}) AS visible, \
             (SELECT SUM(row_count) FROM {ledger} WHERE run_id LIKE '{run}%') AS committed",
            self.name(table)
        );
        let Some(sums) = self.ask(&sums) else { return };
        let [visible, committed] = [0, 1].map(|at| sums[0][at].as_deref().unwrap_or("0").to_owned());
        if visible != committed {
            println!("{table}: {visible} rows are visible and {committed} are in the ledger");
            tally.partial += 1;
        }
    }

    fn judge(&self, table: &str, expected: &[Row], tally: &mut Tally) {
        if let Err(difference) = same_rows(&self.rows(table), expected) {
            println!("{table}: {difference}");
            tally.lost += difference.missing;
            tally.duplicate += difference.extra;
        }
    }
}

impl Tables {
    /// A sink for a table, in this process.
    fn sink(&self, table: &str) -> Arc<dyn Sink> {
        let Self::SqlServer(it) = self else { panic!("it is a database over ODBC") };
        let service = json!({ "type": "SqlServer", "server": format!("localhost,{}", it.server.port()), "database": DATABASE,
            "authenticationType": "SQL", "userName": "ropeway", "password": PASSWORD });
        let settings = json!({ "linkedService": service, "dataset": { "schema": "dbo", "table": table },
            "sink": it.sink(table), "ropeway": { "caBundle": it.authority.path() } });
        ropeway_connectors::registry().connect_sink("SqlServer", settings).expect("settings of a sink")
    }
}

/// Empty texts and nulls are one here, as they are in a CSV file.
fn expected(source: &Source) -> Vec<Row> {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    source.rows.iter().map(|row| row.iter().map(text).collect()).collect()
}

#[track_caller]
fn succeeded(example: &Example, output: Output, expected: &[Row]) {
    let report = example.said(output).ended(0).json();
    let copied = &report["activityRuns"][0]["output"];
    assert_eq!(copied["rowsCopied"].as_u64(), Some(expected.len() as u64), "{report:#}");
    let guarantee = copied["ropeway"]["deliveryGuarantee"].as_str().expect("a sentence");
    assert!(guarantee.contains("exactly once"), "{guarantee}");
}

fn ended(child: Child) -> Output {
    child.wait_with_output().expect("our child")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_source_is_copied_into_a_table() {
    let tables = Tables::sql_server(Way::Insert);
    for (number, source) in Source::all().iter().enumerate() {
        let (table, run) = (format!("t{number}"), format!("run-{number}"));
        let example = tables.example(source, &table, 4);
        let expected = expected(source);
        succeeded(&example, ended(example.start(&run)), &expected);
        let found = tables.rows(&table);
        same_rows(&found, &expected).unwrap_or_else(|difference| panic!("{}: {difference}", source.name));
        // A run that succeeded is not run again.
        example.resume(&run).ended(0);
        assert_eq!(tables.rows(&table).len(), expected.len(), "{}", source.name);
    }
    assert_eq!(tables.server().seen().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_every_row_once_whenever_its_copy_is_killed() {
    kills(Tables::sql_server(Way::Insert), events(16, 500), "kill: SIGKILL into SQL Server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_all_rows_or_none_whenever_its_copy_is_killed() {
    kills(Tables::sql_server(Way::WholeRun), events(8, 500), "kill: SIGKILL into SQL Server, whole run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_procedure_is_given_every_row_once_whenever_its_copy_is_killed() {
    kills(Tables::sql_server(Way::Call), events(6, 500), "kill: SIGKILL into a stored procedure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_over_odbc_has_every_row_once_whenever_its_copy_is_killed() {
    kills(Tables::postgresql(), events(16, 500), "kill: SIGKILL into PostgreSQL");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_mariadb_has_every_row_once_whenever_its_copy_is_killed() {
    kills(Tables::mariadb(), events(16, 500), "kill: SIGKILL into MariaDB");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_sqlite_has_every_row_once_whenever_its_copy_is_killed() {
    kills(Tables::sqlite(), events(16, 500), "kill: SIGKILL into SQLite");
}

fn kills(tables: Tables, wanted: u32, test: &str) {
    let mut dice = dice();
    let source = Source::csv(6, 400);
    let (expected, mut tally) = (expected(&source), Tally::default());
    let clock = Instant::now();
    let calm = tables.example(&source, "calm", 2);
    succeeded(&calm, ended(calm.start("calm")), &expected);
    let whole = clock.elapsed().mul_f64(slowdown());

    let mut rounds = 0..;
    let next = |tally: &Tally| {
        let is_enough = tally.events >= u64::from(wanted);
        (!is_enough).then(|| (rounds.next().expect("a number"), StdRng::seed_from_u64(dice.random())))
    };
    side_by_side(&mut tally, next, |(round, mut dice), tally| {
        let (table, run) = (format!("round_{round}"), format!("round-{round}-of-it"));
        let example = tables.example(&source, &table, if round % 2 == 0 { 4 } else { 1 });
        let output = survive(&example, (&run, whole), &mut dice, || {
            tables.look(&table, &run, &expected, tally);
            tally.events += 1;
        });
        succeeded(&example, output, &expected);
        tables.judge(&table, &expected, tally);
    });
    twins(&tables, &source, &expected, &mut tally);
    tally.verdict(test, wanted);
}

/// Kills a run some times at moments of this whole, and looks each time; what the process says that ends it.
fn survive(example: &Example, (run, whole): (&str, Duration), dice: &mut StdRng, mut look: impl FnMut()) -> Output {
    for _ in 0..dice.random_range(1..=MOST_KILLS) {
        let mut child = example.start(run);
        thread::sleep(whole.mul_f64(dice.random_range(0.1..1.0)));
        if child.try_wait().expect("our child").is_some() {
            return ended(child);
        }
        child.kill().expect("our child");
        drop(ended(child));
        look();
    }
    ended(example.start(run))
}

/// A copy that starts again under another name, as a tool without a ledger does, and one whose last chunk is missing.
fn twins(tables: &Tables, source: &Source, expected: &[Row], tally: &mut Tally) {
    let example = tables.example(source, "twice", 2);
    succeeded(&example, ended(example.start("the-first")), expected);
    succeeded(&example, ended(example.start("the-second")), expected);
    let mut verdict = Tally::default();
    tables.judge("twice", expected, &mut verdict);
    tally.twins.tried += 1;
    tally.twins.caught += u64::from(verdict.duplicate > 0);

    tables.delete("calm", "id < 10");
    let mut verdict = Tally::default();
    tables.look("calm", "calm", expected, &mut verdict);
    tables.judge("calm", expected, &mut verdict);
    tally.twins.tried += 2;
    tally.twins.caught += u64::from(verdict.partial > 0) + u64::from(verdict.lost > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_adds_no_row_after_its_run_was_taken_over() {
    zombies(Tables::sql_server(Way::Insert), events(4, 150), "zombies: SQL Server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_publishes_nothing_after_its_run_was_taken_over() {
    zombies(Tables::sql_server(Way::WholeRun), events(2, 150), "zombies: SQL Server, whole run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_gives_a_stored_procedure_no_row_after_its_run_was_taken_over() {
    zombies(Tables::sql_server(Way::Call), events(2, 150), "zombies: stored procedure");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_adds_no_row_over_odbc_after_its_run_was_taken_over() {
    zombies(Tables::postgresql(), events(4, 150), "zombies: PostgreSQL");
}

/// None for SQLite: whoever is stopped in the middle of a transaction holds the whole file.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_process_adds_no_row_to_mariadb_after_its_run_was_taken_over() {
    zombies(Tables::mariadb(), events(4, 150), "zombies: MariaDB");
}

fn zombies(tables: Tables, wanted: u32, test: &str) {
    let mut dice = dice();
    let source = Source::csv(4, 300);
    let (expected, mut tally) = (expected(&source), Tally::default());
    let clock = Instant::now();
    let calm = tables.example(&source, "calm", 2);
    succeeded(&calm, ended(calm.start("calm")), &expected);
    let whole = clock.elapsed().mul_f64(slowdown());

    let mut rounds = 0..20 * wanted;
    let next = |tally: &Tally| {
        let round = rounds.next().filter(|_| tally.events < u64::from(wanted))?;
        Some((round, whole.mul_f64(dice.random_range(0.1..1.0))))
    };
    side_by_side(&mut tally, next, |(round, moment), tally| {
        let (table, run) = (format!("round_{round}"), format!("round-{round}-of-it"));
        let example = tables.example(&source, &table, 2);
        let child = example.start(&run);
        thread::sleep(moment);
        let Some(stopped) = stopped(child) else { return };
        if !is_in_progress(&example, &run) {
            stopped.wake();
            return;
        }
        succeeded(&example, ended(example.take_over(&run)), &expected);
        tables.judge(&table, &expected, tally);
        let zombie = example.said(stopped.wake());
        tally.events += 1;
        tables.judge(&table, &expected, tally);
        tables.look(&table, &run, &expected, tally);
        println!("the process that woke up: {}", zombie.stderr.lines().last().unwrap_or_default());
    });
    twins(&tables, &source, &expected, &mut tally);
    tally.verdict(test, wanted);
}

fn stopped(mut child: Child) -> Option<Stopped> {
    let pid = child.id();
    signal("STOP", pid);
    let is_over = child.try_wait().expect("our child").is_some();
    (!is_over && is_stopped(pid)).then(|| Stopped::new(child, pid))
}

fn is_in_progress(example: &Example, run: &str) -> bool {
    let record = fs::read(example.path("state/runs").join(run).join("run.json")).unwrap_or_default();
    let record: Value = serde_json::from_slice(&record).unwrap_or_default();
    record["report"]["status"] == "InProgress"
}
