//! What cannot be written, and what a person is told of it.

use std::sync::atomic::{AtomicU32, Ordering};

use arrow::{
    array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, StringArray, TimestampNanosecondArray},
    datatypes::{Field, Schema},
};
use ropeway_engine::{Error, ErrorKind};
use ropeway_tests::odbc::PASSWORD;

use super::*;

/// One column, by name, with these values.
fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[track_caller]
fn expect(database: &Database, error: &Error, kind: ErrorKind, words: &[&str]) {
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind(), kind, "{}: {text}", database.name());
    for word in words {
        assert!(text.contains(word), "{}: '{word}' is not in: {text}", database.name());
    }
    for secret in [PASSWORD, "canary"] {
        assert!(!text.contains(secret), "{}: a secret or a value is in: {text}", database.name());
    }
}

async fn refusal(database: &Database, table: &str, batch: &RecordBatch) -> Error {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    let run = format!("refused-{}", RUNS.fetch_add(1, Ordering::SeqCst));
    copy(&*database.sink(table, json!({})), &run, std::slice::from_ref(batch)).await.map(drop).unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_refused_and_leave_nothing() {
    for database in Database::all() {
        database.run("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, word varchar(5), needed int NOT NULL DEFAULT 1)");
        let good = batch(vec![("id", numbers(&[Some(1), Some(2)])), ("word", texts(&[Some("ééééé"), Some("")]))]);
        copy(&*database.sink("t", json!({})), "good", std::slice::from_ref(&good)).await.unwrap();
        assert_eq!(database.count("t"), 2);

        let twice = batch(vec![("id", numbers(&[Some(7), Some(2)]))]);
        expect(&database, &refusal(&database, "t", &twice).await, ErrorKind::Data, &["constraint", "preCopyScript"]);
        let null = batch(vec![("id", numbers(&[Some(8), None]))]);
        expect(&database, &refusal(&database, "t", &null).await, ErrorKind::Data, &["null", "column=id"]);
        let null = batch(vec![("id", numbers(&[Some(8)])), ("needed", numbers(&[None]))]);
        expect(&database, &refusal(&database, "t", &null).await, ErrorKind::Data, &["null", "column=needed"]);
        let text = batch(vec![("id", texts(&[Some("9"), Some("canary")]))]);
        expect(&database, &refusal(&database, "t", &text).await, ErrorKind::Data, &["column=id"]);
        if !matches!(database, Database::Sqlite(_)) {
            let long = batch(vec![("id", numbers(&[Some(9)])), ("word", texts(&[Some("canary")]))]);
            expect(&database, &refusal(&database, "t", &long).await, ErrorKind::Data, &["longer", "column=word"]);
            let large = batch(vec![("id", numbers(&[Some(9)])), ("needed", numbers(&[Some(i64::MAX)]))]);
            expect(&database, &refusal(&database, "t", &large).await, ErrorKind::Data, &["column=needed"]);
        }
        assert_eq!(database.count("t"), 2, "{}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_go_together_is_refused_before_the_first_row() {
    for database in Database::all() {
        database.run("CREATE TABLE t (id bigint NOT NULL, amount decimal(10, 2), day date)");
        let ids = || ("id", numbers(&[Some(1)]));
        let missing = refusal(&database, "no_such_table", &batch(vec![ids()])).await;
        expect(&database, &missing, ErrorKind::Spec, &["no_such_table", "create it"]);
        let column = batch(vec![ids(), ("elsewhere", texts(&[None]))]);
        expect(&database, &refusal(&database, "t", &column).await, ErrorKind::Spec, &["column=elsewhere"]);
        let needed = batch(vec![("amount", numbers(&[Some(1)]))]);
        expect(&database, &refusal(&database, "t", &needed).await, ErrorKind::Spec, &["column=id", "default"]);
        let both = batch(vec![ids(), ("ID", numbers(&[Some(1)]))]);
        expect(&database, &refusal(&database, "t", &both).await, ErrorKind::Spec, &["two columns"]);
        let number = batch(vec![("id", Arc::new(Float64Array::from(vec![1.5])) as ArrayRef)]);
        expect(&database, &refusal(&database, "t", &number).await, ErrorKind::Spec, &["column=id", "CAST"]);
        assert_eq!(database.count("t"), 0, "{}", database.name());

        let fine: ArrayRef = Arc::new(Decimal128Array::from(vec![1_234]).with_precision_and_scale(10, 3).unwrap());
        let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1]));
        let lossy = batch(vec![ids(), ("amount", fine), ("day", nanos)]);
        let fits = database.sink("t", json!({})).fit(&lossy.schema()).await.unwrap();
        assert_eq!(fits[0].loss, None);
        if !matches!(database, Database::Sqlite(_)) {
            assert!(fits[1].loss.as_ref().is_some_and(|loss| loss.contains("decimal point")), "{fits:?}");
            assert!(fits[2].loss.as_ref().is_some_and(|loss| loss.contains("time of day")), "{fits:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rights_the_weaker_guarantee_is_said() {
    let server = PostgreSql::start();
    server.run(
        "CREATE SCHEMA own; CREATE TABLE own.t (id bigint); CREATE ROLE guest LOGIN PASSWORD 'canary'; \
         GRANT USAGE ON SCHEMA own TO guest; GRANT SELECT ON own.t TO guest",
    );
    let sink = || {
        let mut settings = settings(&server.connection_string(), json!({"tableName": "own.t"}), json!({}));
        settings["linkedService"]["userName"] = "guest".into();
        settings["linkedService"]["password"] = "canary".into();
        ropeway_connectors::registry().connect_sink("Odbc", settings).unwrap()
    };
    let rows = batch(vec![("id", numbers(&[Some(1)]))]);
    let error = copy(&*sink(), "guest", std::slice::from_ref(&rows)).await.unwrap_err();
    expect(&Database::PostgreSql(PostgreSql::start()), &error, ErrorKind::Auth, &["own"]);

    server.run("GRANT INSERT ON own.t TO guest");
    let weak = sink();
    copy(&*weak, "guest", std::slice::from_ref(&rows)).await.unwrap();
    assert!(weak.guarantee().contains("at least once") && weak.guarantee().contains("grant"), "{}", weak.guarantee());
    weak.fit(&rows.schema()).await.unwrap();
    assert!(weak.guarantee().contains("at least once"), "plan says it too");

    server.run("GRANT CREATE ON SCHEMA own TO guest");
    let strong = sink();
    copy(&*strong, "owner", std::slice::from_ref(&rows)).await.unwrap();
    assert!(strong.guarantee().contains("exactly once"), "{}", strong.guarantee());
    assert_eq!(server.rows("SELECT count(*) FROM own.t")[0][0].as_deref(), Some("2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_transactions_has_the_weaker_guarantee() {
    let database = Database::MariaDb(MariaDb::start());
    database.run("CREATE TABLE t (id bigint) ENGINE=MyISAM; CREATE TABLE safe (id bigint) ENGINE=InnoDB");
    let rows = batch(vec![("id", numbers(&[Some(1)]))]);
    for (table, words) in [("t", "at least once"), ("safe", "exactly once")] {
        let sink = database.sink(table, json!({}));
        sink.fit(&rows.schema()).await.unwrap();
        assert!(sink.guarantee().contains(words), "{table}: {}", sink.guarantee());
        copy(&*sink, table, std::slice::from_ref(&rows)).await.unwrap();
        assert!(sink.guarantee().contains(words), "{table}: {}", sink.guarantee());
    }
}
