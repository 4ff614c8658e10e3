//! ORC files that another implementation wrote: every value and type comes as that implementation reads it.

use std::path::Path;

use arrow::{array::RecordBatch, datatypes::DataType};
use ropeway_connectors::registry;
use ropeway_engine::source::{SOURCE_TYPE, Source};
use ropeway_tests::readback::{self, Content};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{rows, sink, write};

fn source(root: &Path) -> std::sync::Arc<dyn Source> {
    let spec = json!({
        "linkedService": {"type": "FileServer", "host": root.to_str().unwrap()},
        "dataset": {"type": "Orc", "location": {"type": "FileServerLocation", "folderPath": "in"}},
        "source": {"type": "OrcSource"},
    });
    registry().connect_source("FileServer", spec).unwrap()
}

fn written(options: &Value) -> TempDir {
    let root = TempDir::new().unwrap();
    std::fs::create_dir(root.path().join("in")).unwrap();
    readback::write_orc(&root.path().join("in/all.orc"), options);
    root
}

/// What pyarrow reads of the ORC file, and what it reads of the Parquet file that became of it; and the chunks.
async fn both(root: &Path) -> (Content, Content, usize) {
    let source = source(root);
    let chunks = rows(source.as_ref()).await;
    let sink = sink(root, &json!({"type": "Parquet"}), Some("all.parquet"));
    write(sink.as_ref(), &source.schema().await.unwrap(), &chunks).await;
    let wanted = readback::orc(&root.join("in/all.orc"), usize::MAX >> 1);
    (wanted, readback::parquet(&root.join("out/all.parquet"), usize::MAX >> 1), chunks.len())
}

fn assert_same((wanted, found, _): &(Content, Content, usize), case: &Value) {
    assert_eq!(wanted.schema, found.schema, "{case}");
    assert_eq!(wanted.rows, found.rows, "{case}");
    for (row, (wanted, found)) in wanted.values.iter().zip(&found.values).enumerate() {
        assert_eq!(wanted, found, "row {row}, {case}");
    }
}

#[tokio::test]
async fn every_value_of_every_type_is_what_another_reader_sees() {
    for options in [
        json!({"compression": "uncompressed"}),
        json!({"compression": "zlib", "dictionary_key_size_threshold": 1.0}),
        json!({"compression": "snappy"}),
        json!({"compression": "lz4", "file_version": "0.11", "dictionary_key_size_threshold": 1.0}),
        json!({"compression": "zstd", "compression_block_size": 65536}),
        json!({"compression": "zlib", "bloom_filter_columns": [1, 8], "row_index_stride": 1000, "rows": 5000}),
        json!({"rows": 1}),
    ] {
        let root = written(&options);
        assert_same(&both(root.path()).await, &options);
    }
}

#[tokio::test]
async fn stripes_are_chunks() {
    let options = json!({"compression": "uncompressed", "rows": 25_000, "stripe_size": 65_536});
    let root = written(&options);
    let found = both(root.path()).await;
    assert!(found.2 > 1, "{} chunks", found.2);
    assert_same(&found, &options);
}

/// A timestamp shows what a clock showed where the file was written, and an instant is none of that.
#[tokio::test]
async fn the_clock_of_the_writer_counts() {
    let root = written(&json!({"zone": "CET"}));
    let (wanted, found, _) = both(root.path()).await;
    let column = |content: &Content, name: &str| {
        let at = content.schema.iter().position(|(column, _)| column == name).unwrap();
        content.values.iter().map(|row| row[at].clone()).collect::<Vec<_>>()
    };
    assert_eq!(column(&found, "instant"), column(&wanted, "instant"));
    // Zones were agreed upon later, and what comes with the year 1970 is another matter where C++ wrote the file.
    let agreed = |text: &Option<String>| text.as_ref().is_some_and(|text| text[..4] > *"1946" && text[..4] != *"1970");
    let pairs: Vec<_> = column(&wanted, "scattered").into_iter().zip(column(&found, "scattered")).collect();
    let pairs: Vec<_> = pairs.into_iter().filter(|(wanted, _)| agreed(wanted)).collect();
    assert!(pairs.len() > 400, "{}", pairs.len());
    assert!(pairs.iter().all(|(wanted, found)| wanted == found), "{pairs:?}");
    // Without the zone an hour or two is missing.
    let root = written(&json!({}));
    let (elsewhere, ..) = both(root.path()).await;
    assert_ne!(column(&elsewhere, "scattered"), column(&found, "scattered"));
}

#[tokio::test]
async fn columns_have_the_names_of_their_types() {
    let root = written(&json!({"rows": 0}));
    let schema = source(root.path()).schema().await.unwrap();
    let named = |name: &str| schema.field_with_name(name).unwrap().metadata()[SOURCE_TYPE].clone();
    assert_eq!(named("tiny"), "tinyint");
    assert_eq!(named("long_decimal"), "decimal(38,10)");
    assert_eq!(named("instant"), "timestamp with local time zone");
    assert_eq!(*schema.field_with_name("day").unwrap().data_type(), DataType::Date32);
    assert_eq!(rows(source(root.path()).as_ref()).await.iter().flatten().map(RecordBatch::num_rows).sum::<usize>(), 0);
}
