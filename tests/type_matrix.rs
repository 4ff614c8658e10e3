//! Every type of every database into every kind of sink: each value is read back as it was, or the column is refused by
//! name, before the first row or, where a single value has no place there, before its chunk is to be seen. What comes of
//! each pair is a contract.

use std::{fmt::Write as _, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
        Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
        Time32MillisecondArray, Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
        TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array,
        UInt32Array, UInt64Array,
    },
    datatypes::SchemaRef,
};
use ropeway_engine::{
    Error, ErrorKind,
    sink::Sink,
    source::{SOURCE_TYPE, Source},
    testing::vec_source::VecSource,
};
use ropeway_tests::odbc::{MariaDb, PostgreSql, Sqlite};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    odbc::{self, sink::Database},
    read_back::store::verified,
    sql_server::target::Target,
    sql_server_stand_in::every_type,
};

/// Where a column goes.
#[derive(Clone, Copy)]
enum To {
    Parquet,
    Text,
    Json,
    Avro,
    SqlServer,
}

impl To {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Parquet, "Parquet"),
        (Self::Text, "DelimitedText"),
        (Self::Json, "Json"),
        (Self::Avro, "Avro"),
        (Self::SqlServer, "SQL Server"),
    ];
}

/// A folder and a server, each pair of a column and a sink with a place of its own.
struct Sinks {
    root: TempDir,
    server: Target,
    places: u32,
}

impl Sinks {
    fn new() -> Option<Self> {
        let server = Target::only_stand_in("the tables that are made have the names of the stand-in's")?;
        Some(Self { root: TempDir::new().unwrap(), server, places: 0 })
    }

    /// A place where nothing stands, and its sink.
    fn next(&mut self, to: To) -> (String, Arc<dyn Sink>) {
        self.places += 1;
        let place = format!("place_{}", self.places);
        let registry = ropeway_connectors::registry();
        let file = |format: serde_json::Value| {
            let mut dataset = format;
            dataset["location"] = json!({"type": "FileServerLocation", "folderPath": "out", "fileName": place});
            let service = json!({"type": "FileServer", "host": self.root.path().to_str().unwrap()});
            registry
                .connect_sink("FileServer", json!({"linkedService": service, "dataset": dataset, "sink": {}}))
                .unwrap()
        };
        let sink = match to {
            To::Parquet => file(json!({"type": "Parquet"})),
            To::Text => {
                file(json!({"type": "DelimitedText", "firstRowAsHeader": true, "quoteChar": "\"", "nullValue": "\\N"}))
            }
            To::Json => file(json!({"type": "Json"})),
            To::Avro => file(json!({"type": "Avro"})),
            To::SqlServer => {
                let (service, ropeway) = self.server.connection();
                let spec = json!({"linkedService": service, "ropeway": ropeway,
                    "dataset": {"schema": self.server.schema(), "table": place}, "sink": {"tableOption": "autoCreate"}});
                registry.connect_sink("SqlServer", spec).unwrap()
            }
        };
        (place, sink)
    }

    /// Nothing of it is to be seen: what was refused was refused before its chunk was committed.
    fn has_no_row(&self, to: To, place: &str) -> bool {
        match to {
            To::Parquet | To::Text | To::Json | To::Avro => !self.root.path().join("out").join(place).exists(),
            To::SqlServer => {
                let rows = format!(
                    "SELECT CAST(SUM(p.rows) AS nvarchar(20)) AS n FROM sys.partitions AS p \
                     WHERE p.object_id = OBJECT_ID(N'dbo.{place}') AND p.index_id IN (0, 1)"
                );
                self.server.ask(&rows).unwrap().is_none_or(|rows| rows == "0")
            }
        }
    }

    /// What comes of a column in every sink, on a line.
    async fn line(&mut self, about: &str, source: impl Fn() -> Arc<dyn Source>) -> String {
        let mut line = format!("{about:<40}");
        for (to, name) in To::ALL {
            let (place, sink) = self.next(to);
            let came = match verified(source(), sink).await {
                Ok(summary) => {
                    assert!(summary.rows > 0, "{about}: no row");
                    "exact".to_owned()
                }
                Err(error) => {
                    let refused = matches!(error.kind(), ErrorKind::Spec | ErrorKind::Data);
                    assert!(refused && self.has_no_row(to, &place), "{about} to {name}: {error}");
                    assert!(error.to_string().contains(about.split(' ').next().unwrap()), "{about} to {name}: {error}");
                    reason(&error)
                }
            };
            write!(line, " | {name}: {came}").unwrap();
        }
        line
    }

    /// The same of every column of a source.
    async fn lines(&mut self, schema: &SchemaRef, source: impl Fn(&str) -> Arc<dyn Source>) -> String {
        let mut lines = Vec::new();
        for field in schema.fields().iter().filter(|field| field.name() != "id") {
            let declared = field.metadata().get(SOURCE_TYPE).cloned().unwrap_or_else(|| field.data_type().to_string());
            lines.push(self.line(&format!("{} {declared}", field.name()), || source(field.name())).await);
        }
        lines.join("\n")
    }
}

/// The message without advice and values.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    let end = text.find([';', '(']).unwrap_or(text.len());
    text[..end].trim().to_owned()
}

async fn over_odbc(database: Database, table: &str) -> Option<String> {
    let mut sinks = Sinks::new()?;
    let connection = database.connection_string();
    let schema = odbc::table(&connection, table).schema().await.unwrap();
    let column = |name: &str| odbc::query(&connection, &format!("SELECT id, {name} FROM {table}"));
    Some(sinks.lines(&schema, column).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_postgresql() {
    let server = PostgreSql::start();
    server.run(odbc::postgresql::TYPES);
    let Some(matrix) = over_odbc(Database::PostgreSql(server), "\"All Types\"").await else { return };
    insta::assert_snapshot!(matrix);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_mariadb() {
    let server = MariaDb::start();
    server.run(&format!("USE ropeway; {}", odbc::mariadb::TYPES));
    let Some(matrix) = over_odbc(Database::MariaDb(server), "all_types").await else { return };
    insta::assert_snapshot!(matrix);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_sqlite() {
    let file = Sqlite::start();
    file.run(odbc::sqlite::TYPES);
    let Some(matrix) = over_odbc(Database::Sqlite(file), "types").await else { return };
    insta::assert_snapshot!(matrix);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_sql_server() {
    let Some(mut sinks) = Sinks::new() else { return };
    every_type::create(sinks.server.server());
    let (service, ropeway) = sinks.server.connection();
    let mut matrix = Vec::new();
    for (index, (of, _)) in every_type::VALUES.iter().enumerate() {
        // Of datetime2(7) the source reads what nanoseconds hold.
        if *of == "datetime2(7)" {
            sinks.server.run(&format!(
                "DELETE FROM dbo.t{index}; INSERT INTO dbo.t{index} (a, b) VALUES ('2024-02-29 12:00:00.1234567', NULL), \
                 ('1677-09-22', '2262-04-11')"
            ));
        }
        let spec = json!({"linkedService": service, "ropeway": ropeway,
            "dataset": {"schema": "dbo", "table": format!("t{index}")}, "source": {}});
        let source = || ropeway_connectors::registry().connect_source("SqlServer", spec.clone()).unwrap();
        matrix.push(sinks.line(&format!("a {of}"), source).await);
    }
    insta::assert_snapshot!(matrix.join("\n"));
}

/// The Arrow types that files bring, with their least and greatest values.
fn arrow_columns() -> Vec<(&'static str, ArrayRef)> {
    let instants = [i64::MIN / 2_000_000, -1, 0, 1, 253_402_300_799];
    let scaled = |by: i64| instants.map(|second| second.clamp(-62_135_596_800, 253_402_300_799) * by);
    vec![
        ("bool", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), Some(i8::MAX), None]))),
        ("i16", Arc::new(Int16Array::from(vec![Some(i16::MIN), Some(i16::MAX), None]))),
        ("i32", Arc::new(Int32Array::from(vec![Some(i32::MIN), Some(i32::MAX), None]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), None]))),
        ("u8", Arc::new(UInt8Array::from(vec![Some(0), Some(u8::MAX), None]))),
        ("u16", Arc::new(UInt16Array::from(vec![Some(0), Some(u16::MAX), None]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(0), Some(u32::MAX), None]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(0), Some(u64::MAX), None]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(f32::MIN), Some(f32::MAX), Some(1e-45), Some(-0.0), None]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(f64::MIN), Some(f64::MAX), Some(5e-324), Some(-0.0), None]))),
        (
            "d38",
            Arc::new(
                Decimal128Array::from(vec![Some(10_i128.pow(38) - 1), Some(1 - 10_i128.pow(38)), Some(0), None])
                    .with_precision_and_scale(38, 10)
                    .unwrap(),
            ),
        ),
        ("day", Arc::new(Date32Array::from(vec![Some(-719_162), Some(2_932_896), Some(0), None]))),
        ("t32", Arc::new(Time32MillisecondArray::from(vec![Some(0), Some(86_399_999), None]))),
        ("t64us", Arc::new(Time64MicrosecondArray::from(vec![Some(0), Some(86_399_999_999), None]))),
        ("t64ns", Arc::new(Time64NanosecondArray::from(vec![Some(0), Some(86_399_999_999_900), None]))),
        ("ts_s", Arc::new(TimestampSecondArray::from_iter_values(scaled(1)))),
        ("ts_ms", Arc::new(TimestampMillisecondArray::from_iter_values(scaled(1_000)))),
        ("ts_us", Arc::new(TimestampMicrosecondArray::from_iter_values(scaled(1_000_000)))),
        (
            "ts_ns",
            Arc::new(TimestampNanosecondArray::from(vec![Some(-100), Some(0), Some(9_223_372_036_854_775_800), None])),
        ),
        ("ts_utc", Arc::new(TimestampMicrosecondArray::from_iter_values(scaled(1_000_000)).with_timezone("UTC"))),
        ("words", Arc::new(StringArray::from(vec![Some(""), Some(" a "), Some("é€😀 \"q\"\r\n\\N"), None]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some(""), Some("\\"), Some("x,y"), None]))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b""), Some(b"\x00\xff"), None]))),
        ("fixed", Arc::new(FixedSizeBinaryArray::try_from_iter([[0_u8; 16], [255; 16]].into_iter()).unwrap())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn types_of_arrow() {
    let Some(mut sinks) = Sinks::new() else { return };
    let mut matrix = Vec::new();
    for (name, values) in arrow_columns() {
        let batch = RecordBatch::try_from_iter_with_nullable([(name, Arc::clone(&values), true)]).unwrap();
        let source = || Arc::new(VecSource::new(batch.schema(), vec![batch.clone()])) as Arc<dyn Source>;
        matrix.push(sinks.line(&format!("{name} {}", values.data_type()), source).await);
    }
    insta::assert_snapshot!(matrix.join("\n"));
}
