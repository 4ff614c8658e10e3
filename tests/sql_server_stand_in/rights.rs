//! Rights that a test takes away, and the errors of who goes on without.

use super::clients::{Tiberius, failure, int, open, run, settings};
use ropeway_tests::sql_server::{Options, Server};

async fn server_and_loader() -> (Server, Tiberius) {
    let mut options = Options::default();
    options.users.insert("loader".to_owned(), "Load-1!".to_owned());
    let server = Server::start_with(options).unwrap();
    server
        .execute(
            "sales",
            "CREATE TABLE dbo.t (id int NOT NULL); INSERT INTO dbo.t VALUES (1); CREATE TABLE dbo.u (id int NOT NULL)",
        )
        .unwrap();
    let mut config = settings(&server);
    config.authentication(tiberius::AuthMethod::sql_server("loader", "Load-1!"));
    (server, open(config).await.unwrap())
}

#[tokio::test]
async fn what_is_denied_is_an_error_and_nothing_else_is() {
    let (server, mut loader) = server_and_loader().await;
    let cases = [
        ("CREATE TABLE", "CREATE TABLE dbo.mine (id int NULL)", 262),
        ("CREATE SCHEMA", "CREATE SCHEMA cpy", 262),
        ("ALTER ON SCHEMA::dbo", "CREATE TABLE dbo.mine (id int NULL)", 2760),
        ("SELECT ON dbo.t", "SELECT id FROM dbo.t", 229),
        ("SELECT ON dbo.t", "INSERT INTO dbo.u SELECT id FROM dbo.t", 229),
        ("INSERT ON OBJECT::dbo.t", "INSERT INTO dbo.t VALUES (2)", 229),
        ("INSERT ON dbo.t", "INSERT BULK dbo.t (id int)", 229),
        ("UPDATE ON dbo.t", "UPDATE dbo.t SET id = 2", 229),
        ("DELETE ON dbo.t", "DELETE FROM dbo.t", 229),
        ("ALTER ON dbo.t", "TRUNCATE TABLE dbo.t", 1088),
        ("ALTER ON dbo.t", "ALTER TABLE dbo.t ADD n int NULL", 1088),
        ("ALTER ON dbo.t", "DROP TABLE dbo.t", 3701),
        ("ALTER ANY CONNECTION", "KILL 51", 6102),
    ];
    for (permission, batch, wanted) in cases {
        server.execute("sales", &format!("DENY {permission} TO loader")).unwrap();
        assert_eq!(failure(&mut loader, batch).await, wanted, "{permission}: {batch}");
        server.execute("sales", &format!("GRANT {permission} TO loader")).unwrap();
    }
    assert_eq!(server.execute("sales", "SELECT COUNT(*) FROM dbo.t").unwrap(), [["1"]]);
    // The twin: all of it is allowed again.
    run(&mut loader, "CREATE TABLE dbo.mine (id int NULL); INSERT INTO dbo.mine SELECT id FROM dbo.t; DELETE FROM dbo.t; DROP TABLE dbo.mine").await;
    assert_eq!(server.execute("sales", "DENY SELECT TO nobody").unwrap_err().number, 15151);
    assert_eq!(server.execute("sales", "DENY FLYING TO loader").unwrap_err().number, 102);
}

#[tokio::test]
async fn rights_can_be_asked_for() {
    let (server, mut loader) = server_and_loader().await;
    server
        .execute(
            "sales",
            "DENY CREATE TABLE TO loader; DENY INSERT ON dbo.t TO loader; DENY ALTER ON SCHEMA::dbo TO loader",
        )
        .unwrap();
    let cases = [
        ("DB_NAME(), N'DATABASE', N'CREATE TABLE'", Some(0)),
        ("NULL, N'DATABASE', N'CREATE SCHEMA'", Some(1)),
        ("N'dbo.t', N'OBJECT', N'INSERT'", Some(0)),
        ("N'[dbo].[u]', N'OBJECT', N'INSERT'", Some(1)),
        ("N'dbo', N'SCHEMA', N'ALTER'", Some(0)),
        ("N'dbo.nope', N'OBJECT', N'INSERT'", None),
        ("N'nowhere', N'SCHEMA', N'ALTER'", None),
    ];
    for (arguments, wanted) in cases {
        assert_eq!(int(&mut loader, &format!("SELECT HAS_PERMS_BY_NAME({arguments})")).await, wanted, "{arguments}");
    }
}
