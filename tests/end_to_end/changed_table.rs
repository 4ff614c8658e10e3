//! A table that gets another column between the plan and the resume.

use std::time::Duration;

use ropeway_tests::sql_server::Fault;
use serde_json::json;

use super::{
    oracle::assert_same,
    orders::{Orders, READ},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_refuses_other_columns_and_a_new_run_takes_them() {
    let (orders, mut example, blob) = Orders::to_blob(3_000).await;
    example.change("pipeline/CopyOrders", |it| it["activities"][0]["policy"]["retry"] = json!(0));
    blob.make("orders", &mut example);
    orders.server.on(READ, Fault::SlowRows(Duration::from_millis(1)), usize::MAX);
    let mut child = example.start("changed");
    while !orders.server.seen().statements.iter().any(|text| text.starts_with(READ)) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(child.try_wait().expect("our child").is_none(), "it ended before it read a row");
    }
    child.kill().expect("our child");
    example.said(child.wait_with_output().expect("our child"));
    orders.server.clear_faults();
    orders.server.execute("Sales", "ALTER TABLE dbo.Orders ADD Note nvarchar(20) NULL").expect("a new column");

    let refused = example.resume("changed").ended(1);
    let message = refused.stderr.lines().find(|line| line.starts_with("error: ")).expect("a message");
    for said in ["Note", "start a new run"] {
        assert!(message.contains(said), "'{said}' is missing in {message}");
    }
    assert_eq!(blob.visible("orders"), Vec::<String>::new());

    example.run("anew").ended(0);
    let expected: Vec<_> = orders.rows.iter().map(|row| [&row[..], &[None]].concat()).collect();
    assert_same(&blob.rows("orders").expect("a finished copy"), &expected);
}
