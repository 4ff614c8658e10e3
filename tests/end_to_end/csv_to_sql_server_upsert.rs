//! `csv-to-sql-server-upsert`: CSV files into a table that is there.

use super::{
    csv_files::{Arrivals, ask},
    example::Example,
    kill::survives_sigkill,
    oracle::{Row, assert_same},
    sql_table::SqlTable,
};

/// Rows of the table before. All but one of their ids come again.
const BEFORE: [(u32, &str); 3] = [(1, "old"), (1_999, "old"), (OTHER, "untouched")];
const OTHER: u32 = 1_000_000;

fn before() -> Vec<Row> {
    let row = |(id, name): (u32, &str)| vec![Some(id.to_string()), Some(name.to_owned()), Some("0.00".to_owned())];
    BEFORE.into_iter().map(row).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_changed_or_added_whenever_the_copy_is_killed() {
    let Arrivals { orders, mut example, rows } =
        Arrivals::new("csv-to-sql-server-upsert/pipeline/UpsertIntoTable.json", 4, 500);
    let name = |round: &str| format!("[dbo].[{round}]");
    let make = |round: &str, example: &mut Example| {
        let table = name(round);
        let run = |batch: String| orders.server.execute("Sales", &batch).map(drop).expect("a table");
        run(format!(
            "CREATE TABLE {table} (id int NOT NULL PRIMARY KEY, name nvarchar(100) NULL, amount decimal(18, 2) NULL)"
        ));
        for (id, name) in BEFORE {
            run(format!("INSERT INTO {table} (id, name, amount) VALUES ({id}, N'{name}', 0)"));
        }
        example.give("table", round);
    };
    let query = |round: &str| format!("SELECT id, name, amount FROM {} WHERE id <> {OTHER}", name(round));
    let allowed = [&before()[..2], &rows].concat();
    survives_sigkill(&mut example, &SqlTable { orders: &orders, make: &make, query: &query, allowed }, &rows, 4);
    // The same files once more, as another run: nothing is doubled.
    example.give("table", "whole");
    example.run("again").ended(0);
    assert_same(&ask(&orders, &query("whole")), &rows);
    let other = ask(&orders, &format!("SELECT name FROM {} WHERE id = {OTHER}", name("whole")));
    assert_eq!(other, [[Some("untouched".to_owned())]]);
}
