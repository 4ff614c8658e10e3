//! `csv-to-sql-server`: CSV files to a table that is made, and emptied before the next run.

use std::fs;

use super::{
    example::Example,
    oracle::{Row, assert_same, assert_teeth},
    orders::{Orders, PASSWORD},
};

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_in_a_table_as_often_as_they_are_copied() {
    let orders = Orders::new(1);
    let mut example = Example::new("csv-to-sql-server/pipeline/CopyToTable.json");
    example.give("server", &format!("localhost,{}", orders.server.port()));
    example.secret("LS_SqlServer", "password", PASSWORD);
    example.trust(&orders.server.ca_pem);
    let folder = example.path("in/ropeway-in");
    fs::create_dir_all(&folder).expect("a writable folder");
    let row = |id: u32| vec![Some(id.to_string()), Some(format!("Zo\u{eb} {id}")), Some(format!("{}.5", id / 3))];
    let mut expected: Vec<Row> = Vec::new();
    for (name, first) in [("a.csv", 0), ("b.csv", 1_000)] {
        let rows: Vec<Row> = (first..first + 1_000).map(row).collect();
        let lines = rows.iter().map(|row| row.iter().flatten().cloned().collect::<Vec<_>>().join(","));
        let text = std::iter::once("id,name,amount".to_owned()).chain(lines).collect::<Vec<_>>().join("\n");
        fs::write(folder.join(name), text + "\n").expect("a writable folder");
        expected.extend(rows);
    }
    example.give("root", example.path("in").to_str().expect("a plain path"));
    assert_teeth(&expected);
    for run in ["first", "second"] {
        example.run(run).ended(0);
        let rows = orders.server.execute("Sales", "SELECT id, name, amount FROM dbo.Arrivals").expect("a table");
        let rows: Vec<Row> = rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect();
        assert_same(&rows, &expected);
    }
    // Finished runs are not run again.
    example.resume("first").ended(0);
    let rows = orders.server.execute("Sales", "SELECT id FROM dbo.Arrivals").expect("a table");
    assert_eq!(rows.len(), expected.len());
}
