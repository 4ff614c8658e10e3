//! Temporary tables, table variables and SELECT INTO: whose they are and when they end.

use super::clients::{failure, int, run, tiberius};
use ropeway_tests::sql_server::Server;
use tiberius::IntoRow as _;

const TABLE: &str = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v nvarchar(10) NULL); INSERT INTO dbo.t VALUES (1, N'a'), (2, N'b')";

#[tokio::test]
async fn a_temporary_table_is_its_sessions_own() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let (mut one, mut two) = (tiberius(&server).await, tiberius(&server).await);
    run(&mut one, "CREATE TABLE #stage (id int NOT NULL CONSTRAINT pk_stage PRIMARY KEY, v nvarchar(10) NULL)").await;
    assert_eq!(failure(&mut two, "SELECT COUNT(*) FROM #stage").await, 208);
    run(&mut two, "CREATE TABLE [#stage] (other int NULL); INSERT INTO [#stage] VALUES (7), (8)").await;
    let mut request = one.bulk_insert("#stage").await.unwrap();
    request.send((3_i32, Some("c".to_owned())).into_row()).await.unwrap();
    assert_eq!(request.finalize().await.unwrap().total(), 1);
    run(&mut one, "INSERT INTO dbo.t SELECT s.id, s.v FROM #stage AS s WHERE NOT EXISTS (SELECT 1 FROM dbo.t WHERE dbo.t.id = s.id)").await;
    run(&mut one, "UPDATE #stage SET v = t.v FROM #stage JOIN dbo.t AS t ON t.id = #stage.id; DELETE FROM #stage WHERE #stage.id = 99").await;
    assert_eq!(int(&mut one, "SELECT COUNT(*) FROM #stage").await, Some(1));
    assert_eq!(int(&mut two, "SELECT COUNT(*) FROM #stage").await, Some(2));
    let id = "SELECT CASE WHEN OBJECT_ID(N'tempdb..#stage') IS NULL THEN 0 ELSE 1 END";
    assert_eq!(int(&mut one, id).await, Some(1));
    assert_eq!(int(&mut one, "SELECT OBJECT_ID(N'#stage')").await, None, "it is in no other database");
    let error = match one.simple_query("INSERT INTO #stage VALUES (3, NULL)").await {
        Err(error) => error,
        Ok(stream) => stream.into_results().await.unwrap_err(),
    };
    assert!(error.to_string().contains("'dbo.#stage'"), "{error}");
    run(&mut one, "BEGIN TRAN; DELETE FROM #stage; DROP TABLE #stage; ROLLBACK").await;
    assert_eq!(int(&mut one, "SELECT COUNT(*) FROM #stage").await, Some(1));
    run(&mut one, "DROP TABLE IF EXISTS #stage; DROP TABLE IF EXISTS #stage").await;
    assert_eq!(int(&mut one, id).await, Some(0));
    assert_eq!(failure(&mut one, "CREATE TABLE ##everybodys (id int NULL)").await, 50000);
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["3"]]);
}

#[tokio::test]
async fn it_ends_with_the_session_or_with_the_inner_batch_that_made_it() {
    let server = Server::start().unwrap();
    let mut one = tiberius(&server).await;
    let count = || server.execute("tempdb", "SELECT COUNT(*) FROM sys.tables").unwrap()[0][0].clone();
    run(&mut one, "EXEC(N'CREATE TABLE #inner (id int NULL); INSERT INTO #inner VALUES (1)')").await;
    assert_eq!(failure(&mut one, "SELECT COUNT(*) FROM #inner").await, 208);
    // As on the server, a call with parameters is such a batch.
    one.execute("CREATE TABLE #called (id int NULL); INSERT INTO #called VALUES (@P1)", &[&1_i32]).await.unwrap();
    assert_eq!(failure(&mut one, "SELECT COUNT(*) FROM #called").await, 208);
    run(&mut one, "CREATE TABLE #outer (id int NULL)").await;
    run(&mut one, "EXEC(N'INSERT INTO #outer VALUES (1)')").await;
    assert_eq!(int(&mut one, "SELECT COUNT(*) FROM #outer").await, Some(1));
    assert_eq!(count(), "1");
    // Also in the middle of a transaction, which can be taken back all the same.
    server.execute("sales", TABLE).unwrap();
    run(&mut one, "BEGIN TRAN; DELETE FROM dbo.t; EXEC(N'CREATE TABLE #inner (id int NULL); INSERT INTO #inner VALUES (1); DELETE FROM #inner')").await;
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["2"]], "as others see it");
    run(&mut one, "ROLLBACK").await;
    assert_eq!(int(&mut one, "SELECT COUNT(*) FROM dbo.t").await, Some(2));
    // SET options end with the inner batch as well.
    run(&mut one, "EXEC(N'SET LOCK_TIMEOUT 7')").await;
    assert_eq!(int(&mut one, "SELECT @@LOCK_TIMEOUT").await, Some(-1));
    drop(one);
    while server.seen().open > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(), "0");
}

#[tokio::test]
async fn select_into_makes_a_table_of_the_columns_of_its_query() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    run(&mut client, "SELECT id, v, CAST(id AS decimal(9,2)) AS d INTO dbo.copy FROM dbo.t WHERE id > 1").await;
    assert_eq!(server.execute("sales", "SELECT id, v, d FROM dbo.copy").unwrap(), [["2", "b", "2.00"]]);
    let columns = "SELECT c.name, c.is_nullable FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(N'dbo.copy') ORDER BY c.column_id";
    assert_eq!(server.execute("sales", columns).unwrap(), [["id", "0"], ["v", "1"], ["d", "0"]]);
    run(&mut client, "SELECT TOP (0) id, v INTO #empty FROM dbo.t; INSERT INTO #empty VALUES (9, NULL)").await;
    assert_eq!(int(&mut client, "SELECT id FROM #empty").await, Some(9));
    assert_eq!(failure(&mut client, "SELECT id INTO dbo.copy FROM dbo.t").await, 2714);
    assert_eq!(failure(&mut client, "SELECT id + 1 INTO dbo.other FROM dbo.t").await, 1038);
    run(&mut client, "BEGIN TRAN; SELECT id INTO dbo.other FROM dbo.t; ROLLBACK").await;
    assert_eq!(failure(&mut client, "SELECT id FROM dbo.other").await, 208);
}

#[tokio::test]
async fn a_table_variable_lives_for_its_batch_and_past_a_rollback() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let batch = "DECLARE @t TABLE (id int NOT NULL PRIMARY KEY, v nvarchar(10) NULL);
        BEGIN TRAN; INSERT INTO @t SELECT id, v FROM dbo.t; DELETE FROM dbo.t; ROLLBACK;
        UPDATE @t SET v = N'z' WHERE id = 1;
        SELECT COUNT(*) FROM @t AS x JOIN dbo.t ON dbo.t.id = x.id WHERE x.v = N'z' OR x.id = 2";
    assert_eq!(int(&mut client, batch).await, Some(2));
    assert_eq!(failure(&mut client, "SELECT COUNT(*) FROM @t").await, 1087);
    assert_eq!(failure(&mut client, "DECLARE @t TABLE (id int NULL); INSERT INTO @t VALUES (1, 2)").await, 213);
    assert_eq!(failure(&mut client, "DECLARE @t TABLE (id int NULL); SELECT @t").await, 137);
    assert_eq!(failure(&mut client, "DECLARE @t dbo.nothing; SELECT 1 AS one").await, 2715);
    assert_eq!(server.execute("tempdb", "SELECT COUNT(*) FROM sys.tables").unwrap(), [["0"]]);
}
