//! Connections that break while files pass over them, in front of the source and of the sink.

use std::net::SocketAddr;

use ropeway_engine::checkpoint::memory::MemoryCheckpoint;
use ropeway_tests::{
    blob_service,
    fault_proxy::{At, Effect, FaultProxy, Script},
};
use serde_json::{Value, json};

use super::workbench::{Store, files, job};
use crate::{azure_blob::workbench::Target, copy_run::go};

/// Settings that reach the service through this address.
fn via(store: &Store, proxy: SocketAddr) -> Value {
    let endpoint = store.service().endpoint().replace(&address(store).to_string(), &proxy.to_string());
    let (account, key) = (blob_service::ACCOUNT, blob_service::KEY);
    let connection = format!("AccountName={account};AccountKey={key};BlobEndpoint={endpoint}");
    json!({"linkedService": {"connectionString": connection}, "ropeway": {"stallSeconds": 3}})
}

fn address(store: &Store) -> SocketAddr {
    store.service().endpoint().split('/').nth(2).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_whole_over_connections_that_break() {
    let breaks = [
        (At::Sent(1_000), Effect::Close),
        (At::Received(40_000), Effect::Reset),
        (At::Sent(1_200_000), Effect::Reset),
        (At::Received(1_200_000), Effect::Close),
    ];
    let lost = [2, 5].map(|number| (At::Answer(number), Effect::Reset));
    for is_source in [true, false] {
        let (blobs, own) = (Store::Blobs(Target::Fake(Target::fake().await)), Store::files());
        let proxy = FaultProxy::start(address(&blobs)).await;
        let (from, to) = if is_source { (&blobs, &own) } else { (&own, &blobs) };
        from.put(&files()).await;
        let mut broken = 0;
        for (at, effect) in breaks.into_iter().chain(lost) {
            // The first connections break, whichever they are.
            proxy.each(move |number| if number < 4 { Script::at(at, effect) } else { Script::default() });
            let through = via(&blobs, proxy.address());
            let (source, sink) = if is_source { (through, json!({})) } else { (json!({}), through) };
            let mut job = job(from.source(source), to.sink(sink));
            job.settings.read_back = true;
            let summary = go(&job, &MemoryCheckpoint::default()).await;
            let summary = summary.unwrap_or_else(|error| panic!("{at:?} {effect:?}: {error}"));
            assert_eq!((summary.published.files, summary.skipped), (files().len() as u64, 0));
            assert!(to.tree("out").await == files(), "{at:?} {effect:?}");
            broken += proxy.faults();
        }
        assert!(broken > 0, "nothing broke");
    }
}
