//! The twin: a client that takes a lost answer for a failure.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ropeway_tests::raw_blob::{Sending, client, try_send};

use crate::{
    end_to_end::oracle::Row,
    torture::copying::{imbalance, targets::BlobStore},
};

/// Rows that it appends at once.
const SOME: usize = 100;

/// Appends the rows to a blob, some at a time: one block more, and a list of all blocks so far. Where no answer
/// comes it appends the same rows again, under another name. True if the oracle sees rows twice and misses none.
pub(super) async fn doubles(store: &BlobStore, name: &str, rows: &[Row]) -> bool {
    append_all(store, name, rows).await.is_some_and(|found| imbalance(&found, rows) == (0, SOME as u64))
}

/// What the blob holds in the end; `None` if the service refuses a list, because a block did not get there.
async fn append_all(store: &BlobStore, name: &str, rows: &[Row]) -> Option<Vec<Row>> {
    let raw = store.raw();
    let raw = &raw;
    let client = &client(raw.authority.as_ref());
    let path = &store.path(name);
    let put = async |query: &[(&str, &str)], body: &[u8]| {
        let sending = Sending { method: "PUT", path, query, headers: &[], body };
        match try_send(client, raw, &sending).await {
            Ok((201, _)) => Some(true),
            Ok(_) => None,
            Err(_) => Some(false),
        }
    };
    let mut ids = Vec::new();
    for some in rows.chunks(SOME) {
        let text: String = some.iter().map(|row| cells(row) + "\n").collect();
        loop {
            let id = BASE64_STANDARD.encode(format!("{:08}", ids.len()));
            let block = put(&[("comp", "block"), ("blockid", &id)], text.as_bytes()).await?;
            ids.push(id);
            let list: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
            let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{list}</BlockList>");
            if block && put(&[("comp", "blocklist")], list.as_bytes()).await? {
                break;
            }
        }
    }
    let get = Sending { method: "GET", path, query: &[], headers: &[], body: b"" };
    let (status, body) = try_send(client, raw, &get).await.expect("an answer");
    assert_eq!(status, 200);
    let text = String::from_utf8(body).expect("our own text");
    Some(text.lines().map(|line| line.split(',').map(|cell| Some(cell.to_owned())).collect()).collect())
}

/// None of these rows has a null or a comma.
fn cells(row: &Row) -> String {
    row.iter().flatten().cloned().collect::<Vec<_>>().join(",")
}
