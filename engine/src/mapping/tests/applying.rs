//! Mapped rows: what a source in front of a mapping gives.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Int32Type, Int64Type, Schema},
};
use futures::{StreamExt, TryStreamExt};

use super::{by_name, rules};
use crate::{
    ErrorKind,
    chunk::{BatchLimit, Chunk},
    digest::{Digest, RowDigester},
    mapping::{
        AdditionalColumn, AdditionalValue, ColumnMapping, Interim, MappedColumn, MappedSource, Mapping, Rules,
        TimeFormat,
    },
    skipping::Portion,
    source::{ChunkTarget, Source},
    testing::{
        conformance::{self, SourceCase},
        model_table::ModelTable,
        vec_source::{VecSource, rows_at_most},
    },
};

fn named(name: &str) -> MappedColumn {
    MappedColumn { name: Some(name.to_owned()), ..MappedColumn::default() }
}

fn typed(name: &str, interim: Interim) -> MappedColumn {
    MappedColumn { interim: Some(interim), ..named(name) }
}

fn mapping(columns: &[(&str, MappedColumn)]) -> Mapping {
    let column = |(source, sink): &(&str, MappedColumn)| ColumnMapping {
        source: named(source),
        sink: sink.clone(),
        at: "$".to_owned(),
    };
    Mapping { columns: Some(columns.iter().map(column).collect()), ..by_name() }
}

fn mapped(source: VecSource, mapping: Mapping) -> MappedSource {
    MappedSource::new(Arc::new(source), Arc::new(ModelTable::default()), mapping)
}

async fn chunks(source: &dyn Source) -> Vec<Chunk> {
    source.schema().await.unwrap();
    source.plan(ChunkTarget { bytes: 1, rows: 1, chunks: 1 }).await.unwrap()
}

async fn batches(source: &dyn Source, limit: BatchLimit) -> Vec<RecordBatch> {
    let mut all = Vec::new();
    for chunk in chunks(source).await {
        let batches = source.read(&chunk, limit).await.unwrap();
        all.extend(batches.try_collect::<Vec<_>>().await.unwrap());
    }
    all
}

/// A column of texts behind numbers.
fn texts(texts: &[Option<&str>]) -> VecSource {
    let fields = vec![Field::new("id", DataType::Int64, false), Field::new("t", DataType::Utf8, true)];
    let schema = Arc::new(Schema::new(fields));
    let ids = Arc::new(Int64Array::from_iter_values(0..texts.len() as i64));
    let rows = RecordBatch::try_new(schema.clone(), vec![ids, Arc::new(StringArray::from(texts.to_vec()))]).unwrap();
    VecSource::new(schema, vec![rows])
}

#[tokio::test]
async fn columns_that_are_chosen_are_not_copied() {
    let source = VecSource::numbered(1, 10);
    let original = batches(&source, rows_at_most(100)).await;
    let renamed = mapped(source, mapping(&[("name", named("label")), ("id", named("key")), ("id", named("id"))]));
    let schema = renamed.schema().await.unwrap();
    let rows = batches(&renamed, rows_at_most(100)).await;
    assert_eq!(schema, rows[0].schema(), "what was announced is every batch's");
    let pointer = |array: &dyn Array| array.to_data().buffers()[0].as_ptr();
    assert_eq!(pointer(rows[0].column(0)), pointer(original[0].column(1)));
    assert_eq!(pointer(rows[0].column(1)), pointer(original[0].column(0)));
    assert_eq!(rows[0].column(1), rows[0].column(2));
    assert_eq!(renamed.working_set(rows_at_most(100)), rows_at_most(100).bytes / 2, "only what the source reads");
}

#[tokio::test]
async fn additional_columns_have_their_values_in_every_row() {
    let column = |name: &str, value| AdditionalColumn { name: name.to_owned(), value, at: String::new() };
    let additional = vec![
        column("who", AdditionalValue::Text(Some("me".to_owned()))),
        column("nobody", AdditionalValue::Text(None)),
        column("copy", AdditionalValue::Column("id".to_owned())),
    ];
    let source = mapped(VecSource::numbered(2, 5), Mapping { additional, ..by_name() });
    let rows = batches(&source, rows_at_most(3)).await;
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
    for rows in rows {
        assert!(rows.column(2).as_string::<i32>().iter().all(|text| text == Some("me")));
        assert_eq!(rows.column(3).null_count(), rows.num_rows());
        assert_eq!(rows.column(4), rows.column(0));
    }
    // Nothing but additional columns: there are as many rows as in the source.
    let who = vec![column("who", AdditionalValue::Text(Some("me".to_owned())))];
    let alone = mapped(VecSource::numbered(1, 5), Mapping { additional: who, ..mapping(&[("who", named("by"))]) });
    let rows = batches(&alone, rows_at_most(3)).await;
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    // A source that does not say which file a row comes from.
    let file = vec![column("file", AdditionalValue::FilePath)];
    let source = mapped(VecSource::numbered(1, 1), Mapping { additional: file, ..by_name() });
    let chunk = chunks(&source).await.remove(0);
    let error = source.read(&chunk, BatchLimit::default()).await.unwrap().next().await.unwrap().unwrap_err();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("$$FILEPATH"), "{error}");
}

#[tokio::test]
async fn a_value_without_a_place_names_its_column_and_not_itself() {
    let source = mapped(texts(&[Some("1"), None, Some("canary")]), mapping(&[("t", typed("n", Interim::Int32))]));
    let chunk = chunks(&source).await.remove(0);
    let error = source.read(&chunk, BatchLimit::default()).await.unwrap().next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.symbolic_code()), (ErrorKind::Data, Some("UserErrorInvalidDataValue")));
    let text = error.to_string();
    assert!(text.contains("column=t") && text.contains("Int32") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn rows_without_a_place_are_left_out_once() {
    let texts = texts(&[Some("1"), Some("x"), None, Some("y"), Some("4")]);
    let both = mapping(&[("t", typed("n", Interim::Int32)), ("t", typed("m", Interim::Byte)), ("t", named("t"))]);
    let source = mapped(texts, both);
    let chunk = chunks(&source).await.remove(0);
    let portions = source.read_skipping(&chunk, BatchLimit::default()).await.unwrap();
    let [Portion { read, rows, skipped, .. }] =
        <[_; 1]>::try_from(portions.try_collect::<Vec<_>>().await.unwrap()).unwrap();
    assert_eq!((read, rows.num_rows(), skipped.len()), (5, 3, 2));
    let numbers: Vec<_> = rows.column(0).as_primitive::<Int32Type>().iter().collect();
    assert_eq!(numbers, [Some(1), None, Some(4)]);
    assert_eq!(skipped[0].cells, [Some("1".to_owned()), Some("x".to_owned())], "the values of the source");
    assert!(skipped[0].message.contains("Column 't' contains an invalid value 'x': it is no Int32"));
    assert!(source.skips().unwrap().contains("no place"));
    // Those that the source leaves out stay left out.
    let source = mapped(VecSource::numbered(1, 10).misfits(5), mapping(&[("id", typed("n", Interim::Byte))]));
    let chunk = chunks(&source).await.remove(0);
    let portions = source.read_skipping(&chunk, BatchLimit::default()).await.unwrap();
    let portions = portions.try_collect::<Vec<_>>().await.unwrap();
    assert_eq!((portions[0].read, portions[0].rows.num_rows(), portions[0].skipped.len()), (10, 8, 2));
    assert!(source.skips().unwrap().starts_with("rows that do not fit; "));
    let plain = mapped(VecSource::numbered(1, 1), mapping(&[("id", named("n"))]));
    plain.schema().await.unwrap();
    assert_eq!(plain.skips(), None);
}

#[tokio::test]
async fn mapped_batches_keep_the_limit() {
    let long = "x".repeat(1_000);
    let additional =
        vec![AdditionalColumn { name: "long".to_owned(), value: AdditionalValue::Text(Some(long)), at: String::new() }];
    let columns = mapping(&[
        ("id", typed("a", Interim::String)),
        ("name", named("b")),
        ("name", named("c")),
        ("long", named("d")),
    ]);
    let source = mapped(VecSource::numbered(1, 2_000), Mapping { additional, ..columns });
    let limit = BatchLimit { bytes: 64 << 10, ..BatchLimit::default() };
    let batches = batches(&source, limit).await;
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2_000);
    for batch in &batches {
        let bytes: usize = batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap()).sum();
        assert!(bytes as u64 <= limit.bytes, "{bytes} bytes in {} rows", batch.num_rows());
    }
    assert!(source.working_set(limit) > limit.bytes);
}

#[tokio::test]
async fn rows_cannot_be_asked_for_before_the_columns() {
    let source = mapped(VecSource::numbered(1, 1), by_name());
    let chunk = source.plan(ChunkTarget { bytes: 1, rows: 1, chunks: 1 }).await.unwrap().remove(0);
    assert_eq!(source.read(&chunk, BatchLimit::default()).await.err().map(|error| error.kind()), Some(ErrorKind::Bug));
}

/// A source behind a mapping is a source like any other.
#[tokio::test]
async fn a_mapped_source_conforms() {
    let conversion =
        Mapping { converts: true, ..mapping(&[("id", typed("text", Interim::String)), ("name", named("label"))]) };
    let source = Arc::new(mapped(VecSource::numbered(3, 100), conversion));
    let expected = batches(source.as_ref(), BatchLimit::default()).await;
    let digester = RowDigester::new(&source.schema().await.unwrap()).unwrap();
    let digest: Digest = expected.iter().map(|batch| digester.digest(batch).unwrap()).sum();
    let target = ChunkTarget { bytes: 1, rows: 1, chunks: 1 };
    let case = SourceCase { source, target, limit: BatchLimit::default(), rows: 300, digest };
    conformance::source(&case).await.unwrap_or_else(|breach| panic!("{breach:?}"));
}

/// Swapping two columns of the same type is seen by whoever compares rows.
#[tokio::test]
async fn a_mapping_that_swaps_columns_gives_other_rows() {
    async fn digest(columns: &[(&str, MappedColumn)]) -> Digest {
        let source = mapped(VecSource::numbered(1, 100), Mapping { rules: given(), ..mapping(columns) });
        let digester = RowDigester::new(&source.schema().await.unwrap()).unwrap();
        batches(&source, BatchLimit::default()).await.iter().map(|rows| digester.digest(rows).unwrap()).sum()
    }
    fn given() -> Rules {
        Rules { time_span: TimeFormat { is_given: true, ..rules(true).time_span }, ..rules(true) }
    }
    let text = |name: &str| typed(name, Interim::String);
    let right = digest(&[("id", text("a")), ("name", text("b"))]).await;
    assert_eq!(right, digest(&[("id", text("a")), ("name", text("b"))]).await);
    assert_ne!(right, digest(&[("name", text("a")), ("id", text("b"))]).await);
    let number = batches(&mapped(VecSource::numbered(1, 3), by_name()), BatchLimit::default()).await;
    assert_eq!(number[0].column(0).as_primitive::<Int64Type>().values(), &[0, 1, 2]);
}
