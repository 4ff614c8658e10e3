//! Columns of a table that is made, as long as the texts that come.

use arrow::{
    array::{ArrayRef, Int32Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use ropeway_engine::{
    ErrorKind, checkpoint::memory::MemoryCheckpoint, chunk::BatchLimit, retry::RetryClass,
    testing::vec_source::VecSource,
};

use super::*;
use crate::copy_run::{go, job};

const MADE: &str = "CAST(COUNT(*) AS nvarchar(9))";

/// Rows of an id and a text.
fn rows(first: i32, texts: &[String]) -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("text", DataType::Utf8, true),
        Field::new("kept", DataType::Utf8, false),
    ]));
    let ids = Int32Array::from_iter_values(first..first + texts.len() as i32);
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(texts));
    let kept = Arc::new(StringArray::from(vec!["x"; ids.len()]));
    RecordBatch::try_new(schema, vec![Arc::new(ids), texts, kept]).unwrap()
}

fn short(first: i32) -> RecordBatch {
    rows(first, &["a".to_owned(), String::new(), "sixteen letters.".to_owned()])
}

fn of_units(first: i32, units: usize) -> RecordBatch {
    rows(first, &["b".to_owned(), "ü".repeat(units)])
}

fn made(stage: &Stage) -> Arc<dyn Sink> {
    stage.sink("t", json!({"tableOption": "autoCreate"}))
}

/// Bytes that a column has room for; -1 is `(max)`.
fn room(stage: &Stage, column: &str) -> i32 {
    let table = format!("OBJECT_ID(N'{}.t')", stage.target.schema());
    stage.number(&format!("SELECT max_length FROM sys.columns WHERE object_id = {table} AND name = N'{column}'"))
}

/// Whether a text of so many units is there, whole.
fn is_there(stage: &Stage, units: usize) -> bool {
    let query =
        format!("SELECT {MADE} AS n FROM $(schema).t WHERE DATALENGTH(text) = {} AND text LIKE N'ü%ü'", 2 * units);
    stage.target.ask(&query).unwrap().as_deref() == Some("1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_has_room_for_the_texts_that_come() {
    for (units, bytes) in [(17, 34), (18, 130), (257, 514), (258, 2_050), (3_999, 7_998), (4_000, -1)] {
        let stage = Stage::with("SELECT 1");
        copy(&*made(&stage), &[of_units(0, units)]).await.unwrap();
        assert_eq!((room(&stage, "text"), room(&stage, "kept")), (bytes, 34), "{units}");
        assert!(is_there(&stage, units), "{units}");
        let nullable = "SELECT COUNT(*) FROM sys.columns WHERE name IN (N'text', N'kept') AND is_nullable = 1 AND object_id = OBJECT_ID(N'";
        assert_eq!(stage.number(&format!("{nullable}{}.t')", stage.target.schema())), 1, "one takes nulls, as before");
    }
}

/// The twin: a column that is as long as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_made_stays_as_it_is() {
    for (length, settings) in [(17, json!({})), (20, json!({"tableOption": "autoCreate"}))] {
        let table = "CREATE TABLE $(schema).t (id int NOT NULL, kept nvarchar(17) NOT NULL, text nvarchar";
        let stage = Stage::with(&format!("{table}({length}) NULL)"));
        let error = copy(&*stage.sink("t", settings), &[of_units(0, 21)]).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains("longer than the column"), "{error}");
        assert_eq!((room(&stage, "text"), stage.number("SELECT COUNT(*) FROM $(schema).t")), (2 * length, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_text_behind_others_begins_the_chunk_again() {
    let stage = Stage::with("SELECT 1");
    let sink = made(&stage);
    let schema = short(0).schema();
    sink.fit(&schema).await.unwrap();
    let run = sink.begin(context(&schema, "copy", 1)).await.unwrap();
    let Opened::Writer(mut writer) = run.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
    writer.write(short(0)).await.unwrap();
    let error = writer.write(of_units(3, 100)).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Conflict, "{error}");
    drop(writer);
    let receipt = write(&*run, 0, Attempt { epoch: 1, number: 2 }, &[short(0), of_units(3, 100)]).await.unwrap();
    run.finish(&[receipt]).await.unwrap();
    assert_eq!((stage.number("SELECT COUNT(*) FROM $(schema).t"), room(&stage, "text")), (5, 514));
    assert!(is_there(&stage, 100));
}

/// The load was announced for columns that somebody else made longer before its rows came.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_that_somebody_else_makes_longer_begins_the_chunk_again() {
    let other = "DROP TABLE $(schema).t; CREATE TABLE $(schema).t (id int NOT NULL, text nvarchar(17) NULL, kept nvarchar(17) NULL)";
    for (change, is_begun_again) in
        [("ALTER TABLE $(schema).t ALTER COLUMN text nvarchar(max) NULL", true), (other, false)]
    {
        let stage = Stage::with("SELECT 1");
        let schema = short(0).schema();
        let run = made(&stage).begin(context(&schema, "copy", 1)).await.unwrap();
        let Opened::Writer(mut writer) = run.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
        stage.target.run(change);
        let written = writer.write(short(0)).await;
        let error = async { written.and(writer.commit().await.map(drop)) }.await.unwrap_err();
        assert_eq!(error.retry_class() == RetryClass::Conflict, is_begun_again, "{change}: {error}");
        if is_begun_again {
            let receipt = write(&*run, 0, Attempt { epoch: 1, number: 2 }, &[short(0)]).await.unwrap();
            run.finish(&[receipt]).await.unwrap();
            assert_eq!((stage.number("SELECT COUNT(*) FROM $(schema).t"), room(&stage, "text")), (3, -1));
        }
    }
}

/// A process that goes on finds the table as the one before left it.
#[tokio::test(flavor = "multi_thread")]
async fn a_column_goes_on_growing_after_a_resume() {
    let stage = Stage::with("SELECT 1");
    let schema = short(0).schema();
    let begin = async |epoch| made(&stage).begin(context(&schema, "copy", epoch)).await.unwrap();
    let first = write(&*begin(1).await, 0, FIRST, &[of_units(0, 20)]).await.unwrap();
    let run = begin(2).await;
    let second = write(&*run, 1, Attempt { epoch: 2, number: 1 }, &[of_units(2, 300)]).await.unwrap();
    run.finish(&[first, second]).await.unwrap();
    assert_eq!((room(&stage, "text"), is_there(&stage, 20), is_there(&stage, 300)), (2_050, true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_longer_than_the_column_is_no_row_that_does_not_fit() {
    let stage = Stage::with("SELECT 1");
    let sink = made(&stage);
    let run = sink.begin(context(&short(0).schema(), "copy", 1)).await.unwrap();
    assert_eq!(run.misfits(&of_units(0, 5_000)).unwrap(), []);
}

/// Chunks side by side, longer texts in each of them, in tables of all ways in.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_arrives_however_late_the_long_texts_come() {
    let per_chunk = json!({"tableOption": "autoCreate"});
    let ways = [
        ("SELECT 1", per_chunk.clone()),
        ("SELECT 1", json!({"tableOption": "autoCreate", "commit": "wholeRun"})),
        (
            "CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY, text nvarchar(17) NULL, kept nvarchar(17) NOT NULL)",
            per_chunk,
        ),
    ];
    for (before, settings) in ways {
        let stage = Stage::with(before);
        let chunks: Vec<_> = (0..6_i32)
            .map(|chunk| {
                let longest = 40 * (chunk as usize + 1).pow(3);
                let lengths = (0..50).map(|row| if row == 40 { longest } else { row % 7 });
                rows(chunk * 50, &lengths.map(|units| "ü".repeat(units)).collect::<Vec<_>>())
            })
            .collect();
        let source = Arc::new(VecSource::new(chunks[0].schema(), chunks));
        let sink = OwnRuns { sink: stage.sink("t", settings.clone()), prefix: String::new() };
        let job = job(
            source,
            sink,
            50,
            BatchLimit { rows: const { std::num::NonZero::new(7).unwrap() }, ..BatchLimit::default() },
        );
        let summary = go(&job, &MemoryCheckpoint::default()).await.unwrap();
        assert!(summary.retries > 0, "long texts come behind short ones");
        assert_eq!((summary.rows, stage.number("SELECT COUNT(DISTINCT id) FROM $(schema).t")), (300, 300));
        assert_eq!(stage.number("SELECT COUNT(*) FROM $(schema).t"), 300);
        for chunk in 0..6_usize {
            assert!(is_there(&stage, 40 * (chunk + 1).pow(3)), "{settings} {chunk}");
        }
        assert_eq!(room(&stage, "text"), -1);
    }
}
