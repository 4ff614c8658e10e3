//! The table again, written down independently: every row is checked by what it must lead to.

use azure_core::http::{RawResponse, StatusCode};

use super::*;

fn fault(status: u16, code: &str, headers: &[(&'static str, String)]) -> Fault {
    let mut all = Headers::new();
    for (name, value) in headers {
        all.insert(*name, value.clone());
    }
    let status = StatusCode::from(status);
    let raw_response = Some(Box::new(RawResponse::from_bytes(status, all, "<secret>hunter2</secret>")));
    let error_code = (!code.is_empty()).then(|| code.to_owned());
    Fault::from(AzureError::with_message(AzureErrorKind::HttpResponse { status, error_code, raw_response }, "hunter2"))
}

fn place() -> Place {
    Place {
        account: "shop".into(),
        host: "shop.blob.core.windows.net".into(),
        container: "orders".into(),
        blob: Some("in/a.parquet".into()),
        token_advice: "no token came",
    }
}

#[test]
fn every_row_is_reachable_and_leads_where_the_retry_table_says() {
    let transient = |status| matches!(status, 408 | 429 | 500 | 502 | 503 | 504);
    for Row(status, code, ..) in &ROWS {
        let error = fault(*status, code, &[]).at(&place());
        let expected = match (*status, *code) {
            (400, "Md5Mismatch" | "Crc64Mismatch") => (Unavailable, Transient),
            (400, "InvalidBlockList") => (Unavailable, Unknown),
            (400, "AuthenticationFailed" | "InvalidAuthenticationInfo") | (401 | 403, _) => (Auth, Permanent),
            (404, "ResourceNotFound") => (Unavailable, Transient),
            (409, "ContainerBeingDeleted" | "AccountBeingCreated" | "LeaseAlreadyPresent" | "BlobBeingRehydrated") => {
                (Unavailable, Transient)
            }
            (409, "BlobAlreadyExists") | (412, "") => (Data, Permanent),
            (429 | 503, _) => (Unavailable, Throttled),
            (status, _) if transient(status) => (Unavailable, Transient),
            _ => (Spec, Permanent),
        };
        assert_eq!((error.kind(), error.retry_class()), expected, "{status} {code}");
        let text = error.to_string();
        let advice = ROWS.iter().find(|row| row.0 == *status && row.1 == *code).unwrap().4;
        assert!(text.starts_with(advice), "another row came first for {status} {code}: {text}");
        for name in ["account=shop", "container=orders", "blob=in/a.parquet"] {
            assert!(text.contains(name), "{text}");
        }
        assert!(!format!("{text} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn codes_that_have_no_row_fall_back_to_their_status() {
    assert_eq!(fault(403, "SomethingNew", &[]).at(&place()).kind(), Auth);
    assert_eq!(fault(599, "", &[]).at(&place()).kind(), Unavailable);
    assert_eq!(fault(307, "", &[]).at(&place()).kind(), Spec);
    assert_eq!(fault(418, "", &[]).at(&place()).kind(), Spec);
}

#[test]
fn retry_after_is_honoured_in_each_spelling_and_capped() {
    for (name, value, seconds) in [
        ("retry-after", "7", 7),
        ("x-ms-retry-after-ms", "3000", 3),
        ("retry-after-ms", "2000", 2),
        ("retry-after", "9999", 120),
    ] {
        let error = fault(503, "ServerBusy", &[(name, value.into())]).at(&place());
        assert_eq!(error.pause_asked(), Some(Duration::from_secs(seconds)), "{name}");
    }
    assert_eq!(fault(503, "ServerBusy", &[("retry-after", "soon".into())]).at(&place()).pause_asked(), None);
}

#[test]
fn a_clock_that_is_off_is_named() {
    let hour_ago = (Utc::now() - chrono::TimeDelta::hours(1)).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let text = fault(403, "AuthenticationFailed", &[("date", hour_ago)]).at(&place()).to_string();
    assert!(text.contains("clock of this machine is off"), "{text}");
    let now = Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let text = fault(403, "AuthenticationFailed", &[("date", now)]).at(&place()).to_string();
    assert!(!text.contains("is off by"), "{text}");
}

#[test]
fn a_strangers_text_is_no_code() {
    let error = fault(403, "a\u{1b}[2J b", &[]).at(&place());
    assert!(!error.to_string().contains("code="), "{error}");
}
