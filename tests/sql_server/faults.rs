//! What breaks while rows are read is an error, never a short result.

use std::time::Duration;

use ropeway_engine::{ErrorKind, retry::RetryClass};
use ropeway_tests::sql_server::{Fault, SqlError};

use super::*;

const FAULTS: &str = "it needs a server that fails when it is told to";

/// A stand-in with a table.
fn hundred_rows() -> Option<Stage> {
    Stage::stand_in(FAULTS, &hundred())
}

fn hundred() -> String {
    let rows: Vec<_> = (0..100).map(|n| format!("({n}, N'{}')", "x".repeat(50))).collect();
    format!(
        "CREATE TABLE $(schema).t (n int NOT NULL PRIMARY KEY, s nvarchar(100) NOT NULL); INSERT INTO $(schema).t VALUES {}",
        rows.join(", ")
    )
}

async fn only_chunk(source: &dyn Source) -> Chunk {
    source.schema().await.unwrap();
    let target = ChunkTarget { rows: 1_000, ..TARGET };
    source.plan(target).await.unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_anywhere_is_an_error_and_the_chunk_can_be_read_again() {
    let Some(stage) = hundred_rows() else { return };
    let source = stage.table("t");
    let chunk = only_chunk(&*source).await;
    let whole = read(&*source, &chunk).await.unwrap();
    assert_eq!(texts(&whole, "n").len(), 100);
    for bytes in [0, 7, 8, 9, 60, 500, 4_000, 4_096, 10_000] {
        stage.server().on("SELECT * FROM [dbo].[t]", Fault::BreakAfterBytes(bytes), 1);
        let error = read(&*source, &chunk).await.unwrap_err();
        assert!(error.is_transient(), "after {bytes} bytes: {error}");
        assert_eq!(read(&*source, &chunk).await.unwrap(), whole, "after {bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_behind_rows_is_the_streams_end() {
    let Some(stage) = hundred_rows() else { return };
    let source = stage.table("t");
    let chunk = only_chunk(&*source).await;
    for rows in [0, 1, 64, 99, 100] {
        let victim = SqlError::new(1205, 13, "Transaction was deadlocked.");
        stage.server().on("SELECT * FROM [dbo].[t]", Fault::ErrorAfterRows(rows, victim), 1);
        let error = read(&*source, &chunk).await.unwrap_err();
        assert_eq!(error.retry_class(), RetryClass::Redo, "after {rows} rows: {error}");
    }
    assert_eq!(texts(&read(&*source, &chunk).await.unwrap(), "n").len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_frees_its_session() {
    let Some(stage) = hundred_rows() else { return };
    let source = stage.table("t");
    let chunk = only_chunk(&*source).await;
    let idle = stage.server().seen().open;
    stage.server().on("SELECT * FROM [dbo].[t]", Fault::Hang, 1);
    let stream = source.read(&chunk, LIMIT).await.unwrap();
    wait_until(|| stage.server().seen().statements.iter().any(|text| text.starts_with("SELECT * FROM [dbo].[t]")))
        .await;
    drop(stream);
    wait_until(|| stage.server().seen().open < idle.max(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_kept_and_reset() {
    let Some(stage) = hundred_rows() else { return };
    let source = stage.table("t");
    let chunk = only_chunk(&*source).await;
    for _ in 0..5 {
        read(&*source, &chunk).await.unwrap();
    }
    let seen = stage.server().seen();
    assert_eq!(seen.logins, 1);
    assert!(seen.resets >= 5, "{} resets", seen.resets);
    assert!(seen.violations.is_empty(), "{:?}", seen.violations);

    stage.server().break_all();
    assert_eq!(texts(&read(&*source, &chunk).await.unwrap(), "n").len(), 100);
    assert_eq!(stage.server().seen().logins, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changes_after_the_plan_is_noticed() {
    for (change, named) in [
        ("ALTER TABLE $(schema).t ADD extra int NULL", "column=extra"),
        ("ALTER TABLE $(schema).t DROP COLUMN s", "column=s"),
    ] {
        let stage = Stage::with(&hundred());
        let source = stage.table("t");
        let chunk = only_chunk(&*source).await;
        stage.target.run(change);
        let error = read(&*source, &chunk).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains(named), "{change}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_permission_on_statistics_falls_back_and_says_so() {
    let Some(stage) = hundred_rows() else { return };
    let refused = || SqlError::new(262, 14, "VIEW DATABASE STATE permission denied in database 'sales'.");
    stage.server().on("dm_db_partition_stats", Fault::Error(refused()), 1);
    stage.server().on("dm_db_stats_histogram", Fault::Error(refused()), 1);
    let source = stage.table("t");
    let (batches, chunks) = read_all(&*source).await.unwrap();
    assert_eq!((texts(&batches, "n").len(), chunks), (100, 2));
    let cut = source.describe().cut;
    assert!(cut.contains("no histogram") && cut.contains("VIEW DATABASE STATE"), "{cut}");
}

/// Waits for what another thread does, without saying how long that takes.
async fn wait_until(done: impl Fn() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_takes_longer_than_its_time_out_says_which_setting_that_is() {
    let Some(stage) = hundred_rows() else { return };
    let table = json!({"schema": "dbo", "table": "t"});
    let source = stage.source(table, json!({"queryTimeout": "00:00:01"}));
    let chunk = only_chunk(&*source).await;
    stage.server().on("SELECT * FROM [dbo].[t]", Fault::Hang, 1);
    let error = read(&*source, &chunk).await.unwrap_err();
    assert_eq!(error.retry_class(), RetryClass::Shrink, "{error}");
    assert!(error.to_string().contains("queryTimeout"), "{error}");
    assert_eq!(texts(&read(&*source, &chunk).await.unwrap(), "n").len(), 100);
}
