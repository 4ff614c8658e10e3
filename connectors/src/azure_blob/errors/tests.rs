//! The table again, written down independently: every row is checked by what it must lead to.

use azure_core::http::{RawResponse, StatusCode};

use ropeway_engine::testing::retry_table::letter;

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

/// Status, code, class of a request that may be repeated, whether a commit with this answer is settled
/// by asking; transcribed from the service's documentation and not from the code.
const DOCUMENTED: &[(u16, &[&str], char, bool)] = &[
    (400, &["InvalidBlockList"], 'U', false),
    (400, &["Md5Mismatch", "Crc64Mismatch", "InvalidOperation"], 'T', false),
    (400, &["InvalidBlobOrBlock", "InvalidHeaderValue", "OutOfRangeInput", "InvalidResourceName", ""], 'P', false),
    (400, &["InvalidAuthenticationInfo", "AuthenticationFailed"], 'P', false),
    (401, &[""], 'P', false),
    (403, &["AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch"], 'P', false),
    (403, &["InsufficientAccountPermissions", "AccountIsDisabled", "AuthorizationServiceMismatch", ""], 'P', false),
    (403, &["AuthorizationResourceTypeMismatch", "AuthorizationProtocolMismatch"], 'P', false),
    (403, &["AuthorizationSourceIPMismatch", "KeyBasedAuthenticationNotPermitted"], 'P', false),
    (404, &["ContainerNotFound", "BlobNotFound", ""], 'P', false),
    (404, &["ResourceNotFound"], 'T', false),
    (405, &[""], 'P', false),
    (408, &[""], 'T', true),
    (409, &["ContainerBeingDeleted", "LeaseAlreadyPresent", "BlobBeingRehydrated", "AccountBeingCreated"], 'T', true),
    (409, &["BlobAlreadyExists"], 'F', true),
    (409, &["BlobOperationNotSupported", "BlockCountExceedsLimit", "BlobImmutableDueToPolicy"], 'P', true),
    (409, &["InvalidBlobType", ""], 'P', true),
    (410, &[""], 'P', false),
    (412, &["ConditionNotMet", "LeaseIdMissing", "LeaseIdMismatchWithBlobOperation", ""], 'F', true),
    (413, &["RequestBodyTooLarge", ""], 'P', false),
    (416, &["InvalidRange", ""], 'P', false),
    (429, &[""], 'H', true),
    (500, &["InternalError", "OperationTimedOut", ""], 'T', true),
    (502, &[""], 'T', true),
    (503, &["ServerBusy", ""], 'H', true),
    (504, &[""], 'T', true),
    (507, &[""], 'P', true),
    (301, &[""], 'P', false),
    (302, &[""], 'P', false),
    (307, &[""], 'P', false),
    (308, &[""], 'P', false),
];

#[test]
fn every_answer_has_its_class() {
    for (status, codes, class, asked) in DOCUMENTED {
        for code in *codes {
            let fault = fault(*status, code, &[]);
            let error = fault.at(&place());
            assert_eq!(letter(error.retry_class()), *class, "{status} {code}");
            assert_eq!(error.is_transient(), !matches!(class, 'P' | 'F'), "{status} {code}");
            assert_eq!(fault.is_unclear(), *asked, "{status} {code} at a commit");
        }
    }
    for Row(status, code, ..) in &ROWS {
        let documented = DOCUMENTED.iter().any(|row| row.0 == *status && row.1.contains(code));
        assert!(documented, "{status} {code} is not in the document");
    }
}

#[test]
fn no_answer_is_tried_again_except_where_it_is_a_commits() {
    for (wire, class, asked) in [
        (WireFault::Name, 'R', true),
        (WireFault::Refused, 'R', true),
        (WireFault::Connect("reset".into()), 'R', true),
        (WireFault::Proxy, 'R', true),
        (WireFault::ProxyLogin, 'P', true),
        (WireFault::Stalled(60), 'R', true),
        (WireFault::Broken("reset".into()), 'R', true),
        (WireFault::TooLong, 'R', true),
        (WireFault::Certificate("expired".into()), 'P', false),
    ] {
        let fault = Fault::of_wire(wire);
        assert_eq!((letter(fault.at(&place()).retry_class()), fault.is_unclear()), (class, asked), "{:?}", fault.wire);
    }
}

#[test]
fn damage_on_the_way_is_fatal_if_it_stays() {
    for (status, code, then) in [
        (400, "Md5Mismatch", (Data, Fatal)),
        (400, "Crc64Mismatch", (Data, Fatal)),
        (400, "InvalidOperation", (Data, Fatal)),
        (404, "ResourceNotFound", (Spec, Permanent)),
    ] {
        let error = fault(status, code, &[]).at(&place());
        assert_eq!(error.attempts_allowed(), Some(3), "{code}");
        let error = error.after(3);
        assert_eq!((error.kind(), error.retry_class()), then, "{code}");
    }
}

#[test]
fn every_row_is_reachable_and_its_advice_is_shown() {
    for Row(status, code, kind, _, advice) in &ROWS {
        let error = fault(*status, code, &[]).at(&place());
        let text = error.to_string();
        assert_eq!(error.kind(), *kind, "{status} {code}");
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
