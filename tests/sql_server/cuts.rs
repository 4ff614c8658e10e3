//! Every row is in exactly one chunk, however an input is cut.

use std::collections::BTreeMap;

use ropeway_engine::ErrorKind;

use super::*;

const RANGE: &str = "?AdfDynamicRangePartitionCondition";

/// 400 keys, some of them often, some null.
fn table(name: &str, key: &str, value: impl Fn(usize) -> String, index: &str) -> String {
    let mut batch = format!("CREATE TABLE $(schema).{name} (k {key}, n int NOT NULL);");
    for first in (0..400).step_by(100) {
        let rows: Vec<_> = (first..first + 100).map(|n| format!("({}, {n})", value(n))).collect();
        batch.push_str(&format!("INSERT INTO $(schema).{name} (k, n) VALUES {};", rows.join(", ")));
    }
    batch.push_str(index);
    batch
}

/// Fails unless every row came once; gives the number of chunks.
async fn assert_complete(source: &dyn Source) -> usize {
    let (batches, chunks) = read_all(source).await.unwrap();
    let mut seen = BTreeMap::new();
    for n in texts(&batches, "n") {
        *seen.entry(n.unwrap().parse::<usize>().unwrap()).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 400, "rows are missing: {}", source.describe().cut);
    assert!(seen.values().all(|times| *times == 1), "rows came twice: {}", source.describe().cut);
    chunks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_key_cuts_on_its_own() {
    let stage = Stage::with(&table("t", "int NOT NULL PRIMARY KEY", |n| (n * 7).to_string(), ""));
    stage.target.update_statistics("t");
    let source = stage.table("t");
    let chunks = assert_complete(&*source).await;
    println!("{chunks} chunks, {}", source.describe().cut);
    if !stage.is_real() {
        assert!(chunks > 1);
        assert!(source.describe().cut.contains("[k], the clustered key"), "{}", source.describe().cut);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_and_nulls_stay_whole() {
    let value = |n: usize| if n.is_multiple_of(10) { "NULL".into() } else { (n % 13).to_string() };
    let index = "CREATE CLUSTERED INDEX ix ON $(schema).t (k);";
    let stage = Stage::with(&table("t", "int NULL", value, index));
    stage.target.update_statistics("t");
    let source = stage.table("t");
    let count = assert_complete(&*source).await;
    let chunks = source.plan(TARGET).await.unwrap();
    assert!(count == 1 && stage.is_real() || chunks.iter().any(|chunk| chunk.label == "k is null"), "{chunks:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_compared_in_the_servers_collation() {
    let value = |n: usize| {
        let letter = char::from(b'a' + (n % 26) as u8);
        let text = if n.is_multiple_of(2) { letter.to_uppercase().to_string() } else { letter.to_string() };
        format!("'{text}{n}'")
    };
    let stage = Stage::with(&table("t", "varchar(20) COLLATE Latin1_General_CI_AS NOT NULL PRIMARY KEY", value, ""));
    stage.target.update_statistics("t");
    assert_complete(&*stage.table("t")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heap_is_one_chunk_and_says_why() {
    let stage = Stage::with(&table("t", "int NOT NULL", |n| n.to_string(), ""));
    for settings in [json!({}), json!({"isolationLevel": "Serializable"})] {
        let source = stage.cut("t", settings);
        assert_eq!(assert_complete(&*source).await, 1);
        let cut = source.describe().cut;
        assert!(cut.starts_with("one chunk"), "{cut}");
        for part in ["no clustered or unique index", "«isolationLevel» Snapshot", "«partitionOption» DynamicRange"]
        {
            assert!(stage.is_real() || cut.contains(part), "{cut}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dynamic_ranges_follow_the_documented_strides() {
    let stage = Stage::with(&table("t", "int NOT NULL", |n| n.to_string(), ""));
    let settings = json!({"partitionColumnName": "k", "partitionLowerBound": "20", "partitionUpperBound": "80"});
    let source = json!({"partitionOption": "DynamicRange", "partitionSettings": settings});
    let mut spec = stage.spec(json!({"schema": stage.target.schema(), "table": "t"}), source);
    spec["parallelCopies"] = json!(4);
    let source = connect(spec).unwrap();
    assert_eq!(assert_complete(&*source).await, 4);
    let labels: Vec<_> = source.plan(TARGET).await.unwrap().into_iter().map(|chunk| chunk.label).collect();
    assert_eq!(labels, ["k <= 20", "k in (20, 50]", "k in (50, 80]", "k > 80"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_cut_at_its_placeholder() {
    let stage = Stage::with(&table("t", "int NOT NULL", |n| n.to_string(), ""));
    let all = stage.target.statement("SELECT k, n FROM $(schema).t");
    let query = format!("{all} WHERE {RANGE}");
    let settings = json!({"partitionColumnName": "k"});
    let cut = json!({"sqlReaderQuery": query, "partitionOption": "DynamicRange", "partitionSettings": settings});
    // The bounds are asked of the query itself, so any server has them.
    assert!(assert_complete(&*stage.source(json!({}), cut)).await > 1);

    let without = json!({"sqlReaderQuery": all, "partitionOption": "DynamicRange", "partitionSettings": settings});
    let error = failure(&*stage.source(json!({}), without)).await;
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains(RANGE), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_partitions_says_so() {
    let stage = Stage::with(&table("t", "int NOT NULL PRIMARY KEY", |n| n.to_string(), ""));
    let source = json!({"partitionOption": "PhysicalPartitionsOfTable"});
    let error = failure(&*stage.cut("t", source)).await;
    assert_eq!(error.symbolic_code(), Some("SqlParallelFailedToDetectPhysicalPartitions"));
}

#[tokio::test(flavor = "multi_thread")]
async fn physical_partitions_are_chunks() {
    let target = Target::from_env_or_start();
    // Functions and schemes stand beside the schemas: their names say whose they are.
    let (function, scheme) = (format!("{}_pf", target.schema()), format!("{}_ps", target.schema()));
    if let Err(error) =
        target.ask(&format!("CREATE PARTITION FUNCTION {function} (int) AS RANGE RIGHT FOR VALUES (100, 200)"))
    {
        assert!(target.is_real(), "{error}");
        println!("skipped: the server has no partition functions: {error}");
        return;
    }
    target.finally(&format!("DROP PARTITION SCHEME {scheme}"));
    target.finally(&format!("DROP PARTITION FUNCTION {function}"));
    target.run(&format!("CREATE PARTITION SCHEME {scheme} AS PARTITION {function} ALL TO ([PRIMARY])"));
    let placed = format!("n int NOT NULL) ON {scheme}(k);");
    let rows = table("t", "int NOT NULL", |n| n.to_string(), "").replacen("n int NOT NULL);", &placed, 1);
    let stage = Stage::on(target, &rows);
    let source = stage.cut("t", json!({"partitionOption": "PhysicalPartitionsOfTable"}));
    assert_eq!(assert_complete(&*source).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn none_is_one_chunk() {
    let stage = Stage::with(&table("t", "int NOT NULL PRIMARY KEY", |n| n.to_string(), ""));
    let name = stage.target.statement("[$(schema)].[t]");
    let source = stage.source(json!({"tableName": name}), json!({"partitionOption": "None"}));
    assert_eq!(assert_complete(&*source).await, 1);
}
