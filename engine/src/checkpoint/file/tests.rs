mod versions;

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use super::{FileCheckpoint, Inspection, frames::HEADER};
use crate::{
    Error, ErrorKind, Result,
    checkpoint::{CheckpointStore, Plan, RunRecord},
    chunk::{Attempt, Chunk, ChunkId, Receipt, RunId},
    digest::Digest,
    division::{Divided, Division, Part},
    skipping::Skips,
    source::{SOURCE_TYPE, SourceDescription},
};

const FIRST: Attempt = Attempt { epoch: 1, number: 1 };

fn run_id() -> RunId {
    RunId::try_from("orders.2026".to_owned()).unwrap()
}

fn schema() -> SchemaRef {
    let source_type = HashMap::from([(SOURCE_TYPE.to_owned(), "datetime2(7)".to_owned())]);
    Arc::new(Schema::new(vec![
        Field::new("Order Id", DataType::Int64, false),
        Field::new("when", DataType::Timestamp(TimeUnit::Nanosecond, None), true).with_metadata(source_type),
    ]))
}

fn plan(chunks: u32) -> Plan {
    let chunk =
        |id| Chunk { id: ChunkId(id), label: format!("OrderId in [{id}, {})", id + 1), recipe: json!({"lo": id}) };
    Plan {
        fingerprint: "f00d".into(),
        schema: schema(),
        chunks: (0..chunks).map(chunk).collect(),
        description: SourceDescription { cut: "by [OrderId]".into(), ..SourceDescription::default() },
    }
}

fn receipt(id: u32) -> Receipt {
    let digest = "0123456789abcdef0123456789abcdef".parse::<Digest>().unwrap();
    Receipt {
        chunk: ChunkId(id),
        attempt: FIRST,
        rows: 250_000,
        bytes: 1 << 26,
        digest,
        detail: json!(["a", "b"]).into(),
    }
}

fn open(folder: &TempDir) -> Result<FileCheckpoint> {
    FileCheckpoint::open(&folder.path().join("state"), &run_id())
}

fn journal(folder: &TempDir) -> PathBuf {
    folder.path().join("state/orders.2026.journal")
}

/// What the first attempt at a chunk left out.
fn skips(id: u32, rows: u64) -> Skips {
    let log = (rows > 0).then(|| Receipt { rows, bytes: 80 * rows, ..receipt(id) });
    Skips { chunk: ChunkId(id), attempt: FIRST, rows, log, left_out: Vec::new() }
}

/// The receipt of an attempt that divided its chunk, and came to nothing.
fn abandoned() -> Receipt {
    Receipt { attempt: Attempt { epoch: 1, number: 7 }, ..receipt(1) }
}

/// How the attempt of this receipt divided its chunk.
fn division(Receipt { chunk, attempt, .. }: Receipt) -> Division {
    let part =
        |number: u32| Part { label: format!("part {number} of chunk {}", chunk.0), recipe: json!([chunk.0, number]) };
    Division { chunk, attempt, parts: Divided { read: part(1), rest: vec![part(2), part(3)] } }
}

/// A run that was planned, opened, committed two chunks, failed once and succeeded.
async fn write_run(folder: &TempDir) {
    let store = open(folder).unwrap();
    assert!(store.take_over().await.unwrap().is_none());
    store.create(plan(2)).await.unwrap();
    store.record_log_opening(&json!(null)).await.unwrap();
    store.record_opening(&json!({"etag": "0x8D"})).await.unwrap();
    store.record_skips(&skips(0, 3)).await.unwrap();
    store.record(&[receipt(0)]).await.unwrap();
    let error = Error::new(ErrorKind::Unavailable, "the server is busy");
    store.note_failure(ChunkId(1), FIRST, &error).await.unwrap();
    store.record_division(&division(abandoned())).await.unwrap();
    store.record_skips(&skips(1, 0)).await.unwrap();
    store.record(&[receipt(1)]).await.unwrap();
    store.close(&json!({"rows": 500_000})).await.unwrap();
}

fn seen(record: &RunRecord) -> impl PartialEq + std::fmt::Debug + use<> {
    let Plan { fingerprint, schema, chunks, description } = record.plan.clone();
    (fingerprint, schema, chunks, description, record.opening.clone(), record.receipts.clone(), record.report.clone())
}

#[tokio::test]
async fn a_run_is_found_again_as_it_was_left() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let record = open(&folder).unwrap().take_over().await.unwrap().unwrap();
    assert_eq!(record.epoch, 2);
    assert_eq!(record.plan.schema, schema());
    assert_eq!(record.plan.chunks, plan(2).chunks);
    assert_eq!(record.plan.description, plan(2).description);
    assert_eq!(record.opening, Some(json!({"etag": "0x8D"})));
    assert_eq!(record.receipts, [receipt(0), receipt(1)]);
    assert_eq!((record.log_opening, record.skips), (Some(json!(null)), vec![skips(0, 3), skips(1, 0)]));
    assert_eq!(record.report, Some(json!({"rows": 500_000})));
    assert_eq!(open(&folder).unwrap().take_over().await.unwrap().unwrap().epoch, 3);
}

/// Also by the process that recorded it: what it read when it began is not all any more.
#[tokio::test]
async fn whoever_asks_again_hears_of_what_came_since() {
    let folder = tempdir().unwrap();
    let store = open(&folder).unwrap();
    store.create(plan(2)).await.unwrap();
    store.record(&[receipt(0)]).await.unwrap();
    for (epoch, known) in [(2, 1), (3, 2)] {
        let record = store.take_over().await.unwrap().unwrap();
        assert_eq!((record.epoch, record.receipts.len(), record.plan.chunks), (epoch, known, plan(2).chunks));
        store.record(&[receipt(1)]).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_is_planned_once() {
    let folder = tempdir().unwrap();
    let store = open(&folder).unwrap();
    store.create(plan(1)).await.unwrap();
    assert_eq!(store.create(plan(1)).await.unwrap_err().kind(), ErrorKind::Bug);
}

#[tokio::test]
async fn a_second_process_is_refused_and_inspection_is_not() {
    let folder = tempdir().unwrap();
    let store = open(&folder).unwrap();
    store.create(plan(2)).await.unwrap();
    let Err(error) = open(&folder) else { panic!("two processes hold one run") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("orders.2026"), "{error}");
    let state = folder.path().join("state");
    let Inspection { plan, epoch, .. } = FileCheckpoint::inspect(&state, &run_id()).unwrap().unwrap();
    assert_eq!((plan.unwrap().chunks.len(), epoch), (2, 1));
    drop(store);
    assert!(open(&folder).is_ok());
}

#[tokio::test]
async fn a_process_whose_run_was_seized_records_nothing_any_more() {
    let folder = tempdir().unwrap();
    let state = folder.path().join("state");
    let seize = || FileCheckpoint::seize(&state, &run_id());
    let stopped = open(&folder).unwrap();
    stopped.create(plan(2)).await.unwrap();
    stopped.record(&[receipt(0)]).await.unwrap();

    let successor = seize().unwrap();
    let error = stopped.record(&[receipt(1)]).await.unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("taken the run over"), "{error}");
    // Also where it has not yet said which epoch it is.
    assert!(stopped.take_over().await.is_err());
    let record = successor.take_over().await.unwrap().unwrap();
    assert_eq!(record.receipts, [receipt(0)]);
    assert!(record.epoch > 2, "the stopped process may have had epoch 2 in mind");
    let third = seize().unwrap();
    assert!(successor.record(&[receipt(1)]).await.unwrap_err().is_fatal());
    assert!(open(&folder).is_err(), "the one that seized it holds it");
    third.record(&[receipt(1)]).await.unwrap();
    drop(third);
    // Nobody holds it: seizing is opening.
    let record = seize().unwrap().take_over().await.unwrap().unwrap();
    assert_eq!(record.receipts, [receipt(0), receipt(1)]);
    assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "nothing but the journal is left");
}

#[tokio::test]
async fn a_run_is_seized_before_it_was_planned() {
    let folder = tempdir().unwrap();
    let stopped = open(&folder).unwrap();
    let successor = FileCheckpoint::seize(&folder.path().join("state"), &run_id()).unwrap();
    assert!(successor.take_over().await.unwrap().is_none());
    assert_eq!(successor.create(plan(1)).await.unwrap().epoch, 1);
    assert!(stopped.create(plan(2)).await.unwrap_err().is_fatal());
}

#[tokio::test]
async fn inspection_changes_nothing_and_lists_failures() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let before = fs::read(journal(&folder)).unwrap();
    let state = folder.path().join("state");
    let inspection = FileCheckpoint::inspect(&state, &run_id()).unwrap().unwrap();
    assert_eq!(inspection.failures.len(), 1);
    assert_eq!(inspection.failures[0].kind, "Unavailable");
    assert_eq!((inspection.receipts.len(), inspection.epoch), (2, 1));
    assert!(inspection.planned_at > 0 && inspection.ended_at >= Some(inspection.planned_at));
    assert_eq!(fs::read(journal(&folder)).unwrap(), before);
    assert_eq!(FileCheckpoint::list(&state).unwrap(), [run_id()]);
    let other = RunId::try_from("other".to_owned()).unwrap();
    assert!(FileCheckpoint::inspect(&state, &other).unwrap().is_none());
    assert!(!state.join("other.journal").exists());
    assert!(FileCheckpoint::list(&folder.path().join("nowhere")).unwrap().is_empty());
}

#[tokio::test]
async fn others_may_not_read_it() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder.path().join("state")), mode(&journal(&folder))), (0o700, 0o600));
}

/// Cut anywhere, the journal is a run that was killed there: never an error, never another state
/// than one the run went through.
#[tokio::test]
async fn every_truncation_is_an_earlier_state() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let whole = fs::read(journal(&folder)).unwrap();
    let mut states: Vec<Option<String>> = Vec::new();
    for length in 0..=whole.len() {
        fs::write(journal(&folder), &whole[..length]).unwrap();
        let store = open(&folder).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
        let record = store.take_over().await.unwrap();
        if record.is_none() {
            store.create(plan(2)).await.unwrap();
        } else {
            store.record(&[receipt(0)]).await.unwrap();
        }
        drop(store);
        assert!(open(&folder).unwrap().take_over().await.unwrap().is_some(), "cut at {length}: not writable");
        states.push(record.map(|record| format!("{:?}", seen(&record))));
    }
    assert_eq!(states[0], None);
    states.dedup();
    // No plan, the plan, its opening, two receipts and the report; the failure changes no state.
    assert_eq!(states.len(), 6);
}

/// A flipped bit is an error that names file and offset, or it looks like the end of the journal and
/// drops the last record: it never gives a state that the run was not in.
#[tokio::test]
async fn every_flipped_bit_is_found() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let whole = fs::read(journal(&folder)).unwrap();
    let last = whole.len() - last_record(&whole);
    let mut dropped = 0;
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(journal(&folder), &bytes).unwrap();
        match FileCheckpoint::inspect(&folder.path().join("state"), &run_id()) {
            Err(error) => {
                // Some flips of the version's digit make a version of the future.
                let future = bytes[..HEADER.len() - 2] == whole[..HEADER.len() - 2] && bit / 8 == HEADER.len() - 2;
                let kinds = [ErrorKind::Data, ErrorKind::Spec];
                assert!(kinds[..1 + usize::from(future)].contains(&error.kind()), "bit {bit}: {error}");
                assert!(error.to_string().contains("orders.2026.journal"), "{error}");
                assert!(error.to_string().contains("offset="), "{error}");
                assert!(open(&folder).is_err());
            }
            // Others make an earlier version, whose records are read alike.
            Ok(inspection) if matches!(bytes[HEADER.len() - 2], b'1' | b'2') => {
                assert!(inspection.unwrap().report.is_some());
                continue;
            }
            Ok(inspection) => {
                assert!(bit / 8 >= last && inspection.unwrap().report.is_none(), "bit {bit} went unnoticed");
                dropped += 1;
            }
        }
        assert_eq!(fs::read(journal(&folder)).unwrap(), bytes, "a damaged journal was written to");
    }
    assert!(dropped < 20, "{dropped} flips of the last record passed for a cut");
}

fn last_record(journal: &[u8]) -> usize {
    let report = br#"{"report":"#;
    let start = journal.windows(report.len()).rposition(|window| window == report).unwrap();
    journal.len() - start + 20
}

#[tokio::test]
async fn space_that_was_allotted_and_never_written_is_a_cut() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let whole = fs::read(journal(&folder)).unwrap();
    let last = whole.len() - last_record(&whole);
    for written in [last, last + 20, last + 30] {
        let mut bytes = whole.clone();
        bytes[written..].fill(0);
        bytes.resize(if written == last { 4096 } else { bytes.len() }, 0);
        fs::write(journal(&folder), &bytes).unwrap();
        let record = open(&folder).unwrap().take_over().await.unwrap().unwrap();
        assert_eq!((record.receipts.len(), record.report), (2, None), "zeros from {written}");
    }
}

#[tokio::test]
async fn a_lost_record_in_the_middle_is_found() {
    let folder = tempdir().unwrap();
    write_run(&folder).await;
    let whole = fs::read(journal(&folder)).unwrap();
    let receipts = br#"{"receipts":"#;
    let first = whole.windows(receipts.len()).position(|window| window == receipts).unwrap() - 20;
    let length = 20 + u32::from_le_bytes(whole[first..first + 4].try_into().unwrap()) as usize;
    let without = [&whole[..first], &whole[first + length..]].concat();
    fs::write(journal(&folder), without).unwrap();
    let Err(error) = open(&folder) else { panic!("a lost record went unnoticed") };
    assert!(error.to_string().contains("missing"), "{error}");
}

#[tokio::test]
async fn every_type_of_column_is_kept() {
    use DataType as T;
    let types = [
        T::Boolean,
        T::Int8,
        T::UInt64,
        T::Float16,
        T::Float64,
        T::Decimal128(38, 10),
        T::Decimal256(76, -2),
        T::Date32,
        T::Date64,
        T::Time32(TimeUnit::Millisecond),
        T::Time64(TimeUnit::Nanosecond),
        T::Utf8,
        T::LargeUtf8,
        T::Utf8View,
        T::Binary,
        T::LargeBinary,
        T::BinaryView,
        T::FixedSizeBinary(16),
        T::Timestamp(TimeUnit::Second, None),
        T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into())),
        T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)),
        T::Null,
    ];
    let fields: Vec<_> =
        types.into_iter().enumerate().map(|(i, t)| Field::new(format!("c{i} \"x\""), t, i % 2 == 0)).collect();
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let folder = tempdir().unwrap();
    open(&folder).unwrap().create(Plan { schema: schema.clone(), ..plan(1) }).await.unwrap();
    assert_eq!(open(&folder).unwrap().take_over().await.unwrap().unwrap().plan.schema, schema);
}

/// Prints how long a restart takes; the design allows two seconds in a release build.
#[tokio::test]
async fn a_run_of_a_hundred_thousand_chunks_is_found_again() {
    let folder = tempdir().unwrap();
    let store = open(&folder).unwrap();
    store.create(plan(100_000)).await.unwrap();
    let receipts: Vec<_> = (0..100_000).map(receipt).collect();
    for group in receipts.chunks(1_000) {
        store.record(group).await.unwrap();
    }
    drop(store);
    let started = Instant::now();
    let record = open(&folder).unwrap().take_over().await.unwrap().unwrap();
    println!("restart with 100,000 receipts: {:?}", started.elapsed());
    assert_eq!((record.receipts.len(), record.plan.chunks.len()), (100_000, 100_000));
}

#[tokio::test]
async fn a_chunk_is_divided_by_the_receipt_of_the_attempt_that_divided_it() {
    let folder = tempdir().unwrap();
    let store = open(&folder).unwrap();
    store.create(plan(2)).await.unwrap();
    for committed in [abandoned(), receipt(1), receipt(0)] {
        store.record_division(&division(committed)).await.unwrap();
    }
    store.record(&[receipt(1), receipt(0)]).await.unwrap();
    drop(store);
    let record = open(&folder).unwrap().take_over().await.unwrap().unwrap();
    let chunks = record.plan.chunks.iter().map(|chunk| (chunk.id.0, chunk.recipe.clone()));
    let expected = [(0, json!([0, 1])), (1, json!([1, 1]))].into_iter();
    // Those of the first receipt stand first, as the process saw it that wrote them.
    let rest = [(2, json!([1, 2])), (3, json!([1, 3])), (4, json!([0, 2])), (5, json!([0, 3]))];
    assert_eq!(chunks.collect::<Vec<_>>(), expected.chain(rest).collect::<Vec<_>>());
    assert_eq!(record.divisions.added(), 4);
}
