//! A table without a key is read in shares under one snapshot, and every row is in one of them. Shares without one of them,
//! and such whose checksums keep their sign, are the twins that must fail.

use std::collections::BTreeMap;

use ropeway_engine::ErrorKind;
use ropeway_tests::sql_server::{Fault, SqlError};

use super::*;

const SNAPSHOTS: &str = "it needs a database that allows snapshots";
const ROWS: usize = 400;
const READ: &str = "SELECT * FROM [dbo].[t] WHERE ";

/// A heap of so many rows in a database that allows snapshots.
fn heap(columns: &str, names: &str, row: impl Fn(usize) -> String) -> Option<Stage> {
    let mut batch = format!("CREATE TABLE $(schema).t ({columns});");
    for first in (0..ROWS).step_by(100) {
        let rows: Vec<_> = (first..first + 100).map(&row).collect();
        batch.push_str(&format!("INSERT INTO $(schema).t ({names}) VALUES {};", rows.join(", ")));
    }
    batch.push_str("ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION ON");
    Stage::stand_in(SNAPSHOTS, &batch)
}

/// Rows of nulls, rows that are the same, and others, with checksums of either sign.
fn mixed() -> Option<Stage> {
    let columns = "k int NULL, name nvarchar(20) NULL, price decimal(10,2) NULL, note varchar(max) NULL, twice AS (k * 2), \
                   [x]] & 0 --] int NULL";
    heap(columns, "k, name, price, note, [x]] & 0 --]", |n| match n % 5 {
        0 => "(NULL, NULL, NULL, NULL, NULL)".to_owned(),
        1 => "(7, N'same', 1.50, 'x', 3)".to_owned(),
        2 => format!("({n}, NULL, {n}.25, NULL, NULL)"),
        _ => format!("(-{n}, N'Ä{n}', NULL, 'note', {n})"),
    })
}

fn snapshot() -> Value {
    json!({"isolationLevel": "Snapshot"})
}

/// What each chunk of the table has, under one snapshot.
async fn shares(source: &dyn Source) -> Vec<Vec<RecordBatch>> {
    source.schema().await.unwrap();
    let chunks = source.plan(TARGET).await.unwrap();
    source.begin_snapshot(2).await.unwrap();
    let mut shares = Vec::new();
    for chunk in &chunks {
        shares.push(read(source, chunk).await.unwrap());
    }
    source.end_snapshot();
    shares
}

/// Every row, and how often it is there.
fn counted(batches: &[RecordBatch]) -> BTreeMap<Vec<Option<String>>, usize> {
    let names: Vec<String> = match batches.first() {
        Some(batch) => batch.schema().fields().iter().map(|field| field.name().clone()).collect(),
        None => Vec::new(),
    };
    let columns: Vec<_> = names.iter().map(|name| texts(batches, name)).collect();
    let mut counted = BTreeMap::new();
    for row in 0..batches.iter().map(RecordBatch::num_rows).sum() {
        *counted.entry(columns.iter().map(|column| column[row].clone()).collect()).or_insert(0) += 1;
    }
    counted
}

/// How many rows have this condition for the one or the other of four shares.
fn rows_within(stage: &Stage, condition: &str) -> usize {
    let of = |number: usize| {
        let condition = condition.replace("@ropeway_shares", "4").replace("@ropeway_share", &number.to_string());
        let rows = stage.server().execute("sales", &format!("SELECT COUNT(*) FROM dbo.t WHERE {condition}")).unwrap();
        rows[0][0].parse::<usize>().unwrap()
    };
    (0..4).map(of).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_a_heap_is_in_one_share() {
    let Some(stage) = mixed() else { return };
    let (whole, one) = read_all(&*stage.table("t")).await.unwrap();
    let all = counted(&whole);
    assert_eq!((one, all.values().sum::<usize>()), (1, ROWS));
    assert!(all.values().any(|times| *times > 1), "rows that are the same");

    let source = stage.cut("t", snapshot());
    let read = shares(&*source).await;
    assert_eq!(read.len(), 4);
    assert_eq!(counted(&read.concat()), all);
    let told = source.describe();
    assert!(told.cut.starts_with("in 4 shares by a checksum of its columns"), "{}", told.cut);
    assert!(told.consistency.starts_with("one snapshot for all chunks"), "{}", told.consistency);
    let chunks = source.plan(TARGET).await.unwrap();
    let labels: Vec<_> = chunks.iter().map(|chunk| chunk.label.as_str()).collect();
    assert_eq!(labels, ["share 1 of 4", "share 2 of 4", "share 3 of 4", "share 4 of 4"]);
    // Neither what is computed nor what is large.
    assert_eq!(chunks[0].recipe["columns"], json!(["k", "name", "price", "x] & 0 --"]));

    for left_out in 0..4 {
        let others: Vec<_> = read.iter().enumerate().filter(|(number, _)| *number != left_out).collect();
        let others: Vec<_> = others.into_iter().flat_map(|(_, batches)| batches.clone()).collect();
        assert_ne!(counted(&others), all, "nobody misses share {left_out}");
    }
    let seen = stage.server().seen();
    assert_eq!(seen.violations, Vec::<String>::new());
    let sent: Vec<_> =
        seen.statements.iter().filter_map(|text| text.split_once(READ)).map(|(_, share)| share).collect();
    assert_eq!(sent, [sent[0]; 4], "one statement, so that all shares have one plan");
    assert_eq!(rows_within(&stage, sent[0]), ROWS);
    let signed = sent[0].replace(" & 2147483647", "");
    assert!(signed != sent[0] && rows_within(&stage, &signed) < ROWS, "no checksum was negative");
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_even_where_the_last_column_is_always_the_same() {
    let Some(stage) =
        heap("k int NOT NULL, n int NOT NULL, flag bit NOT NULL", "k, n, flag", |n| format!("({n}, 1, 0)"))
    else {
        return;
    };
    let rows = |batches: &Vec<RecordBatch>| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
    let sizes: Vec<_> = shares(&*stage.cut("t", snapshot())).await.iter().map(rows).collect();
    assert_eq!(sizes.iter().sum::<usize>(), ROWS);
    assert!(sizes.iter().all(|size| (50..=150).contains(size)), "{sizes:?}");
    // The remainder alone would have put all of them into one share.
    let remainder = "SELECT COUNT(DISTINCT (BINARY_CHECKSUM(k, n, flag) & 2147483647) % 4) FROM dbo.t";
    assert_eq!(stage.server().execute("sales", remainder).unwrap(), [["1"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_copies_say_how_many_shares_there_are() {
    let Some(stage) = mixed() else { return };
    // Of fifty rows, there are no more than eight.
    for (copies, chunks) in [(1, 1), (2, 2), (7, 7), (100, 8)] {
        let mut spec = stage.spec(json!({"schema": "dbo", "table": "t"}), snapshot());
        spec["parallelCopies"] = json!(copies);
        let source = connect(spec).unwrap();
        assert_eq!(source.plan(TARGET).await.unwrap().len(), chunks, "{copies}: {}", source.describe().cut);
        assert_eq!(source.describe().cut.contains("«parallelCopies»"), copies == 1, "{}", source.describe().cut);
    }
    let source = stage.cut("t", snapshot());
    let large = ChunkTarget { rows: 1_000, ..TARGET };
    assert_eq!(source.plan(large).await.unwrap().len(), 1);
    assert!(source.describe().cut.contains("about 400 rows fit in one"), "{}", source.describe().cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_large_columns_is_one_chunk() {
    let columns = "a varchar(max) NULL, b text NULL, c xml NULL, d varbinary(max) NULL, e geometry NULL";
    let Some(stage) = heap(columns, "a, b", |n| format!("('{n}', 'x')")) else { return };
    let source = stage.cut("t", snapshot());
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 1);
    let cut = source.describe().cut;
    assert!(cut.starts_with("one chunk") && cut.contains("no column that a checksum"), "{cut}");
    // One that is not large is enough.
    stage.target.run("ALTER TABLE dbo.t ADD f int NULL");
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 4, "{}", source.describe().cut);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_does_not_cut_leaves_a_table_to_its_shares() {
    let Some(stage) = heap("k float NOT NULL PRIMARY KEY, n int NULL", "k, n", |n| format!("({n}.5, {n})")) else {
        return;
    };
    let read = shares(&*stage.cut("t", snapshot())).await;
    assert_eq!((read.len(), counted(&read.concat()).len()), (4, ROWS));
    let source = stage.table("t");
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 1);
    assert!(source.describe().cut.contains("no key of the table has a type that cuts exactly"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_checksums_is_read_in_one_chunk() {
    let Some(stage) = mixed() else { return };
    let source = stage.cut("t", snapshot());
    let unknown = SqlError::new(195, 15, "'BINARY_CHECKSUM' is not a recognized built-in function name.");
    stage.server().on("[probed]", Fault::Error(unknown), 1);
    let (batches, chunks) = read_all(&*source).await.unwrap();
    assert_eq!((chunks, counted(&batches).values().sum::<usize>()), (1, ROWS));
    let cut = source.describe().cut;
    assert!(cut.contains("makes no checksum of its columns, error 195"), "{cut}");

    // What passes by itself says nothing of the server.
    stage.server().on("[probed]", Fault::Error(SqlError::new(1205, 13, "Transaction was deadlocked.")), 1);
    let error = source.plan(TARGET).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(source.plan(TARGET).await.unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heap_that_cannot_be_locked_is_not_asked_for_shares() {
    let Some(stage) = mixed() else { return };
    let source = stage.cut("t", snapshot());
    stage.target.run("ALTER DATABASE sales SET READ_ONLY");
    let (batches, chunks) = read_all(&*source).await.unwrap();
    assert_eq!((chunks, counted(&batches).values().sum::<usize>()), (1, ROWS));
    assert!(source.describe().cut.contains("readable secondary"), "{}", source.describe().cut);
    let asked = stage.server().seen().statements;
    assert!(!asked.iter().any(|text| text.contains("BINARY_CHECKSUM") || text.contains("is_computed")), "{asked:?}");

    stage.target.run("ALTER DATABASE sales SET READ_WRITE");
    stage.target.run("ALTER DATABASE sales SET ALLOW_SNAPSHOT_ISOLATION OFF");
    let error = source.plan(TARGET).await.unwrap_err();
    assert!(error.to_string().contains("ALLOW_SNAPSHOT_ISOLATION ON"), "{error}");
}
