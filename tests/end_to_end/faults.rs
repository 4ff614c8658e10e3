//! Both ends fail in one run, and the rows are right all the same.

use ropeway_tests::{
    blob_service::{Effect, Fault as BlobFault, Operation},
    sql_server::{Fault, SqlError},
};
use serde_json::Value;

use super::{
    oracle::assert_same,
    orders::{Orders, READ},
};

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_busy_blobs_and_lost_answers_change_no_row() {
    let (orders, mut example, blob) = Orders::to_blob(6_000).await;

    blob.make("calm", &mut example);
    let calm = example.run("calm").ended(0).json();
    assert_eq!(retried(&calm), 0, "{calm:#}");
    assert_same(&blob.rows("calm").expect("a finished copy"), &orders.rows);

    let deadlock = SqlError::new(1205, 13, "Transaction was deadlocked on lock resources.");
    orders.server.on(READ, Fault::BreakAfterBytes(9_000), 2);
    orders.server.on_after(2, READ, Fault::ErrorAfterRows(300, deadlock), 2);
    let fault = |operation, skip, times, effect| BlobFault { operation, skip, times, effect };
    blob.service().inject(fault(Operation::PutBlock, 1, 3, Effect::Busy(Some(0))));
    blob.service().inject(fault(Operation::PutBlock, 2, 1, Effect::Reset));
    blob.service().inject(BlobFault::once(Operation::PutBlockList, Effect::LoseAnswer));
    blob.make("stormy", &mut example);
    let stormy = example.run("stormy").ended(0).json();
    assert!(retried(&stormy) >= 4, "{stormy:#}");
    assert_eq!(stormy["activityRuns"][0]["output"]["rowsCopied"], orders.rows.len());
    assert_same(&blob.rows("stormy").expect("a finished copy"), &orders.rows);
    let commits =
        blob.service().log().iter().filter(|line| line.contains("/stormy/") && line.contains("blocklist")).count();
    assert!(commits >= 2, "the commit whose answer was lost was asked after: {commits}");
}

fn retried(report: &Value) -> u64 {
    report["activityRuns"][0]["output"]["ropeway"]["chunks"]["retried"].as_u64().expect("a count")
}
