//! Sessions beside each other: who waits for whom, and how a wait ends.

use super::clients::{Tiberius, failure, int, microsoft, run, tiberius};
use mssql_tds::connection::tds_client::ExecuteOptions;
use ropeway_tests::sql_server::Server;
use tiberius::{IntoRow as _, SqlBulkCopyOption, SqlBulkCopyOptions};

const TABLES: &str = "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY, n int NOT NULL);
    INSERT INTO dbo.t VALUES (1, 0), (2, 0);
    CREATE TABLE dbo.u (id int NOT NULL, n int NOT NULL);
    INSERT INTO dbo.u VALUES (1, 0);
    CREATE TABLE dbo.one (id int NOT NULL);
    CREATE TABLE dbo.two (id int NOT NULL);
    CREATE TABLE dbo.keyed (id int NOT NULL PRIMARY KEY)";

async fn server_and_two() -> (Server, Tiberius, Tiberius) {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    let (one, two) = (tiberius(&server).await, tiberius(&server).await);
    (server, one, two)
}

/// The number of the error, or 0.
async fn outcome(client: &mut Tiberius, batch: &str) -> u32 {
    let result = match client.simple_query(batch).await {
        Ok(stream) => stream.into_results().await.map(drop),
        Err(error) => Err(error),
    };
    result.map_or_else(|error| super::clients::number(&error), |()| 0)
}

/// As [`outcome`], in a task of its own.
fn later(mut client: Tiberius, batch: &'static str) -> tokio::task::JoinHandle<(u32, Tiberius)> {
    tokio::spawn(async move {
        let outcome = outcome(&mut client, batch).await;
        (outcome, client)
    })
}

async fn load(client: &mut Tiberius, table: &str, ids: std::ops::Range<i32>, options: SqlBulkCopyOptions) -> u32 {
    let request = client.bulk_insert_with_options(table, &["*"], options, &[]).await;
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return super::clients::number(&error),
    };
    for id in ids {
        request.send(id.into_row()).await.unwrap();
    }
    request.finalize().await.map_or_else(|error| super::clients::number(&error), |_| 0)
}

#[tokio::test]
async fn a_writer_waits_for_the_one_before() {
    let (server, mut one, mut two) = server_and_two().await;
    run(&mut one, "BEGIN TRAN; UPDATE dbo.t SET n = 10 WHERE id = 1").await;
    for batch in
        ["UPDATE dbo.t SET n = n + 1 WHERE id = 1", "SELECT n FROM dbo.t", "DELETE FROM dbo.t", "DROP TABLE dbo.t"]
    {
        assert_eq!(failure(&mut two, &format!("SET LOCK_TIMEOUT 0; {batch}")).await, 1222, "{batch}");
    }
    assert_eq!(failure(&mut two, "SELECT n FROM dbo.t WITH (READCOMMITTEDLOCK, NOWAIT)").await, 1222);
    // Who does not mind sees what is not committed; who looks from outside does not.
    assert_eq!(int(&mut two, "SELECT n FROM dbo.t WITH (NOLOCK) WHERE id = 1").await, Some(10));
    assert_eq!(server.execute("sales", "SELECT n FROM dbo.t WHERE id = 1").unwrap(), [["0"]]);
    let waiting = later(two, "SET LOCK_TIMEOUT -1; UPDATE dbo.t SET n = n + 1 WHERE id = 1");
    run(&mut one, "COMMIT").await;
    let (outcome, _two) = waiting.await.unwrap();
    assert_eq!(outcome, 0);
    assert_eq!(server.execute("sales", "SELECT n FROM dbo.t WHERE id = 1").unwrap(), [["11"]]);
}

#[tokio::test]
async fn a_row_that_is_not_committed_is_waited_for_and_no_other() {
    let (server, mut one, mut two) = server_and_two().await;
    run(&mut one, "BEGIN TRAN; INSERT INTO dbo.t VALUES (5, 50)").await;
    run(&mut two, "SET LOCK_TIMEOUT 0").await;
    assert_eq!(int(&mut two, "SELECT n FROM dbo.t WHERE id = 1").await, Some(0));
    assert_eq!(failure(&mut two, "SELECT n FROM dbo.t WHERE id = 5").await, 1222);
    assert_eq!(failure(&mut two, "SELECT COUNT(*) FROM dbo.t").await, 1222);
    assert_eq!(failure(&mut two, "IF EXISTS (SELECT 1 FROM dbo.t WHERE id = 5) PRINT 'there'").await, 1222);
    // Both insert; only the same key is in the way.
    run(&mut two, "INSERT INTO dbo.t VALUES (6, 60)").await;
    assert_eq!(failure(&mut two, "INSERT INTO dbo.t VALUES (5, 51)").await, 1222);
    assert_eq!(
        failure(&mut two, "INSERT INTO dbo.t VALUES (1, 51)").await,
        2627,
        "a committed duplicate is one at once"
    );
    let waiting = later(two, "SET LOCK_TIMEOUT -1; INSERT INTO dbo.t VALUES (5, 51)");
    run(&mut one, "ROLLBACK").await;
    let (outcome, two) = waiting.await.unwrap();
    assert_eq!(outcome, 0);
    // The other way round: what was waited for is committed.
    run(&mut one, "BEGIN TRAN; INSERT INTO dbo.t VALUES (7, 70)").await;
    let waiting = later(two, "INSERT INTO dbo.t VALUES (7, 71)");
    run(&mut one, "COMMIT").await;
    assert_eq!(waiting.await.unwrap().0, 2627);
    let rows = server.execute("sales", "SELECT id, n FROM dbo.t WHERE id > 2 ORDER BY id").unwrap();
    assert_eq!(rows, [["5", "51"], ["6", "60"], ["7", "70"]]);
}

#[tokio::test]
async fn a_deadlock_has_a_victim() {
    let (server, mut one, mut two) = server_and_two().await;
    run(&mut one, "BEGIN TRAN; UPDATE dbo.t SET n = 1").await;
    run(&mut two, "BEGIN TRAN; UPDATE dbo.u SET n = 2").await;
    let waiting = later(one, "UPDATE dbo.u SET n = 1; COMMIT");
    let second = outcome(&mut two, "UPDATE dbo.t SET n = 2; COMMIT").await;
    let (first, _one) = waiting.await.unwrap();
    let mut both = [first, second];
    both.sort_unstable();
    assert_eq!(both, [0, 1205], "one of them, and not the other");
    let rows =
        server.execute("sales", "SELECT MIN(n), MAX(n) FROM (SELECT n FROM dbo.t UNION ALL SELECT n FROM dbo.u) AS q");
    let winner = if first == 0 { "1" } else { "2" };
    assert_eq!(rows.unwrap(), [[winner, winner]], "nothing of the victim is left");
}

#[tokio::test]
async fn bulk_loads_run_side_by_side() {
    let (server, mut one, mut two) = server_and_two().await;
    let table_lock: SqlBulkCopyOptions = SqlBulkCopyOption::TableLock.into();
    for client in [&mut one, &mut two] {
        run(client, "SET LOCK_TIMEOUT 0; BEGIN TRAN").await;
    }
    // Into two tables, with and without TABLOCK; into one heap, with TABLOCK or without.
    assert_eq!(load(&mut one, "dbo.one", 0..3, table_lock).await, 0);
    assert_eq!(load(&mut two, "dbo.two", 0..3, SqlBulkCopyOptions::empty()).await, 0);
    assert_eq!(load(&mut two, "dbo.one", 3..6, table_lock).await, 0);
    assert_eq!(load(&mut one, "dbo.two", 3..6, SqlBulkCopyOptions::empty()).await, 0);
    // BU lets nobody else in, and an index makes it X.
    assert_eq!(load(&mut one, "dbo.keyed", 0..3, table_lock).await, 0);
    assert_eq!(load(&mut two, "dbo.keyed", 3..6, table_lock).await, 1222);
    let mut third = tiberius(&server).await;
    run(&mut third, "SET LOCK_TIMEOUT 0").await;
    assert_eq!(failure(&mut third, "SELECT COUNT(*) FROM dbo.one").await, 1222);
    assert_eq!(load(&mut third, "dbo.one", 6..9, SqlBulkCopyOptions::empty()).await, 1222);
    run(&mut one, "COMMIT").await;
    run(&mut two, "ROLLBACK").await;
    let rows = server.execute("sales", "SELECT COUNT(*), MIN(id), MAX(id) FROM dbo.one").unwrap();
    assert_eq!(rows, [["3", "0", "2"]]);
    assert_eq!(server.execute("sales", "SELECT MIN(id), MAX(id) FROM dbo.two").unwrap(), [["3", "5"]]);
}

#[tokio::test]
async fn many_row_locks_become_one_of_the_table() {
    let (_server, mut one, mut two) = server_and_two().await;
    run(&mut two, "SET LOCK_TIMEOUT 0").await;
    run(&mut one, "BEGIN TRAN").await;
    assert_eq!(load(&mut one, "dbo.one", 0..4_999, SqlBulkCopyOptions::empty()).await, 0);
    run(&mut two, "INSERT INTO dbo.one VALUES (-1)").await;
    assert_eq!(load(&mut one, "dbo.two", 0..5_000, SqlBulkCopyOptions::empty()).await, 0);
    assert_eq!(failure(&mut two, "INSERT INTO dbo.two VALUES (-1)").await, 1222);
}

#[tokio::test]
async fn a_row_read_to_be_changed_is_kept_from_others_who_want_that() {
    let (_server, mut one, mut two) = server_and_two().await;
    run(&mut two, "SET LOCK_TIMEOUT 0").await;
    run(&mut one, "BEGIN TRAN").await;
    assert_eq!(int(&mut one, "SELECT n FROM dbo.t WITH (UPDLOCK, ROWLOCK) WHERE id = 1").await, Some(0));
    assert_eq!(int(&mut two, "SELECT n FROM dbo.t WHERE id = 1").await, Some(0));
    assert_eq!(failure(&mut two, "SELECT n FROM dbo.t WITH (UPDLOCK) WHERE id = 1").await, 1222);
    assert_eq!(failure(&mut two, "UPDATE dbo.t SET n = 1 WHERE id = 1").await, 1222);
    run(&mut two, "INSERT INTO dbo.t VALUES (8, 0)").await;
    // HOLDLOCK keeps new rows out as well.
    assert_eq!(int(&mut one, "SELECT COUNT(*) FROM dbo.t WITH (UPDLOCK, HOLDLOCK)").await, Some(3));
    assert_eq!(failure(&mut two, "INSERT INTO dbo.t VALUES (9, 0)").await, 1222);
    run(&mut one, "COMMIT").await;
    run(&mut two, "INSERT INTO dbo.t VALUES (9, 0)").await;
    for (hints, wanted) in [("NOLOCK, UPDLOCK", 1047), ("READPAST", 50000)] {
        assert_eq!(failure(&mut two, &format!("SELECT n FROM dbo.t WITH ({hints})")).await, wanted, "{hints}");
    }
    assert_eq!(failure(&mut two, "DELETE FROM dbo.t WITH (NOLOCK)").await, 1065);
}

#[tokio::test]
async fn definitions_roll_back_and_are_waited_for() {
    let (server, mut one, mut two) = server_and_two().await;
    run(&mut two, "SET LOCK_TIMEOUT 0").await;
    run(
        &mut one,
        "BEGIN TRAN; DROP TABLE dbo.u; CREATE TABLE dbo.u (other nvarchar(5) NULL); INSERT INTO dbo.u VALUES (N'x');
         ALTER TABLE dbo.t ADD extra int NULL; UPDATE dbo.t SET extra = 7; DELETE FROM dbo.t WHERE id = 2;
         CREATE UNIQUE INDEX ux ON dbo.t (n); TRUNCATE TABLE dbo.one; CREATE TABLE dbo.fresh (id int NULL)",
    )
    .await;
    for batch in [
        "SELECT COUNT(*) FROM dbo.u",
        "SELECT COUNT(*) FROM dbo.u WITH (NOLOCK)",
        "SELECT OBJECT_ID(N'dbo.fresh')",
        "CREATE TABLE dbo.fresh (id int NULL)",
    ] {
        assert_eq!(failure(&mut two, batch).await, 1222, "{batch}");
    }
    run(&mut one, "ROLLBACK").await;
    assert_eq!(int(&mut two, "SELECT COUNT(*) FROM dbo.u WHERE n = 0").await, Some(1));
    assert_eq!(int(&mut two, "SELECT OBJECT_ID(N'dbo.fresh')").await, None);
    assert_eq!(failure(&mut two, "SELECT extra FROM dbo.t").await, 207);
    assert_eq!(int(&mut two, "SELECT COUNT(*) FROM dbo.t WHERE n = 0").await, Some(2));
    let indexes = "SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.t')";
    assert_eq!(int(&mut two, indexes).await, Some(1));
    // The twin that commits.
    run(&mut one, "BEGIN TRAN; DROP TABLE dbo.u; CREATE TABLE dbo.u (other nvarchar(5) NULL); COMMIT").await;
    assert_eq!(failure(&mut two, "SELECT n FROM dbo.u").await, 207);
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.u").unwrap(), [["0"]]);
}

#[tokio::test]
async fn save_points_take_back_what_came_after_them() {
    let (server, mut one, _two) = server_and_two().await;
    run(
        &mut one,
        "BEGIN TRAN; INSERT INTO dbo.t VALUES (3, 3); SAVE TRAN s; UPDATE dbo.t SET n = 9; DELETE FROM dbo.t WHERE id < 3;
         INSERT INTO dbo.t VALUES (4, 4); ROLLBACK TRAN s; INSERT INTO dbo.t VALUES (5, 5)",
    )
    .await;
    assert_eq!(failure(&mut one, "ROLLBACK TRAN unknown").await, 6401);
    run(&mut one, "COMMIT").await;
    let rows = server.execute("sales", "SELECT id, n FROM dbo.t ORDER BY id").unwrap();
    assert_eq!(rows, [["1", "0"], ["2", "0"], ["3", "3"], ["5", "5"]]);
}

#[tokio::test]
async fn a_client_that_has_waited_long_enough_goes_on() {
    let (server, mut one, _two) = server_and_two().await;
    run(&mut one, "BEGIN TRAN; UPDATE dbo.t SET n = 1").await;
    let mut impatient = microsoft(&server, 4096).await;
    let options = ExecuteOptions::new().timeout_secs(1);
    impatient.execute("UPDATE dbo.t SET n = 2".to_owned(), options).await.unwrap_err();
    assert_eq!(server.seen().attentions, 1);
    impatient.execute("INSERT INTO dbo.u VALUES (2, 2)".to_owned(), ()).await.unwrap();
    impatient.close_query().await.unwrap();
    run(&mut one, "COMMIT").await;
    assert_eq!(server.execute("sales", "SELECT MAX(n) FROM dbo.t").unwrap(), [["1"]]);
}

#[tokio::test]
async fn a_session_is_killed_with_its_transaction() {
    let (server, mut one, mut two) = server_and_two().await;
    run(&mut one, "BEGIN TRAN; UPDATE dbo.t SET n = 1").await;
    let spid = one.simple_query("SELECT @@SPID").await.unwrap().into_row().await.unwrap().unwrap();
    let spid = spid.get::<i16, _>(0).unwrap();
    assert_eq!(failure(&mut two, "KILL 32000").await, 6106);
    assert_eq!(failure(&mut two, "DECLARE @s int = 51; KILL @s").await, 102);
    assert_eq!(failure(&mut two, &format!("BEGIN TRAN; KILL {spid}")).await, 6115);
    run(&mut two, "ROLLBACK").await;
    assert_eq!(
        failure(&mut one, &format!("COMMIT; BEGIN TRAN; UPDATE dbo.t SET n = 1; COMMIT; KILL {spid}")).await,
        6104
    );
    run(&mut one, "BEGIN TRAN; UPDATE dbo.t SET n = 2").await;
    run(&mut two, &format!("KILL {spid}")).await;
    // Waits for the rollback, no longer.
    run(&mut two, "UPDATE dbo.t SET n = n + 10").await;
    assert_eq!(server.execute("sales", "SELECT MIN(n), MAX(n) FROM dbo.t").unwrap(), [["11", "11"]]);
    let error = match one.simple_query("SELECT 1").await {
        Err(error) => error,
        Ok(stream) => stream.into_results().await.unwrap_err(),
    };
    assert!(!matches!(error, tiberius::error::Error::Server(_)), "the connection is gone: {error}");
}
