//! Lists: of containers, of blobs in pages, of blocks.

use base64::{Engine, prelude::BASE64_URL_SAFE};

use super::{answer::Refusal, request::Request, store::Store};

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
    let names = store.names(container).into_iter().filter(|name| name.starts_with(prefix) && *name >= from);
    let mut names = names.peekable();
    let mut page = String::new();
    for name in names.by_ref().take(asked.min(store.page)) {
        let length = store.blob(container, &name).map_or(0, |blob| blob.bytes.len());
        page += &format!(
            "<Blob><Name>{}</Name><Properties><Content-Length>{length}</Content-Length></Properties></Blob>",
            escaped(&name)
        );
    }
    let next = names.next().map_or_else(String::new, |name| format!("{MARKER}{}", BASE64_URL_SAFE.encode(name)));
    Ok(format!("<EnumerationResults><Blobs>{page}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>"))
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
