//! All rows of a run appear at once.

use ropeway_engine::ErrorKind;
use ropeway_tests::sql_server::Fault;

use super::*;
use crate::{
    sql_server::Target,
    table_sink::{attempt, begin, rows},
};

const TABLE: &str = "CREATE TABLE $(schema).t (id int NOT NULL PRIMARY KEY); \
     INSERT INTO $(schema).t (id) VALUES (-1)";

fn sink(stage: &Stage, mut sink: Value) -> Arc<dyn Sink> {
    sink["commit"] = json!("wholeRun");
    stage.sink("t", sink)
}

fn count(stage: &Stage) -> i32 {
    stage.number("SELECT COUNT(*) FROM $(schema).t")
}

/// Tables of the run's own, and of its attempts.
fn own_tables(stage: &Stage) -> i32 {
    let run = own_runs::named(&stage.prefix(), "delivery").short();
    stage.number(&format!("SELECT COUNT(*) FROM sys.tables WHERE name LIKE N'%[_]{run}%'"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_to_be_seen_until_everything_is() {
    let stage = Stage::with(TABLE);
    let sink = sink(&stage, json!({"preCopyScript": stage.target.statement("DELETE FROM $(schema).t")}));
    sink.fit(&rows(0..1).schema()).await.unwrap();
    assert!(sink.guarantee().contains("all rows appear at once"), "{}", sink.guarantee());
    assert!(sink.describe().target.contains("in one transaction in the end"), "{:?}", sink.describe());

    let run = begin(&*sink, 1).await.unwrap();
    let receipts =
        [write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap(), write(&*run, 1, FIRST, &[rows(10..20)]).await.unwrap()];
    assert_eq!(count(&stage), 1, "not even the script has run");
    run.finish(&receipts).await.unwrap();
    assert_eq!(count(&stage), 20);
    assert_eq!(own_tables(&stage), 0);
    // An answer that was lost: it is asked again.
    run.finish(&receipts).await.unwrap();
    assert_eq!(count(&stage), 20);
    // So does a process that finds the run done, but not in its journal.
    let heir = begin(&*sink, 2).await.unwrap();
    assert!(matches!(heir.open(&chunk(1), attempt(2, 1)).await.unwrap(), Opened::AlreadyCommitted(_)));
    heir.finish(&receipts).await.unwrap();
    assert_eq!((count(&stage), own_tables(&stage)), (20, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_goes_on_with_the_chunks_that_are_committed() {
    let stage = Stage::with(TABLE);
    let first = begin(&*sink(&stage, json!({})), 1).await.unwrap();
    let one = write(&*first, 0, FIRST, &[rows(0..10)]).await.unwrap();
    let Opened::Writer(mut late) = first.open(&chunk(1), FIRST).await.unwrap() else { panic!("nothing is there") };
    late.write(rows(10..20)).await.unwrap();

    let second = begin(&*sink(&stage, json!({})), 2).await.unwrap();
    assert_eq!(write(&*second, 0, attempt(2, 1), &[rows(0..10)]).await.unwrap(), one, "it is there already");
    let two = write(&*second, 1, attempt(2, 1), &[rows(10..20)]).await.unwrap();
    // The process that was taken over wakes up.
    assert!(late.commit().await.unwrap_err().is_fatal());
    assert!(first.finish(&[one.clone(), two.clone()]).await.unwrap_err().is_fatal());
    assert_eq!(count(&stage), 1);
    second.finish(&[one, two]).await.unwrap();
    assert_eq!((count(&stage), own_tables(&stage)), (21, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_whose_answer_is_lost_has_happened_once() {
    let Some(target) = Target::only_stand_in("it loses an answer") else { return };
    let stage = Stage::of(target);
    stage.target.run(TABLE);
    let run = begin(&*sink(&stage, json!({})), 1).await.unwrap();
    let receipt = write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap();
    stage.server().on("state = N'succeeded'", Fault::BreakAfterRunning, 1);
    let receipts = [receipt];
    assert_eq!(run.finish(&receipts).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(count(&stage), 11);
    run.finish(&receipts).await.unwrap();
    assert_eq!(count(&stage), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_whose_table_is_gone_are_copied_again() {
    let stage = Stage::with(TABLE);
    let first = begin(&*sink(&stage, json!({})), 1).await.unwrap();
    let lost = write(&*first, 0, FIRST, &[rows(0..10)]).await.unwrap();
    let own = own_runs::named(&stage.prefix(), "delivery").short();
    stage.target.run(&format!("DROP TABLE [_cpy].[whole_{own}]"));
    let second = begin(&*sink(&stage, json!({})), 2).await.unwrap();
    assert_eq!(second.lost(std::slice::from_ref(&lost)).await.unwrap(), [ChunkId(0)]);
    let again = write(&*second, 0, attempt(2, 1), &[rows(0..10)]).await.unwrap();
    assert_ne!(again.attempt, lost.attempt);
    second.finish(&[again]).await.unwrap();
    assert_eq!(count(&stage), 11);
}

/// A key that is there already: nothing of the run is.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_table_refuses_keeps_all_rows_out_and_an_upsert_takes_it() {
    let stage = Stage::with(TABLE);
    let run = begin(&*sink(&stage, json!({})), 1).await.unwrap();
    let receipts =
        [write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap(), write(&*run, 1, FIRST, &[rows(-1..0)]).await.unwrap()];
    let error = run.finish(&receipts).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("2627"), "{error}");
    assert_eq!(count(&stage), 1);
    stage.forget_runs();

    let run = begin(&*sink(&stage, json!({"writeBehavior": "upsert"})), 1).await.unwrap();
    let receipts =
        [write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap(), write(&*run, 1, FIRST, &[rows(-1..0)]).await.unwrap()];
    run.finish(&receipts).await.unwrap();
    assert_eq!(count(&stage), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_cannot_do_is_said_beforehand() {
    let Some(target) = Target::only_stand_in("it takes rights away") else { return };
    let stage = Stage::of(target);
    stage.target.run(TABLE);
    let procedure = json!({"sqlWriterStoredProcedureName": "put", "commit": "wholeRun"});
    let error = stage.try_sink("t", procedure).err().unwrap();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("sink.commit"), "{error}");
    let error = stage.try_sink("t", json!({"commit": "sometimes"})).err().unwrap();
    assert!(error.to_string().contains("perChunk or wholeRun"), "{error}");

    let scripted = sink(&stage, json!({"preCopyScript": "DELETE FROM dbo.t"}));
    let error = scripted.as_source(&rows(0..1).schema()).err().unwrap();
    assert!(error.to_string().contains("validateDataConsistency"), "{error}");
}
