//! Transactions over several batches and a bulk load, as a sink uses them: load, then fence, ledger and commit in one batch.

use super::clients::{Tiberius, failure, int, run, tiberius};
use ropeway_tests::sql_server::Server;
use tiberius::IntoRow as _;

const TABLES: &str = "CREATE TABLE dbo.items (id int NOT NULL, v nvarchar(10) NULL);
    CREATE TABLE cpy.run (run_id uniqueidentifier NOT NULL CONSTRAINT pk_run PRIMARY KEY, epoch int NOT NULL);
    CREATE TABLE cpy.ledger (run_id uniqueidentifier NOT NULL, chunk_id int NOT NULL, row_count bigint NOT NULL CHECK (row_count >= 0),
        committed_at datetime2(7) NOT NULL DEFAULT SYSUTCDATETIME(), CONSTRAINT pk_ledger PRIMARY KEY (run_id, chunk_id));
    INSERT INTO cpy.run VALUES ('6F9619FF-8B86-D011-B42D-00C04FC964FF', 3)";

/// Fence, ledger and commit.
fn finish(epoch: i32, chunk: i32) -> String {
    format!(
        "IF NOT EXISTS (SELECT 1 FROM cpy.run WITH (UPDLOCK, ROWLOCK) WHERE run_id = '6F9619FF-8B86-D011-B42D-00C04FC964FF' AND epoch = {epoch})
            THROW 51001, 'fenced', 1;
        INSERT INTO cpy.ledger (run_id, chunk_id, row_count) VALUES ('6F9619FF-8B86-D011-B42D-00C04FC964FF', {chunk}, 2);
        COMMIT"
    )
}

async fn begin_and_load(client: &mut Tiberius, ids: [i32; 2]) {
    run(client, "SET XACT_ABORT ON; BEGIN TRAN").await;
    let mut request = client.bulk_insert("dbo.items").await.unwrap();
    for id in ids {
        request.send((id, Some(format!("item {id}"))).into_row()).await.unwrap();
    }
    assert_eq!(request.finalize().await.unwrap().total(), 2);
}

async fn server_and_client() -> (Server, Tiberius) {
    let server = Server::start().unwrap();
    let mut client = tiberius(&server).await;
    run(&mut client, "IF SCHEMA_ID(N'cpy') IS NULL EXEC(N'CREATE SCHEMA [cpy]')").await;
    run(&mut client, "IF SCHEMA_ID(N'cpy') IS NULL EXEC(N'CREATE SCHEMA [cpy]')").await;
    server.execute("sales", TABLES).unwrap();
    (server, client)
}

fn counts(server: &Server) -> [String; 2] {
    ["dbo.items", "cpy.ledger"]
        .map(|table| server.execute("sales", &format!("SELECT COUNT(*) FROM {table}")).unwrap()[0][0].clone())
}

#[tokio::test]
async fn a_chunk_and_its_ledger_row_come_together_or_not_at_all() {
    let (server, mut client) = server_and_client().await;
    begin_and_load(&mut client, [1, 2]).await;
    run(&mut client, &finish(3, 1)).await;
    assert_eq!(counts(&server), ["2", "1"]);
    // The same chunk again: the ledger's key refuses it, and its rows go with it.
    begin_and_load(&mut client, [1, 2]).await;
    assert_eq!(failure(&mut client, &finish(3, 1)).await, 2627);
    assert_eq!(int(&mut client, "SELECT @@TRANCOUNT").await, Some(0));
    assert_eq!(counts(&server), ["2", "1"]);
    // An epoch that is over.
    begin_and_load(&mut client, [3, 4]).await;
    assert_eq!(failure(&mut client, &finish(2, 2)).await, 51001);
    assert_eq!(int(&mut client, "SELECT @@TRANCOUNT").await, Some(0));
    assert_eq!(counts(&server), ["2", "1"]);
    // The twin with the right one.
    begin_and_load(&mut client, [3, 4]).await;
    run(&mut client, &finish(3, 2)).await;
    assert_eq!(counts(&server), ["4", "2"]);
}

#[tokio::test]
async fn without_xact_abort_an_error_ends_its_statement_and_the_batch_commits() {
    let (server, mut client) = server_and_client().await;
    begin_and_load(&mut client, [1, 2]).await;
    run(&mut client, &finish(3, 1)).await;
    begin_and_load(&mut client, [1, 2]).await;
    run(&mut client, "SET XACT_ABORT OFF").await;
    assert_eq!(failure(&mut client, &finish(3, 1)).await, 2627);
    assert_eq!(counts(&server), ["4", "1"], "this is the doubled chunk that XACT_ABORT is there against");
    // THROW ends the batch even so, and the transaction stays open.
    begin_and_load(&mut client, [5, 6]).await;
    run(&mut client, "SET XACT_ABORT OFF").await;
    assert_eq!(failure(&mut client, &finish(2, 2)).await, 51001);
    assert_eq!(int(&mut client, "SELECT @@TRANCOUNT").await, Some(1));
    run(&mut client, "ROLLBACK").await;
    assert_eq!(counts(&server), ["4", "1"]);
}

#[tokio::test]
async fn a_connection_that_ends_takes_its_transaction_back() {
    let (server, mut client) = server_and_client().await;
    begin_and_load(&mut client, [1, 2]).await;
    drop(client);
    let mut other = tiberius(&server).await;
    // Waits until the first session is gone where the locks are still held.
    assert_eq!(int(&mut other, "SELECT COUNT(*) FROM dbo.items").await, Some(0));
    begin_and_load(&mut other, [1, 2]).await;
    run(&mut other, &finish(3, 1)).await;
    assert_eq!(counts(&server), ["2", "1"]);
}

#[tokio::test]
async fn definitions_that_must_stand_first_are_refused_elsewhere() {
    let (_server, mut client) = server_and_client().await;
    assert_eq!(failure(&mut client, "SELECT 1 AS one; CREATE SCHEMA late").await, 111);
    assert_eq!(failure(&mut client, "IF 1 = 1 CREATE SCHEMA late").await, 156);
    assert_eq!(failure(&mut client, "EXEC(N'CREATE SCHEMA [cpy]')").await, 2714);
    assert_eq!(failure(&mut client, "EXEC(UPPER(N'create schema late'))").await, 102);
    assert_eq!(int(&mut client, "SELECT SCHEMA_ID(N'late')").await, None);
    run(&mut client, "CREATE SCHEMA late").await;
    assert!(int(&mut client, "SELECT SCHEMA_ID(N'LATE')").await.is_some());
    assert!(int(&mut client, "SELECT OBJECT_ID(N'[cpy].[ledger]', N'U')").await.is_some());
    assert_eq!(int(&mut client, "SELECT OBJECT_ID(N'[cpy].[ledge]', N'U')").await, None);
}
