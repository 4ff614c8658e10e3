//! `sql-server-to-parquet-folder`: a query, cut by a range, to a folder.

use std::time::Duration;

use ropeway_tests::sql_server::Fault;

use super::{
    example::Example,
    kill::survives_sigkill,
    orders::Orders,
    place::{Place, Shape},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_query_survives_sigkill_on_its_way_to_a_folder() {
    let orders = Orders::new(6_000);
    let mut example = Example::new("sql-server-to-parquet-folder/pipeline/CopyOrdersSince.json");
    orders.feed(&mut example);
    example.give("since", "2024-01-15");
    orders.server.on("SELECT * FROM dbo.Orders", Fault::SlowRows(Duration::from_micros(300)), usize::MAX);
    let folder = Place::local(Shape::Folder("ropeway-out/orders/2024/01/15"));
    let expected = orders.since("2024-01-15");
    assert!(expected.len() > 1_000 && expected.len() < orders.rows.len(), "the query leaves rows out");
    survives_sigkill(&mut example, &folder, &expected, 2);
}
