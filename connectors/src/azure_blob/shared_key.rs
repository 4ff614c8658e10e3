//! Shared Key: every request is signed with the account's key (`Authorization: SharedKey`).

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use azure_core::http::{
    Context, Method, Request,
    policies::{Policy, PolicyResult},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Standard headers in the order in which they are signed; an absent one is an empty line.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Signs each request right before it is sent.
#[derive(Debug)]
pub(crate) struct SharedKeyPolicy {
    pub(crate) account: String,
    pub(crate) key: SecretSlice<u8>,
}

#[expect(elided_lifetimes_in_paths, reason = "the signature must be exactly that of the client's trait")]
#[async_trait]
impl Policy for SharedKeyPolicy {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let now = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        request.insert_header("x-ms-date", now);
        let length = request.body().len().unwrap_or(0);
        let mut headers: BTreeMap<String, String> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_ascii_lowercase(), value.as_str().trim().to_owned()))
            .collect();
        // The service signs nothing for an empty body, whatever the header says.
        headers.insert("content-length".into(), if length == 0 { String::new() } else { length.to_string() });
        let text = string_to_sign(request.method(), request.url(), &headers, &self.account);
        let signature = sign(&self.key, &text);
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.account));
        next[0].send(context, request, &next[1..]).await
    }
}

fn sign(key: &SecretSlice<u8>, text: &str) -> String {
    // HMAC takes a key of any length, so this cannot fail; an empty signature would be refused.
    Hmac::<Sha256>::new_from_slice(key.expose_secret()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            BASE64_STANDARD.encode(mac.finalize().into_bytes())
        },
    )
}

/// The text that is signed, for service versions since 2015-02-21. Header names are in lower case.
fn string_to_sign(method: Method, url: &Url, headers: &BTreeMap<String, String>, account: &str) -> String {
    let mut text = method.as_ref().to_owned();
    for name in SIGNED {
        // With x-ms-date the Date line stays empty.
        let value = if name == "date" { None } else { headers.get(name) };
        text.push('\n');
        text.push_str(value.map_or("", String::as_str));
    }
    text.push('\n');
    for (name, value) in headers.iter().filter(|(name, _)| name.starts_with("x-ms-")) {
        text.push_str(&format!("{name}:{value}\n"));
    }
    text.push_str(&format!("/{account}{}", url.path()));
    let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        query.entry(name.to_lowercase()).or_default().push(value.into_owned());
    }
    for (name, mut values) in query {
        values.sort();
        text.push_str(&format!("\n{name}:{}", values.join(",")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    // The example of "Authorize with Shared Key" in the service's REST reference.
    #[test]
    fn the_documented_example_canonicalises_as_documented() {
        let url = "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20";
        let headers = headers(&[
            ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ("x-ms-version", "2015-02-21"),
            ("content-length", ""),
        ]);
        assert_eq!(
            string_to_sign(Method::Get, &url.parse().unwrap(), &headers, "myaccount"),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
    }

    #[test]
    fn block_ids_are_signed_decoded_and_paths_as_sent() {
        let url = "https://127.0.0.1:1/acc/box/a%20b?comp=block&blockid=QUI%3D".parse().unwrap();
        let text = string_to_sign(Method::Put, &url, &headers(&[("content-length", "3")]), "acc");
        assert!(text.starts_with("PUT\n\n\n3\n\n\n\n\n\n\n\n\n"), "{text:?}");
        assert!(text.ends_with("/acc/acc/box/a%20b\nblockid:QUI=\ncomp:block"), "{text:?}");
    }

    #[test]
    fn signatures_are_hmac_sha256() {
        // RFC 4231, test case 2.
        let signature = sign(&b"Jefe".to_vec().into(), "what do ya want for nothing?");
        assert_eq!(signature, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
