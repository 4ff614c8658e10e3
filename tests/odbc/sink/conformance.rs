//! The engine's suite for sinks, on each database.

use std::sync::atomic::{AtomicU32, Ordering};

use arrow::{
    array::{Int64Array, StringArray},
    compute::cast,
    datatypes::{DataType, Field, Schema},
};
use async_trait::async_trait;
use ropeway_engine::testing::conformance::{self, Breach, SinkTarget};

use super::{super::LIMIT, *};

/// A table of its own for each question.
struct Table<'a> {
    database: &'a Database,
    name: String,
}

#[async_trait]
impl SinkTarget for Table<'_> {
    fn sink(&self) -> Arc<dyn Sink> {
        self.database.sink(&self.name, json!({}))
    }

    async fn rows(&self) -> Vec<RecordBatch> {
        let rows = self.database.rows(&format!("SELECT id, name FROM {}", self.name));
        let ids = rows.iter().map(|row| row[0].as_ref().map(|id| id.parse().unwrap())).collect::<Int64Array>();
        let names = rows.iter().map(|row| row[1].clone()).collect::<StringArray>();
        vec![RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(names)]).unwrap()]
    }

    fn all_at_once(&self) -> bool {
        false
    }
}

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true), Field::new("name", DataType::Utf8, true)]))
}

async fn keeps_its_promises(database: &Database) {
    let asked = AtomicU32::new(0);
    let new = async || {
        let name = format!("question_{}", asked.fetch_add(1, Ordering::SeqCst));
        // Runs of other questions have the same id.
        database.run("DROP TABLE IF EXISTS _cpy_run; DROP TABLE IF EXISTS _cpy_ledger");
        database.run(&format!("CREATE TABLE {name} (id bigint, name varchar(100))"));
        Table { database, name }
    };
    if let Err(Breach(breach)) = conformance::sink(new).await {
        panic!("{}: {breach}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_the_promises_of_a_sink() {
    keeps_its_promises(&Database::PostgreSql(PostgreSql::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_keeps_the_promises_of_a_sink() {
    keeps_its_promises(&Database::MariaDb(MariaDb::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_promises_of_a_sink() {
    keeps_its_promises(&Database::Sqlite(Sqlite::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sees_too_much_is_found_out() {
    let database = Database::Sqlite(Sqlite::start());
    database.run("CREATE TABLE t (id bigint, name varchar(100)); INSERT INTO t VALUES (1, 'a')");
    let new = async || Table { database: &database, name: "t".to_owned() };
    assert!(conformance::sink(new).await.is_err(), "a row was there before");
}

/// What another client reads is also what a copy back reads.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_read_again() {
    for database in Database::all() {
        database.run("CREATE TABLE t (id bigint, name varchar(100))");
        let ids = Int64Array::from_iter_values(0..10_000);
        let names = (0..10_000).map(|id| (id % 7 != 0).then(|| format!("näme {id}"))).collect::<StringArray>();
        let batch = RecordBatch::try_new(schema(), vec![Arc::new(ids), Arc::new(names)]).unwrap();
        let (_, receipt) = copy(&*database.sink("t", json!({})), "back", std::slice::from_ref(&batch)).await.unwrap();
        assert_eq!(receipt.rows, 10_000);
        let source = super::super::table(&database.connection_string(), "t");
        let read = super::super::read(&*source, LIMIT).await.unwrap();
        let digester = ropeway_engine::digest::RowDigester::new(&schema()).unwrap();
        let mut digest = ropeway_engine::digest::Digest::default();
        for batch in read {
            let fields = schema();
            let columns = batch.columns().iter().zip(fields.fields()).map(|(it, to)| cast(it, to.data_type()).unwrap());
            let batch = RecordBatch::try_new(schema(), columns.collect()).unwrap();
            digest += digester.digest(&batch).unwrap();
        }
        assert_eq!(digest, receipt.digest, "{}", database.name());
    }
}
