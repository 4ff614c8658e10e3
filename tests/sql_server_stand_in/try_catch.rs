//! TRY and CATCH, and transactions that can only be rolled back.

use super::clients::{failure, int, run, texts, tiberius};
use ropeway_tests::sql_server::Server;

const TABLE: &str = "CREATE TABLE dbo.t (a int NOT NULL CONSTRAINT pk_t PRIMARY KEY); INSERT INTO dbo.t VALUES (1)";
/// Each line of what the CATCH sees, as one text.
const SEEN: &str =
    "SELECT CONCAT(ERROR_NUMBER(), N' ', ERROR_SEVERITY(), N' ', ERROR_STATE(), N' ', XACT_STATE(), N' ', @@TRANCOUNT)";

#[tokio::test]
async fn a_catch_sees_the_error_and_the_state_of_the_transaction() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let cases = [
        ("", "INSERT INTO dbo.t VALUES (1)", "2627 14 1 0 0"),
        ("BEGIN TRAN;", "INSERT INTO dbo.t VALUES (1)", "2627 14 1 1 1"),
        ("SET XACT_ABORT ON; BEGIN TRAN;", "INSERT INTO dbo.t VALUES (1)", "2627 14 1 -1 1"),
        // A conversion that fails dooms the transaction whatever XACT_ABORT says.
        ("BEGIN TRAN;", "SELECT CAST('x' AS int)", "245 16 1 -1 1"),
        ("BEGIN TRAN;", "THROW 51001, 'fenced', 7", "51001 16 7 1 1"),
        ("SET XACT_ABORT ON; BEGIN TRAN;", "THROW 51001, 'fenced', 7", "51001 16 7 -1 1"),
        // RAISERROR does not care about XACT_ABORT.
        ("SET XACT_ABORT ON; BEGIN TRAN;", "RAISERROR('no', 16, 3)", "50000 16 3 1 1"),
        // An inner batch may have what its own could not be compiled for.
        ("", "EXEC(N'SELECT * FROM dbo.nope')", "208 16 1 0 0"),
        ("", "EXEC(N'SELEC 1 1')", "102 15 1 0 0"),
    ];
    for (before, attempt, wanted) in cases {
        let batch = format!(
            "{before} BEGIN TRY {attempt}; END TRY BEGIN CATCH {SEEN}; IF @@TRANCOUNT > 0 ROLLBACK; END CATCH; SET XACT_ABORT OFF"
        );
        let rows = client.simple_query(&batch).await.unwrap().into_results().await.unwrap();
        let last = rows.iter().rev().find_map(|result| result.first()).unwrap_or_else(|| panic!("{batch}"));
        assert_eq!(last.get::<&str, _>(0), Some(wanted), "{before} {attempt}");
        assert_eq!(int(&mut client, "SELECT ERROR_NUMBER()").await, None);
    }
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM dbo.t").await, Some(1));
}

#[tokio::test]
async fn what_a_batch_cannot_be_compiled_for_is_not_caught() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    for (attempt, wanted) in [
        ("SELECT * FROM dbo.nope", 208),
        ("SELECT nope FROM dbo.t", 207),
        ("SELECT TOP (1) PERCENT a FROM dbo.t", 50000),
    ] {
        let batch = format!("BEGIN TRY {attempt} END TRY BEGIN CATCH PRINT 'caught' END CATCH");
        assert_eq!(failure(&mut client, &batch).await, wanted, "{attempt}");
    }
    for (batch, wanted) in [
        ("BEGIN TRY SELECT 1 AS one END TRY", 102),
        ("BEGIN TRY SELECT 1 AS one END TRY SELECT 2 AS two", 156),
        ("THROW", 10704),
        ("BEGIN END", 156),
    ] {
        assert_eq!(failure(&mut client, batch).await, wanted, "{batch}");
    }
}

#[tokio::test]
async fn a_doomed_transaction_writes_nothing_and_does_not_outlive_its_batch() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let doom = |then: &str| {
        format!(
            "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO dbo.t VALUES (2); BEGIN TRY INSERT INTO dbo.t VALUES (1) END TRY BEGIN CATCH {then} END CATCH"
        )
    };
    assert_eq!(failure(&mut client, &doom("COMMIT")).await, 3930);
    assert_eq!(failure(&mut client, &doom("INSERT INTO dbo.t VALUES (3)")).await, 3930);
    assert_eq!(failure(&mut client, &doom("CREATE TABLE dbo.u (a int NULL)")).await, 3930);
    assert_eq!(failure(&mut client, &doom("PRINT 'nothing is done about it'")).await, 3998);
    assert_eq!(int(&mut client, "SELECT @@TRANCOUNT").await, Some(0));
    // Thrown on with its number and text.
    assert_eq!(failure(&mut client, &doom("ROLLBACK; THROW")).await, 2627);
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM dbo.t").await, Some(1));
    // The twin that rolls back and goes on.
    run(&mut client, &doom("ROLLBACK; INSERT INTO dbo.t VALUES (9)")).await;
    assert_eq!(int(&mut client, "SELECT MAX(a) FROM dbo.t").await, Some(9));
}

#[tokio::test]
async fn inside_of_a_block_an_error_ends_its_statement_only() {
    let server = Server::start().unwrap();
    server.execute("sales", TABLE).unwrap();
    let mut client = tiberius(&server).await;
    let batch =
        "IF 1 = 1 BEGIN INSERT INTO dbo.t VALUES (1); INSERT INTO dbo.t VALUES (2) END; INSERT INTO dbo.t VALUES (3)";
    assert_eq!(failure(&mut client, batch).await, 2627);
    assert_eq!(int(&mut client, "SELECT COUNT(*) FROM dbo.t").await, Some(3));
    // A nested TRY: the inner CATCH throws on, the outer one takes it.
    let batch = "BEGIN TRY BEGIN TRY SELECT 1/0 AS n END TRY BEGIN CATCH THROW END CATCH; PRINT 'never' END TRY
        BEGIN CATCH SELECT ERROR_MESSAGE() END CATCH";
    let results = client.simple_query(batch).await.unwrap().into_results().await.unwrap();
    let last = results.iter().rev().find_map(|result| result.first()).unwrap();
    assert_eq!(last.get::<&str, _>(0), Some("Divide by zero error encountered."));
    assert_eq!(texts(&mut client, "SELECT N'still here'").await, ["still here"]);
}
