//! `sql-server-to-parquet-blob`: a table to one blob.

use std::time::Duration;

use ropeway_tests::sql_server::Fault;

use super::{
    example::Example,
    kill::survives_sigkill,
    orders::Orders,
    place::{Place, Shape},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_table_survives_sigkill_on_its_way_to_one_blob() {
    let orders = Orders::new(6_000);
    let mut example = Example::new("sql-server-to-parquet-blob/pipeline/CopyOrders.json");
    orders.feed(&mut example);
    orders.server.on("SELECT * FROM [dbo].[Orders]", Fault::SlowRows(Duration::from_micros(200)), usize::MAX);
    let blob = Place::fake(Shape::Single("raw/orders.parquet")).await;
    survives_sigkill(&mut example, &blob, &orders.rows, 4);
}
