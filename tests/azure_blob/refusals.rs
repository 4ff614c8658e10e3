//! Wrong settings: each ends with one message that names the object and the next step, and nothing
//! secret is in it.

use std::error::Error as _;

use ropeway_engine::{Error, ErrorKind, Result};
use ropeway_tests::{
    blob_service::{BlobService, Effect, Fault, KEY, Operation},
    private_ca::PrivateCa,
};
use serde_json::{Value, json};

use super::workbench::{CONTAINER, Copy, Target, attempt, context, sink};

/// Tries a whole copy.
async fn copy(service: Value, ca: Option<std::path::PathBuf>, location: Value) -> Result<()> {
    let sink = sink(service, ca, location, json!({"ropeway": {"stallSeconds": 1}}))?;
    let copy = Copy::begin(sink.as_ref(), context("run", 1, 1, None)).await?;
    let receipt = copy.write(0, attempt(1, 1), 0..10).await?;
    copy.run.finish(&[receipt]).await.map(drop)
}

fn says(outcome: Result<()>, kind: ErrorKind, words: &[&str]) {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let text = whole(&error);
    for word in words {
        assert!(text.contains(word), "«{word}» is missing: {text}");
    }
    leaks_nothing(&text);
}

/// Everything that a log could show of it.
fn whole(error: &Error) -> String {
    let mut text = format!("{error} | {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(" | {cause} | {cause:?}"));
        next = cause.source();
    }
    text
}

fn leaks_nothing(text: &str) {
    for secret in [KEY, "canary", "sig=", "SharedKey shop:", "Y2FuYXJ5"] {
        assert!(!text.contains(secret), "«{secret}» leaked: {text}");
    }
}

fn file() -> Value {
    json!({"fileName": "a.parquet"})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_setting_has_its_message() {
    let service = Target::fake().await;
    let ca = service.ca().unwrap().authority();
    let good = service.connection_string();
    let with = |text: String| json!({"connectionString": text});

    let wrong_key = good.replace(KEY, "Y2FuYXJ5LXdyb25nLWtleQ==");
    says(copy(with(wrong_key), Some(ca.clone()), file()).await, ErrorKind::Auth, &["key", "account=shop"]);
    let missing = json!({"container": "nowhere", "fileName": "a.parquet"});
    says(
        copy(with(good.clone()), Some(ca.clone()), missing).await,
        ErrorKind::Spec,
        &["container=nowhere", "account=shop", "create it"],
    );
    says(
        copy(with(good.clone()), None, file()).await,
        ErrorKind::Spec,
        &["certificate", "host=127.0.0.1:", "--ca-bundle"],
    );
    let other_ca = PrivateCa::new(&["127.0.0.1"]);
    says(copy(with(good.clone()), Some(other_ca.authority()), file()).await, ErrorKind::Spec, &["certificate"]);
    let refused = format!("AccountName=shop;AccountKey={KEY};BlobEndpoint=https://127.0.0.1:1/shop");
    says(
        copy(with(refused), Some(ca.clone()), file()).await,
        ErrorKind::Unavailable,
        &["refuses connections", "127.0.0.1:1"],
    );
    let nowhere = format!("AccountName=shop;AccountKey={KEY};BlobEndpoint=https://shop.blob.invalid");
    says(
        copy(with(nowhere), Some(ca.clone()), file()).await,
        ErrorKind::Unavailable,
        &["not found", "shop.blob.invalid"],
    );
    let expired = json!({"sasUri": service.sas_uri("rcwl", "2020-01-01T00:00:00Z")});
    says(copy(expired, Some(ca.clone()), file()).await, ErrorKind::Auth, &["SAS", "expired"]);
    let reader = json!({"sasUri": service.sas_uri("rl", "2099-01-01T00:00:00Z")});
    says(
        copy(reader, Some(ca.clone()), file()).await,
        ErrorKind::Auth,
        &["Storage Blob Data Contributor", "blob=a.parquet"],
    );
    for location in
        [json!({"container": "A_B", "fileName": "x"}), json!({"fileName": "../x"}), json!({"fileName": "x\u{7}"})]
    {
        says(copy(with(good.clone()), Some(ca.clone()), location).await, ErrorKind::Spec, &[]);
    }
    let contributor = json!({"sasUri": service.sas_uri("rwl", "2099-01-01T00:00:00Z")});
    copy(contributor, Some(ca), file()).await.unwrap();
    assert!(service.blob(CONTAINER, "a.parquet").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused() {
    let service = BlobService::https(PrivateCa::new(&["elsewhere.example"])).await;
    service.create_container(CONTAINER);
    let linked = json!({"connectionString": service.connection_string()});
    let outcome = copy(linked, Some(service.ca().unwrap().authority()), file()).await;
    says(outcome, ErrorKind::Spec, &["certificate"]);
    assert!(service.log().is_empty());
}

/// Injects every kind of failure into every kind of request, with a key and with a SAS.
#[tokio::test(flavor = "multi_thread")]
async fn no_injected_error_shows_a_secret() {
    let service = Target::fake().await;
    let ca = service.ca().unwrap().authority();
    let logins = [
        json!({"connectionString": service.connection_string()}),
        json!({"sasUri": service.sas_uri("rcwl", "2099-01-01T00:00:00Z")}),
    ];
    let codes = [
        (400, "InvalidHeaderValue"),
        (401, "NoAuthenticationInformation"),
        (403, "AuthenticationFailed"),
        (403, "AuthorizationPermissionMismatch"),
        (404, "ContainerNotFound"),
        (409, "BlobImmutableDueToPolicy"),
        (412, "LeaseIdMissing"),
        (418, "Canary"),
        (301, "Moved"),
        (500, "InternalError"),
        (507, "Full"),
    ];
    let mut seen = 0;
    for login in &logins {
        for operation in [Operation::Head, Operation::PutBlock, Operation::PutBlockList] {
            for (status, code) in codes {
                let skip = u32::from(operation == Operation::Head);
                service.inject(Fault { operation, skip, times: 20, effect: Effect::Refuse(status, code) });
                let error = copy(login.clone(), Some(ca.clone()), file()).await.expect_err("the fault was not seen");
                leaks_nothing(&whole(&error).replace("Canary", ""));
                service.clear_faults();
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 66);
}

#[tokio::test(flavor = "multi_thread")]
async fn test_connection_names_the_step_that_fails() {
    for target in Target::both().await {
        let probe = |service: Value| {
            let settings = json!({"linkedService": service, "ropeway": {"caBundle": target.authority()}});
            ropeway_connectors::registry().connect_store("AzureBlobStorage", settings).unwrap()
        };
        let steps = probe(target.service()).probe().await;
        let names: Vec<_> = steps.iter().map(|step| (step.name, step.outcome.is_ok())).collect();
        assert_eq!(names, [("DNS", true), ("TCP", true), ("TLS", true), ("Login", true)], "{steps:?}");
        let wrong = target.service()["connectionString"].as_str().unwrap().replace("AccountKey=", "AccountKey=AAAA");
        let steps = probe(json!({"connectionString": wrong})).probe().await;
        let last = steps.last().unwrap();
        assert_eq!((last.name, last.outcome.as_ref().unwrap_err().kind()), ("Login", ErrorKind::Auth));
    }
    let service = Target::fake().await;
    let uri = service.sas_uri("rl", "2099-01-01T00:00:00Z").replace("?", &format!("/{CONTAINER}?"));
    let settings =
        json!({"linkedService": {"sasUri": uri}, "ropeway": {"caBundle": service.ca().unwrap().authority()}});
    let store = ropeway_connectors::registry().connect_store("AzureBlobStorage", settings).unwrap();
    let steps = store.probe().await;
    let last = steps.last().unwrap();
    assert_eq!((last.name, last.outcome.as_ref().unwrap_err().kind()), ("Permission to write", ErrorKind::Auth));
}
