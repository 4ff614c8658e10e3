//! `csv-to-sql-server`: CSV files to a table that is made, and emptied before the next run.

use super::{
    csv_files::Arrivals,
    oracle::{assert_same, assert_teeth},
};

#[tokio::test(flavor = "multi_thread")]
async fn files_arrive_in_a_table_as_often_as_they_are_copied() {
    let arrivals = Arrivals::new("csv-to-sql-server/pipeline/CopyToTable.json", 2, 1_000);
    assert_teeth(&arrivals.rows);
    for run in ["first", "second"] {
        arrivals.example.run(run).ended(0);
        assert_same(&arrivals.ask("SELECT id, name, amount FROM dbo.Arrivals"), &arrivals.rows);
    }
    // Finished runs are not run again.
    arrivals.example.resume("first").ended(0);
    assert_eq!(arrivals.ask("SELECT id FROM dbo.Arrivals").len(), arrivals.rows.len());
}
