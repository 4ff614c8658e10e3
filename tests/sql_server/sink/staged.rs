//! Rows that go through a table of their own: upserts, and several chunks into a table with indexes.

use arrow::{
    array::{ArrayRef, Int32Array, StringArray},
    datatypes::{DataType, Field, Schema},
};
use ropeway_engine::ErrorKind;

use super::*;

fn rows(rows: &[(i32, Option<&str>)]) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("id", DataType::Int32, false), Field::new("v", DataType::Utf8, true)]);
    let ids: ArrayRef = Arc::new(rows.iter().map(|(id, _)| Some(*id)).collect::<Int32Array>());
    let values: ArrayRef = Arc::new(rows.iter().map(|(_, value)| *value).collect::<StringArray>());
    RecordBatch::try_new(Arc::new(schema), vec![ids, values]).unwrap()
}

/// `1=a 2= 3=c`, in the order of the ids.
fn seen(stage: &Stage) -> String {
    let one = |id: i32| {
        let query = format!("SELECT CONCAT(id, N'=', v) AS t FROM $(schema).t WHERE id = {id}");
        stage.target.ask(&query).unwrap()
    };
    (0..100).filter_map(one).collect::<Vec<_>>().join(" ")
}

/// One of the stages of a run, if there is any.
fn stages(stage: &Stage, run: &str) -> Vec<String> {
    let run = own_runs::named(&stage.prefix(), run).short();
    let query = format!("SELECT name AS t FROM sys.tables WHERE name LIKE N'stage[_]{run}[_]%'");
    stage.target.ask(&query).unwrap().into_iter().collect()
}

const TABLE: &str = "CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY, v nvarchar(10) NULL); \
     INSERT INTO $(schema).t (id, v) VALUES (1, N'a'), (2, N'b')";

fn upsert(stage: &Stage, keys: Value) -> Arc<dyn Sink> {
    stage.sink("t", json!({"writeBehavior": "Upsert", "upsertSettings": {"useTempDB": true, "keys": keys}}))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upsert_changes_rows_by_their_key_and_adds_the_others() {
    let stage = Stage::with(TABLE);
    for keys in [json!(["ID"]), Value::Null] {
        // Once more changes nothing.
        copy(&*upsert(&stage, keys), &[rows(&[(2, None), (3, Some("c"))])]).await.unwrap();
        assert_eq!(seen(&stage), "1=a 2= 3=c");
        assert_eq!(stages(&stage, "copy"), Vec::<String>::new());
        stage.forget_runs();
    }
    let target = upsert(&stage, json!(["id"]));
    target.fit(&rows(&[]).schema()).await.unwrap();
    assert!(target.describe().target.contains("upserted"), "{:?}", target.describe());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_the_same_key_are_refused_and_nothing_of_their_chunk_is_kept() {
    let stage = Stage::with(TABLE);
    let twice = rows(&[(2, Some("x")), (3, Some("y")), (3, Some("z"))]);
    let error = copy(&*upsert(&stage, json!(["id"])), &[twice]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("same key"), "{error}");
    assert_eq!(seen(&stage), "1=a 2=b");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_must_be_known() {
    let stage = Stage::with("CREATE TABLE $(schema).t (id int NOT NULL, v nvarchar(10) NULL)");
    for (keys, why) in [(json!(["nope"]), "key=nope"), (Value::Null, "no primary key")] {
        let error = copy(&*upsert(&stage, keys), &[rows(&[(1, None)])]).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(why), "{error}");
        stage.forget_runs();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_values_go_through_a_stage_as_well() {
    let stage = Stage::with(
        "CREATE TABLE $(schema).t (id int IDENTITY(1, 1) NOT NULL PRIMARY KEY, v nvarchar(10) NULL); \
         INSERT INTO $(schema).t (v) VALUES (N'a')",
    );
    copy(&*upsert(&stage, json!(["id"])), &[rows(&[(1, Some("changed")), (70, Some("kept"))])]).await.unwrap();
    assert_eq!(seen(&stage), "1=changed 70=kept");
}

async fn begin(stage: &Stage, epoch: u32) -> Result<Box<dyn SinkRun>> {
    let context = RunContext { chunks: 2, ..context(&rows(&[]).schema(), "staged", epoch) };
    stage.sink("t", json!({})).begin(context).await
}

fn attempt(epoch: u32) -> Attempt {
    Attempt { epoch, number: 1 }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_process_staged_is_cleared_away_and_a_late_one_adds_nothing() {
    let stage = Stage::with(TABLE);
    let first = begin(&stage, 1).await.unwrap();
    let mut writers = Vec::new();
    for id in [0, 1] {
        let Opened::Writer(mut writer) = first.open(&chunk(id), attempt(1)).await.unwrap() else {
            panic!("nothing is there")
        };
        writer.write(rows(&[(10 + id as i32, Some("late"))])).await.unwrap();
        writers.push(writer);
    }
    // One process dies with its stage, the other one goes on.
    drop(writers.pop());
    let late = writers.pop().unwrap();
    assert_eq!(stages(&stage, "staged").len(), 1, "the stages have names of their own");
    assert_eq!(seen(&stage), "1=a 2=b");

    let second = begin(&stage, 2).await.unwrap();
    let mut receipts = Vec::new();
    for id in [0, 1] {
        receipts.push(write(&*second, id, attempt(2), &[rows(&[(10 + id as i32, Some("right"))])]).await.unwrap());
    }
    // The key of its row is taken: it hears that the chunk is committed, and the fence is what stops it in the end.
    let error = late.commit().await.unwrap_err();
    assert!(error.to_string().contains("committed already"), "{error}");
    assert!(first.finish(&receipts).await.unwrap_err().is_fatal());
    second.finish(&receipts).await.unwrap();
    assert_eq!(seen(&stage), "1=a 2=b 10=right 11=right");
    assert_eq!(stages(&stage, "staged"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_in_the_table_is_an_error_of_the_data() {
    let stage = Stage::with(TABLE);
    let run = begin(&stage, 1).await.unwrap();
    let error = write(&*run, 0, attempt(1), &[rows(&[(3, None), (2, None)])]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    assert_eq!(seen(&stage), "1=a 2=b");
}
