//! What each answer of the service means, in one table, and the words for it.

use std::{error::Error as StdError, time::Duration};

use azure_core::{
    error::{Error as AzureError, ErrorKind as AzureErrorKind},
    http::headers::{HeaderName, Headers},
};
use chrono::{DateTime, Utc};
use ropeway_engine::{Error, ErrorKind, retry::RetryClass};

use super::http::WireFault;

use ErrorKind::{Auth, Data, Spec, Unavailable};
use RetryClass::{Fatal, Permanent, Reconnect, Throttled, Transient, Unknown};

/// The longest pause that a server may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);
/// Signatures are refused when the clocks differ by more.
const CLOCK_TOLERANCE: i64 = 15 * 60;

/// One row: an answer, and what to do about it. An empty code is every other code of that status.
struct Row(u16, &'static str, ErrorKind, RetryClass, &'static str);

/// The first row that fits decides.
const ROWS: [Row; 48] = [
    Row(
        400,
        "InvalidBlockList",
        Unavailable,
        Unknown,
        "the service no longer holds blocks that this run staged; they are copied again",
    ),
    Row(
        400,
        "Md5Mismatch",
        Unavailable,
        Transient,
        "a block was damaged on its way; if it happens again, something between here and the service changes bytes",
    ),
    Row(
        400,
        "Crc64Mismatch",
        Unavailable,
        Transient,
        "a block was damaged on its way; if it happens again, something between here and the service changes bytes",
    ),
    Row(
        400,
        "InvalidOperation",
        Unavailable,
        Transient,
        "the service could not make sense of a block; if it happens again, something between here and the service changes bytes",
    ),
    Row(
        400,
        "InvalidBlobOrBlock",
        Spec,
        Permanent,
        "another program has staged blocks of its own for this blob; delete the blob, or write to another name",
    ),
    Row(
        400,
        "InvalidResourceName",
        Spec,
        Permanent,
        "the service does not take this name; correct the container or file name in the dataset",
    ),
    Row(
        400,
        "InvalidAuthenticationInfo",
        Auth,
        Permanent,
        "the service cannot read the login; check the secret, and that the clock of this machine is right",
    ),
    Row(
        400,
        "AuthenticationFailed",
        Auth,
        Permanent,
        "the service refused the login; check that account and key belong together",
    ),
    Row(
        400,
        "",
        Spec,
        Permanent,
        "the service refused the request as malformed; check the names and metadata in the dataset and sink",
    ),
    Row(401, "", Auth, Permanent, "the service wants another login; check which ways to log in the account allows"),
    Row(
        403,
        "AuthenticationFailed",
        Auth,
        Permanent,
        "the service refused the login; check that account and key belong together, that a SAS has not expired, and that the clock of this machine is right",
    ),
    Row(
        403,
        "AuthorizationPermissionMismatch",
        Auth,
        Permanent,
        "this identity may not do that; assign it the role 'Storage Blob Data Contributor' on the container, or a SAS with permissions rcwl",
    ),
    Row(
        403,
        "AuthorizationFailure",
        Auth,
        Permanent,
        "the account's firewall or network rules refuse this machine; allow its address under Networking",
    ),
    Row(
        403,
        "InsufficientAccountPermissions",
        Auth,
        Permanent,
        "the SAS lacks a permission or does not cover blobs; make one with service 'Blob', resource types 'Container' and 'Object', permissions rcwl",
    ),
    Row(
        403,
        "AuthorizationServiceMismatch",
        Auth,
        Permanent,
        "the SAS does not cover blobs; make one with service 'Blob'",
    ),
    Row(
        403,
        "AuthorizationResourceTypeMismatch",
        Auth,
        Permanent,
        "the SAS does not cover containers and objects; make one with both resource types",
    ),
    Row(403, "AuthorizationProtocolMismatch", Auth, Permanent, "the SAS is for another protocol; use https"),
    Row(
        403,
        "AuthorizationSourceIPMismatch",
        Auth,
        Permanent,
        "the SAS is for another address than that of this machine",
    ),
    Row(
        403,
        "KeyBasedAuthenticationNotPermitted",
        Auth,
        Permanent,
        "the account allows no keys; log in with a service principal or a managed identity",
    ),
    Row(403, "AccountIsDisabled", Auth, Permanent, "the storage account is disabled; enable it in the portal"),
    Row(403, "", Auth, Permanent, "the service does not allow this; check the grant of this login"),
    Row(
        404,
        "ContainerNotFound",
        Spec,
        Permanent,
        "the container does not exist; create it, or correct the name in the dataset",
    ),
    Row(404, "ResourceNotFound", Unavailable, Transient, "the service does not know the resource yet"),
    Row(404, "", Spec, Permanent, "the service knows no such blob; check the names in the dataset"),
    Row(
        405,
        "",
        Spec,
        Permanent,
        "the address does not answer like a blob service; check the endpoint in the linked service",
    ),
    Row(408, "", Unavailable, Transient, "the service waited too long for the request"),
    Row(
        409,
        "ContainerBeingDeleted",
        Unavailable,
        Transient,
        "the container is being deleted; the service frees its name only after a while",
    ),
    Row(409, "AccountBeingCreated", Unavailable, Transient, "the account is still being created"),
    Row(409, "LeaseAlreadyPresent", Unavailable, Transient, "another program holds a lease on the blob"),
    Row(409, "BlobBeingRehydrated", Unavailable, Transient, "the blob is being brought back from the archive"),
    Row(
        409,
        "BlobAlreadyExists",
        Data,
        Fatal,
        "another program wrote this blob while the run was copying; nothing of it was replaced, run the copy again to overwrite it",
    ),
    Row(
        409,
        "BlobOperationNotSupported",
        Spec,
        Permanent,
        "this blob cannot be written as a block blob; it was made as a Data Lake file or is of another type, so choose another name",
    ),
    Row(
        409,
        "InvalidBlobType",
        Spec,
        Permanent,
        "an append or page blob has this name; delete it, or write to another name",
    ),
    Row(
        409,
        "BlobImmutableDueToPolicy",
        Spec,
        Permanent,
        "an immutability policy protects this blob; write to another name or container",
    ),
    Row(
        409,
        "BlockCountExceedsLimit",
        Spec,
        Permanent,
        "the blob has too many staged blocks; raise blockSizeInMB, or write to a folder",
    ),
    Row(409, "", Spec, Permanent, "the state of the blob or container does not allow this"),
    Row(410, "", Spec, Permanent, "the resource is gone for good; check the endpoint in the linked service"),
    Row(
        412,
        "LeaseIdMissing",
        Spec,
        Fatal,
        "another program holds a lease on the blob; let it finish, or break the lease",
    ),
    Row(
        412,
        "LeaseIdMismatchWithBlobOperation",
        Spec,
        Fatal,
        "another program holds a lease on the blob; let it finish, or break the lease",
    ),
    Row(
        412,
        "",
        Data,
        Fatal,
        "another program wrote this blob while the run was copying; nothing of it was replaced, run the copy again to overwrite it",
    ),
    Row(413, "", Spec, Permanent, "the block is too large for the service; lower blockSizeInMB"),
    Row(416, "", Spec, Permanent, "the range is outside of the blob"),
    Row(429, "", Unavailable, Throttled, "the service asks for fewer requests"),
    Row(500, "", Unavailable, Transient, "the service failed inside"),
    Row(502, "", Unavailable, Transient, "a gateway before the service failed"),
    Row(503, "", Unavailable, Throttled, "the service is busy"),
    Row(504, "", Unavailable, Transient, "a gateway before the service gave up waiting"),
    Row(507, "", Spec, Permanent, "the account has no room left; free some, or write elsewhere"),
];

/// Answers that are worth so many attempts, and what they are after those.
const WORTH: [(u16, &str, u32, ErrorKind, RetryClass); 4] = [
    (400, "Md5Mismatch", 3, Data, Fatal),
    (400, "Crc64Mismatch", 3, Data, Fatal),
    (400, "InvalidOperation", 3, Data, Fatal),
    (404, "ResourceNotFound", 3, Spec, Permanent),
];

/// Why a request failed, before anybody decided what that means.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// The status, or 0 when no answer came.
    pub(crate) status: u16,
    /// `x-ms-error-code`.
    pub(crate) code: String,
    /// Why no answer came.
    pub(crate) wire: Option<WireFault>,
    /// No token came, so no request was sent.
    credential: bool,
    retry_after: Option<Duration>,
    server_time: Option<DateTime<Utc>>,
}

/// What a message names.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) host: String,
    pub(crate) container: String,
    pub(crate) blob: Option<String>,
    /// What to check when no token came.
    pub(crate) token_advice: &'static str,
}

impl Fault {
    /// An answer that is known from another one.
    pub(crate) fn of_status(status: u16) -> Self {
        Self { status, code: String::new(), wire: None, credential: false, retry_after: None, server_time: None }
    }

    /// No answer came.
    pub(crate) fn of_wire(wire: WireFault) -> Self {
        Self {
            status: 0,
            code: String::new(),
            wire: Some(wire),
            credential: false,
            retry_after: None,
            server_time: None,
        }
    }

    /// True if trying the same request again within seconds may help.
    pub(crate) fn is_brief(&self) -> bool {
        let impatient = self.retry_after.is_none_or(|pause| pause <= Duration::from_secs(5));
        match &self.wire {
            Some(WireFault::Certificate(_) | WireFault::Stalled(_) | WireFault::TooLong) => false,
            Some(_) => true,
            None => impatient && !self.credential && matches!(self.verdict().1, Transient | Throttled),
        }
    }

    /// True if the request may have taken effect although no good answer came.
    pub(crate) fn is_unclear(&self) -> bool {
        match &self.wire {
            Some(WireFault::Certificate(_)) => false,
            Some(_) => true,
            None => matches!(self.status, 408 | 409 | 412 | 429 | 500..=599),
        }
    }

    /// True if the condition of a commit did not hold.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!((self.status, self.code.as_str()), (409, "BlobAlreadyExists") | (412, "ConditionNotMet" | ""))
    }

    /// The pause that the server asked for.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The error for the engine. It holds neither a URL nor the body of the answer.
    pub(crate) fn at(&self, place: &Place) -> Error {
        let (kind, class, advice) = self.verdict();
        let mut error = if self.credential && self.wire.is_none() {
            Error::new(Auth, place.token_advice)
        } else {
            Error::new(kind, self.clock_advice().unwrap_or(advice)).class(class)
        };
        if let Some((.., attempts, kind, class)) = WORTH.iter().find(|row| row.0 == self.status && row.1 == self.code) {
            error = error.at_most(*attempts, *kind, *class);
        }
        error = error.with("account", place.account.escape_debug());
        if self.wire.is_some() {
            error = error.with("host", place.host.escape_debug());
        }
        if !place.container.is_empty() {
            error = error.with("container", place.container.escape_debug());
        }
        if let Some(blob) = &place.blob {
            error = error.with("blob", blob.escape_debug());
        }
        if self.status != 0 {
            error = error.with("status", self.status);
        }
        if !self.code.is_empty() {
            error = error.with("code", &self.code);
        }
        if let Some(wire) = &self.wire {
            error = error.with("reason", wire.to_string().escape_debug());
        }
        match self.retry_after {
            Some(pause) => error.retry_after(pause),
            None => error,
        }
    }

    fn verdict(&self) -> (ErrorKind, RetryClass, &'static str) {
        if let Some(wire) = &self.wire {
            return of_wire(wire);
        }
        let row = ROWS.iter().find(|row| row.0 == self.status && (row.1.is_empty() || row.1 == self.code));
        match (row, self.status) {
            (Some(Row(_, _, kind, class, advice)), _) => (*kind, *class, advice),
            (None, 300..=399) => (
                Spec,
                Permanent,
                "the address redirects elsewhere, which is not followed so that no secret goes there; write the final address into the linked service",
            ),
            (None, 500..=599) => (Unavailable, Transient, "the service failed inside"),
            (None, 0) => (Auth, Permanent, "no request could be sent"),
            _ => (
                Spec,
                Permanent,
                "the address does not answer like a blob service; check the endpoint in the linked service",
            ),
        }
    }

    /// A signature that is refused because of the clock says only that it is refused.
    fn clock_advice(&self) -> Option<&'static str> {
        let refused = self.status == 403 && self.code == "AuthenticationFailed";
        let apart = (Utc::now() - self.server_time?).num_seconds().abs() > CLOCK_TOLERANCE;
        (refused && apart).then_some(
            "the service refused the login because the clock of this machine is off by more than 15 minutes; set it right",
        )
    }
}

fn of_wire(wire: &WireFault) -> (ErrorKind, RetryClass, &'static str) {
    match wire {
        WireFault::Name => (
            Unavailable,
            Reconnect,
            "the name of the storage account was not found; check the account name and the DNS of this machine",
        ),
        WireFault::Refused => {
            (Unavailable, Reconnect, "the host refuses connections; check the endpoint, its port and the firewall")
        }
        WireFault::Certificate(_) => (
            Spec,
            Permanent,
            "the certificate of the host is not trusted; if a company proxy or a private authority signed it, add that authority with --ca-bundle",
        ),
        WireFault::Proxy => (
            Unavailable,
            Reconnect,
            "the proxy opens no way to the service; let it allow the account's host and port, or name another proxy with --proxy",
        ),
        WireFault::ProxyLogin => (
            Auth,
            Permanent,
            "the proxy wants a user and a password; give them in its address, http://USER:PASSWORD@HOST:PORT, in HTTPS_PROXY rather than on the command line",
        ),
        WireFault::Connect(_) => {
            (Unavailable, Reconnect, "no connection to the service; check network, firewall and proxy")
        }
        WireFault::Stalled(_) => (Unavailable, Reconnect, "the connection to the service stood still"),
        WireFault::Broken(_) => (Unavailable, Reconnect, "the connection to the service broke"),
        WireFault::TooLong => (Unavailable, Reconnect, "the service sent an answer of impossible length"),
    }
}

impl From<AzureError> for Fault {
    fn from(error: AzureError) -> Self {
        let mut fault = Self {
            status: 0,
            code: String::new(),
            wire: wire_fault(&error),
            credential: matches!(error.kind(), AzureErrorKind::Credential),
            retry_after: None,
            server_time: None,
        };
        match error.kind() {
            AzureErrorKind::HttpResponse { status, error_code, raw_response } => {
                fault.status = u16::from(*status);
                // Codes are words; anything else is a stranger's text.
                let word = |code: &&String| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric());
                fault.code = error_code.as_ref().filter(word).cloned().unwrap_or_default();
                if let Some(response) = raw_response {
                    fault.retry_after = retry_after(response.headers());
                    fault.server_time = header(response.headers(), "date")
                        .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
                        .map(|date| date.to_utc());
                }
            }
            AzureErrorKind::Credential => {}
            // An answer that came but could not be read: a proxy's page instead of the service's XML.
            _ if fault.wire.is_none() => {
                fault.wire = Some(WireFault::Broken("the answer is not what a blob service sends".into()));
            }
            _ => {}
        }
        fault
    }
}

fn wire_fault(error: &AzureError) -> Option<WireFault> {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if let Some(fault) = cause.downcast_ref::<WireFault>() {
            return Some(fault.clone());
        }
        next = cause.source();
    }
    None
}

fn retry_after(headers: &Headers) -> Option<Duration> {
    let millis = ["x-ms-retry-after-ms", "retry-after-ms"].iter().find_map(|name| header(headers, name)?.parse().ok());
    let pause = millis
        .map(Duration::from_millis)
        .or_else(|| header(headers, "retry-after")?.parse().ok().map(Duration::from_secs))?;
    Some(pause.min(LONGEST_PAUSE))
}

fn header<'a>(headers: &'a Headers, name: &'static str) -> Option<&'a str> {
    headers.get_optional_str(&HeaderName::from_static(name))
}

#[cfg(test)]
mod tests;
