//! Everything that can be wrong before the first row: one message that names it and the next step.

use ropeway_engine::{ErrorKind, registry::ProbeStep};
use ropeway_tests::sql_server::{Encryption, Options};

use super::*;

const TABLE: &str = "CREATE TABLE $(schema).t (n int NOT NULL PRIMARY KEY)";

/// A stand-in: wrong logins in a row lock accounts of a real server, and its certificate is what it is.
fn stage() -> Option<Stage> {
    Stage::stand_in(
        "it needs a server that may be told wrong passwords and has a certificate of a private authority",
        TABLE,
    )
}

/// The error of asking for the schema with one property changed.
async fn wrong(stage: &Stage, change: impl Fn(&mut Value)) -> Error {
    let mut spec = stage.spec_of("t");
    spec["linkedService"] = json!({"type": "SqlServer", "server": format!("localhost,{}", stage.server().port()), "database": "sales",
        "userName": "sa", "password": "Ropeway-1!"});
    change(&mut spec);
    let source = connect(spec).unwrap();
    source.schema().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_is_named_with_its_next_step() {
    let Some(stage) = self::stage() else { return };
    let error = wrong(&stage, |spec| spec["linkedService"]["password"] = json!("hunter2")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Auth, Some("SqlUnauthorizedAccess")));
    assert!(error.to_string().contains("password") && !format!("{error:?}").contains("hunter2"), "{error:?}");

    let error = wrong(&stage, |spec| spec["linkedService"]["database"] = json!("nowhere")).await;
    assert!(error.to_string().contains("database=nowhere"), "{error}");
    assert_eq!(error.after(3).kind(), ErrorKind::Spec, "worth three attempts, then a wrong name");

    let error = wrong(&stage, |spec| spec["dataset"]["table"] = json!("missing")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("missing"), "{error}");

    let error = wrong(&stage, |spec| spec["linkedService"]["server"] = json!("no-such-host.invalid")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Unavailable, Some("SqlFailedToConnect")));

    let error = wrong(&stage, |spec| spec["linkedService"]["server"] = json!("localhost,1")).await;
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Unavailable, Some("SqlFailedToConnect")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_authority_is_refused_unless_it_is_given() {
    let Some(stage) = self::stage() else { return };
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({})).await;
    assert_eq!(error.kind(), ErrorKind::Spec, "{error}");
    assert!(
        error.to_string().contains("--ca-bundle") && error.to_string().contains("trustServerCertificate"),
        "{error}"
    );

    // The given authority is no reason to trust another name.
    let error = wrong(&stage, |spec| spec["linkedService"]["hostNameInCertificate"] = json!("other.example")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("certificate"), "{error}");

    let other = Target::start(Server::start().unwrap());
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({"caBundle": other.authority()})).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("certificate"), "{error}");

    stage.table("t").schema().await.unwrap();
    let mut trusting = stage.spec_of("t");
    trusting["ropeway"] = json!({});
    trusting["linkedService"]["trustServerCertificate"] = json!("true");
    connect(trusting).unwrap().schema().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clear_text_only_where_the_definition_allows_it() {
    // A real server is not asked to go without encryption: this is a stand-in always.
    let server = Server::start_with(Options { encryption: Encryption::NotSupported, ..Options::default() }).unwrap();
    let stage = Stage::on(Target::start(server), TABLE);
    let error = wrong(&stage, |spec| spec["ropeway"] = json!({})).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("encrypt"), "{error}");
    assert_eq!(stage.server().seen().logins + stage.server().seen().refused, 0, "a password left in clear text");

    let mut spec = stage.spec_of("t");
    spec["ropeway"] = json!({});
    spec["linkedService"]["encrypt"] = json!("optional");
    connect(spec).unwrap().schema().await.unwrap();
}

async fn probe(stage: &Stage, password: &str) -> Vec<ProbeStep> {
    let spec = json!({"linkedService": {"type": "SqlServer", "server": format!("localhost,{}", stage.server().port()),
        "database": "sales", "userName": "sa", "password": password}, "ropeway": {"caBundle": stage.target.authority()}});
    probe_of(spec).await
}

async fn probe_of(spec: Value) -> Vec<ProbeStep> {
    ropeway_connectors::registry().connect_store("SqlServer", spec).unwrap().probe().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_test_passes_where_a_table_can_be_read() {
    let stage = Stage::with(TABLE);
    let (service, ropeway) = stage.target.connection();
    let steps = probe_of(json!({"linkedService": service, "ropeway": ropeway})).await;
    println!("{steps:?}");
    assert_eq!(steps.last().map(|step| step.name), Some("Permission to read"));
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_missing_is_named() {
    let stage = Stage::with(TABLE);
    let error = failure(&*stage.table("missing")).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("missing"), "{error}");
}

/// TDS 8: TLS before anything else. Nothing but a verified certificate will do.
#[tokio::test(flavor = "multi_thread")]
async fn strict_encryption_always_verifies_the_certificate() {
    let Some(stage) = self::stage() else { return };
    let strict = |trust: bool, ropeway: Value| {
        let mut spec = stage.spec_of("t");
        spec["linkedService"]["encrypt"] = json!("strict");
        spec["linkedService"]["trustServerCertificate"] = json!(trust);
        spec["ropeway"] = ropeway;
        connect(spec).unwrap()
    };
    for trust in [false, true] {
        let error = strict(trust, json!({})).schema().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("certificate"), "{trust}: {error}");
    }
    assert_eq!(stage.server().seen().logins, 0, "a login went to a server that was not verified");
    for trust in [false, true] {
        strict(trust, json!({"caBundle": stage.target.authority()})).schema().await.unwrap();
    }
    assert_eq!(stage.server().seen().violations, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_test_goes_step_by_step() {
    let Some(stage) = self::stage() else { return };
    let steps = probe(&stage, "Ropeway-1!").await;
    let names: Vec<_> = steps.iter().map(|step| step.name).collect();
    assert_eq!(names, ["DNS", "TCP", "TLS", "Login", "Permission to read"]);
    assert!(steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");

    let steps = probe(&stage, "wrong").await;
    let last = steps.last().unwrap();
    assert_eq!(last.name, "Login");
    assert_eq!(last.outcome.as_ref().map_err(Error::kind).unwrap_err(), ErrorKind::Auth);
}
