//! Answers, in the service's form.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, header::HeaderValue};

/// A status and its `x-ms-error-code`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal(pub(crate) u16, pub(crate) &'static str);

/// An answer with these headers.
pub(crate) fn answer(status: u16, headers: &[(&'static str, String)], body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let own = [("date", date), ("x-ms-version", "2025-11-05".to_owned())];
    for (name, value) in own.iter().chain(headers) {
        response.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header value"));
    }
    response
}

/// An error: XML, unless the request was a HEAD.
pub(crate) fn refuse(Refusal(status, code): Refusal, head: bool) -> Response<Full<Bytes>> {
    let body = format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>canary-in-a-body</Message></Error>"
    );
    let headers = [("x-ms-error-code", code.to_owned()), ("content-type", "application/xml".to_owned())];
    answer(status, &headers, if head { String::new() } else { body })
}
