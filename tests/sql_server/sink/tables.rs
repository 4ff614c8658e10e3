//! Tables that exist: columns go by name, and what does not fit is refused, at the latest with the row.

use arrow::{
    array::{ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::{DataType, Field, Schema},
};
use ropeway_engine::{Error, ErrorKind};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn ints(values: &[i32]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

fn texts(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_go_by_name_and_the_server_fills_the_others() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int IDENTITY(10, 1) NOT NULL, Name nvarchar(20) NOT NULL, note nvarchar(20) NULL, \
         state nvarchar(10) NOT NULL DEFAULT N'new', amount int NULL)",
    );
    let rows = batch(vec![("AMOUNT", ints(&[1, 2])), ("Name", texts(&["a", "b"]))]);
    copy(&*stage.sink("t", json!({})), &[rows]).await.unwrap();
    let all =
        "SELECT CONCAT(id, N' ', Name, N' ', note, N' ', state, N' ', amount) AS t FROM $(schema).t WHERE amount = 2";
    assert_eq!(stage.target.ask(all).unwrap().as_deref(), Some("11 b  new 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_an_identity_column_are_kept() {
    let stage = Stage::with("CREATE TABLE $(schema).t (id int IDENTITY(1, 1) NOT NULL, v int NULL DEFAULT 9)");
    let nulls = Arc::new(Int32Array::from(vec![None, Some(5)])) as ArrayRef;
    copy(&*stage.sink("t", json!({})), &[batch(vec![("id", ints(&[70, 80])), ("v", nulls)])]).await.unwrap();
    let kept = "SELECT CAST(COUNT(*) AS nvarchar(9)) AS n FROM $(schema).t WHERE (id = 70 AND v IS NULL) OR (id = 80 AND v = 5)";
    assert_eq!(stage.target.ask(kept).unwrap().as_deref(), Some("2"), "a null stays a null, default or not");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_what_the_columns_are() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (i int NULL, d decimal(9, 2) NULL, b bit NULL, f float NULL, day date NULL, \
         at datetime2(7) NULL, o datetimeoffset(3) NULL, g uniqueidentifier NULL)",
    );
    let rows = batch(vec![
        ("i", texts(&[" 12"])),
        ("d", texts(&["-1.5"])),
        ("b", texts(&["True"])),
        ("f", texts(&["0.25"])),
        ("day", texts(&["2024-02-29"])),
        ("at", texts(&["2024-02-29T12:00:00.1234567"])),
        ("o", texts(&["2024-02-29 12:00:00.500+02:00"])),
        ("g", texts(&["6f9619ff-8b86-d011-b42d-00c04fc964ff"])),
    ]);
    copy(&*stage.sink("t", json!({})), std::slice::from_ref(&rows)).await.unwrap();
    let same = "SELECT CAST(COUNT(*) AS nvarchar(9)) AS n FROM $(schema).t WHERE i = 12 AND d = -1.50 AND b = 1 AND f = 0.25 \
        AND day = '2024-02-29' AND at = '2024-02-29 12:00:00.1234567' AND o = '2024-02-29 12:00:00.500 +02:00' \
        AND g = '6F9619FF-8B86-D011-B42D-00C04FC964FF'";
    assert_eq!(stage.target.ask(same).unwrap().as_deref(), Some("1"));
}

/// The error of a copy into a table of one column.
async fn refusal(stage: &Stage, column: &str, value: ArrayRef) -> Error {
    stage.forget_runs();
    stage.target.run("DROP TABLE IF EXISTS $(schema).one");
    stage.target.run(&format!("CREATE TABLE $(schema).one (c {column})"));
    let sink = stage.sink("one", json!({}));
    match copy(&*sink, &[batch(vec![("c", value)])]).await {
        Err(error) => {
            assert_eq!(count(stage, "one"), 0, "{column}");
            error
        }
        Ok(receipt) => panic!("{column}: {} rows went in", receipt.rows),
    }
}

fn count(stage: &Stage, table: &str) -> u64 {
    let count = stage.target.ask(&format!("SELECT CAST(COUNT(*) AS nvarchar(20)) AS n FROM $(schema).{table}"));
    count.unwrap().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_does_not_fit_names_its_column_and_not_itself() {
    let stage = Stage::with("SELECT 1");
    let number = |value: i64| Arc::new(Int64Array::from(vec![value])) as ArrayRef;
    let cases: Vec<(&str, ArrayRef, &str)> = vec![
        ("nvarchar(3) NULL", texts(&["se\u{1F600}c"]), "longer"),
        ("varchar(5) NULL", texts(&["\u{17c}secr"]), "code page"),
        ("int NULL", number(2_147_483_648), "does not fit"),
        ("tinyint NULL", number(-1), "does not fit"),
        ("decimal(4, 2) NULL", texts(&["100.00"]), "more digits"),
        ("decimal(4, 2) NULL", texts(&["1.001"]), "exactly"),
        ("bit NULL", texts(&["secret"]), "neither true"),
        ("date NULL", texts(&["29.02.2024"]), "ISO 8601"),
        ("time(3) NULL", texts(&["12:00:00.0001"]), "more digits"),
        ("datetime NULL", texts(&["2024-01-01T00:00:00.001"]), "more digits"),
        ("datetime NULL", texts(&["1752-12-31"]), "outside"),
        ("float NULL", Arc::new(Float64Array::from(vec![f64::NAN])), "NaN"),
        ("uniqueidentifier NULL", texts(&["secret"]), "GUID"),
        ("int NOT NULL", Arc::new(Int32Array::from(vec![None::<i32>])), "NOT NULL"),
    ];
    for (column, value, why) in cases {
        let error = refusal(&stage, column, value).await;
        let text = format!("{error} {:?}", std::error::Error::source(&error));
        assert!(error.kind() == ErrorKind::Data && text.contains(why) && text.contains("column=c"), "{column}: {text}");
        assert!(!text.contains("secr") && !text.contains("2147483648"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_types_lose_is_told_before_the_first_row() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (d decimal(9, 1) NULL, r real NULL, day date NULL, v rowversion NOT NULL)",
    );
    let rows = batch(vec![
        ("d", Arc::new(Decimal128Array::from(vec![125]).with_precision_and_scale(9, 2).unwrap()) as ArrayRef),
        ("r", Arc::new(Float64Array::from(vec![0.1]))),
        ("day", Arc::new(TimestampMicrosecondArray::from(vec![1]))),
        ("v", texts(&["x"])),
    ]);
    let fits = stage.sink("t", json!({})).fit(&rows.schema()).await.unwrap();
    assert!(fits.iter().all(|fit| fit.loss.is_some()), "{fits:?}");
    let allowed = stage.sink("t", json!({"lossy": true}));
    copy(&*allowed, std::slice::from_ref(&rows)).await.unwrap();
    let stored = "SELECT CAST(COUNT(*) AS nvarchar(9)) AS n FROM $(schema).t WHERE d = 1.3 AND day = '1970-01-01'";
    assert_eq!(stage.target.ask(stored).unwrap().as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_and_tables_that_do_not_match_are_named() {
    let stage = Stage::with("CREATE TABLE $(schema).t (a int NULL, b int NOT NULL)");
    for (table, columns, sink, expected) in [
        ("t", vec![("b", ints(&[1])), ("x", ints(&[1]))], json!({}), "column=x"),
        ("t", vec![("a", ints(&[1]))], json!({}), "column=b"),
        ("t", vec![("b", ints(&[1])), ("B", ints(&[1]))], json!({}), "column=B"),
        ("t", vec![("b", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)], json!({}), "CAST"),
        ("nowhere", vec![("b", ints(&[1]))], json!({}), "autoCreate"),
    ] {
        let sink = stage.sink(table, sink);
        let error = sink.fit(&batch(columns).schema()).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(expected), "{error}");
    }
    assert_eq!(count(&stage, "t"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_shows_the_statements_and_makes_nothing() {
    let stage = Stage::with("SELECT 1");
    let sink = stage.sink("new", json!({"tableOption": "autoCreate", "preCopyScript": "SELECT 1"}));
    let rows = batch(vec![("id", ints(&[1])), ("name", texts(&["a"]))]);
    let fits = sink.fit(&rows.schema()).await.unwrap();
    assert_eq!(fits[1].sink_type, "nvarchar, as long as its texts");
    let told = sink.describe();
    let create = format!("CREATE TABLE [{}].[new] ([id] int NULL, [name] nvarchar(17) NULL)", stage.target.schema());
    assert_eq!(told.statements, ["SELECT 1".to_owned(), create]);
    assert!(sink.guarantee().contains("exactly once"));
    assert_eq!(
        stage
            .target
            .ask("SELECT name AS t FROM sys.tables WHERE name = N'new' AND schema_id = SCHEMA_ID(N'$(schema)')")
            .unwrap(),
        None
    );
    if !stage.is_real() {
        assert_eq!(stage.target.ask("SELECT name AS t FROM sys.schemas WHERE name = N'_cpy'").unwrap(), None);
    }
    assert_eq!(fits[0].loss, None);
    assert!(matches!(rows.schema().field(0).data_type(), DataType::Int32));
}

/// The other names of SQL Server in linked services lead to the same sink.
#[tokio::test(flavor = "multi_thread")]
async fn azure_sql_is_written_to_as_sql_server_is() {
    let stage = Stage::with("CREATE TABLE $(schema).t (a int NULL)");
    for (name, times) in [("AzureSqlDatabase", 1), ("AzureSqlMI", 2)] {
        let (mut service, ropeway) = stage.target.connection();
        service["type"] = name.into();
        let dataset = json!({"schema": stage.target.schema(), "table": "t"});
        let settings = json!({"linkedService": service, "dataset": dataset, "sink": {}, "ropeway": ropeway});
        let sink = ropeway_connectors::registry().connect_sink(name, settings.clone()).unwrap();
        let sink = OwnRuns { sink, prefix: stage.prefix() };
        copy(&sink, &[batch(vec![("a", ints(&[1, 2]))])]).await.unwrap();
        assert_eq!(count(&stage, "t"), 2 * times, "{name}");
        let source = ropeway_connectors::registry().connect_source(name, settings).unwrap();
        let (batches, _) = crate::sql_server::read_all(&*source).await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2 * times as usize, "{name}");
        stage.forget_runs();
    }
}
