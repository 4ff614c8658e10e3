//! `isolationLevel` Snapshot over several chunks: one state, whatever moves, breaks or is read again meanwhile. What reads
//! chunk by chunk is the twin that must fail.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Duration,
};

use futures::StreamExt as _;
use ropeway_engine::{
    ErrorKind,
    checkpoint::memory::MemoryCheckpoint,
    digest::RowDigester,
    retry::RetryClass,
    run::Job,
    sink::Sink,
    testing::{
        conformance::{SourceCase, source as conforms},
        model_blob::ModelBlob,
        model_table::ModelTable,
    },
};
use ropeway_tests::sql_server::{Fault, SqlError};

use super::*;
use crate::copy_run::{self, go};

const FAULTS: &str = "it needs a server that moves rows and breaks when it is told to";
const READ: &str = "SELECT * FROM [dbo].[t]";
const ROWS: i64 = 400;
const SPARES: usize = 2;

/// A table of accounts with amounts; the database allows snapshots.
fn accounts() -> Option<Stage> {
    accounts_with("PRIMARY KEY")
}

fn accounts_with(key: &str) -> Option<Stage> {
    let mut batch = format!("CREATE TABLE $(schema).t (k int NOT NULL {key}, n int NOT NULL);");
    for first in (0..ROWS).step_by(100) {
        let rows: Vec<_> = (first..first + 100).map(|k| format!("({}, {k})", 10 * k)).collect();
        batch.push_str(&format!("INSERT INTO $(schema).t VALUES {};", rows.join(", ")));
    }
    let stage = Stage::stand_in(FAULTS, &batch)?;
    stage.target.update_statistics("t");
    stage.target.run("ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON");
    Some(stage)
}

fn snapshot() -> Value {
    json!({"isolationLevel": "Snapshot"})
}

/// Lets rows move before every chunk: one of the last goes to the front, one of the first to the end, and an amount from
/// one to another. How many there are, and their sum, stay.
fn move_rows_at_every_read(stage: &Stage) {
    let (execute, moves) = (stage.server().executor(), AtomicI64::new(0));
    let moves = Arc::new(move || {
        let n = moves.fetch_add(1, Ordering::SeqCst);
        let target = |batch: &str| drop(execute("sales", batch).unwrap());
        target(&format!("UPDATE dbo.t SET k = {} WHERE k = {}", -1 - n, 10 * (ROWS - 1 - n)));
        target(&format!("UPDATE dbo.t SET k = {} WHERE k = {}", 10 * ROWS + n, 10 * n));
        target("UPDATE dbo.t SET n = n + CASE WHEN k < 2000 THEN 1 ELSE -1 END WHERE k IN (1500, 2500)");
    });
    stage.server().on(READ, Fault::Run(moves), 200);
}

fn job(source: Arc<dyn Source>, sink: impl Sink) -> Job {
    copy_run::job(source, sink, 50, LIMIT)
}

fn pairs(batches: &[RecordBatch]) -> Vec<(i64, i64)> {
    let numbers = |column| texts(batches, column).into_iter().map(|text| text.unwrap().parse::<i64>().unwrap());
    let mut pairs: Vec<_> = numbers("k").zip(numbers("n")).collect();
    pairs.sort_unstable();
    pairs
}

/// The rows as they are now.
fn now(stage: &Stage) -> Vec<(i64, i64)> {
    let rows = stage.server().execute("sales", "SELECT k, n FROM dbo.t ORDER BY k").unwrap();
    rows.iter().map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_move_between_chunks_are_copied_once() {
    for (settings, holds) in
        [(snapshot(), true), (json!({}), false), (json!({"isolationLevel": "Serializable"}), false)]
    {
        let Some(stage) = accounts() else { return };
        let before = now(&stage);
        move_rows_at_every_read(&stage);
        let blob = ModelBlob::default();
        let summary = go(&job(stage.cut("t", settings), blob.clone()), &MemoryCheckpoint::default()).await.unwrap();
        assert!(summary.chunks > 4);
        assert_eq!(pairs(&blob.published().unwrap()) == before, holds, "the twins must be caught");
        let told = summary.description.consistency;
        assert_eq!(told.starts_with("one snapshot for all chunks"), holds, "{told}");
        assert!(stage.server().seen().violations.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_heap_that_are_updated_between_shares_are_copied_once() {
    let Some(stage) = accounts_with("") else { return };
    let before = now(&stage);
    move_rows_at_every_read(&stage);
    let execute = stage.server().executor();
    let all = Arc::new(move || drop(execute("sales", "UPDATE dbo.t SET n = n + 1").unwrap()));
    stage.server().on(READ, Fault::Run(all), 200);
    // Sessions are lost, and chunks read again, as well.
    stage.server().on_after(2, READ, Fault::BreakAfterBytes(300), 1);
    let blob = ModelBlob::default();
    let summary = go(&job(stage.cut("t", snapshot()), blob.clone()), &MemoryCheckpoint::default()).await.unwrap();
    assert_eq!((summary.chunks, summary.retries), (4, 1));
    assert_eq!(pairs(&blob.published().unwrap()), before);
    assert_ne!(now(&stage), before);
    stage.server().clear_faults();

    // The twin that must fail: the same shares, each of the state that it finds.
    let before = now(&stage);
    let statements = stage.server().seen().statements;
    let share = statements.iter().find_map(|text| text.split_once(&format!("{READ} WHERE "))).unwrap().1;
    let mut found = Vec::new();
    for number in 0..4 {
        let share = share.replace("@ropeway_shares", "4").replace("@ropeway_share", &number.to_string());
        let rows = stage.server().execute("sales", &format!("SELECT k FROM dbo.t WHERE {share}")).unwrap();
        found.extend(rows.iter().map(|row| row[0].parse::<i64>().unwrap()));
        stage.target.run("UPDATE dbo.t SET n = n + 1");
    }
    let once: BTreeSet<_> = found.iter().copied().collect();
    assert!(once.len() < found.len(), "no row was read twice");
    assert!(once.len() < before.len(), "no row was left out");
}

/// A writer that never rests; returns how often it moved something.
fn restless(stage: &Stage, done: Arc<AtomicBool>) -> std::thread::JoinHandle<i64> {
    let execute = stage.server().executor();
    std::thread::spawn(move || {
        let mut n = 0;
        while !done.load(Ordering::SeqCst) {
            let (from, to) = (10 * (n * 37 % ROWS), 10 * (n * 53 % ROWS) + 1 + n % 9);
            let free = format!("NOT EXISTS (SELECT 1 FROM dbo.t AS o WHERE o.k = {to})");
            execute("sales", &format!("UPDATE dbo.t SET k = {to} WHERE k = {from} AND {free}")).unwrap();
            n += 1;
        }
        n
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_never_rests_is_seen_at_one_moment() {
    let Some(stage) = accounts() else { return };
    let done = Arc::new(AtomicBool::new(false));
    let writer = restless(&stage, done.clone());
    let expected: i64 = (0..ROWS).sum();
    for _ in 0..3 {
        let blob = ModelBlob::default();
        go(&job(stage.cut("t", snapshot()), blob.clone()), &MemoryCheckpoint::default()).await.unwrap();
        let rows = pairs(&blob.published().unwrap());
        let amounts: Vec<_> = rows.iter().map(|(_, n)| *n).collect();
        let once: BTreeSet<_> = amounts.iter().collect();
        assert_eq!((rows.len() as i64, once.len() as i64, amounts.iter().sum::<i64>()), (ROWS, ROWS, expected));
    }
    done.store(true, Ordering::SeqCst);
    assert!(writer.join().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_sessions_are_replaced_by_others_that_see_the_same() {
    let Some(stage) = accounts() else { return };
    let before = now(&stage);
    move_rows_at_every_read(&stage);
    // One connection breaks in the middle of its rows, one transaction is rolled back by the server, one statement fails
    // and leaves its transaction alone.
    let victim = SqlError::new(1205, 13, "Transaction was deadlocked.");
    let memory = SqlError::new(8645, 17, "A timeout occurred while waiting for memory resources.");
    stage.server().on_after(1, READ, Fault::BreakAfterBytes(300), 1);
    stage.server().on_after(3, READ, Fault::ErrorAfterRows(5, victim), 1);
    stage.server().on_after(5, READ, Fault::ErrorAfterRows(5, memory), 1);
    let blob = ModelBlob::default();
    let summary = go(&job(stage.cut("t", snapshot()), blob.clone()), &MemoryCheckpoint::default()).await.unwrap();
    assert_eq!(summary.retries, 3);
    assert_eq!(pairs(&blob.published().unwrap()), before);
    // The plan's session, one of each reader, the spares; nobody logged in again for the chunks that were read again.
    let seen = stage.server().seen();
    assert!(seen.logins <= 1 + 3 + SPARES + 1, "{} logins", seen.logins);
    let reads = seen.statements.iter().filter(|text| text.contains(READ));
    assert!(reads.clone().count() > 4 && reads.clone().all(|text| text.starts_with("IF XACT_STATE() <> 1 THROW")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_nobody_sees_any_more_ends_the_run_and_a_resumed_one_begins_again() {
    let Some(stage) = accounts() else { return };
    move_rows_at_every_read(&stage);
    let (blob, table) = (ModelBlob::default(), ModelTable::default());
    for is_table in [false, true] {
        let store = MemoryCheckpoint::default();
        let job = || match is_table {
            true => job(stage.cut("t", snapshot()), table.clone()),
            false => job(stage.cut("t", snapshot()), blob.clone()),
        };
        stage.server().on_after(3, READ, Fault::BreakAfterBytes(300), 3 + SPARES);
        let error = go(&job(), &store).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Permanent), "{error}");
        assert!(error.to_string().contains("resume the run"), "{error}");
        assert!(!store.snapshot().unwrap().receipts.is_empty());
        stage.server().clear_faults();

        let before = now(&stage);
        move_rows_at_every_read(&stage);
        let resumed = go(&job(), &store).await;
        if is_table {
            let error = resumed.unwrap_err();
            assert!(error.kind() == ErrorKind::Data && error.to_string().contains("start a new one"), "{error}");
        } else {
            assert!(resumed.unwrap().description.consistency.contains("begins again"));
            assert_eq!(pairs(&blob.published().unwrap()), before);
        }
        stage.server().clear_faults();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_are_dropped_cost_no_session() {
    let Some(stage) = accounts() else { return };
    let source = stage.cut("t", snapshot());
    source.schema().await.unwrap();
    let chunks = source.plan(TARGET).await.unwrap();
    let before = now(&stage);
    source.begin_snapshot(2).await.unwrap();
    let logins = stage.server().seen().logins;
    stage.target.run("UPDATE dbo.t SET n = -n");
    for round in 0..20 {
        // Rows come slowly, or not at all: the query is still at work when nobody wants it any more.
        let fault = if round % 2 == 0 { Fault::SlowRows(Duration::from_millis(20)) } else { Fault::Hang };
        stage.server().on(READ, fault, 1);
        let mut stream =
            source.read(&chunks[round % chunks.len()], BatchLimit { rows: NonZeroU32::MIN, ..LIMIT }).await.unwrap();
        if round % 2 == 0 {
            stream.next().await.unwrap().unwrap();
        } else {
            let hangs = |text: &String| text.contains(READ);
            while stage.server().seen().statements.iter().filter(|text| hangs(text)).count() <= round {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        drop(stream);
    }
    let mut batches = Vec::new();
    for chunk in &chunks {
        batches.extend(read(&*source, chunk).await.unwrap());
    }
    assert_eq!(pairs(&batches), before);
    let seen = stage.server().seen();
    assert_eq!(seen.logins, logins);
    assert!(seen.attentions >= 10, "{} attentions", seen.attentions);
    assert!(seen.violations.is_empty(), "{:?}", seen.violations);
    source.end_snapshot();
    while stage.server().seen().open > 1 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let error = read(&*source, &chunks[0]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Bug, "without its snapshot no chunk is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_a_snapshot_keeps_the_promises_of_all_sources() {
    let Some(stage) = accounts() else { return };
    let source = stage.cut("t", snapshot());
    let schema = source.schema().await.unwrap();
    source.plan(TARGET).await.unwrap();
    source.begin_snapshot(3).await.unwrap();
    let (whole, _) = read_all(&*stage.table("t")).await.unwrap();
    let digester = RowDigester::new(&schema).unwrap();
    let digest = whole.iter().map(|batch| digester.digest(batch).unwrap()).sum();
    stage.target.run("UPDATE dbo.t SET n = -n");
    conforms(&SourceCase { source, target: TARGET, limit: LIMIT, rows: ROWS as u64, digest }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_chunks_from_sharing_a_snapshot_is_said() {
    let Some(stage) = accounts() else { return };
    // A query may read any table, and none of them would be locked.
    let range = json!({"sqlReaderQuery": "SELECT k, n FROM dbo.t WHERE ?AdfDynamicRangePartitionCondition",
        "partitionOption": "DynamicRange", "partitionSettings": {"partitionColumnName": "k"}});
    let mut with = range.clone();
    with["isolationLevel"] = "Snapshot".into();
    let chunks_of = async |settings: Value| {
        let source = stage.source(json!({}), settings);
        let (batches, chunks) = read_all(&*source).await.unwrap();
        assert_eq!(pairs(&batches), now(&stage));
        (chunks, source.describe())
    };
    assert!(chunks_of(range).await.0 > 1);
    let (chunks, told) = chunks_of(with).await;
    assert_eq!((chunks, told.consistency.as_str()), (1, "one statement under SNAPSHOT"));
    assert!(told.cut.contains("which tables a query reads"), "{}", told.cut);

    // A range that turns out to be the only one needs no other to go with.
    stage.target.run("CREATE TABLE dbo.few (k int NOT NULL); INSERT INTO dbo.few VALUES (1), (2)");
    let range = json!({"isolationLevel": "Snapshot", "partitionOption": "DynamicRange",
        "partitionSettings": {"partitionColumnName": "k"}});
    let (batches, chunks) = read_all(&*stage.cut("few", range)).await.unwrap();
    assert_eq!((texts(&batches, "k").len(), chunks), (2, 1));

    let source = stage.cut("t", snapshot());
    source.schema().await.unwrap();
    assert!(source.plan(TARGET).await.unwrap().len() > 1);
    stage.target.run("ALTER DATABASE sales SET READ_ONLY");
    let error = source.begin_snapshot(2).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("readable secondary"), "{error}");
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 1);
    assert!(source.describe().cut.contains("readable secondary"), "{}", source.describe().cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_without_snapshots_is_named_by_the_plan_with_the_way_out() {
    let Some(stage) = accounts() else { return };
    stage.target.run("ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION OFF");
    let error = failure(&*stage.cut("t", snapshot())).await;
    assert_eq!(error.kind(), ErrorKind::Spec);
    assert!(error.to_string().contains("ALLOW_SNAPSHOT_ISOLATION ON"), "{error}");
    // One chunk is no different.
    let mut one = snapshot();
    one["partitionOption"] = "None".into();
    let error = failure(&*stage.cut("t", one)).await;
    assert!(error.to_string().contains("ALLOW_SNAPSHOT_ISOLATION ON"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_never_free_says_what_to_do() {
    let Some(stage) = accounts() else { return };
    let busy = || SqlError::new(1222, 16, "Lock request time out period exceeded.");
    stage.server().on("TABLOCK, HOLDLOCK", Fault::Error(busy()), 3);
    let store = MemoryCheckpoint::default();
    let error = go(&job(stage.cut("t", snapshot()), ModelBlob::default()), &store).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    for part in ["«partitionOption» to None", "attempts=3", "[dbo].[t]"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    assert!(store.snapshot().is_none(), "it is refused before anything is planned");
    // Twice is no harm.
    stage.server().on("TABLOCK, HOLDLOCK", Fault::Error(busy()), 2);
    go(&job(stage.cut("t", snapshot()), ModelBlob::default()), &store).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_lost_while_sessions_look_makes_no_snapshot() {
    let Some(stage) = accounts() else { return };
    let source = stage.cut("t", snapshot());
    source.schema().await.unwrap();
    let chunks = source.plan(TARGET).await.unwrap();
    // The third session looks when the lock is gone already, and somebody has moved rows.
    stage.server().on("TABLOCK, HOLDLOCK", Fault::BreakAfterRunning, 1);
    let error = source.begin_snapshot(2).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    stage.server().on("COMMIT TRANSACTION", Fault::BreakAfterBytes(0), 1);
    let error = source.begin_snapshot(2).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(read(&*source, &chunks[0]).await.unwrap_err().kind(), ErrorKind::Bug);
    source.begin_snapshot(2).await.unwrap();
    assert!(!read(&*source, &chunks[0]).await.unwrap().is_empty());
}
