use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array},
    compute::{concat_batches, take_record_batch},
};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ropeway_engine::{
    ErrorKind,
    chunk::BatchLimit,
    retry::RetryPolicy,
    run::{INCONSISTENT, Settings},
    testing::{dice::Dice, vec_source::VecSource},
};
use ropeway_tests::blob_service::{Effect, Fault, Operation};
use serde_json::{Value, json};

use super::store::{Store, copy};

pub(super) const ROWS: i64 = 50;

/// Four shapes of a target, with the dataset.
fn shapes() -> [(Value, Option<&'static str>); 4] {
    let parquet = json!({"type": "Parquet"});
    let text = json!({"type": "DelimitedText", "firstRowAsHeader": true});
    [(parquet.clone(), Some("all.parquet")), (parquet, None), (text.clone(), Some("all.csv")), (text, None)]
}

/// Both stores, each with nothing in it.
async fn stores() -> [Arc<Store>; 2] {
    [Store::files(), Store::blobs().await]
}

pub(super) fn chunk(first: i64) -> RecordBatch {
    let ids = first..first + ROWS;
    let columns: [(&str, ArrayRef); 4] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("other", Arc::new(Int64Array::from_iter_values(ids.clone().map(|id| id * 7)))),
        ("name", Arc::new(StringArray::from_iter(ids.clone().map(|id| (id % 5 > 0).then(|| format!("n{id}")))))),
        ("note", Arc::new(StringArray::from_iter_values(ids.map(|id| if id % 3 == 0 { "" } else { "x, \"y\"" })))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true))).unwrap()
}

pub(super) fn chunks() -> Vec<RecordBatch> {
    (0..3).map(|number| chunk(number * ROWS)).collect()
}

pub(super) fn source(chunks: Vec<RecordBatch>) -> VecSource {
    VecSource::new(chunks[0].schema(), chunks)
}

pub(super) fn settings() -> Settings {
    Settings {
        read_back: true,
        batch: BatchLimit { rows: 16.try_into().unwrap(), ..BatchLimit::default() },
        ..Settings::default()
    }
}

/// The files that a run of these chunks leaves, by name.
async fn written(shape: &(Value, Option<&str>), chunks: Vec<RecordBatch>) -> Vec<(String, Vec<u8>)> {
    let store = Store::files();
    let summary = copy(&store, (&shape.0, shape.1), source(chunks), settings(), |_| {}).await.unwrap();
    assert!(summary.read_back && summary.rows > 0);
    store.names().into_iter().map(|name| (name.clone(), store.get(&name))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_touched_is_verified_and_only_if_asked_for() {
    for store in stores().await {
        for (dataset, file) in shapes() {
            let summary = copy(&store, (&dataset, file), source(chunks()), settings(), |_| {}).await.unwrap();
            assert!(summary.read_back, "{dataset}");
        }
    }
    let (dataset, file) = &shapes()[0];
    let unasked = Settings { read_back: false, ..settings() };
    let broken = |store: &Store| store.put("all.parquet", b"broken");
    let summary = copy(&Store::files(), (dataset, *file), source(chunks()), unasked, broken).await.unwrap();
    assert!(!summary.read_back);
}

fn taken(rows: &RecordBatch, order: impl IntoIterator<Item = u32>) -> RecordBatch {
    take_record_batch(rows, &UInt32Array::from_iter_values(order)).unwrap()
}

/// The first chunk with something wrong.
fn spoiled() -> Vec<(&'static str, RecordBatch)> {
    let sound = chunk(0);
    let with = |position: usize, values: ArrayRef| {
        let mut columns = sound.columns().to_vec();
        columns[position] = values;
        RecordBatch::try_new(sound.schema(), columns).unwrap()
    };
    let rows = 0..ROWS as u32;
    let names = sound.column(2).as_any().downcast_ref::<StringArray>().unwrap();
    let notes = sound.column(3).as_any().downcast_ref::<StringArray>().unwrap();
    vec![
        ("a row is lost", taken(&sound, rows.clone().skip(1))),
        ("a row is there twice", taken(&sound, rows.clone().chain([7]))),
        ("a row is there twice and another one lost", taken(&sound, rows.clone().skip(1).chain([7]))),
        ("a value is another one", with(0, Arc::new(Int64Array::from_iter_values(1..=ROWS)))),
        ("two rows swapped a value", with(0, taken(&sound, [1, 0].into_iter().chain(rows.skip(2))).column(0).clone())),
        ("two columns are swapped", with(0, Arc::clone(sound.column(1)))),
        ("null became empty", with(2, Arc::new(names.iter().map(|v| Some(v.unwrap_or(""))).collect::<StringArray>()))),
        (
            "empty became null",
            with(3, Arc::new(notes.iter().map(|v| v.filter(|v| !v.is_empty())).collect::<StringArray>())),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_lost_doubled_changed_or_swapped_row_is_caught_and_its_file_named() {
    for shape in shapes() {
        let (dataset, file) = &shape;
        // Rows in another order are the same rows: the twin.
        let mut cases = vec![("only the order differs", taken(&chunk(0), (0..ROWS as u32).rev()))];
        cases.extend(spoiled());
        for (what, first) in cases {
            let other = written(&shape, vec![first, chunk(ROWS), chunk(2 * ROWS)]).await.swap_remove(0);
            for store in stores().await {
                let (name, bytes) = other.clone();
                let outcome = copy(&store, (dataset, *file), source(chunks()), settings(), move |store| {
                    store.put(&name, &bytes);
                });
                let outcome = outcome.await;
                if what.starts_with("only") {
                    assert!(outcome.unwrap().read_back, "{what}: {dataset}");
                    continue;
                }
                let error = outcome.expect_err(what);
                assert!(error.kind() == ErrorKind::Data && error.is_fatal(), "{what}: {error}");
                assert_eq!(error.symbolic_code(), Some(INCONSISTENT), "{what}: {error}");
                assert!(error.to_string().contains(&other.0), "{what} in {}: {error}", other.0);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_empty_or_cut_off_is_caught() {
    let deeds: [fn(&Store, &str); 3] = [
        |store, name| store.remove(name),
        |store, name| store.put(name, b""),
        |store, name| store.put(name, &store.get(name)[..store.get(name).len() / 2]),
    ];
    for (dataset, file) in shapes() {
        for deed in deeds {
            for store in stores().await {
                let spoil = move |store: &Store| deed(store, store.names().last().unwrap());
                let error = copy(&store, (&dataset, file), source(chunks()), settings(), spoil).await.unwrap_err();
                assert_eq!(error.symbolic_code(), Some(INCONSISTENT), "{dataset}: {error}");
            }
        }
    }
}

/// What an independent reader finds in a Parquet file, if it can read it.
fn rows_of(bytes: Vec<u8>) -> Option<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).ok()?;
    let schema = Arc::clone(reader.schema());
    let batches = reader.build().ok()?.collect::<Result<Vec<_>, _>>().ok()?;
    concat_batches(&schema, &batches).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_flipped_bit_is_caught_wherever_it_changes_a_row() {
    let seed = rand::random();
    println!("seed {seed}");
    let dice = Dice::new(seed);
    for shape in shapes() {
        let (dataset, file) = &shape;
        let sound = written(&shape, chunks()).await;
        let mut caught = 0;
        for _ in 0..40 {
            let (name, bytes) = &sound[dice.below(sound.len() as u64) as usize];
            let (at, bit) = (dice.below(bytes.len() as u64) as usize, dice.below(8));
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let put = (name.clone(), flipped.clone());
            let store = Store::files();
            let outcome = copy(&store, (dataset, *file), source(chunks()), settings(), move |store| {
                store.put(&put.0, &put.1);
            });
            match outcome.await {
                Err(error) => {
                    assert_eq!(error.symbolic_code(), Some(INCONSISTENT), "byte {at} bit {bit} of {name}: {error}");
                    caught += 1;
                }
                // In Parquet some bytes are for statistics and names of programs.
                Ok(_) => {
                    let harmless = dataset["type"] == "Parquet" && rows_of(flipped) == rows_of(bytes.clone());
                    assert!(harmless, "byte {at} bit {bit} of {name} was not noticed");
                }
            }
        }
        assert!(caught >= 5, "{caught} of 40 flips in {dataset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_busy_is_asked_again() {
    let policy = RetryPolicy { pace: 0.001, ..RetryPolicy::default() };
    let [single, _, _, folder] = shapes();
    for (dataset, file) in [single, folder] {
        let store = Store::blobs().await;
        let busy = |store: &Store| {
            let Store::Blobs(service) = store else { panic!("these are blobs") };
            service.inject(Fault { operation: Operation::Any, skip: 2, times: 5, effect: Effect::Busy(None) });
        };
        let settings = Settings { retry: policy, ..settings() };
        let summary = copy(&store, (&dataset, file), source(chunks()), settings, busy).await.unwrap();
        assert!(summary.read_back, "{dataset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_apart_is_refused_before_anything_is_written() {
    let store = Store::files();
    let dataset = json!({"type": "DelimitedText", "quoteChar": "", "escapeChar": "\\"});
    let error = copy(&store, (&dataset, Some("all.csv")), source(chunks()), settings(), |_| {}).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("column=name"), "{error}");
    let Store::Files(root) = store.as_ref() else { panic!("these are files") };
    assert!(!root.path().join("out").exists());
    let unasked = Settings { read_back: false, ..settings() };
    copy(&store, (&dataset, Some("all.csv")), source(chunks()), unasked, |_| {}).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_of_many_windows_and_slices_is_read_back() {
    // 48 MiB: more than the windows that are held at once, and more than one slice.
    let seed = rand::random();
    println!("seed {seed}");
    let dice = Dice::new(seed);
    let chunk = || -> RecordBatch {
        let values: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1 << 20).map(|_| dice.below(1 << 62) as i64)));
        RecordBatch::try_from_iter([("n", values)]).unwrap()
    };
    let chunks: Vec<_> = (0..6).map(|_| chunk()).collect();
    let dataset = json!({"type": "Parquet", "compressionCodec": "none"});
    let settings = || Settings { read_back: true, ..Settings::default() };
    let flip = |store: &Store| {
        let mut bytes = store.get("all.parquet");
        assert!(bytes.len() > 44 << 20, "{}", bytes.len());
        // Amid the values of the last row group.
        let at = bytes.len() - (2 << 20);
        bytes[at] ^= 1;
        store.put("all.parquet", &bytes);
    };
    let (sound, spoiled) = (Store::blobs().await, Store::blobs().await);
    let target = (&dataset, Some("all.parquet"));
    let summary = copy(&sound, target, source(chunks.clone()), settings(), |_| {}).await.unwrap();
    assert!(summary.read_back);
    let error = copy(&spoiled, target, source(chunks), settings(), flip).await.unwrap_err();
    assert_eq!(error.symbolic_code(), Some(INCONSISTENT), "{error}");
}
