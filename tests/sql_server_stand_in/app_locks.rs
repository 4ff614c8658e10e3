//! Application locks, and what `EXEC @status = ...` says of them.

use super::clients::{failure, int, run, tiberius};
use ropeway_tests::sql_server::Server;

/// The return value of `sp_getapplock`.
fn take(resource: &str, mode: &str, owner: &str) -> String {
    format!(
        "DECLARE @rc int; EXEC @rc = sp_getapplock @Resource = N'{resource}', @LockMode = '{mode}', @LockOwner = '{owner}', @LockTimeout = 0; SELECT @rc"
    )
}

fn release(resource: &str, owner: &str) -> String {
    format!("EXEC sp_releaseapplock @Resource = N'{resource}', @LockOwner = '{owner}'")
}

#[tokio::test]
async fn a_name_is_locked_by_one_or_shared_by_many() {
    let server = Server::start().unwrap();
    let (mut one, mut two) = (tiberius(&server).await, tiberius(&server).await);
    assert_eq!(int(&mut one, &take("target", "Exclusive", "Session")).await, Some(0));
    assert_eq!(int(&mut one, &take("target", "Exclusive", "Session")).await, Some(0), "one's own is not in the way");
    assert_eq!(int(&mut two, &take("target", "Shared", "Session")).await, Some(-1));
    assert_eq!(int(&mut two, &take("Target", "Shared", "Session")).await, Some(0), "names mind case");
    assert_eq!(int(&mut one, &take("Target", "Shared", "Session")).await, Some(0));
    assert_eq!(failure(&mut two, &release("target", "Session")).await, 1223);
    // A rollback leaves the session's locks alone.
    run(&mut one, "BEGIN TRAN; ROLLBACK").await;
    assert_eq!(int(&mut two, &take("target", "Exclusive", "Session")).await, Some(-1));
    run(&mut one, &release("target", "Session")).await;
    assert_eq!(int(&mut two, &take("target", "Exclusive", "Session")).await, Some(0));
}

#[tokio::test]
async fn a_transactions_lock_ends_with_it() {
    let server = Server::start().unwrap();
    let (mut one, mut two) = (tiberius(&server).await, tiberius(&server).await);
    assert_eq!(failure(&mut one, &take("target", "Exclusive", "Transaction")).await, 50000);
    run(&mut one, "BEGIN TRAN").await;
    assert_eq!(int(&mut one, &take("target", "Exclusive", "Transaction")).await, Some(0));
    assert_eq!(int(&mut two, &take("target", "Exclusive", "Session")).await, Some(-1));
    run(&mut one, "COMMIT").await;
    assert_eq!(int(&mut two, &take("target", "Exclusive", "Session")).await, Some(0));
    drop(two);
    // Waits until the other session has ended.
    let waits = "DECLARE @rc int; EXEC @rc = sp_getapplock @Resource = N'target', @LockMode = 'Exclusive', @LockOwner = 'Session'; SELECT CASE WHEN @rc >= 0 THEN 1 ELSE 0 END";
    assert_eq!(int(&mut one, waits).await, Some(1));
}

#[tokio::test]
async fn keys_and_defaults_are_added_to_a_table() {
    let server = Server::start().unwrap();
    server
        .execute("sales", "CREATE TABLE dbo.t (id int NOT NULL, n int NULL); INSERT INTO dbo.t VALUES (1, 1), (2, 1)")
        .unwrap();
    let mut client = tiberius(&server).await;
    run(
        &mut client,
        "ALTER TABLE dbo.t ADD v nvarchar(10) NULL DEFAULT N'new'; INSERT INTO dbo.t (id, n) VALUES (3, 3)",
    )
    .await;
    let rows = server.execute("sales", "SELECT id, v FROM dbo.t ORDER BY id").unwrap();
    assert_eq!(rows, [["1", "NULL"], ["2", "NULL"], ["3", "new"]]);
    assert_eq!(failure(&mut client, "ALTER TABLE dbo.t ADD CONSTRAINT pk_t PRIMARY KEY (n)").await, 8111);
    assert_eq!(failure(&mut client, "ALTER TABLE dbo.t ADD CONSTRAINT uq_t UNIQUE (n)").await, 1505);
    assert_eq!(failure(&mut client, "ALTER TABLE dbo.t ADD CONSTRAINT ck_t CHECK (n > 0)").await, 50000);
    run(&mut client, "ALTER TABLE dbo.t ADD CONSTRAINT pk_t PRIMARY KEY CLUSTERED (id)").await;
    assert_eq!(failure(&mut client, "INSERT INTO dbo.t (id) VALUES (3)").await, 2627);
    let kinds = "SELECT index_id, is_primary_key FROM sys.indexes WHERE object_id = OBJECT_ID(N'dbo.t')";
    assert_eq!(server.execute("sales", kinds).unwrap(), [["1", "1"]]);
}
