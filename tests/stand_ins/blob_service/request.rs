//! One request: what it asks, and what happens.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, http::request::Parts};
use md5::{Digest, Md5};

use super::{
    ACCOUNT,
    answer::{Refusal, answer, refuse},
    authorization,
    crc64::crc64,
    fault::Operation,
    listing,
    store::{BlockList, Conditions, Store, Upload},
};

/// Bytes of a block's id before base64, at most.
const LONGEST_ID: usize = 64;

/// A request without its body.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// As sent.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(parts: &Parts) -> Self {
        let query = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let headers = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Self {
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: query
                .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
                .map(|(name, value)| (decoded(name), decoded(value)))
                .collect(),
            headers: headers.collect(),
        }
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn operation(&self) -> Operation {
        match (self.method.as_str(), self.query("comp")) {
            ("PUT", Some("block")) => Operation::PutBlock,
            ("PUT", Some("blocklist")) => Operation::PutBlockList,
            ("HEAD", None) => Operation::Head,
            ("GET", Some("list")) => Operation::List,
            ("GET", None) => Operation::Get,
            ("DELETE", None) => Operation::Delete,
            _ => Operation::Any,
        }
    }

    /// For the log: no signature.
    pub(crate) fn line(&self) -> String {
        let query: Vec<_> = self.query.iter().filter(|(name, _)| name != "sig").collect();
        format!("{} {} {query:?}", self.method, self.path)
    }

    /// Does it.
    pub(crate) fn answer(&self, body: Bytes, store: &mut Store) -> Response<Full<Bytes>> {
        let done = authorization::check(self).and_then(|()| self.apply(body, store));
        done.unwrap_or_else(|refusal| refuse(refusal, self.method == "HEAD"))
    }

    fn apply(&self, body: Bytes, store: &mut Store) -> Result<Response<Full<Bytes>>, Refusal> {
        if self.path.contains("//") {
            return Err(Refusal(400, "InvalidUri"));
        }
        let path = decoded(&self.path);
        let mut steps = path.trim_start_matches('/').splitn(3, '/');
        if steps.next() != Some(ACCOUNT) {
            return Err(Refusal(400, "InvalidUri"));
        }
        let comp = self.query("comp");
        let container = match steps.next() {
            Some(container) if !container.is_empty() => container,
            _ if comp == Some("list") => return Ok(xml(listing::containers(&store.container_names()))),
            _ => return Err(Refusal(400, "InvalidUri")),
        };
        let Some(name) = steps.next().filter(|name| !name.is_empty()) else {
            return self.on_container(container, store);
        };
        let at = (container, name);
        match (self.method.as_str(), comp) {
            ("PUT", Some("block")) => {
                let id = self.block_id()?;
                if self.header("content-length") != Some(body.len().to_string().as_str()) || body.is_empty() {
                    return Err(Refusal(411, "MissingContentLengthHeader"));
                }
                self.intact(&body)?;
                store.put_block(at, id, body)?;
                Ok(answer(201, &[], ""))
            }
            ("PUT", Some("blocklist")) => {
                self.intact(&body)?;
                let etag = store.put_block_list(at, &self.block_list(&body)?)?;
                Ok(answer(201, &[("etag", etag)], ""))
            }
            ("PUT", None) => {
                if self.header("x-ms-blob-type") != Some("BlockBlob") {
                    return Err(Refusal(400, "MissingRequiredHeader"));
                }
                self.intact(&body)?;
                let (metadata, content_type) = self.properties()?;
                let upload = Upload { bytes: body, metadata, content_type, conditions: self.conditions() };
                Ok(answer(201, &[("etag", store.put_blob(at, upload)?)], ""))
            }
            ("GET", Some("blocklist")) => {
                let which = self.query("blocklisttype").unwrap_or("committed");
                listing::block_lists(&store.block_list(at)?, which).map(xml)
            }
            ("HEAD" | "GET", None) => self.read(at, store),
            ("DELETE", None) => store.delete(at, &self.conditions()).map(|()| answer(202, &[], "")),
            _ => Err(Refusal(400, "UnsupportedHttpVerb")),
        }
    }

    fn on_container(&self, container: &str, store: &mut Store) -> Result<Response<Full<Bytes>>, Refusal> {
        if self.query("restype") != Some("container") {
            return Err(Refusal(400, "InvalidQueryParameterValue"));
        }
        if (self.method.as_str(), self.query("comp")) == ("PUT", None) {
            return store.add_container(container).map(|()| answer(201, &[], ""));
        }
        store.has(container)?;
        match (self.method.as_str(), self.query("comp")) {
            ("GET", Some("list")) => listing::blobs(self, container, store).map(xml),
            ("GET" | "HEAD", None) => Ok(answer(200, &[], "")),
            _ => Err(Refusal(400, "UnsupportedHttpVerb")),
        }
    }

    fn block_id(&self) -> Result<&str, Refusal> {
        let id = self.query("blockid").ok_or(Refusal(400, "MissingRequiredQueryParameter"))?;
        let raw = BASE64_STANDARD.decode(id).map_err(|_| Refusal(400, "InvalidQueryParameterValue"))?;
        if (1..=LONGEST_ID).contains(&raw.len()) { Ok(id) } else { Err(Refusal(400, "InvalidQueryParameterValue")) }
    }

    /// Compares the body with the checksums that came with it.
    fn intact(&self, body: &[u8]) -> Result<(), Refusal> {
        let sent = |name, refusal| {
            let value = self.header(name).map(|value| BASE64_STANDARD.decode(value));
            value.transpose().map_err(|_| Refusal(400, refusal))
        };
        let md5 = sent("content-md5", "InvalidMd5")?;
        let crc = sent("x-ms-content-crc64", "InvalidHeaderValue")?;
        match (md5, crc) {
            (Some(_), Some(_)) => Err(Refusal(400, "InvalidHeaderValue")),
            (Some(md5), _) if md5.len() != 16 => Err(Refusal(400, "InvalidMd5")),
            (Some(md5), _) if md5 != Md5::digest(body).as_slice() => Err(Refusal(400, "Md5Mismatch")),
            (_, Some(crc)) if crc.len() != 8 => Err(Refusal(400, "InvalidHeaderValue")),
            (_, Some(crc)) if crc != crc64(body) => Err(Refusal(400, "Crc64Mismatch")),
            _ => Ok(()),
        }
    }

    fn read(&self, at: (&str, &str), store: &Store) -> Result<Response<Full<Bytes>>, Refusal> {
        let blob = store.read(at, &self.conditions())?;
        let range = self.header("x-ms-range").or_else(|| self.header("range"));
        let whole = blob.bytes.len();
        let (mut status, mut bytes) = (200, &blob.bytes[..]);
        let mut headers = vec![
            ("etag", blob.etag.clone()),
            ("x-ms-blob-type", "BlockBlob".to_owned()),
            ("last-modified", listing::http_date(blob.modified)),
        ];
        if let Some((first, last)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
            let first: usize = first.parse().map_err(|_| Refusal(400, "InvalidHeaderValue"))?;
            let last = last.parse().unwrap_or(usize::MAX).min(whole.saturating_sub(1));
            if first >= whole {
                return Err(Refusal(416, "InvalidRange"));
            }
            if last < first {
                return Err(Refusal(400, "InvalidHeaderValue"));
            }
            (status, bytes) = (206, &blob.bytes[first..=last]);
            headers.push(("content-range", format!("bytes {first}-{last}/{whole}")));
        }
        if self.method == "HEAD" {
            headers.push(("content-length", whole.to_string()));
        }
        if let Some(md5) = &blob.md5 {
            // That of a part is another one.
            let name = if status == 206 { "x-ms-blob-content-md5" } else { "content-md5" };
            headers.push((name, BASE64_STANDARD.encode(md5)));
        }
        let body = if self.method == "HEAD" { Bytes::new() } else { Bytes::copy_from_slice(bytes) };
        let mut response = answer(status, &headers, body);
        for (name, value) in &blob.metadata {
            let name = hyper::header::HeaderName::try_from(format!("x-ms-meta-{name}")).expect("checked at the commit");
            response.headers_mut().insert(name, value.parse().expect("checked at the commit"));
        }
        Ok(response)
    }

    fn conditions(&self) -> Conditions {
        let owned = |name| self.header(name).map(str::to_owned);
        Conditions { if_match: owned("if-match"), if_none_match: owned("if-none-match") }
    }

    fn block_list(&self, body: &[u8]) -> Result<BlockList, Refusal> {
        let invalid = Refusal(400, "InvalidXmlDocument");
        let text = std::str::from_utf8(body).map_err(|_| invalid)?;
        let text = text.trim_start_matches('\u{feff}').trim();
        let text = text.strip_prefix("<?").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest).trim();
        let empty = text == "<BlockList/>" || text == "<BlockList />";
        let inside = if empty { Some("") } else { text.strip_prefix("<BlockList>") };
        let mut rest = inside.ok_or(invalid)?.trim();
        let mut entries = Vec::new();
        while !empty && rest != "</BlockList>" {
            let (kind, after) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or(invalid)?;
            if !matches!(kind, "Committed" | "Uncommitted" | "Latest") {
                return Err(invalid);
            }
            let (id, after) = after.split_once(&format!("</{kind}>")).ok_or(invalid)?;
            entries.push((kind.to_owned(), id.trim().to_owned()));
            rest = after.trim();
        }
        let (metadata, content_type) = self.properties()?;
        let md5 = self.header("x-ms-blob-content-md5").map(|md5| BASE64_STANDARD.decode(md5));
        let md5 = md5.transpose().ok().filter(|md5| md5.as_ref().is_none_or(|md5| md5.len() == 16));
        let md5 = md5.ok_or(Refusal(400, "InvalidMd5"))?;
        Ok(BlockList { entries, metadata, content_type, md5, conditions: self.conditions() })
    }

    /// Metadata and media type that a write sets.
    fn properties(&self) -> Result<(BTreeMap<String, String>, String), Refusal> {
        let metadata: BTreeMap<String, String> = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("x-ms-meta-")?.to_owned(), value.clone())))
            .collect();
        let identifier = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if metadata.keys().any(|name| !identifier(name)) {
            return Err(Refusal(400, "InvalidMetadata"));
        }
        Ok((metadata, self.header("x-ms-blob-content-type").unwrap_or_default().to_owned()))
    }
}

fn xml(body: String) -> Response<Full<Bytes>> {
    answer(
        200,
        &[("content-type", "application/xml".to_owned())],
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{body}"),
    )
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
