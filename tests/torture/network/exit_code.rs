//! The whole program over a line that is broken from the start: it gives up soon, says so by its exit code, and a
//! resume finishes the run.

use ropeway_tests::{
    blob_service::ACCOUNT,
    fault_proxy::{At, Effect, FaultProxy, Script},
};

use crate::end_to_end::{oracle::assert_same, orders::Orders};

/// The two ends of a copy.
#[derive(Clone, Copy, Debug)]
enum End {
    Source,
    Sink,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_always_breaks_is_exit_code_4_and_a_resume_finishes_the_run() {
    let (orders, mut example, blob) = Orders::to_blob(200).await;
    // The activity itself would wait for half a minute and try again.
    example.change("pipeline/CopyOrders", |it| it["activities"][0]["policy"]["retry"] = 0.into());
    for (end, id) in [(End::Source, "source"), (End::Sink, "sink")] {
        blob.make(id, &mut example);
        orders.feed(&mut example);
        let server = match end {
            End::Source => orders.server.address,
            End::Sink => {
                let endpoint = blob.service().endpoint();
                endpoint.split('/').nth(2).and_then(|address| address.parse().ok()).expect("an address")
            }
        };
        let proxy = FaultProxy::start(server).await;
        match end {
            End::Source => example.give("server", &format!("localhost,{}", proxy.address().port())),
            End::Sink => example.give("endpoint", &format!("https://{}/{ACCOUNT}", proxy.address())),
        }
        // In the middle of the handshakes.
        proxy.each(|_| Script::at(At::Received(300), Effect::Reset));
        let failed = example.run(id).ended(4);
        assert!(proxy.faults() > 0, "{end:?}: something else failed: {}", failed.stderr);
        assert!(failed.stderr.contains(&format!("resume {id}")), "{end:?}: {}", failed.stderr);
        assert!(blob.rows(id).is_none(), "{end:?}: something is visible");
        proxy.heal();
        example.resume(id).ended(0);
        assert_same(&blob.rows(id).expect("a finished copy"), &orders.rows);
    }
}
