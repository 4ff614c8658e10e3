//! The stand-in keeps the service's rules: what it refuses, the service refuses.

use base64::{Engine, prelude::BASE64_STANDARD};
use md5::{Digest, Md5};
use ropeway_tests::{
    blob_service::{ACCOUNT, BlobService, KEY, crc64},
    raw_blob::{Raw, Sending, send},
};

use super::workbench::{CONTAINER, Target};

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Status and error code.
async fn put(service: &BlobService, path: &str, query: Pairs<'_>, headers: Pairs<'_>, body: &[u8]) -> (u16, String) {
    sent(service, &Sending { method: "PUT", path, query, headers, body }).await
}

async fn get(service: &BlobService, path: &str, query: Pairs<'_>) -> (u16, String) {
    sent(service, &Sending { method: "GET", path, query, headers: &[], body: b"" }).await
}

async fn sent(service: &BlobService, sending: &Sending<'_>) -> (u16, String) {
    let authority = Some(service.ca().unwrap().authority());
    let raw = Raw { endpoint: service.endpoint(), account: ACCOUNT, key: KEY, authority };
    let (status, body) = send(&raw, sending).await;
    let text = String::from_utf8(body).unwrap();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (status, code.map_or(text.clone(), |(code, _)| code.to_owned()))
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn checksums_are_compared() {
    let service = Target::fake().await;
    let path = format!("/{CONTAINER}/a");
    let id = BASE64_STANDARD.encode("block");
    let crc = |bytes: &[u8]| BASE64_STANDARD.encode(crc64(bytes));
    let md5 = |bytes: &[u8]| BASE64_STANDARD.encode(Md5::digest(bytes));
    let block = [("comp", "block"), ("blockid", id.as_str())];
    let list = format!("<BlockList><Latest>{id}</Latest></BlockList>");
    let blob_type = ("x-ms-blob-type", "BlockBlob");
    for (query, body, own) in [
        (&block[..], "body", None),
        (&[("comp", "blocklist")][..], list.as_str(), None),
        (&[][..], "body", Some(blob_type)),
    ] {
        for (header, good, bad, code) in [
            ("x-ms-content-crc64", crc(body.as_bytes()), crc(b"other"), "Crc64Mismatch"),
            ("content-md5", md5(body.as_bytes()), md5(b"other"), "Md5Mismatch"),
        ] {
            let headers = |value| own.into_iter().chain([(header, value)]).collect::<Vec<_>>();
            assert_eq!(put(&service, &path, query, &headers(bad.as_str()), body.as_bytes()).await, refused(400, code));
            assert_eq!(
                put(&service, &path, query, &headers(good.as_str()), body.as_bytes()).await.0,
                201,
                "{query:?} {header}"
            );
        }
    }
    assert_eq!(service.blob(CONTAINER, "a").unwrap().bytes, b"body");
    let both = [("x-ms-content-crc64", crc(b"x")), ("content-md5", md5(b"x"))];
    let both: Vec<_> = both.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(put(&service, &path, &block, &both, b"x").await, refused(400, "InvalidHeaderValue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_made_once_and_lists_come_in_pages() {
    let service = Target::fake().await;
    let container = [("restype", "container")];
    assert_eq!(put(&service, "/fresh", &container, &[], b"").await.0, 201);
    assert_eq!(put(&service, "/fresh", &container, &[], b"").await, refused(409, "ContainerAlreadyExists"));
    assert_eq!(put(&service, "/Fresh", &container, &[], b"").await, refused(400, "InvalidResourceName"));
    assert_eq!(get(&service, "/absent", &container).await, refused(404, "ContainerNotFound"));
    let names: Vec<String> = (0..7).map(|number| format!("part {number}&more")).collect();
    for name in names.iter().rev() {
        service.put("fresh", name, b"x");
    }
    let (mut seen, mut marker, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let query = [container[0], ("comp", "list"), ("maxresults", "3"), ("marker", marker.as_str())];
        let (status, text) = get(&service, "/fresh", &query).await;
        assert_eq!(status, 200, "{text}");
        let name = |rest: &str| rest.split("</Name>").next().unwrap().replace("&amp;", "&");
        seen.extend(text.split("<Name>").skip(1).map(name));
        pages += 1;
        let next = text.split_once("<NextMarker>").unwrap().1.split("</NextMarker>").next().unwrap();
        marker = next.to_owned();
        if marker.is_empty() {
            break;
        }
    }
    assert_eq!((seen, pages), (names, 3));
    let forged = [container[0], ("comp", "list"), ("marker", "part-3")];
    assert_eq!(get(&service, "/fresh", &forged).await, refused(400, "InvalidQueryParameterValue"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_or_a_put_discards_blocks_and_conditions_hold() {
    let service = Target::fake().await;
    let path = format!("/{CONTAINER}/a");
    let ids = ["one", "two"].map(|id| BASE64_STANDARD.encode(id));
    let stage = async |id: &str| put(&service, &path, &[("comp", "block"), ("blockid", id)], &[], id.as_bytes()).await;
    let commit = async |ids: &[&String], headers: Pairs<'_>| {
        let list: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
        let list = format!("<?xml version=\"1.0\"?><BlockList>{list}</BlockList>");
        put(&service, &path, &[("comp", "blocklist")], headers, list.as_bytes()).await
    };
    let lists = async |which| get(&service, &path, &[("comp", "blocklist"), ("blocklisttype", which)]).await;
    let (absent, blob_type) = (("if-none-match", "*"), ("x-ms-blob-type", "BlockBlob"));

    assert_eq!(lists("all").await, refused(404, "BlobNotFound"));
    for id in &ids {
        assert_eq!(stage(id).await.0, 201);
    }
    let (_, text) = lists("uncommitted").await;
    assert!(ids.iter().all(|id| text.contains(id)) && !text.contains("CommittedBlocks></C"), "{text}");
    assert_eq!(commit(&[&ids[0]], &[absent]).await.0, 201);
    // The other one is gone.
    assert_eq!(commit(&[&ids[0], &ids[1]], &[]).await, refused(400, "InvalidBlockList"));
    assert_eq!(commit(&[&ids[0]], &[absent]).await, refused(409, "BlobAlreadyExists"));
    assert_eq!(commit(&[&ids[0]], &[("if-match", "\"0x0\"")]).await, refused(412, "ConditionNotMet"));
    let etag = service.blob(CONTAINER, "a").unwrap().etag;
    assert_eq!(commit(&[&ids[0]], &[("if-match", &etag)]).await.0, 201);

    assert_eq!(stage(&ids[1]).await.0, 201);
    assert_eq!(put(&service, &path, &[], &[], b"whole").await, refused(400, "MissingRequiredHeader"));
    assert_eq!(put(&service, &path, &[], &[blob_type, absent], b"whole").await, refused(409, "BlobAlreadyExists"));
    assert_eq!(put(&service, &path, &[], &[blob_type], b"whole").await.0, 201);
    assert_eq!(commit(&[&ids[1]], &[]).await, refused(400, "InvalidBlockList"));
    assert_eq!(service.blob(CONTAINER, "a").unwrap().bytes, b"whole");

    let long = BASE64_STANDARD.encode([7; 65]);
    assert_eq!(stage(&long).await, refused(400, "InvalidQueryParameterValue"));
    for broken in ["<BlockList>", "<BlockList><Newest>b25l</Newest></BlockList>", "[]"] {
        let answer = put(&service, &path, &[("comp", "blocklist")], &[], broken.as_bytes()).await;
        assert_eq!(answer, refused(400, "InvalidXmlDocument"));
    }
}
