use std::{fs, num::NonZeroU32, path::Path};

use arrow::array::{AsArray, RecordBatch};
use futures::TryStreamExt;
use ropeway_engine::{
    Result,
    chunk::{BatchLimit, Chunk},
    registry::{SourceKind, StoreKind},
    source::{ChunkTarget, CopiedChunk, Source},
};
use serde::Deserialize;
use serde_json::{Value, json};

use std::sync::Arc;

use crate::file::{
    FileServer,
    spec::{SourceSpec, StoreSpec},
};

fn source(root: &Path, folder: &str, file: &str, settings: Value) -> Result<Arc<dyn Source>> {
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "dataset": {"type": "DelimitedText", "firstRowAsHeader": true, "location": {"type": "FileServerLocation", "folderPath": folder, "fileName": file}},
        "source": {"type": "DelimitedTextSource", "storeSettings": settings},
    });
    <FileServer as SourceKind>::connect(SourceSpec::deserialize(spec).unwrap())
}

fn target() -> ChunkTarget {
    ChunkTarget { bytes: 1 << 20, rows: 1000, chunks: 4 }
}

fn limit() -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(100).unwrap(), bytes: 1 << 20 }
}

async fn ids(source: &dyn Source) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for chunk in source.plan(target()).await? {
        let batches: Vec<RecordBatch> = source.read(&chunk, limit()).await?.try_collect().await?;
        for batch in batches {
            ids.extend(batch.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
        }
    }
    Ok(ids)
}

fn tree() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, id) in
        [("in/a.csv", "1"), ("in/b.txt", "2"), ("in/sub/c.csv", "3"), ("in/_SUCCESS", "4"), ("in2/d.csv", "5")]
    {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("id\n{id}\n")).unwrap();
    }
    root
}

#[tokio::test]
async fn files_are_chosen_by_name_folder_and_wildcard() {
    let root = tree();
    for (folder, file, settings, wanted) in [
        ("in", "a.csv", json!({}), vec!["1"]),
        ("in", "", json!({"recursive": "true"}), vec!["1", "2", "3"]),
        ("in", "", json!({"recursive": false}), vec!["1", "2"]),
        ("in", "", json!({"wildcardFileName": "*.csv"}), vec!["1", "3"]),
        ("", "", json!({"wildcardFolderPath": "in*", "wildcardFileName": "?.csv", "recursive": false}), vec!["1", "5"]),
        ("in", "", json!({"modifiedDatetimeStart": "2001-01-01T00:00:00Z", "recursive": false}), vec!["1", "2"]),
    ] {
        let source = source(root.path(), folder, file, settings.clone()).unwrap();
        assert_eq!(ids(source.as_ref()).await.unwrap(), wanted, "{folder} {file} {settings}");
    }
    let none = source(root.path(), "in", "", json!({"modifiedDatetimeEnd": "2001-01-01T00:00:00"})).unwrap();
    assert!(none.schema().await.unwrap_err().to_string().contains("no file is there"));
    let missing = source(root.path(), "in", "nothing.csv", json!({})).unwrap();
    let error = missing.schema().await.unwrap_err();
    assert!(error.to_string().contains("nothing.csv"), "{error}");
}

#[tokio::test]
async fn a_file_that_changes_after_the_plan_stops_the_run() {
    let root = tree();
    let source = source(root.path(), "in", "a.csv", json!({})).unwrap();
    let chunks = source.plan(target()).await.unwrap();
    let unchanged: Result<Vec<_>> = source.read(&chunks[0], limit()).await.unwrap().try_collect().await;
    assert!(unchanged.is_ok());

    // While it is read: after the last byte it is no longer the file that was planned.
    let reading = source.read(&chunks[0], limit()).await.unwrap();
    fs::write(root.path().join("in/a.csv"), "id\n1\n2\n").unwrap();
    let error = reading.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"));
    // Before it is read.
    let error = source.read(&chunks[0], limit()).await.err().unwrap();
    assert!(error.to_string().contains("a.csv"), "{error}");
}

#[tokio::test]
async fn files_with_other_columns_are_not_mixed() {
    let root = tree();
    fs::write(root.path().join("in/b.txt"), "other\n2\n").unwrap();
    let error = ids(source(root.path(), "in", "", json!({})).unwrap().as_ref()).await.unwrap_err();
    assert!(error.to_string().contains("b.txt"), "{error}");
}

#[tokio::test]
async fn only_regular_files_inside_the_root_are_read() {
    let (root, outside) = (tree(), tree());
    std::os::unix::fs::symlink(outside.path().join("in"), root.path().join("in/out")).unwrap();
    let error = ids(source(root.path(), "in", "", json!({})).unwrap().as_ref()).await.unwrap_err();
    assert!(error.to_string().contains("leads out"), "{error}");
    let device = source(Path::new("/dev"), "", "null", json!({})).unwrap();
    let error = device.schema().await.unwrap_err();
    assert!(error.to_string().contains("not a regular file"), "{error}");
}

#[tokio::test]
async fn a_store_says_what_may_be_done_in_it() {
    let root = tree();
    let probe = async |host: &Path| {
        let spec = json!({"linkedService": {"type": "FileServer", "host": host.to_str().unwrap()}});
        <FileServer as StoreKind>::connect(StoreSpec::deserialize(spec).unwrap()).unwrap().probe().await
    };
    let steps = probe(root.path()).await;
    assert!(steps.len() == 3 && steps.iter().all(|step| step.outcome.is_ok()), "{steps:?}");
    let steps = probe(&root.path().join("missing")).await;
    assert!(steps.len() == 1 && steps[0].outcome.is_err(), "{steps:?}");
}

fn rows(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let row = |batch: &RecordBatch, at: usize| {
        batch.columns().iter().map(|column| column.as_string::<i32>().value(at).to_owned()).collect()
    };
    batches.iter().flat_map(|batch| (0..batch.num_rows()).map(|at| row(batch, at))).collect()
}

async fn all(source: &dyn Source) -> Result<Vec<Vec<String>>> {
    let mut all = Vec::new();
    source.schema().await?;
    for chunk in source.plan(target()).await? {
        let batches: Vec<RecordBatch> = source.read(&chunk, limit()).await?.try_collect().await?;
        all.extend(rows(&batches));
    }
    Ok(all)
}

#[tokio::test]
async fn steps_of_the_path_are_columns_where_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    for (path, id) in [("lake/year=2020/month=08/a.csv", "1"), ("lake/year=2021/month=09/b.csv", "2")] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("id\n{id}\n")).unwrap();
    }
    let found = source(root.path(), "lake", "", json!({"enablePartitionDiscovery": true})).unwrap();
    assert_eq!(all(found.as_ref()).await.unwrap(), [["1", "2020", "08"], ["2", "2021", "09"]]);
    let below = json!({"enablePartitionDiscovery": true, "partitionRootPath": "lake/year=2020"});
    let found = source(root.path(), "lake/year=2020", "", below).unwrap();
    assert_eq!(all(found.as_ref()).await.unwrap(), [["1", "08"]]);
    let wild =
        json!({"enablePartitionDiscovery": true, "wildcardFolderPath": "lake/year=*/*", "wildcardFileName": "*"});
    let found = source(root.path(), "", "", wild).unwrap();
    assert_eq!(all(found.as_ref()).await.unwrap(), [["1", "2020", "08"], ["2", "2021", "09"]]);

    // A file whose path has other keys is not mixed with the others, and no key hides a column.
    fs::write(root.path().join("lake/year=2021/c.csv"), "id\n3\n").unwrap();
    let found = source(root.path(), "lake", "", json!({"enablePartitionDiscovery": true})).unwrap();
    assert!(all(found.as_ref()).await.unwrap_err().to_string().contains("c.csv"));
    fs::create_dir_all(root.path().join("clash/id=7")).unwrap();
    fs::write(root.path().join("clash/id=7/a.csv"), "id\n1\n").unwrap();
    let found = source(root.path(), "clash", "", json!({"enablePartitionDiscovery": true})).unwrap();
    assert!(found.schema().await.unwrap_err().to_string().contains("same name"));
}

#[tokio::test]
async fn many_small_files_share_chunks_and_no_row_is_lost_or_doubled() {
    let root = tempfile::tempdir().unwrap();
    let count = 2500;
    for id in 0..count {
        fs::write(root.path().join(format!("{id:05}.csv")), format!("id\n{id}\n")).unwrap();
    }
    let found = source(root.path(), "", "", json!({})).unwrap();
    found.schema().await.unwrap();
    let chunks = found.plan(target()).await.unwrap();
    assert_eq!(chunks.len(), 834, "three files in each");
    assert_eq!(found.files_of(&chunks[0]), ["00000.csv", "00001.csv", "00002.csv"]);
    let expected: Vec<Vec<String>> = (0..count).map(|id| vec![id.to_string()]).collect();
    assert_eq!(all(found.as_ref()).await.unwrap(), expected);

    let apart = found.plan_by_file(target()).await.unwrap();
    assert_eq!(apart.len(), count);
    assert_eq!(found.files_of(&apart[7]), ["00007.csv"]);
    let whole = found.plan_whole_files(target()).await.unwrap();
    assert_eq!(whole, chunks);
    let third = found.by_file(&whole[2]).unwrap();
    let (ids, files): (Vec<_>, Vec<_>) = third.iter().map(|part| (part.id.0, found.files_of(part))).unzip();
    assert_eq!((ids, files.concat()), (vec![2; 3], vec!["00006.csv".into(), "00007.csv".into(), "00008.csv".into()]));

    // A file in the middle of a chunk that changes ends the chunk, and is named.
    fs::write(root.path().join("00001.csv"), "id\n1\n1\n").unwrap();
    let reading = found.read(&chunks[0], limit()).await.unwrap();
    let error = reading.try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"));
    assert!(error.to_string().contains("00001.csv"), "{error}");
}

fn copied(chunks: &[Chunk]) -> Vec<CopiedChunk<'_>> {
    chunks.iter().map(|chunk| CopiedChunk { chunk, left_out: &[] }).collect()
}

#[tokio::test]
async fn files_of_rows_are_deleted_when_the_run_is_over_and_that_is_asked_for() {
    let root = tempfile::tempdir().unwrap();
    for id in 0..5 {
        fs::write(root.path().join(format!("{id}.csv")), format!("id\n{id}\n")).unwrap();
    }
    let there = || fs::read_dir(root.path()).unwrap().count();
    let found = source(root.path(), "", "", json!({})).unwrap();
    let chunks = found.plan(target()).await.unwrap();
    found.retire(&copied(&chunks)).await.unwrap();
    assert_eq!(there(), 5, "nobody asked for it");

    let found = source(root.path(), "", "", json!({"deleteFilesAfterCompletion": "true"})).unwrap();
    let chunks = found.plan(target()).await.unwrap();
    assert_eq!(all(found.as_ref()).await.unwrap().len(), 5);
    assert_eq!(there(), 5, "to read a file is not to delete it");
    fs::write(root.path().join("new.csv"), "id\n9\n").unwrap();
    fs::write(root.path().join("3.csv"), "id\n3\n3\n").unwrap();
    let error = found.retire(&copied(&chunks)).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DataConsistencySourceDataChanged"), "{error}");
    assert!(root.path().join("3.csv").exists(), "what changed stays");
    fs::remove_file(root.path().join("3.csv")).unwrap();
    found.retire(&copied(&chunks)).await.unwrap();
    found.retire(&copied(&chunks)).await.unwrap();
    assert_eq!(there(), 1, "what came later stays");
}
