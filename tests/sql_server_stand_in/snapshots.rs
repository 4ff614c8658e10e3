//! SNAPSHOT: what a transaction sees, from when on, and what it is refused.

use super::clients::{Tiberius, failure, int, run, tiberius};
use ropeway_tests::sql_server::Server;

const TABLES: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NOT NULL);
    INSERT INTO dbo.t VALUES (1, 10), (2, 20); CREATE TABLE dbo.u (n int NULL)";
const BEGIN: &str = "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION";
const SUM: &str = "SELECT SUM(n) FROM dbo.t";

async fn server_and_two() -> (Server, Tiberius, Tiberius) {
    let server = Server::start().unwrap();
    server.execute("sales", TABLES).unwrap();
    let (one, two) = (tiberius(&server).await, tiberius(&server).await);
    (server, one, two)
}

#[tokio::test]
async fn a_transaction_sees_what_was_committed_when_it_first_looked() {
    let (_server, mut one, mut two) = server_and_two().await;
    run(&mut one, "ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON").await;
    run(&mut one, BEGIN).await;
    run(&mut two, "UPDATE dbo.t SET n = 11 WHERE id = 1").await;
    // BEGIN TRANSACTION is no look, and neither is the catalogue, nor a query that touches no rows.
    assert!(int(&mut one, "SELECT OBJECT_ID(N'dbo.t', N'U')").await.is_some());
    run(&mut one, "SELECT TOP (0) * FROM dbo.t").await;
    run(&mut two, "BEGIN TRANSACTION; UPDATE dbo.t SET n = 1000; INSERT INTO dbo.t VALUES (3, 30)").await;
    assert_eq!(int(&mut one, SUM).await, Some(31), "nobody is waited for, and what is open is not seen");
    run(&mut two, "COMMIT; DELETE FROM dbo.t WHERE id = 2; UPDATE dbo.t SET id = 7 WHERE id = 1").await;
    for _ in 0..2 {
        assert_eq!(int(&mut one, SUM).await, Some(31));
    }
    assert_eq!(int(&mut one, "SELECT MAX(id) FROM dbo.t").await, Some(2));
    // The twin under READ COMMITTED sees every state.
    let sum = int(&mut two, SUM).await;
    run(&mut one, "COMMIT").await;
    assert_eq!((sum, int(&mut one, SUM).await), (Some(1030), Some(1030)), "each statement by itself");
    run(&mut two, "UPDATE dbo.t SET n = 0").await;
    assert_eq!(int(&mut one, SUM).await, Some(0));
}

#[tokio::test]
async fn what_a_snapshot_is_refused() {
    let (_server, mut one, mut two) = server_and_two().await;
    run(&mut one, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT").await;
    run(&mut one, "SELECT TOP (0) * FROM dbo.t").await;
    assert_eq!(failure(&mut one, SUM).await, 3952);
    run(&mut two, "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON").await;
    assert_eq!(int(&mut one, SUM).await, Some(30));
    assert_eq!(failure(&mut two, "ALTER DATABASE nowhere SET ALLOW_SNAPSHOT_ISOLATION ON").await, 5011);
    assert_eq!(failure(&mut two, "BEGIN TRAN; ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION OFF").await, 226);
    run(&mut two, "ROLLBACK").await;

    // A transaction that began under another level cannot become one.
    run(&mut two, "BEGIN TRANSACTION; SET TRANSACTION ISOLATION LEVEL SNAPSHOT").await;
    assert_eq!(failure(&mut two, SUM).await, 3951);
    run(&mut two, "ROLLBACK; SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await;

    // Definitions have no versions.
    run(&mut one, BEGIN).await;
    assert_eq!(int(&mut one, SUM).await, Some(30));
    run(&mut two, "ALTER TABLE dbo.t ADD extra int NULL; CREATE TABLE dbo.late (n int NULL)").await;
    assert_eq!(failure(&mut one, SUM).await, 3961);
    assert_eq!(failure(&mut one, "SELECT COUNT(*) FROM dbo.late").await, 3961);
    run(&mut one, "COMMIT").await;
    assert_eq!(int(&mut one, SUM).await, Some(30));
    for batch in
        ["UPDATE dbo.t SET n = 0", "SELECT n FROM dbo.t WITH (HOLDLOCK)", "IF EXISTS (SELECT 1 FROM dbo.t) PRINT ''"]
    {
        assert_eq!(failure(&mut one, batch).await, 50000, "{batch} is not taught, and not answered anyway");
    }
}

#[tokio::test]
async fn a_table_that_is_frozen_shows_one_state_to_all_who_look() {
    let (_server, mut one, mut two) = server_and_two().await;
    run(&mut one, "ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON").await;
    run(&mut one, "BEGIN TRANSACTION; SELECT TOP (1) 1 AS frozen FROM dbo.t WITH (TABLOCK, HOLDLOCK)").await;
    run(&mut two, "SET LOCK_TIMEOUT 0").await;
    for change in ["UPDATE dbo.t SET n = 0 WHERE id = 1", "INSERT INTO dbo.t VALUES (9, 9)", "DELETE FROM dbo.t"] {
        assert_eq!(failure(&mut two, change).await, 1222, "{change}");
    }
    run(&mut two, BEGIN).await;
    assert_eq!(int(&mut two, SUM).await, Some(30), "readers of versions do not wait");
    run(&mut one, "COMMIT; UPDATE dbo.t SET n = 0").await;
    assert_eq!(int(&mut two, SUM).await, Some(30));
    // The other way round: who writes keeps the table from being frozen.
    run(&mut one, "BEGIN TRANSACTION; UPDATE dbo.t SET n = 1 WHERE id = 1").await;
    run(&mut two, "COMMIT; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN TRANSACTION").await;
    let freeze = "SELECT TOP (1) 1 AS frozen FROM dbo.t WITH (TABLOCK, HOLDLOCK)";
    assert_eq!(failure(&mut two, freeze).await, 1222);
}

#[tokio::test]
async fn what_is_read_only_says_so() {
    let (_server, mut one, _two) = server_and_two().await;
    let updateability = "SELECT CASE CAST(DATABASEPROPERTYEX(ISNULL(PARSENAME(N'[dbo].[t]', 3), DB_NAME()), N'Updateability') \
        AS nvarchar(128)) WHEN N'READ_WRITE' THEN 1 WHEN N'READ_ONLY' THEN 0 END";
    assert_eq!(int(&mut one, updateability).await, Some(1));
    run(&mut one, "ALTER DATABASE sales SET READ_ONLY").await;
    assert_eq!(int(&mut one, updateability).await, Some(0));
    assert_eq!(failure(&mut one, "INSERT INTO dbo.u VALUES (1)").await, 3906);
    run(&mut one, "ALTER DATABASE sales SET READ_WRITE").await;
    run(&mut one, "INSERT INTO dbo.u VALUES (1)").await;
    assert_eq!(int(&mut one, "SELECT CASE WHEN OBJECT_ID(N'dbo.t', N'P') IS NULL THEN 1 ELSE 0 END").await, Some(1));
    assert_eq!(int(&mut one, "SELECT CASE PARSENAME(N'[a.b].c.[d]', 3) WHEN N'a.b' THEN 1 ELSE 0 END").await, Some(1));
}
