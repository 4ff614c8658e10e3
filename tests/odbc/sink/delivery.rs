//! No row lost, none doubled: fences, lost answers, scripts that run once.

use ropeway_engine::ErrorKind;
use ropeway_tests::fault_proxy::{At, Effect, FaultProxy, Script};

use super::*;
use crate::table_sink::{attempt, begin, rows};

const TABLE: &str = "CREATE TABLE t (id int NOT NULL)";

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_taken_over_commits_nothing() {
    for database in Database::all() {
        database.run(TABLE);
        let (zombie, heir) = (database.sink("t", json!({})), database.sink("t", json!({})));
        let first = begin(&*zombie, 1).await.unwrap();
        let Opened::Writer(mut late) = first.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
        let second = begin(&*heir, 2).await.unwrap();
        let receipt = write(&*second, 0, attempt(2, 1), &[rows(0..10)]).await.unwrap();

        late.write(rows(0..10)).await.unwrap();
        let error = late.commit().await.unwrap_err();
        assert!(error.is_fatal() && error.to_string().contains("took the run over"), "{}: {error}", database.name());
        assert!(first.finish(std::slice::from_ref(&receipt)).await.unwrap_err().is_fatal());
        second.finish(&[receipt]).await.unwrap();
        assert_eq!(database.count("t"), 10, "{}", database.name());
        // Nor does it take the run back.
        assert!(begin(&*zombie, 1).await.err().unwrap().is_fatal());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_with_one_epoch_are_told_apart() {
    for database in Database::all() {
        database.run(TABLE);
        let sink = database.sink("t", json!({}));
        drop(begin(&*sink, 1).await.unwrap());
        // The answer was lost: the same process asks again.
        drop(begin(&*sink, 1).await.unwrap());
        let other = begin(&*database.sink("t", json!({})), 1).await.err().unwrap();
        assert!(other.is_fatal(), "{}: {other}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_attempts_at_one_chunk_give_one_set_of_rows() {
    for database in Database::all() {
        database.run(TABLE);
        let run = begin(&*database.sink("t", json!({})), 1).await.unwrap();
        let Opened::Writer(mut slow) = run.open(&chunk(0), FIRST).await.unwrap() else { panic!("nothing is there") };
        write(&*run, 0, attempt(1, 2), &[rows(0..10)]).await.unwrap();
        slow.write(rows(0..10)).await.unwrap();
        let error = slow.commit().await.unwrap_err();
        assert!(
            error.is_transient() && error.to_string().contains("committed already"),
            "{}: {error}",
            database.name()
        );
        assert_eq!(database.count("t"), 10, "{}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_in_the_ledger() {
    let server = PostgreSql::start();
    server.run(TABLE);
    let (proxy, through) = behind(&server.connection_string()).await;
    let sink = connect(&through, json!({"tableName": "t"}), json!({})).unwrap();
    let run = begin(&*sink, 1).await.unwrap();

    // How many answers the connection of a chunk gets, the last of which is that of the commit.
    proxy.heal();
    write(&*run, 0, FIRST, &[rows(0..10)]).await.unwrap();
    let answers = proxy.passages()[0].answers;
    assert!(answers > 3, "{answers}");
    let mut unknown = 0;
    for (id, answer) in (1..).zip(2..=answers) {
        // A sink of its own: the next connection is the one of the chunk.
        let (sink, epoch) = (connect(&through, json!({"tableName": "t"}), json!({})).unwrap(), id + 1);
        let run = begin(&*sink, epoch).await.unwrap();
        let Opened::Writer(mut writer) = run.open(&chunk(id), attempt(epoch, 1)).await.unwrap() else { panic!("new") };
        proxy.only(0, Script::lose_answer(answer));
        let written = writer.write(rows(0..10)).await;
        let lost = if written.is_ok() { writer.commit().await.map(drop) } else { written };
        let error = lost.expect_err("an answer is lost");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "answer {answer} of {answers}: {error}");
        proxy.heal();
        let before = server.rows("SELECT count(*) FROM t")[0][0].clone();
        let receipt = write(&*run, id, attempt(epoch, 2), &[rows(0..10)]).await.unwrap();
        let is_settled = receipt.attempt == attempt(epoch, 1);
        assert_eq!(is_settled, before == Some((10 * (id + 1)).to_string()), "answer {answer} of {answers}");
        unknown += u32::from(is_settled);
        assert_eq!(server.rows("SELECT count(*) FROM t")[0][0], Some((10 * (id + 1)).to_string()), "answer {answer}");
    }
    assert_eq!(unknown, 1, "only one of the answers was that of a commit");

    // With teeth: without its row in the ledger the chunk is written again, and doubled.
    server.run("DELETE FROM _cpy_ledger WHERE chunk_id = 0");
    let heir = begin(&*connect(&through, json!({"tableName": "t"}), json!({})).unwrap(), 99).await.unwrap();
    write(&*heir, 0, attempt(99, 1), &[rows(0..10)]).await.unwrap();
    assert_eq!(server.rows("SELECT count(*) FROM t")[0][0], Some((10 * (answers + 1)).to_string()));
}

/// Before a commit the row of the run is locked, so that nobody takes the run over. A process that stands still at that
/// moment holds the lock for seconds, not for ever; the server ends its transaction.
async fn a_process_that_stands_still_before_its_commit_is_not_waited_for(database: Database) {
    database.run(TABLE);
    let (proxy, through) = behind(&database.connection_string()).await;
    let connect = || connect(&through, json!({"tableName": "t"}), json!({})).unwrap();
    let calm = begin(&*connect(), 1).await.unwrap();
    proxy.heal();
    write(&*calm, 0, FIRST, &[rows(0..10)]).await.unwrap();
    let answers = proxy.passages()[0].answers;

    let zombie = begin(&*connect(), 2).await.unwrap();
    let Opened::Writer(mut writer) = zombie.open(&chunk(1), attempt(2, 1)).await.unwrap() else { panic!("it is new") };
    // The last answer is that to the commit; the one before says that the row of the chunk is in the ledger.
    proxy.only(0, Script::at(At::Answer(answers - 1), Effect::Stall(None)));
    let stalled = proxy.faults();
    let standing = tokio::spawn(async move {
        writer.write(rows(10..20)).await?;
        writer.commit().await
    });
    while proxy.faults() == stalled {
        assert!(!standing.is_finished(), "{}: nothing stood still", database.name());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let heir = begin(&*database.sink("t", json!({})), 3).await;
    let heir = heir.unwrap_or_else(|error| panic!("{}: {error}", database.name()));
    assert_eq!(database.count("t"), 10, "{}: the server undid the chunk", database.name());
    let receipt = write(&*heir, 1, attempt(3, 1), &[rows(10..20)]).await.unwrap();
    assert_eq!(receipt.attempt, attempt(3, 1), "{}", database.name());
    assert_eq!(database.count("t"), 20, "{}", database.name());
    standing.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_in_postgresql_is_not_waited_for() {
    a_process_that_stands_still_before_its_commit_is_not_waited_for(Database::PostgreSql(PostgreSql::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_still_in_mariadb_is_not_waited_for() {
    a_process_that_stands_still_before_its_commit_is_not_waited_for(Database::MariaDb(MariaDb::start())).await;
}

/// A proxy before the server of this connection string, and the string that leads through it.
async fn behind(connection: &str) -> (FaultProxy, String) {
    let (_, rest) = connection.split_once("Port=").unwrap();
    let port: u16 = rest.split_once(';').unwrap().0.parse().unwrap();
    let proxy = FaultProxy::start(([127, 0, 0, 1], port).into()).await;
    let through = connection.replace(&format!("Port={port};"), &format!("Port={};", proxy.address().port()));
    (proxy, through)
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_that_the_ledger_does_not_bear_out_are_lost() {
    for database in Database::all() {
        database.run(TABLE);
        let run = begin(&*database.sink("t", json!({})), 1).await.unwrap();
        let mut receipts = Vec::new();
        for id in 0..3 {
            receipts.push(write(&*run, id, FIRST, &[rows(0..10)]).await.unwrap());
        }
        assert_eq!(run.lost(&receipts).await.unwrap(), []);
        database.run("DELETE FROM _cpy_ledger WHERE chunk_id = 1");
        assert_eq!(run.lost(&receipts).await.unwrap(), [ChunkId(1)], "{}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_runs_once_per_run_and_not_at_a_resume() {
    for database in Database::all() {
        database.run(TABLE);
        database.run("CREATE TABLE log (n int); INSERT INTO t VALUES (99)");
        // One statement: not every driver takes several.
        let sink = || database.sink("t", json!({"preCopyScript": "INSERT INTO log SELECT id FROM t WHERE id = 99"}));
        let first = begin(&*sink(), 1).await.unwrap();
        assert_eq!(database.count("log"), 1, "{}", database.name());
        write(&*first, 0, FIRST, &[rows(0..10)]).await.unwrap();
        drop(first);
        let second = begin(&*sink(), 2).await.unwrap();
        write(&*second, 1, attempt(2, 1), &[rows(10..20)]).await.unwrap();
        assert_eq!((database.count("log"), database.count("t")), (1, 21), "{}", database.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_leaves_nothing_and_is_run_again() {
    let database = Database::PostgreSql(PostgreSql::start());
    database.run(TABLE);
    database.run("INSERT INTO t VALUES (99)");
    let script = json!({"preCopyScript": "DELETE FROM t; INSERT INTO t VALUES (NULL)"});
    let broken = begin(&*database.sink("t", script), 1).await.err().unwrap();
    assert_eq!((broken.kind(), database.count("t")), (ErrorKind::Data, 1), "{broken}");
    let mended = json!({"preCopyScript": "DELETE FROM t; INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)"});
    drop(begin(&*database.sink("t", mended), 2).await.unwrap());
    assert_eq!(database.count("t"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_written_side_by_side() {
    for database in Database::all() {
        database.run("CREATE TABLE t (id int NOT NULL PRIMARY KEY)");
        let run: Arc<dyn SinkRun> = begin(&*database.sink("t", json!({})), 1).await.unwrap().into();
        let copies = (0..8).map(|id| {
            let run = Arc::clone(&run);
            let rows = rows(id * 5_000..(id + 1) * 5_000);
            tokio::spawn(async move { write(&*run, id as u32, FIRST, &[rows]).await })
        });
        for copy in copies.collect::<Vec<_>>() {
            copy.await.unwrap().unwrap();
        }
        assert_eq!(database.count("t"), 40_000, "{}", database.name());
    }
}
