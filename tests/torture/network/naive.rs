//! The twins: clients that trust the line.

use std::net::SocketAddr;

use ropeway_tests::{
    blob_service::{ACCOUNT, BlobService, KEY},
    fault_proxy::{At, Effect, FaultProxy, Script},
    raw_blob::{Raw, Sending, send},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{end_to_end::oracle::Row, torture::copying::imbalance};

/// Takes the end of a connection for the end of the rows. True if the oracle sees that some are missing.
pub(super) async fn takes_the_end_for_all(rows: &[Row]) -> bool {
    let (listener, text) = (TcpListener::bind("127.0.0.1:0").await.expect("a free port"), text(rows));
    let (server, half) = (listener.local_addr().expect("a bound socket"), text.len() as u64 / 2);
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await?;
        socket.write_all(text.as_bytes()).await?;
        socket.shutdown().await
    });
    let proxy = FaultProxy::start(server).await;
    proxy.only(0, Script::at(At::Received(half), Effect::Close));
    let mut answer = String::new();
    let mut socket = TcpStream::connect(proxy.address()).await.expect("the proxy listens");
    socket.read_to_string(&mut answer).await.expect("an orderly end");
    let (missing, extra) = imbalance(&parsed(&answer), rows);
    missing > 0 && extra <= 1
}

/// Stores a blob over plain HTTP and without a checksum. True if the oracle sees that a row is another one.
pub(super) async fn stores_changed_bytes(rows: &[Row]) -> bool {
    let service = BlobService::http().await;
    service.create_container("twin");
    let address: SocketAddr =
        service.endpoint().split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address");
    let proxy = FaultProxy::start(address).await;
    let text = text(rows);
    // Behind the headers, and a bit that leaves a digit a digit or a letter a letter.
    proxy.only(0, Script::at(At::Sent(text.len() as u64 / 2 + 1_000), Effect::Flip(0)));
    let raw =
        Raw { endpoint: format!("http://{}/{ACCOUNT}", proxy.address()), account: ACCOUNT, key: KEY, authority: None };
    let headers = [("x-ms-blob-type", "BlockBlob")];
    let put = Sending { method: "PUT", path: "/twin/rows.csv", query: &[], headers: &headers, body: text.as_bytes() };
    assert_eq!(send(&raw, &put).await.0, 201, "the service finds nothing wrong");
    let stored = service.blob("twin", "rows.csv").expect("it is stored").bytes;
    imbalance(&parsed(&String::from_utf8_lossy(&stored)), rows) != (0, 0)
}

/// A line for every row, its cells apart by tabs; no cell is null or has one.
fn text(rows: &[Row]) -> String {
    rows.iter().map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join("\t") + "\n").collect()
}

fn parsed(text: &str) -> Vec<Row> {
    text.lines().map(|line| line.split('\t').map(|cell| Some(cell.to_owned())).collect()).collect()
}
