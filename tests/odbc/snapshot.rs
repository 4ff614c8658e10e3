//! `--set source.isolationLevel=Snapshot` on PostgreSQL: all chunks show one state, whoever moves rows or loses connections
//! meanwhile. What reads chunk by chunk is the twin that must fail.

use std::{collections::BTreeSet, sync::Arc, thread, time::Duration};

use futures::StreamExt as _;
use ropeway_engine::{
    Error, ErrorKind,
    checkpoint::memory::MemoryCheckpoint,
    retry::RetryClass,
    source::Source,
    testing::{model_blob::ModelBlob, model_table::ModelTable},
};
use ropeway_tests::odbc::{PostgreSql, Sqlite};

use super::*;
use crate::copy_run::{go, go_until, job};

const ROWS: i64 = 24_000;
const SMALL: ChunkTarget = ChunkTarget { rows: 3_000, ..TARGET };
const FEW: BatchLimit = BatchLimit { rows: NonZeroU32::new(200).unwrap(), bytes: 1 << 20 };

/// A table of accounts with amounts; no two amounts are the same.
fn accounts() -> PostgreSql {
    let server = PostgreSql::start();
    server.run(&format!(
        "CREATE TABLE t (k bigint NOT NULL, n bigint NOT NULL); CREATE TABLE stop (k int); \
         INSERT INTO t SELECT 10 * i, i FROM generate_series(0, {ROWS} - 1) i; CREATE INDEX ON t (k); CREATE INDEX ON t (n)"
    ));
    server
}

fn source(server: &PostgreSql, level: &str) -> Arc<dyn Source> {
    let by_key = json!({"partitionOption": "DynamicRange", "partitionSettings": {"partitionColumnName": "k"}});
    let mut settings = settings(&server.connection_string(), json!({"tableName": "t"}), by_key);
    settings["ropeway"] = json!({"isolationLevel": level});
    connect(settings).unwrap()
}

async fn planned(source: &dyn Source) -> Vec<Chunk> {
    let chunks = source.plan(SMALL).await.unwrap();
    assert!(chunks.len() > 4, "{chunks:?}");
    if source.shares_snapshot(&chunks) {
        source.begin_snapshot(3).await.unwrap();
    }
    chunks
}

/// Ends the backends for which this holds; gives their number.
fn end_those(server: &PostgreSql, which: &str) -> usize {
    let ended = "SELECT count(*) FROM (SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
    let rows = server.rows(&format!("{ended} AND {which}) AS ended"));
    rows[0][0].as_deref().unwrap().parse().unwrap()
}

const HOLD: &str = "query LIKE '%pg_export_snapshot%'";
const READ: &str = "query LIKE 'FETCH%'";

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_move_between_chunks_are_read_once() {
    let server = accounts();
    for (level, holds) in [("Snapshot", true), ("Unspecified", false)] {
        let before = server.rows("SELECT k, n FROM t");
        let source = source(&server, level);
        let mut rows = Vec::new();
        for (at, chunk) in planned(&*source).await.iter().enumerate() {
            rows.extend(in_text(&read_chunk(&*source, chunk, LIMIT).await.unwrap()));
            // The last row moves to the front, and the first to the end.
            server.run(&format!(
                "UPDATE t SET k = -1 - (SELECT count(*) FROM t WHERE k < 0) WHERE k = (SELECT max(k) FROM t); \
                 UPDATE t SET k = {ROWS} * 10 + {at} WHERE k = (SELECT min(k) FROM t WHERE k >= 0)"
            ));
        }
        assert_eq!(sorted(rows) == sorted(before), holds, "{level}: the twin must be caught");
        let told = source.describe().consistency;
        assert_eq!(told.starts_with("one snapshot for all chunks"), holds, "{told}");
    }
}

/// The amounts that a run has copied, if all chunks were read while a server moved rows as fast as it can.
async fn amounts(server: &PostgreSql, level: &str) -> Vec<i64> {
    let blob = ModelBlob::default();
    go(&job(source(server, level), blob.clone(), 3_000, LIMIT), &MemoryCheckpoint::default()).await.unwrap();
    let rows = in_text(&blob.published().unwrap());
    rows.iter().map(|row| row[1].as_deref().unwrap().parse().unwrap()).collect()
}

fn are_once(amounts: &[i64]) -> bool {
    let different: BTreeSet<_> = amounts.iter().collect();
    amounts.len() as i64 == ROWS && different.len() as i64 == ROWS
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_never_rests_is_seen_at_one_moment() {
    let server = Arc::new(accounts());
    let writer = {
        let server = server.clone();
        thread::spawn(move || {
            server.run(&format!(
                "DO $$ DECLARE m bigint; BEGIN WHILE NOT EXISTS (SELECT 1 FROM stop) LOOP m := floor(random() * {ROWS}); \
                 UPDATE t SET k = floor(random() * {ROWS} * 10) WHERE n = m; COMMIT; END LOOP; END $$"
            ));
        })
    };
    for _ in 0..3 {
        let amounts = amounts(&server, "Snapshot").await;
        assert!(are_once(&amounts), "{} rows", amounts.len());
    }
    // The twin is caught sooner or later.
    while are_once(&amounts(&server, "Unspecified").await) {}
    server.run("INSERT INTO stop VALUES (1)");
    writer.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_whose_connection_breaks_is_read_again_from_the_same_state() {
    let server = accounts();
    let before = server.rows("SELECT k, n FROM t");
    let source = source(&server, "Snapshot");
    let mut rows = Vec::new();
    for chunk in planned(&*source).await {
        let mut stream = source.read(&chunk, FEW).await.unwrap();
        // There are no rows without a key.
        let Some(first) = stream.next().await else { continue };
        first.unwrap();
        assert!(end_those(&server, READ) > 0);
        let error = loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("a connection that was ended gave all rows"),
            }
        };
        assert!(error.is_transient(), "{error}");
        drop(stream);
        server.run("UPDATE t SET n = -n, k = k + 5");
        rows.extend(in_text(&read_chunk(&*source, &chunk, LIMIT).await.unwrap()));
    }
    assert_same(rows, before);
}

/// Reads a chunk in as many attempts as it needs.
async fn patiently(source: &dyn Source, chunk: &Chunk) -> Result<Vec<RecordBatch>, Error> {
    loop {
        match read_chunk(source, chunk, LIMIT).await {
            Err(error) if error.is_transient() && error.retry_class() != RetryClass::Permanent => {}
            done => return done,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_lasts_as_long_as_one_connection_holds_it() {
    let server = accounts();
    let source = source(&server, "Snapshot");
    let chunks = planned(&*source).await;
    let first = in_text(&patiently(&*source, &chunks[0]).await.unwrap());
    assert_eq!(
        server.rows(&format!("SELECT count(*) FROM pg_stat_activity WHERE {HOLD} AND state = 'idle in transaction'")),
        [[Some("3".to_owned())]]
    );
    server.run("UPDATE t SET n = -n");
    // Two of the three go, the one that is asked first among them.
    for _ in 0..2 {
        assert_eq!(
            end_those(
                &server,
                &format!("pid = (SELECT min(pid) FROM pg_stat_activity WHERE {HOLD} AND pid <> pg_backend_pid())")
            ),
            1
        );
        assert_same(in_text(&patiently(&*source, &chunks[0]).await.unwrap()), first.clone());
    }
    assert_eq!(end_those(&server, HOLD), 1);
    let error = patiently(&*source, &chunks[0]).await.unwrap_err();
    assert_eq!((error.kind(), error.retry_class()), (ErrorKind::Unavailable, RetryClass::Permanent), "{error}");
    assert!(error.to_string().contains("resume the run"), "{error}");

    source.begin_snapshot(3).await.unwrap();
    assert_ne!(in_text(&patiently(&*source, &chunks[0]).await.unwrap()), first);
    source.end_snapshot();
    while server.rows(&format!("SELECT count(*) FROM pg_stat_activity WHERE {HOLD} AND pid <> pg_backend_pid()"))
        != [[Some("0".to_owned())]]
    {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(read_chunk(&*source, &chunks[0], LIMIT).await.unwrap_err().kind(), ErrorKind::Bug);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_lost_its_snapshot_begins_again_where_it_can() {
    let server = accounts();
    for is_table in [false, true] {
        let (blob, table, store) = (ModelBlob::default(), ModelTable::default(), MemoryCheckpoint::default());
        let of = |source: Arc<dyn Source>| match is_table {
            true => job(source, table.clone(), 3_000, LIMIT),
            false => job(source, blob.clone(), 3_000, LIMIT),
        };
        let lose = || assert_eq!(end_those(&server, HOLD), 3);
        let error = go_until(&of(source(&server, "Snapshot")), &store, 2, lose).await.unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Permanent, "{error}");
        assert!(!store.snapshot().unwrap().receipts.is_empty());
        server.run("UPDATE t SET n = n + 1");
        let resumed = go(&of(source(&server, "Snapshot")), &store).await;
        if is_table {
            let error = resumed.unwrap_err();
            assert!(error.kind() == ErrorKind::Data && error.to_string().contains("start a new one"), "{error}");
        } else {
            resumed.unwrap();
            assert_same(in_text(&blob.published().unwrap()), server.rows("SELECT k, n FROM t"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_known_to_share_snapshots_is_refused() {
    let server = Sqlite::start();
    server.run("CREATE TABLE t (k integer PRIMARY KEY)");
    let mut settings = settings(&server.connection_string(), json!({"tableName": "t"}), json!({}));
    settings["ropeway"] = json!({"isolationLevel": "Snapshot"});
    let error = connect(settings.clone()).unwrap().plan(SMALL).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("SQLite"), "{error}");
    settings["ropeway"] = json!({"isolationLevel": "Chaos"});
    assert_eq!(connect(settings).err().unwrap().kind(), ErrorKind::Spec);
}
