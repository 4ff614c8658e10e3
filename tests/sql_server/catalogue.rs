//! A server whose catalogue says less than SQL Server's is copied all the same.

use ropeway_engine::ErrorKind;
use ropeway_tests::sql_server::{Fault, SqlError};

use super::*;

const ALWAYS: usize = 1_000;

fn four_hundred_rows() -> Option<Stage> {
    let mut batch = "CREATE TABLE dbo.t (n int NOT NULL PRIMARY KEY);".to_owned();
    for first in (0..400).step_by(100) {
        let rows: Vec<_> = (first..first + 100).map(|n| format!("({n})")).collect();
        batch.push_str(&format!("INSERT INTO dbo.t VALUES {};", rows.join(", ")));
    }
    Stage::stand_in("it needs a server whose catalogue can be taken away", &batch)
}

fn lack(stage: &Stage, views: &[&str]) {
    for view in views {
        let error = SqlError::new(208, 16, format!("Invalid object name '{view}'."));
        stage.server().on(view, Fault::Error(error), ALWAYS);
    }
}

async fn numbers(source: &dyn Source) -> (Vec<usize>, usize) {
    let (batches, chunks) = read_all(source).await.unwrap();
    let mut numbers: Vec<usize> = texts(&batches, "n").into_iter().map(|n| n.unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    (numbers, chunks)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_statistics_the_rows_are_counted() {
    let Some(stage) = four_hundred_rows() else { return };
    lack(&stage, &["sys.dm_db_partition_stats", "sys.partitions", "sys.dm_db_stats_histogram"]);
    let source = stage.table("t");
    let (numbers, chunks) = numbers(&*source).await;
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    assert!(chunks > 1, "{}", source.describe().cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_indexes_it_is_one_chunk_that_says_why() {
    let Some(stage) = four_hundred_rows() else { return };
    lack(&stage, &["sys.indexes"]);
    let source = stage.table("t");
    assert_eq!(numbers(&*source).await, ((0..400).collect(), 1));
    assert!(source.describe().cut.contains("error 208"), "{}", source.describe().cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_foreseen_is_started_for_its_columns() {
    let Some(stage) = four_hundred_rows() else { return };
    let unforeseeable =
        SqlError::new(11_526, 16, "The metadata could not be determined because a statement uses a temp table.");
    stage.server().on("sp_describe_first_result_set", Fault::Error(unforeseeable), ALWAYS);
    let source = stage.source(json!({}), json!({"sqlReaderQuery": "SELECT n FROM dbo.t"}));
    assert_eq!(numbers(&*source).await, ((0..400).collect(), 1));

    let nameless = stage.source(json!({}), json!({"sqlReaderQuery": "SELECT n + 1 FROM dbo.t"}));
    assert!(failure(&*nameless).await.to_string().contains("no name"));
    // The twin: a query that is wrong stays wrong.
    let wrong = stage.source(json!({}), json!({"sqlReaderQuery": "SELECT n FROM dbo.nowhere"}));
    assert_eq!(failure(&*wrong).await.kind(), ErrorKind::Spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_procedure_is_never_run_for_its_columns() {
    let Some(stage) = four_hundred_rows() else { return };
    let unforeseeable = SqlError::new(11_513, 16, "The metadata could not be determined because of dynamic SQL.");
    stage.server().on("sp_describe_first_result_set", Fault::Error(unforeseeable), ALWAYS);
    let source = stage.source(json!({}), json!({"sqlReaderStoredProcedureName": "dbo.load"}));
    let error = source.schema().await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("SqlInvalidDbStoredProcedure"));
    assert!(!stage.server().seen().statements.iter().any(|sql| sql.starts_with("EXEC [dbo].[load]")));
}
