//! Logins: what works, and what the server refuses with which words.

use super::clients::{PASSWORD, microsoft, number, open, settings, tiberius};
use ropeway_tests::sql_server::{Encryption, Fault, LoginFault, Options, Server, SqlError};

#[tokio::test]
async fn both_clients_log_in_over_verified_tls() {
    let server = Server::start().unwrap();
    let mut client = tiberius(&server).await;
    let row = client.simple_query("SELECT 1 AS one").await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<i32, _>("one"), Some(1));
    let mut other = microsoft(&server, 8000).await;
    other.execute("SELECT 2 AS two".to_owned(), ()).await.unwrap();
    other.close_query().await.unwrap();
    let seen = server.seen();
    assert_eq!((seen.logins, seen.open), (2, 2), "{seen:?}");
    assert_eq!(seen.violations, Vec::<String>::new());
}

#[tokio::test]
async fn a_wrong_password_is_18456_and_nothing_is_opened() {
    let server = Server::start().unwrap();
    let mut config = settings(&server);
    config.authentication(tiberius::AuthMethod::sql_server("sa", "wrong"));
    let error = open(config).await.unwrap_err();
    assert_eq!(number(&error), 18456);
    assert!(error.to_string().contains("Login failed for user 'sa'."), "{error}");
    let seen = server.seen();
    assert_eq!((seen.logins, seen.refused, seen.open), (0, 1, 0));
    // The known-good twin: the same settings with the right password.
    let mut config = settings(&server);
    config.authentication(tiberius::AuthMethod::sql_server("sa", PASSWORD));
    open(config).await.unwrap();
}

#[tokio::test]
async fn an_unknown_database_is_4060() {
    let server = Server::start().unwrap();
    let mut config = settings(&server);
    config.database("nowhere");
    let error = open(config).await.unwrap_err();
    assert!(matches!(number(&error), 4060 | 18456), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_by_the_client() {
    let server =
        Server::start_with(Options { certificate_names: vec!["elsewhere.example".to_owned()], ..Options::default() })
            .unwrap();
    let error = open(settings(&server)).await.unwrap_err();
    assert!(matches!(error, tiberius::error::Error::Tls(_)), "{error:?}");
    assert_eq!(server.seen().logins, 0);
}

#[tokio::test]
async fn a_server_without_tls_is_refused_by_a_client_that_wants_it() {
    let server = Server::start_with(Options { encryption: Encryption::NotSupported, ..Options::default() }).unwrap();
    assert!(open(settings(&server)).await.is_err());
    assert_eq!(server.seen().logins, 0);
    let mut config = settings(&server);
    config.encryption(tiberius::EncryptionLevel::NotSupported);
    open(config).await.unwrap();
}

#[tokio::test]
async fn only_the_login_is_encrypted_where_both_sides_want_no_more() {
    let server = Server::start_with(Options { encryption: Encryption::LoginOnly, ..Options::default() }).unwrap();
    let mut config = settings(&server);
    config.encryption(tiberius::EncryptionLevel::Off);
    let mut client = open(config).await.unwrap();
    let row = client.simple_query("SELECT DB_NAME()").await.unwrap().into_row().await.unwrap().unwrap();
    assert_eq!(row.get::<&str, _>(0), Some("sales"));
}

#[tokio::test]
async fn login_faults_happen_as_often_as_told() {
    let server = Server::start().unwrap();
    server.on_login(LoginFault::Error(SqlError::new(40613, 17, "Database 'sales' is not currently available.")), 1);
    server.on_login(LoginFault::Break, 1);
    assert_eq!(number(&open(settings(&server)).await.unwrap_err()), 40613);
    assert!(!matches!(open(settings(&server)).await.unwrap_err(), tiberius::error::Error::Server(_)));
    open(settings(&server)).await.unwrap();
}

async fn failure(client: &mut super::clients::Tiberius) -> tiberius::error::Error {
    match client.simple_query("SELECT a FROM dbo.t").await {
        Err(error) => error,
        Ok(stream) => stream.into_results().await.unwrap_err(),
    }
}

#[tokio::test]
async fn faults_of_statements() {
    let server = Server::start().unwrap();
    server.execute("sales", "CREATE TABLE dbo.t (a int NOT NULL); INSERT INTO dbo.t VALUES (1), (2), (3)").unwrap();
    server.on("from dbo.t", Fault::Error(SqlError::new(1205, 13, "deadlock victim")), 1);
    server.on_after(1, "from dbo.t", Fault::ErrorAfterRows(2, SqlError::new(596, 21, "killed")), 1);
    server.on_after(2, "from dbo.t", Fault::BreakAfterBytes(30), 1);
    let mut client = tiberius(&server).await;
    let error = failure(&mut client).await;
    assert_eq!(number(&error), 1205);
    assert_eq!(number(&failure(&mut client).await), 596);
    let broken = failure(&mut client).await;
    assert!(!matches!(broken, tiberius::error::Error::Server(_)), "{broken}");
    let mut client = tiberius(&server).await;
    let rows = client.simple_query("SELECT a FROM dbo.t").await.unwrap().into_first_result().await.unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(server.seen().statements.len(), 4);
}

#[tokio::test]
async fn an_attention_stops_a_result_and_the_session_goes_on() {
    let server = Server::start().unwrap();
    server.execute("sales", "CREATE TABLE dbo.t (a int NOT NULL); INSERT INTO dbo.t VALUES (1), (2), (3)").unwrap();
    server.on("from dbo.t", Fault::Hang, 1);
    let mut client = microsoft(&server, 4096).await;
    let options = mssql_tds::connection::tds_client::ExecuteOptions::new().timeout_secs(1);
    client.execute("SELECT a FROM dbo.t".to_owned(), options).await.unwrap_err();
    assert_eq!(server.seen().attentions, 1);
    client.execute("SELECT a FROM dbo.t".to_owned(), ()).await.unwrap();
    client.close_query().await.unwrap();
}
