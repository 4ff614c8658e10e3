//! Shared Key and shared access signatures as the blob service checks them, written apart from
//! Ropeway's own signing.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// What is signed of a request. Header names are in lower case.
pub struct Signed<'a> {
    /// `PUT`.
    pub method: &'a str,
    /// As sent, percent-encoding included.
    pub path: &'a str,
    /// Decoded names and values.
    pub query: &'a [(String, String)],
    /// All headers.
    pub headers: &'a [(String, String)],
}

/// The signature of a request.
pub fn shared_key(request: &Signed<'_>, account: &str, key: &str) -> String {
    let header = |name: &str| {
        request.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let length = Some(header("content-length")).filter(|length| length != "0").unwrap_or_default();
    let date = if header("x-ms-date").is_empty() { header("date") } else { String::new() };
    let mut lines = vec![
        request.method.to_owned(),
        header("content-encoding"),
        header("content-language"),
        length,
        header("content-md5"),
        header("content-type"),
        date,
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
    ];
    let mut own: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
    own.sort();
    lines.extend(own.iter().map(|(name, value)| format!("{name}:{}", value.trim())));
    lines.push(format!("/{account}{}", request.path));
    let mut query = request.query.to_vec();
    query.sort();
    lines.extend(query.iter().map(|(name, value)| format!("{}:{value}", name.to_lowercase())));
    hmac(key, &lines.join("\n"))
}

/// An account SAS for blobs with these permissions, until `expiry` (`2030-01-01T00:00:00Z`): a query
/// without `?`.
pub fn account_sas(account: &str, key: &str, permissions: &str, expiry: &str) -> String {
    let signature = sas_signature(account, key, permissions, expiry);
    let encode = |text: &str| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace(':', "%3A");
    format!(
        "sv=2022-11-02&ss=b&srt=sco&sp={permissions}&se={}&spr=https,http&sig={}",
        encode(expiry),
        encode(&signature)
    )
}

/// The `sig` of [`account_sas`].
pub fn sas_signature(account: &str, key: &str, permissions: &str, expiry: &str) -> String {
    hmac(key, &format!("{account}\n{permissions}\nb\nsco\n\n{expiry}\n\nhttps,http\n2022-11-02\n\n"))
}

fn hmac(key: &str, text: &str) -> String {
    let key = BASE64_STANDARD.decode(key).expect("a key is base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any length");
    mac.update(text.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}
