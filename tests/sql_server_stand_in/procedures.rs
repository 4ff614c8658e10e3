//! Table types, and procedures that take a table of one.

use super::clients::{Tiberius, failure, int, run, tiberius};
use ropeway_tests::sql_server::{Options, Server};

async fn prepared() -> (Server, Tiberius) {
    let mut options = Options::default();
    options.users.insert("loader".to_owned(), "Load-1!".to_owned());
    let server = Server::start_with(options).unwrap();
    server.execute("sales", "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, v nvarchar(10) NULL, source nvarchar(10) NULL); INSERT INTO dbo.t VALUES (1, N'a', NULL)").unwrap();
    let mut client = tiberius(&server).await;
    run(
        &mut client,
        "CREATE TYPE [dbo].[rows] AS TABLE ([id] int NOT NULL PRIMARY KEY, [v] nvarchar(10) NULL, CHECK (id > 0))",
    )
    .await;
    run(
        &mut client,
        "CREATE PROCEDURE [dbo].[put] @rows [dbo].[rows] READONLY, @source nvarchar(10) = N'nobody', @count int OUTPUT AS
         BEGIN
             SET NOCOUNT ON;
             UPDATE t SET v = r.v, source = @source FROM dbo.t AS t INNER JOIN @rows AS r ON r.id = t.id;
             INSERT INTO dbo.t (id, v, source) SELECT r.id, r.v, @source FROM @rows AS r WHERE NOT EXISTS (SELECT 1 FROM dbo.t AS t WHERE t.id = r.id);
             SELECT @count = COUNT(*) FROM @rows;
         END",
    )
    .await;
    (server, client)
}

#[tokio::test]
async fn a_procedure_takes_a_table_from_a_stage() {
    let (server, mut client) = prepared().await;
    let batch = "SET XACT_ABORT ON; BEGIN TRAN;
        DECLARE @t [dbo].[rows]; DECLARE @n int;
        INSERT INTO @t ([id], [v]) SELECT q.id, q.v FROM (VALUES (1, N'eins'), (2, N'zwei')) AS q (id, v);
        EXEC [dbo].[put] @rows = @t, @source = N'copy', @count = @n OUTPUT; COMMIT; SELECT @n";
    let results = client.simple_query(batch).await.unwrap().into_results().await.unwrap();
    let last = results.iter().rev().find_map(|result| result.first()).unwrap();
    assert_eq!(last.get::<i32, _>(0), Some(2));
    let rows = "SELECT id, v, source FROM dbo.t ORDER BY id";
    assert_eq!(server.execute("sales", rows).unwrap(), [["1", "eins", "copy"], ["2", "zwei", "copy"]]);
    // By place, with the default left out, and with no table at all.
    run(
        &mut client,
        "DECLARE @t dbo.rows; DECLARE @n int; INSERT INTO @t VALUES (3, NULL); EXEC dbo.put @t, @count = @n OUTPUT",
    )
    .await;
    run(&mut client, "DECLARE @n int; EXEC dbo.put @count = @n").await;
    assert_eq!(server.execute("sales", rows).unwrap()[2], ["3", "NULL", "nobody"]);
    assert_eq!(server.execute("tempdb", "SELECT COUNT(*) FROM sys.tables").unwrap(), [["0"]]);
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let (server, mut client) = prepared().await;
    let declared = "DECLARE @t dbo.rows; DECLARE @n int; DECLARE @i int = 1;";
    let cases = [
        ("EXEC dbo.put @rows = @t", 201),
        ("EXEC dbo.put @rows = @t, @count = @n, @other = 1", 8145),
        ("EXEC dbo.put @t, N'x', @n, 4", 8144),
        ("EXEC dbo.put @rows = @i, @count = @n", 206),
        ("INSERT INTO @t VALUES (0, NULL)", 547),
        ("INSERT INTO @t VALUES (1, NULL), (1, NULL)", 2627),
        ("INSERT INTO @t VALUES (1, N'a text that is too long')", 2628),
        ("EXEC dbo.nope @n", 2812),
    ];
    for (batch, wanted) in cases {
        assert_eq!(failure(&mut client, &format!("{declared} {batch}")).await, wanted, "{batch}");
    }
    for (batch, wanted) in [
        ("CREATE PROCEDURE dbo.put AS SELECT 1 AS one", 2714),
        ("SELECT 1 AS one; CREATE PROCEDURE dbo.late AS SELECT 1 AS one", 111),
        ("CREATE PROCEDURE dbo.p @t dbo.rows AS SELECT 1 AS one", 352),
        ("CREATE PROCEDURE dbo.p @t dbo.nope READONLY AS SELECT 1 AS one", 2715),
        ("CREATE PROCEDURE dbo.p AS MERGE dbo.t AS t USING dbo.t AS s ON 1 = 1", 50000),
        ("CREATE PROCEDURE dbo.p AS SELEC 1", 102),
        ("CREATE TYPE dbo.rows AS TABLE (id int NULL)", 219),
        ("DROP TYPE dbo.rows", 3732),
        ("DROP TYPE dbo.nope", 3701),
        ("DROP PROCEDURE dbo.nope", 3701),
    ] {
        assert_eq!(failure(&mut client, batch).await, wanted, "{batch}");
    }
    run(&mut client, "CREATE PROCEDURE dbo.spoil @r dbo.rows READONLY AS DELETE FROM @r").await;
    assert_eq!(failure(&mut client, "DECLARE @t dbo.rows; EXEC dbo.spoil @t").await, 10700);
    run(&mut client, "CREATE PROCEDURE dbo.leave AS BEGIN TRAN").await;
    assert_eq!(failure(&mut client, "EXEC dbo.leave").await, 266);
    run(
        &mut client,
        "ROLLBACK; DROP PROCEDURE dbo.spoil; DROP PROCEDURE dbo.put; DROP TYPE dbo.rows; DROP TYPE IF EXISTS dbo.rows",
    )
    .await;
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM sys.table_types").unwrap(), [["0"]]);
}

#[tokio::test]
async fn the_catalogue_describes_types_and_parameters() {
    let (server, mut client) = prepared().await;
    let columns = "SELECT c.name, y.name AS type_name, c.is_nullable FROM sys.table_types AS tt
        JOIN sys.schemas AS s ON s.schema_id = tt.schema_id JOIN sys.columns AS c ON c.object_id = tt.type_table_object_id
        JOIN sys.types AS y ON y.user_type_id = c.user_type_id WHERE s.name = N'dbo' AND tt.name = N'rows' ORDER BY c.column_id";
    assert_eq!(server.execute("sales", columns).unwrap(), [["id", "int", "0"], ["v", "nvarchar", "1"]]);
    let parameters = "SELECT p.name, y.name AS type_name, p.is_output, p.is_readonly, y.is_table_type FROM sys.parameters AS p
        JOIN sys.types AS y ON y.user_type_id = p.user_type_id WHERE p.object_id = OBJECT_ID(N'[dbo].[put]') ORDER BY p.parameter_id";
    let wanted =
        [["@rows", "rows", "0", "1", "1"], ["@source", "nvarchar", "0", "0", "0"], ["@count", "int", "1", "0", "0"]];
    assert_eq!(server.execute("sales", parameters).unwrap(), wanted);
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM sys.tables").await, Some(1), "a table type is no table");
    let mut config = super::clients::settings(&server);
    config.authentication(tiberius::AuthMethod::sql_server("loader", "Load-1!"));
    let mut loader = super::clients::open(config).await.unwrap();
    server.execute("sales", "DENY EXECUTE ON dbo.put TO loader").unwrap();
    assert_eq!(failure(&mut loader, "DECLARE @n int; EXEC dbo.put @count = @n").await, 229);
    server.execute("sales", "GRANT EXECUTE ON dbo.put TO loader").unwrap();
    run(&mut loader, "DECLARE @n int; EXEC dbo.put @count = @n").await;
}

#[tokio::test]
async fn statements_are_repeated_as_long_as_a_condition_holds() {
    let (server, mut client) = prepared().await;
    let batch = "DECLARE @i int = 10; WHILE @i < 13 BEGIN INSERT INTO dbo.t (id) VALUES (@i); SET @i = @i + 1; END;
        WHILE EXISTS (SELECT 1 FROM dbo.t WHERE id >= 12) DELETE FROM dbo.t WHERE id >= 12; SELECT @i";
    assert_eq!(int(&mut client, batch).await, Some(13));
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["3"]]);
    // An error that is no end of the batch is one of every turn.
    let errors = "DECLARE @i int = 0; WHILE @i < 3 BEGIN SET @i = @i + 1; INSERT INTO dbo.t (id) VALUES (1); END; SELECT 1 AS one";
    assert_eq!(failure(&mut client, errors).await, 2627);
    assert_eq!(failure(&mut client, "WHILE 1 = 1 BREAK").await, 50000, "it has not been taught that");
    assert_eq!(failure(&mut client, "WHILE 1 = 1 BEGIN END").await, 156);
}

#[tokio::test]
async fn a_transaction_has_a_number_and_a_procedure_that_ends_it_is_silent_under_xact_abort() {
    let (_server, mut client) = prepared().await;
    let same = "DECLARE @a bigint = CURRENT_TRANSACTION_ID(); BEGIN TRAN; DECLARE @b bigint = CURRENT_TRANSACTION_ID();
        BEGIN TRAN; INSERT INTO dbo.t (id) VALUES (50); COMMIT;
        SELECT CASE WHEN @a <> @b AND @b = CURRENT_TRANSACTION_ID() THEN 1 ELSE 0 END; ROLLBACK";
    assert_eq!(int(&mut client, same).await, Some(1));
    run(&mut client, "CREATE PROCEDURE dbo.back AS ROLLBACK").await;
    assert_eq!(failure(&mut client, "BEGIN TRAN; EXEC dbo.back").await, 266);
    let silent = "SET XACT_ABORT ON; BEGIN TRAN; DECLARE @a bigint = CURRENT_TRANSACTION_ID(); EXEC dbo.back;
        SELECT CASE WHEN @@TRANCOUNT = 0 AND @a <> CURRENT_TRANSACTION_ID() THEN 1 ELSE 0 END";
    assert_eq!(int(&mut client, silent).await, Some(1));
}
