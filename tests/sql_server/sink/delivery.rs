//! No row lost, none doubled: fences, lost answers, scripts that run once.

use std::sync::Barrier;

use ropeway_engine::{ErrorKind, retry::RetryClass};
use ropeway_tests::sql_server::Fault;

use super::*;
use crate::sql_server::Target;
use crate::table_sink::{attempt, begin, rows};

fn count(stage: &Stage) -> u64 {
    stage.target.ask("SELECT CAST(COUNT(*) AS nvarchar(20)) AS n FROM $(schema).t").unwrap().unwrap().parse().unwrap()
}

const TABLE: &str = "CREATE TABLE $(schema).t (id int NOT NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_taken_over_commits_nothing() {
    let stage = Stage::with(TABLE);
    let (zombie, heir) = (stage.sink("t", json!({})), stage.sink("t", json!({})));
    let first = begin(&*zombie, 1).await.unwrap();
    let Opened::Writer(mut late) = first.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
    let second = begin(&*heir, 2).await.unwrap();
    let receipt = write(&*second, 0, attempt(2, 1), &[rows(0..10)]).await.unwrap();

    late.write(rows(0..10)).await.unwrap();
    let error = late.commit().await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("took the run over"), "{error}");
    assert!(first.finish(std::slice::from_ref(&receipt)).await.unwrap_err().is_fatal());
    second.finish(&[receipt]).await.unwrap();
    assert_eq!(count(&stage), 10);
    // Nor does it take the run back.
    assert!(begin(&*zombie, 1).await.err().unwrap().is_fatal());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_epoch_are_told_apart() {
    let stage = Stage::with(TABLE);
    let sink = stage.sink("t", json!({}));
    drop(begin(&*sink, 1).await.unwrap());
    // The answer was lost: the same process asks again.
    drop(begin(&*sink, 1).await.unwrap());
    let other = begin(&*stage.sink("t", json!({})), 1).await.err().unwrap();
    assert!(other.is_fatal(), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_in_the_ledger() {
    let Some(target) = Target::only_stand_in("it loses an answer") else { return };
    let stage = Stage::of(target);
    stage.target.run(TABLE);
    let sink = stage.sink("t", json!({}));
    let run = begin(&*sink, 1).await.unwrap();
    stage.server().on("INSERT INTO [_cpy].[ledger]", Fault::BreakAfterRunning, 1);
    let error = write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let receipt = match run.open(&chunk(0), attempt(1, 2)).await.unwrap() {
        Opened::AlreadyCommitted(receipt) => receipt,
        Opened::Writer(_) => panic!("the ledger does not know the chunk"),
    };
    assert_eq!((receipt.rows, receipt.attempt, count(&stage)), (10, FIRST, 10));

    // With teeth: without its row in the ledger the chunk is written again, and doubled.
    stage.target.run("DELETE FROM [_cpy].[ledger]");
    assert_eq!(run.lost(std::slice::from_ref(&receipt)).await.unwrap(), [ChunkId(0)]);
    write(&*run, 0, attempt(1, 3), &[rows(0..10)]).await.unwrap();
    assert_eq!(count(&stage), 20);
}

/// A server that takes longer than `writeBatchTimeout`, at the load and at the commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_too_long_for_a_chunk_is_given_up_and_asked_again() {
    let Some(target) = Target::only_stand_in("it lets the server hang") else { return };
    let stage = Stage::of(target);
    stage.target.run(TABLE);
    let sink = stage.sink("t", json!({"writeBatchTimeout": "00:00:01"}));
    let run = begin(&*sink, 1).await.unwrap();
    for (number, step) in [(1, "BULK LOAD"), (2, "INSERT INTO [_cpy].[ledger]")] {
        stage.server().on(step, Fault::Hang, 1);
        let error = write(&*run, 0, attempt(1, number), &[rows(0..10)]).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Unknown), "{error}");
        assert_eq!(error.symbolic_code(), Some("SqlBatchWriteTimeout"));
        assert!(error.to_string().contains("«writeBatchTimeout»"), "{error}");
        assert_eq!(count(&stage), 0, "{step}");
    }
    write(&*run, 0, attempt(1, 3), &[rows(0..10)]).await.unwrap();
    assert_eq!(count(&stage), 10);
}

/// What was given up may come about all the same: the ledger tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_about_after_its_time_out_is_found_in_the_ledger() {
    let Some(target) = Target::only_stand_in("it holds up a commit") else { return };
    let stage = Stage::of(target);
    stage.target.run(TABLE);
    let sink = stage.sink("t", json!({"writeBatchTimeout": "00:00:01"}));
    let run = begin(&*sink, 1).await.unwrap();
    let gate = Arc::new(Barrier::new(2));
    let held = Arc::clone(&gate);
    stage.server().on("INSERT INTO [_cpy].[ledger]", Fault::Run(Arc::new(move || _ = held.wait())), 1);
    let error = write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Unknown, "{error}");
    gate.wait();
    while stage.committed_chunks() == 0 {
        tokio::task::yield_now().await;
    }
    match run.open(&chunk(0), attempt(1, 2)).await.unwrap() {
        Opened::AlreadyCommitted(receipt) => assert_eq!((receipt.rows, count(&stage)), (10, 10)),
        Opened::Writer(_) => panic!("the ledger does not know the chunk"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_at_one_chunk_give_one_set_of_rows() {
    let stage = Stage::with(TABLE);
    let sink = stage.sink("t", json!({}));
    let run = begin(&*sink, 1).await.unwrap();
    let Opened::Writer(mut slow) = run.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
    write(&*run, 0, attempt(1, 2), &[rows(0..10)]).await.unwrap();
    slow.write(rows(0..10)).await.unwrap();
    let error = slow.commit().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("committed already"), "{error}");
    assert_eq!(count(&stage), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_runs_once_per_run_and_not_at_a_resume() {
    let stage = Stage::with(TABLE);
    stage.target.run("CREATE TABLE $(schema).log (n int NOT NULL)");
    let script = stage
        .target
        .statement("INSERT INTO $(schema).log (n) VALUES (1); DELETE FROM $(schema).t WHERE id = 'x''y' OR 1 = 1")
        .replace("id = 'x''y' OR ", "");
    let sink = || stage.sink("t", json!({"preCopyScript": script}));
    stage.target.run("INSERT INTO $(schema).t (id) VALUES (99)");
    let logged = || stage.target.ask("SELECT CAST(COUNT(*) AS nvarchar(20)) AS n FROM $(schema).log").unwrap().unwrap();

    let first = begin(&*sink(), 1).await.unwrap();
    assert_eq!((logged().as_str(), count(&stage)), ("1", 0));
    write(&*first, 0, FIRST, &[rows(0..10)]).await.unwrap();
    drop(first);
    let second = begin(&*sink(), 2).await.unwrap();
    write(&*second, 1, attempt(2, 1), &[rows(10..20)]).await.unwrap();
    assert_eq!((logged().as_str(), count(&stage)), ("1", 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_leaves_nothing_and_is_run_again() {
    let stage = Stage::with(TABLE);
    stage.target.run("INSERT INTO $(schema).t (id) VALUES (99)");
    let script = stage.target.statement("DELETE FROM $(schema).t; INSERT INTO $(schema).t (id) VALUES (NULL)");
    let broken = begin(&*stage.sink("t", json!({"preCopyScript": script})), 1).await.err().unwrap();
    assert_eq!((broken.kind(), count(&stage)), (ErrorKind::Data, 1), "{broken}");
    let mended = stage.target.statement("DELETE FROM $(schema).t");
    drop(begin(&*stage.sink("t", json!({"preCopyScript": mended})), 2).await.unwrap());
    assert_eq!(count(&stage), 0);
}
