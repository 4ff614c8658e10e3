//! `csv-to-sql-server-procedure`: CSV files to a stored procedure that adds them up, so that a row that it is given twice
//! shows.

use std::fs;

use super::{
    csv_files::{Arrivals, ask},
    example::Example,
    kill::survives_sigkill,
    oracle::{Row, same_rows},
    sql_table::SqlTable,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pipeline-specs/examples/csv-to-sql-server-procedure");

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_is_given_every_row_once_whenever_the_copy_is_killed() {
    let Arrivals { orders, mut example, rows } =
        Arrivals::new("csv-to-sql-server-procedure/pipeline/CopyToProcedure.json", 4, 500);
    // As `sqlcmd` runs it.
    let script = fs::read_to_string(format!("{FOLDER}/procedure.sql")).expect("a script");
    for batch in script.split("\nGO\n").filter(|batch| !batch.trim().is_empty()) {
        orders.server.execute("Sales", batch).unwrap_or_else(|error| panic!("{batch}: {error:?}"));
    }
    let make = |round: &str, example: &mut Example| example.give("source", round);
    let query = |round: &str| format!("SELECT id, name, amount FROM dbo.Received WHERE source = N'{round}'");
    let table = SqlTable { orders: &orders, make: &make, query: &query, allowed: rows.clone() };
    survives_sigkill(&mut example, &table, &rows, 4);
    assert_eq!(orders.server.seen().violations, Vec::<String>::new());

    // With teeth: what is copied twice is twice as much.
    example.give("source", "whole");
    example.run("twice").ended(0);
    let found: Vec<Row> = ask(&orders, &query("whole"));
    let difference = same_rows(&found, &rows).expect_err("other amounts");
    assert_eq!((found.len(), difference.extra), (rows.len(), rows.len() as u64), "{difference}");
}
