//! Signed requests to a blob service, apart from Ropeway's client: tests and the demo make containers and
//! read blobs back with them.

use std::path::PathBuf;

use crate::{
    private_ca,
    shared_key::{Signed, shared_key},
};

/// An address and its key, for requests apart from Ropeway's client.
pub struct Raw<'a> {
    /// With the account.
    pub endpoint: String,
    /// Its name.
    pub account: &'a str,
    /// In base64.
    pub key: &'a str,
    /// Who signed its certificate; `None` for plain HTTP.
    pub authority: Option<PathBuf>,
}

/// Sends one signed request; the answer is its status and its body.
pub async fn signed(raw: &Raw<'_>, method: &str, path: &str, query: &[(&str, &str)], body: Vec<u8>) -> (u16, Vec<u8>) {
    send(raw, &Sending { method, path, query, headers: &[], body: &body }).await
}

/// A request that is not signed yet.
#[derive(Clone, Copy)]
pub struct Sending<'a> {
    /// `PUT`.
    pub method: &'a str,
    /// `/container/blob`.
    pub path: &'a str,
    /// Names and values.
    pub query: &'a [(&'a str, &'a str)],
    /// More headers, in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// What it carries.
    pub body: &'a [u8],
}

/// The same with headers.
pub async fn send(raw: &Raw<'_>, sending: &Sending<'_>) -> (u16, Vec<u8>) {
    try_send(&client(raw.authority.as_ref()), raw, sending).await.expect("an answer")
}

/// The same over the connections of this client.
///
/// # Errors
/// No answer came.
pub async fn try_send(
    client: &reqwest::Client,
    raw: &Raw<'_>,
    sending: &Sending<'_>,
) -> reqwest::Result<(u16, Vec<u8>)> {
    let Sending { method, path, query, headers: more, body } = *sending;
    let mut url: reqwest::Url = format!("{}{path}", raw.endpoint).parse().expect("a URL or a method");
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut headers: Vec<(String, String)> = vec![
        ("x-ms-date".into(), chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("x-ms-version".into(), "2025-11-05".into()),
        ("content-length".into(), body.len().to_string()),
    ];
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let query: Vec<_> = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let signature =
        shared_key(&Signed { method, path: url.path(), query: &query, headers: &headers }, raw.account, raw.key);
    headers.push(("authorization".into(), format!("SharedKey {}:{signature}", raw.account)));
    let mut request = client.request(method.parse().expect("a URL or a method"), url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = request.body(body.to_vec()).send().await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}

/// A client that trusts this authority.
pub fn client(authority: Option<&PathBuf>) -> reqwest::Client {
    let config = private_ca::client_config(authority.map(PathBuf::as_path));
    reqwest::Client::builder().tls_backend_preconfigured(config).no_proxy().build().expect("a client")
}
