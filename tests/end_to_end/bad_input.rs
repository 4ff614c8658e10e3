//! What is wrong with a server, a login or a name ends with its exit code and one message that names the object and
//! the next step; nothing is visible, no secret is printed.

use std::net::TcpListener;

use insta::assert_snapshot;
use ropeway_tests::{
    odbc::PostgreSql,
    private_ca::PrivateCa,
    sql_server::{Fault, SqlError},
};
use serde_json::json;

use super::{
    example::Example,
    orders::Orders,
    place::{Place, Shape},
};

const NO_RETRY: fn(&mut serde_json::Value) = |it| it["activities"][0]["policy"]["retry"] = json!(0);
const CANARY: &str = "canary-wrong-secret";

/// Runs what cannot succeed; gives the exit code and the messages, without what differs from test to test.
fn refusal(example: &Example, place: &Place, round: &str, scrub: &[(&str, &str)]) -> String {
    let said = example.run(round);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert_eq!(place.visible(round), Vec::<String>::new(), "something is visible");
    // Pauses between attempts differ.
    let lines: Vec<_> = said.stderr.lines().filter(|line| !line.contains(" WARN trying again ")).collect();
    let home = example.path("");
    let mut text = format!("exit {}\n{}", said.code.unwrap_or(-1), lines.join("\n"));
    text = text.replace(home.to_str().expect("a plain path"), "HOME/");
    for (found, instead) in scrub {
        text = text.replace(found, instead);
    }
    assert_eq!(text.lines().filter(|line| line.starts_with("error: ")).count(), 1, "one message:\n{text}");
    text
}

/// SQL Server with three orders to a folder.
struct FromSqlServer {
    orders: Orders,
    example: Example,
    folder: Place,
}

impl FromSqlServer {
    fn new() -> Self {
        let orders = Orders::new(3);
        let mut example = Example::new("sql-server-to-parquet-folder/pipeline/CopyOrdersSince.json");
        orders.feed(&mut example);
        example.give("since", "2023-01-01");
        example.change("pipeline/CopyOrdersSince", NO_RETRY);
        let folder = Place::local(Shape::Folder("ropeway-out/orders/2023/01/01"));
        folder.make("out", &mut example);
        Self { orders, example, folder }
    }

    fn refusal(&self) -> String {
        refusal(&self.example, &self.folder, "out", &[(&self.orders.server.port().to_string(), "PORT")])
    }
}

#[test]
fn the_fixture_itself_is_right() {
    let fixture = FromSqlServer::new();
    fixture.example.run("out").ended(0);
    assert_eq!(fixture.folder.rows("out").expect("a finished copy").len(), 3);
}

#[test]
fn sql_server_with_a_wrong_password() {
    let mut fixture = FromSqlServer::new();
    fixture.example.secret("LS_SqlServer", "password", CANARY);
    assert_snapshot!(fixture.refusal());
}

#[test]
fn sql_server_that_does_not_listen() {
    let mut fixture = FromSqlServer::new();
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    fixture.example.give("server", &format!("127.0.0.1,{closed}"));
    assert_snapshot!(fixture.refusal().replace(&closed.to_string(), "PORT"));
}

#[test]
fn sql_server_with_a_certificate_that_nobody_vouches_for() {
    let fixture = FromSqlServer::new();
    let other = PrivateCa::new(&["localhost"]);
    std::fs::copy(other.authority(), fixture.example.path("authorities.pem")).expect("a writable folder");
    assert_snapshot!(fixture.refusal());
}

#[test]
fn sql_server_without_the_database() {
    let mut fixture = FromSqlServer::new();
    fixture.example.give("database", "Salse");
    assert_snapshot!(fixture.refusal());
}

#[test]
fn sql_server_without_the_table() {
    let fixture = FromSqlServer::new();
    fixture.orders.server.execute("Sales", "DROP TABLE dbo.Orders").expect("it was there");
    assert_snapshot!(fixture.refusal());
}

#[test]
fn sql_server_without_permission() {
    let fixture = FromSqlServer::new();
    let denied = "The SELECT permission was denied on the object 'Orders', database 'Sales', schema 'dbo'.";
    fixture.orders.server.on("FROM dbo.Orders", Fault::Error(SqlError::new(229, 14, denied)), usize::MAX);
    assert_snapshot!(fixture.refusal());
}

/// Generated rows would do, but the example with the smallest source is files to blobs.
async fn to_blobs() -> (Example, Place) {
    let mut example = Example::new("files-to-blob/pipeline/CopyFiles.json");
    std::fs::create_dir_all(example.path("in/ropeway-in")).expect("a writable folder");
    std::fs::write(example.path("in/ropeway-in/a.csv"), "id,name,amount\n1,a,2\n").expect("a writable folder");
    example.give("root", example.path("in").to_str().expect("a plain path"));
    example.change("pipeline/CopyFiles", NO_RETRY);
    let blobs = Place::fake(Shape::Folder("ropeway-in")).await;
    blobs.make("out", &mut example);
    (example, blobs)
}

fn port_of(place: &Place) -> String {
    let endpoint = place.service().endpoint();
    endpoint.rsplit(':').next().and_then(|rest| rest.split('/').next()).expect("a port").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_key_that_is_wrong() {
    let (mut example, blobs) = to_blobs().await;
    example.secret("LS_Blob", "accountKey", "Y2FuYXJ5LW9mLWEtd3JvbmcgYWNjb3VudC1rZXk=");
    assert_snapshot!(refusal(&example, &blobs, "out", &[(&port_of(&blobs), "PORT")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_missing() {
    let (mut example, blobs) = to_blobs().await;
    example.give("container", "elsewhere");
    assert_snapshot!(refusal(&example, &blobs, "out", &[(&port_of(&blobs), "PORT")]));
}

fn from_odbc(place: &Place) -> Example {
    let mut example = Example::new("odbc-to-csv-blob/pipeline/CopyCustomers.json");
    example.change("pipeline/CopyCustomers", NO_RETRY);
    example.secret("LS_Odbc", "password", CANARY);
    place.make("out", &mut example);
    example
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odbc_driver_that_is_not_installed() {
    let blob = Place::fake(Shape::Single("customers.csv")).await;
    let mut example = from_odbc(&blob);
    example.change("linkedService/LS_Odbc", |it| {
        it["typeProperties"]["connectionString"] = json!("Driver={Postgres Unicorn};Server=localhost;");
    });
    let text = refusal(&example, &blob, "out", &[]);
    // Which drivers are installed differs from machine to machine.
    let (before, installed) = text.split_once("installed drivers=").expect("they are listed");
    assert!(installed.contains("PostgreSQL Unicode"), "{installed}");
    assert_snapshot!(before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_odbc_password_that_is_wrong() {
    let database = PostgreSql::start();
    database.run("CREATE TABLE customers (id int, name text, country text, created_at timestamp)");
    let blob = Place::fake(Shape::Single("customers.csv")).await;
    let mut example = from_odbc(&blob);
    example.give("server", "127.0.0.1");
    example.give("port", &database.port().to_string());
    example.give("database", "postgres");
    assert_snapshot!(refusal(&example, &blob, "out", &[(&database.port().to_string(), "PORT")]));
}

#[test]
fn secrets_are_not_in_the_most_detailed_log() {
    let mut fixture = FromSqlServer::new();
    let whole = fixture.example.run_with("whole", &["--log-level", "trace"]).ended(0);
    assert!(whole.stderr.contains("TRACE"), "it is detailed:\n{}", whole.stderr);
    fixture.example.secret("LS_SqlServer", "password", CANARY);
    fixture.example.run_with("refused", &["--log-level", "trace"]).ended(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn account_keys_are_not_in_the_most_detailed_log() {
    let (example, _blobs) = to_blobs().await;
    let whole = example.run_with("whole", &["--log-level", "trace"]).ended(0);
    assert!(whole.stderr.contains("TRACE"), "it is detailed:\n{}", whole.stderr);
}
