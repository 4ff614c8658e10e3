//! Who may do what: Shared Key and account SAS, checked to the letter.

use chrono::{DateTime, Utc};

use super::{ACCOUNT, KEY, answer::Refusal, request::Request};
use crate::shared_key::{Signed, sas_signature, shared_key};

/// Requests whose date is further off are refused.
const TOLERANCE_MINUTES: i64 = 15;

pub(crate) fn check(request: &Request) -> Result<(), Refusal> {
    if request.query("sig").is_some() { sas(request) } else { key(request) }
}

fn key(request: &Request) -> Result<(), Refusal> {
    let refused = Refusal(403, "AuthenticationFailed");
    let header = request.header("authorization").ok_or(Refusal(401, "NoAuthenticationInformation"))?;
    let date = request.header("x-ms-date").and_then(|date| DateTime::parse_from_rfc2822(date).ok()).ok_or(refused)?;
    if (Utc::now() - date.to_utc()).num_minutes().abs() > TOLERANCE_MINUTES {
        return Err(refused);
    }
    let signed =
        Signed { method: &request.method, path: &request.path, query: &request.query, headers: &request.headers };
    let expected = format!("SharedKey {ACCOUNT}:{}", shared_key(&signed, ACCOUNT, KEY));
    if header == expected { Ok(()) } else { Err(refused) }
}

fn sas(request: &Request) -> Result<(), Refusal> {
    let refused = Refusal(403, "AuthenticationFailed");
    let part = |name| request.query(name).ok_or(refused);
    let (permissions, expiry) = (part("sp")?, part("se")?);
    if part("sig")? != sas_signature(ACCOUNT, KEY, permissions, expiry) {
        return Err(refused);
    }
    let until = DateTime::parse_from_rfc3339(expiry).map_err(|_| refused)?;
    if until.to_utc() < Utc::now() {
        return Err(refused);
    }
    let needed = match request.method.as_str() {
        "GET" if request.query("comp") == Some("list") => "l",
        "GET" | "HEAD" => "r",
        "DELETE" => "d",
        _ => "w",
    };
    if permissions.contains(needed) { Ok(()) } else { Err(Refusal(403, "AuthorizationPermissionMismatch")) }
}
