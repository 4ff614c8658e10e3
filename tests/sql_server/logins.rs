//! Everything that can be wrong before the first row: one message that names it and the next step.

use ropeway_engine::{ErrorKind, registry::ProbeStep};
use ropeway_tests::sql_server::{Encryption, Options};

use super::*;

fn stage() -> Stage {
    Stage::with("CREATE TABLE dbo.t (n int NOT NULL PRIMARY KEY)")
}

/// The error of asking for the schema with one property changed.
async fn wrong(stage: &Stage, change: impl Fn(&mut Value)) -> Error {
    let mut spec = stage.spec(json!({"schema": "dbo", "table": "t"}), json!({}));
    spec["linkedService"] = json!({"type": "SqlServer", "server": format!("localhost,{}", stage.server.port()), "database": "sales",
        "userName": "sa", "password": "Ropeway-1!"});
    change(&mut spec);
    let source = connect(spec).unwrap();
    source.schema().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_is_named_with_its_next_step() {
    let stage = stage();
    let error = wrong(&stage, |spec| spec["linkedService"]["password"] = json!("hunter2")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Auth, Some("SqlUnauthorizedAccess")));
    assert!(error.to_string().contains("password") && !format!("{error:?}").contains("hunter2"), "{error:?}");

    let error = wrong(&stage, |spec| spec["linkedService"]["database"] = json!("nowhere")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("database=nowhere"), "{error}");

    let error = wrong(&stage, |spec| spec["dataset"]["table"] = json!("missing")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("missing"), "{error}");

    let error = wrong(&stage, |spec| spec["linkedService"]["server"] = json!("no-such-host.invalid")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Unavailable, Some("SqlFailedToConnect")));

    let error = wrong(&stage, |spec| spec["linkedService"]["server"] = json!("localhost,1")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Unavailable, Some("SqlFailedToConnect")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_authority_is_refused_unless_it_is_given() {
    let stage = stage();
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({})).await;
    assert_eq!(error.kind(), ErrorKind::Spec, "{error}");
    assert!(
        error.to_string().contains("--ca-bundle") && error.to_string().contains("trustServerCertificate"),
        "{error}"
    );

    // The given authority is no reason to trust another name.
    let error = wrong(&stage, |spec| spec["linkedService"]["hostNameInCertificate"] = json!("other.example")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("certificate"), "{error}");

    let other = Stage::with("SELECT 1");
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({"caBundle": other.ca.path()})).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("certificate"), "{error}");

    stage.table("t").schema().await.unwrap();
    let mut trusting = stage.spec(json!({"schema": "dbo", "table": "t"}), json!({}));
    trusting["ropeway"] = json!({});
    trusting["linkedService"]["trustServerCertificate"] = json!("true");
    connect(trusting).unwrap().schema().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_text_only_where_the_definition_allows_it() {
    let server = Server::start_with(Options { encryption: Encryption::NotSupported, ..Options::default() }).unwrap();
    server.execute("sales", "CREATE TABLE dbo.t (n int NOT NULL PRIMARY KEY)").unwrap();
    let stage = Stage { server, ca: NamedTempFile::new().unwrap() };
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({})).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("encrypt"), "{error}");
    assert_eq!(stage.server.seen().logins + stage.server.seen().refused, 0, "a password left in clear text");

    let mut spec = stage.spec(json!({"schema": "dbo", "table": "t"}), json!({}));
    spec["ropeway"] = json!({});
    spec["linkedService"]["encrypt"] = json!("optional");
    connect(spec).unwrap().schema().await.unwrap();
}

async fn probe(stage: &Stage, password: &str) -> Vec<ProbeStep> {
    let spec = json!({"linkedService": {"type": "SqlServer", "server": format!("localhost,{}", stage.server.port()),
        "database": "sales", "userName": "sa", "password": password}, "ropeway": {"caBundle": stage.ca.path()}});
    ropeway_connectors::registry().connect_store("SqlServer", spec).unwrap().probe().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_test_goes_step_by_step() {
    let stage = stage();
    let steps = probe(&stage, "Ropeway-1!").await;
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["DNS", "TCP", "TLS", "Login", "Permission to read"]);
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");

    let steps = probe(&stage, "wrong").await;
    let last = steps.last().unwrap();
    assert_eq!(last.name, "Login");
    assert_eq!(last.outcome.as_ref().map_err(Error::kind).unwrap_err(), ErrorKind::Auth);
}
