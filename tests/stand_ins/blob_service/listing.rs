//! Lists: of containers, of blobs in pages, of blocks.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use chrono::{DateTime, Utc};

use super::{
    answer::Refusal,
    request::Request,
    store::{Blob, Store},
};

/// One page of a container's blobs, in the order of their names.
pub(crate) fn blobs(request: &Request, container: &str, store: &Store) -> Result<String, Refusal> {
    let prefix = request.query("prefix").unwrap_or_default();
    let asked = request.query("maxresults").map(str::parse::<usize>).transpose();
    let asked = asked.map_err(|_| Refusal(400, "InvalidQueryParameterValue"))?.unwrap_or(usize::MAX);
    if asked == 0 {
        return Err(Refusal(400, "OutOfRangeQueryParameterValue"));
    }
    let from = match request.query("marker").filter(|marker| !marker.is_empty()) {
        Some(marker) => unmark(marker).ok_or(Refusal(400, "InvalidQueryParameterValue"))?,
        None => String::new(),
    };
    let delimiter = request.query("delimiter").filter(|delimiter| !delimiter.is_empty());
    let with_metadata = request.query("include").is_some_and(|include| include.split(',').any(|it| it == "metadata"));
    let names = store.names(container).into_iter().filter(|name| name.starts_with(prefix) && *name >= from);
    let mut names = names.peekable();
    let mut page = String::new();
    for _ in 0..asked.min(store.page) {
        let Some(name) = names.next() else { break };
        let shared = delimiter.and_then(|delimiter| {
            let at = name[prefix.len()..].find(delimiter)?;
            Some(name[..prefix.len() + at + delimiter.len()].to_owned())
        });
        match shared {
            Some(shared) => {
                while names.next_if(|name| name.starts_with(&shared)).is_some() {}
                page += &format!("<BlobPrefix>{}</BlobPrefix>", name_element(&shared));
            }
            None => page += &blob_element(&name, store.blob(container, &name), with_metadata),
        }
    }
    let next = names.next().map_or_else(String::new, |name| format!("{MARKER}{}", BASE64_URL_SAFE.encode(name)));
    Ok(format!("<EnumerationResults><Blobs>{page}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"))
}

fn blob_element(name: &str, blob: Option<&Blob>, with_metadata: bool) -> String {
    let Some(blob) = blob else { return String::new() };
    let md5 = blob.md5.as_ref().map_or_else(String::new, |md5| BASE64_STANDARD.encode(md5));
    let metadata: String = blob
        .metadata
        .iter()
        .filter(|_| with_metadata)
        .map(|(name, value)| format!("<{name}>{}</{name}>", escaped(value)))
        .collect();
    // A list has the tag without its quotation marks.
    format!(
        "<Blob>{}<Properties><Last-Modified>{}</Last-Modified><Etag>{}</Etag><Content-Length>{}</Content-Length>\
         <Content-MD5>{md5}</Content-MD5><BlobType>BlockBlob</BlobType></Properties><Metadata>{metadata}</Metadata></Blob>",
        name_element(name),
        http_date(blob.modified),
        blob.etag.trim_matches('"'),
        blob.bytes.len(),
    )
}

/// The form of HTTP, to the second.
pub(crate) fn http_date(moment: DateTime<Utc>) -> String {
    moment.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A name that XML cannot hold is percent-encoded.
fn name_element(name: &str) -> String {
    let odd = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !name.contains(odd) {
        return format!("<Name>{}</Name>", escaped(name));
    }
    let encoded: String = name
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("<Name Encoded=\"true\">{encoded}</Name>")
}

/// A marker is the service's own: nobody may make one of a name.
const MARKER: &str = "2!v1!";

fn unmark(marker: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE.decode(marker.strip_prefix(MARKER)?).ok()?).ok()
}

/// The account's containers.
pub(crate) fn containers(names: &[String]) -> String {
    let all: String = names.iter().map(|name| format!("<Container><Name>{name}</Name></Container>")).collect();
    format!("<EnumerationResults><Containers>{all}</Containers><NextMarker/></EnumerationResults>")
}

/// A blob's blocks: `committed`, `uncommitted` or `all`.
pub(crate) fn block_lists(
    [committed, uncommitted]: &[Vec<(String, usize)>; 2],
    which: &str,
) -> Result<String, Refusal> {
    let list = |name: &str, blocks: &[(String, usize)]| {
        let blocks: String =
            blocks.iter().map(|(id, size)| format!("<Block><Name>{id}</Name><Size>{size}</Size></Block>")).collect();
        format!("<{name}>{blocks}</{name}>")
    };
    let (committed, uncommitted) = (list("CommittedBlocks", committed), list("UncommittedBlocks", uncommitted));
    let lists = match which {
        "committed" => committed,
        "uncommitted" => uncommitted,
        "all" => committed + &uncommitted,
        _ => return Err(Refusal(400, "InvalidQueryParameterValue")),
    };
    Ok(format!("<BlockList>{lists}</BlockList>"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
