//! `sql-server-to-parquet-blob`: a table to one blob.

use std::time::Duration;

use ropeway_tests::sql_server::Fault;

use super::{
    kill::survives_sigkill,
    orders::{Orders, READ},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_survives_sigkill_on_its_way_to_one_blob() {
    let (orders, mut example, blob) = Orders::to_blob(6_000).await;
    orders.server.on(READ, Fault::SlowRows(Duration::from_micros(200)), usize::MAX);
    survives_sigkill(&mut example, &blob, &orders.rows, 4);
}
