use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch},
    compute::concat_batches,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ropeway_engine::{
    ErrorKind,
    chunk::{Attempt, Chunk, ChunkId, Receipt, RunId},
    registry::SinkKind,
    sink::{ChunkWriter, Opened, RunContext, Sink, SinkRun},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::file::{FileServer, spec::SinkSpec};

fn sink(root: &Path, file: Option<&str>, settings: Value) -> Arc<dyn Sink> {
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "dataset": {"type": "Parquet", "location": {"type": "FileServerLocation", "folderPath": "out/orders", "fileName": file}},
        "sink": {"type": "ParquetSink", "formatSettings": settings},
    });
    FileServer::connect(SinkSpec::deserialize(spec).unwrap()).unwrap()
}

fn numbers(chunk: u32) -> RecordBatch {
    let from = i64::from(chunk) * 100;
    RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(from..from + 100)) as ArrayRef)]).unwrap()
}

async fn begin(sink: &dyn Sink, run: &str, epoch: u32) -> Box<dyn SinkRun> {
    begin_with(sink, run, epoch, Vec::new()).await
}

async fn begin_with(sink: &dyn Sink, run: &str, epoch: u32, files: Vec<Vec<String>>) -> Box<dyn SinkRun> {
    let run = RunId::try_from(run.to_owned()).unwrap();
    sink.begin(RunContext {
        run,
        epoch,
        schema: numbers(0).schema(),
        chunks: 3,
        one_epoch: false,
        leaves_out: false,
        files,
        opening: None,
    })
    .await
    .unwrap()
}

async fn open(run: &dyn SinkRun, chunk: u32) -> Box<dyn ChunkWriter> {
    let chunk = Chunk { id: ChunkId(chunk), label: String::new(), recipe: Value::Null };
    match run.open(&chunk, Attempt { epoch: 1, number: 1 }).await.unwrap() {
        Opened::Writer(writer) => writer,
        Opened::AlreadyCommitted(_) => panic!("a file sink always writes"),
    }
}

async fn copy(run: &dyn SinkRun, chunk: u32, epoch: u32) -> Receipt {
    let recipe = Chunk { id: ChunkId(chunk), label: String::new(), recipe: Value::Null };
    let Opened::Writer(mut writer) = run.open(&recipe, Attempt { epoch, number: 1 }).await.unwrap() else {
        panic!("a file sink always writes")
    };
    writer.write(numbers(chunk)).await.unwrap();
    writer.commit().await.unwrap()
}

async fn copy_all(run: &dyn SinkRun, epoch: u32) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    // Not in the order of the file.
    for chunk in [2, 0, 1] {
        receipts.push(copy(run, chunk, epoch).await);
    }
    receipts.sort_by_key(|receipt| receipt.chunk);
    receipts
}

fn read(path: &Path) -> Vec<i64> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<_> = reader.build().unwrap().collect::<Result<_, _>>().unwrap();
    let rows = concat_batches(&schema, &batches).unwrap();
    rows.column(0).as_any().downcast_ref::<Int64Array>().unwrap().values().to_vec()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn all_chunks_become_one_file_at_once() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out/orders");
    let sink = sink(root.path(), Some("all.parquet"), Value::Null);
    let run = begin(sink.as_ref(), "r", 1).await;
    fs::write(folder.join("all.parquet"), "what was there before").unwrap();
    let receipts = copy_all(run.as_ref(), 1).await;
    assert_eq!(fs::read_to_string(folder.join("all.parquet")).unwrap(), "what was there before");
    assert!(run.lost(&receipts).await.unwrap().is_empty());
    let published = run.finish(&receipts).await.unwrap();
    assert_eq!(read(&folder.join("all.parquet")), (0..300).collect::<Vec<_>>());
    assert_eq!(published.bytes, fs::metadata(folder.join("all.parquet")).unwrap().len());
    assert_eq!(names(&folder), ["all.parquet"]);

    // The answer was lost: a resumed process finishes once more.
    let again = begin(sink.as_ref(), "r", 2).await;
    assert!(again.lost(&receipts).await.unwrap().is_empty());
    assert_eq!(again.finish(&receipts).await.unwrap(), published);
    assert_eq!(names(&folder), ["all.parquet"]);

    // Had someone changed one byte of it, that would not have passed for our file.
    let mut bytes = fs::read(folder.join("all.parquet")).unwrap();
    bytes[20] ^= 1;
    fs::write(folder.join("all.parquet"), bytes).unwrap();
    let third = begin(sink.as_ref(), "r", 3).await;
    assert_eq!(third.lost(&receipts).await.unwrap().len(), 3);
    assert_eq!(third.finish(&receipts).await.unwrap_err().kind(), ErrorKind::Data);
}

#[tokio::test]
async fn a_resume_uses_committed_chunks_and_drops_half_written_ones() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out/orders");
    let sink = sink(root.path(), Some("all.parquet"), Value::Null);
    let dead = begin(sink.as_ref(), "r", 1).await;
    let mut receipts = vec![copy(dead.as_ref(), 0, 1).await];
    let half = Chunk { id: ChunkId(1), label: String::new(), recipe: Value::Null };
    let Opened::Writer(mut writer) = dead.open(&half, Attempt { epoch: 1, number: 1 }).await.unwrap() else { panic!() };
    writer.write(numbers(1)).await.unwrap();
    drop(writer);

    let run = begin(sink.as_ref(), "r", 2).await;
    receipts.extend([copy(run.as_ref(), 1, 2).await, copy(run.as_ref(), 2, 2).await]);
    // A process that was thought dead may not publish any more.
    let error = dead.finish(&receipts).await.unwrap_err();
    assert!(error.to_string().contains("taken this run over"), "{error}");
    run.finish(&receipts).await.unwrap();
    assert_eq!(read(&folder.join("all.parquet")), (0..300).collect::<Vec<_>>());
    assert_eq!(names(&folder), ["all.parquet"]);
}

#[tokio::test]
async fn a_piece_that_is_gone_is_reported_as_lost() {
    for file in [Some("all.parquet"), None] {
        let root = tempfile::tempdir().unwrap();
        let sink = sink(root.path(), file, Value::Null);
        let run = begin(sink.as_ref(), "r", 1).await;
        let receipts = copy_all(run.as_ref(), 1).await;
        let kept: Value = serde_json::from_str(receipts[1].detail.as_str().unwrap()).unwrap();
        let name = kept[0]["name"].as_str().unwrap();
        let folder = root.path().join("out/orders");
        let hidden = names(&folder).into_iter().find(|name| name.starts_with('.')).unwrap();
        fs::write(folder.join(hidden).join(name), "torn").unwrap();
        assert_eq!(run.lost(&receipts).await.unwrap(), [ChunkId(1)]);
        assert_eq!(run.finish(&receipts).await.unwrap_err().kind(), ErrorKind::Data);
    }
}

#[tokio::test]
async fn a_folder_gets_a_file_per_chunk_a_manifest_and_success() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out/orders");
    let sink = sink(root.path(), None, Value::Null);
    let run = begin(sink.as_ref(), "r", 1).await;
    fs::write(folder.join("_SUCCESS"), "of an earlier run").unwrap();
    let receipts = copy_all(run.as_ref(), 1).await;
    assert!(names(&folder).iter().all(|name| !name.starts_with("part")), "nothing is visible yet");
    let published = run.finish(&receipts).await.unwrap();
    assert_eq!(published.files, 3);
    let short = RunId::try_from("r".to_owned()).unwrap().short();
    let parts: Vec<_> = (0..3).map(|n| format!("part-{n:05}-{short}.parquet")).collect();
    let mut all = vec!["_SUCCESS".to_owned(), "_manifest".to_owned()];
    all.extend(parts.clone());
    assert_eq!(names(&folder), all);
    let rows: Vec<_> = parts.iter().flat_map(|part| read(&folder.join(part))).collect();
    assert_eq!(rows, (0..300).collect::<Vec<_>>());
    let manifest = fs::read(folder.join("_manifest/r.json")).unwrap();
    let success = fs::read_to_string(folder.join("_SUCCESS")).unwrap();
    assert!(success.starts_with(blake3::hash(&manifest).to_hex().as_str()));
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!((&manifest["rows"], &manifest["parts"][2]["rows"]), (&json!(300), &json!(100)));

    let again = begin(sink.as_ref(), "r", 2).await;
    assert!(again.lost(&receipts).await.unwrap().is_empty());
    assert_eq!(again.finish(&receipts).await.unwrap(), published);
    assert_eq!(names(&folder), all);
    // A second run adds its files beside those of the first.
    let other = begin(sink.as_ref(), "s", 1).await;
    other.finish(&copy_all(other.as_ref(), 1).await).await.unwrap();
    assert_eq!(names(&folder).len(), all.len() + 3);
}

#[tokio::test]
async fn a_limit_of_rows_splits_a_chunk_into_files() {
    let root = tempfile::tempdir().unwrap();
    let sink = sink(root.path(), None, json!({"maxRowsPerFile": 40, "fileNamePrefix": "orders"}));
    let run = begin(sink.as_ref(), "r", 1).await;
    let receipts = copy_all(run.as_ref(), 1).await;
    assert_eq!(run.finish(&receipts).await.unwrap().files, 9);
    let folder = root.path().join("out/orders");
    let parts: Vec<_> = names(&folder).into_iter().filter(|name| name.starts_with("orders_")).collect();
    let rows: Vec<_> = parts.iter().map(|part| read(&folder.join(part))).collect();
    assert!(rows.iter().all(|rows| rows.len() <= 40));
    assert_eq!(rows.concat(), (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_chunk_of_several_files_becomes_as_many_and_no_other_number() {
    let root = tempfile::tempdir().unwrap();
    let sink = sink(root.path(), None, Value::Null);
    let files = vec![vec!["a.csv".to_owned(), "no rows.csv".into(), "sub/b.csv".into(), "none.csv".into()]];
    let run = begin_with(sink.as_ref(), "r", 1, files.clone()).await;
    let mut writer = open(run.as_ref(), 0).await;
    writer.write(numbers(0)).await.unwrap();
    writer.write(numbers(1)).await.unwrap();
    writer.next_file().await.unwrap();
    writer.next_file().await.unwrap();
    writer.write(numbers(2)).await.unwrap();
    writer.next_file().await.unwrap();
    let receipt = writer.commit().await.unwrap();
    assert_eq!(receipt.rows, 300);
    assert_eq!(run.finish(&[receipt]).await.unwrap().files, 4);
    let folder = root.path().join("out/orders");
    assert_eq!(read(&folder.join("a.parquet")), (0..200).collect::<Vec<_>>());
    assert_eq!(read(&folder.join("sub/b.parquet")), (200..300).collect::<Vec<_>>());
    for empty in ["no rows.parquet", "none.parquet"] {
        assert!(read(&folder.join(empty)).is_empty());
    }

    // Whoever does not say where a file ends gets no files of others' rows.
    let run = begin_with(sink.as_ref(), "s", 1, files).await;
    let mut writer = open(run.as_ref(), 0).await;
    writer.write(numbers(0)).await.unwrap();
    writer.next_file().await.unwrap();
    let receipt = writer.commit().await.unwrap();
    assert_eq!(run.finish(&[receipt]).await.unwrap_err().kind(), ErrorKind::Bug);
}

#[tokio::test]
async fn an_aborted_attempt_and_an_aborted_run_leave_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("out/orders");
    let sink = sink(root.path(), Some("all.parquet"), Value::Null);
    let run = begin(sink.as_ref(), "r", 1).await;
    let chunk = Chunk { id: ChunkId(0), label: String::new(), recipe: Value::Null };
    let Opened::Writer(mut writer) = run.open(&chunk, Attempt { epoch: 1, number: 1 }).await.unwrap() else { panic!() };
    writer.write(numbers(0)).await.unwrap();
    let hidden = folder.join(names(&folder).remove(0));
    assert_eq!(names(&hidden).len(), 2);
    writer.abort().await;
    assert_eq!(names(&hidden), ["epoch-1"]);
    run.abort().await.unwrap();
    assert!(names(&folder).is_empty());
}

#[tokio::test]
async fn a_root_that_is_missing_is_not_created() {
    let root = tempfile::tempdir().unwrap();
    let missing = root.path().join("mount");
    let sink = sink(&missing, Some("all.parquet"), Value::Null);
    let run = RunId::try_from("r".to_owned()).unwrap();
    let context = RunContext {
        run,
        epoch: 1,
        schema: numbers(0).schema(),
        chunks: 3,
        one_epoch: false,
        leaves_out: false,
        files: Vec::new(),
        opening: None,
    };
    let error = sink.begin(context).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Spec);
    assert!(!missing.exists());
}
