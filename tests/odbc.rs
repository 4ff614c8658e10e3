//! Reading and writing through real ODBC drivers, compared with the databases' own text of the same rows.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod conformance;
mod errors;
mod key_ranges;
pub(crate) mod mariadb;
pub(crate) mod postgresql;
pub(crate) mod sink;
mod snapshot;
pub(crate) mod sqlite;

use std::{num::NonZeroU32, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, RecordBatch},
    datatypes::{DataType, Float32Type, Float64Type, Schema, TimeUnit, TimestampMicrosecondType},
    util::display::{ArrayFormatter, FormatOptions},
};
use futures::TryStreamExt;
use ropeway_engine::{
    Result,
    chunk::{BatchLimit, Chunk},
    skipping::{Portion, SkippedRow},
    source::{ChunkTarget, SOURCE_TYPE, Source},
};
use ropeway_tests::odbc::{PASSWORD, USER};
use serde_json::{Value, json};

/// A row in text; `None` is NULL.
type Row = Vec<Option<String>>;

const LIMIT: BatchLimit = BatchLimit { rows: NonZeroU32::new(8_192).unwrap(), bytes: 1 << 20 };
const TARGET: ChunkTarget = ChunkTarget { bytes: 64 << 20, rows: 250_000, chunks: 8 };

fn settings(connection: &str, dataset: Value, source: Value) -> Value {
    let mut linked_service = json!({"type": "Odbc", "connectionString": connection, "authenticationType": "Basic"});
    if !connection.contains("SQLite") {
        linked_service["userName"] = USER.into();
        linked_service["password"] = PASSWORD.into();
    }
    json!({"linkedService": linked_service, "dataset": dataset, "source": source, "parallelCopies": 4})
}

fn connect(settings: Value) -> Result<Arc<dyn Source>> {
    ropeway_connectors::registry().connect_source("Odbc", settings)
}

pub(crate) fn table(connection: &str, name: &str) -> Arc<dyn Source> {
    connect(settings(connection, json!({"tableName": name}), json!({}))).expect("settings")
}

pub(crate) fn query(connection: &str, query: &str) -> Arc<dyn Source> {
    connect(settings(connection, json!({}), json!({"query": query, "queryTimeout": "02:00:00"}))).expect("settings")
}

async fn read_chunk(source: &dyn Source, chunk: &Chunk, limit: BatchLimit) -> Result<Vec<RecordBatch>> {
    let schema = source.schema().await?;
    let batches: Vec<RecordBatch> = source.read(chunk, limit).await?.try_collect().await?;
    assert!(batches.iter().all(|batch| batch.schema() == schema), "a batch has another schema than the source");
    Ok(batches)
}

/// All chunks, one after the other.
async fn read(source: &dyn Source, limit: BatchLimit) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for chunk in source.plan(TARGET).await? {
        batches.extend(read_chunk(source, &chunk, limit).await?);
    }
    Ok(batches)
}

/// The same, with rows left out that do not fit.
async fn read_skipping(source: &dyn Source, limit: BatchLimit) -> Result<(Vec<RecordBatch>, Vec<SkippedRow>)> {
    let (mut batches, mut skipped) = (Vec::new(), Vec::new());
    for chunk in source.plan(TARGET).await? {
        let portions: Vec<Portion> = source.read_skipping(&chunk, limit).await?.try_collect().await?;
        for portion in portions {
            assert_eq!(portion.read, portion.rows.num_rows() as u64 + portion.skipped.len() as u64);
            batches.push(portion.rows);
            skipped.extend(portion.skipped);
        }
    }
    Ok((batches, skipped))
}

fn in_text(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<Vec<Option<String>>> = batch.columns().iter().map(column_in_text).collect();
        rows.extend((0..batch.num_rows()).map(|row| columns.iter().map(|column| column[row].clone()).collect()));
    }
    rows
}

fn column_in_text(column: &ArrayRef) -> Vec<Option<String>> {
    // Arrow formats no zone by name, UTC among them.
    if let DataType::Timestamp(TimeUnit::Microsecond, Some(_)) = column.data_type() {
        let local = column.as_primitive::<TimestampMicrosecondType>().clone().with_timezone_opt(None::<&str>);
        let texts = column_in_text(&(Arc::new(local) as ArrayRef));
        return texts.into_iter().map(|text| text.map(|text| text + "Z")).collect();
    }
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.6f"))
        .with_time_format(Some("%H:%M:%S%.6f"));
    let formatter = ArrayFormatter::try_new(column, &options).expect("a format");
    let text = |row: usize| match column.data_type() {
        // The shortest text that reads back as the same number.
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Float32 => column.as_primitive::<Float32Type>().value(row).to_string(),
        _ => formatter.value(row).to_string(),
    };
    (0..column.len()).map(|row| column.is_valid(row).then(|| text(row))).collect()
}

fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort();
    rows
}

/// Equal rows, in any order; of unequal ones the first is shown.
fn assert_same(read: Vec<Row>, expected: Vec<Row>) {
    let (read, expected) = (sorted(read), sorted(expected));
    let different = read.iter().zip(&expected).find(|(read, expected)| read != expected);
    if let Some((read, expected)) = different {
        panic!("read\n{read:?}\nbut the database has\n{expected:?}");
    }
    assert_eq!(read.len(), expected.len(), "numbers of rows");
}

/// The types of a schema as `name: Arrow type < source type`.
fn types(schema: &Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|it| format!("{}: {:?} < {}", it.name(), it.data_type(), it.metadata()[SOURCE_TYPE])).collect()
}
