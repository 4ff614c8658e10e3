use std::{io::Write, num::NonZeroU32, sync::Arc};

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
        Float64Array, Int8Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
        Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
        TimestampSecondArray, UInt32Array, UInt64Array,
    },
    datatypes::{DataType, Field, Schema},
};
use ropeway_engine::{
    ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    source::SOURCE_TYPE,
};
use serde_json::{Value, json};

use crate::format::{Format, Fragment, Input, Slice, for_reading, for_writing};

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn limit() -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(2).unwrap(), bytes: 1 << 20 }
}

fn format(codec: &str) -> Arc<dyn Format> {
    for_writing(&json!({"type": "Avro", "avroCompressionCodec": codec}), None).unwrap()
}

fn encode(format: &dyn Format, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let schema = batches[0].schema();
    let mut file = format.preamble(&schema)?;
    let mut fragments = Vec::new();
    for batch in batches {
        let mut encoder = format.encoder(&schema)?;
        encoder.write(batch)?;
        let finished = encoder.finish()?;
        let bytes = encoder.take();
        fragments.push(Fragment { length: bytes.len() as u64, detail: finished.detail });
        file.extend(bytes);
    }
    file.extend(format.trailer(&schema, &fragments)?);
    Ok(file)
}

fn decode(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    let files = for_reading(&json!({"type": "Avro"}), None, 1 << 26)?;
    let mut batches = Vec::new();
    for slice in files.slices(opened(bytes), 1)? {
        batches.extend(files.read(opened(bytes), &slice, limit())?.collect::<Result<Vec<_>>>()?);
    }
    Ok(batches)
}

fn digest(batches: &[RecordBatch]) -> Digest {
    let digester = RowDigester::new(&batches[0].schema()).unwrap();
    batches.iter().map(|batch| digester.digest(batch).unwrap()).sum()
}

fn all_types() -> RecordBatch {
    let uuid: ArrayRef = Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([7_u8; 16]), None, Some([255; 16])].into_iter(), 16)
            .unwrap(),
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("i8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]))),
        ("i64", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
        ("u32", Arc::new(UInt32Array::from(vec![Some(u32::MAX), None, Some(0)]))),
        ("u64", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
        ("f32", Arc::new(Float32Array::from(vec![Some(-0.0), None, Some(f32::NAN)]))),
        ("f64", Arc::new(Float64Array::from(vec![Some(5e-324), None, Some(f64::INFINITY)]))),
        (
            "exact",
            Arc::new(
                Decimal128Array::from(vec![Some(10_i128.pow(38) - 1), None, Some(-1)])
                    .with_precision_and_scale(38, 10)
                    .unwrap(),
            ),
        ),
        ("text", Arc::new(StringArray::from(vec![Some("é€😀\0"), None, Some("")]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("a longer text than fits"), None, Some("")]))),
        ("day", Arc::new(Date32Array::from(vec![Some(2_932_896), None, Some(-719_162)]))),
        ("time6", Arc::new(Time64MicrosecondArray::from(vec![Some(0), None, Some(86_399_999_999)]))),
        ("time9", Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(86_399_999_999_999)]))),
        ("at0", Arc::new(TimestampSecondArray::from(vec![Some(-62_135_596_800), None, Some(253_402_300_799)]))),
        ("at6", Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1)]))),
        ("at9", Arc::new(TimestampNanosecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("utc", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("UTC"))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")]))),
        ("fixed", Arc::clone(&uuid)),
    ];
    let mut fields: Vec<_> =
        columns.iter().map(|(name, values)| Field::new(*name, values.data_type().clone(), true)).collect();
    let metadata = std::collections::HashMap::from([(SOURCE_TYPE.to_owned(), "uniqueidentifier".to_owned())]);
    fields.push(Field::new("uuid", uuid.data_type().clone(), true).with_metadata(metadata));
    let arrays = columns.into_iter().map(|(_, values)| values).chain([uuid]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

#[test]
fn every_type_is_read_back_with_every_codec() {
    let batch = all_types();
    for codec in ["none", "deflate", "snappy", "zstandard", "bzip2"] {
        let format = format(codec);
        let file = encode(format.as_ref(), &[batch.slice(0, 1), batch.slice(1, 0), batch.slice(1, 2)]).unwrap();
        let files = format.read_back(&batch.schema()).unwrap();
        let again = files.read(opened(&file), &Slice::Whole, limit()).unwrap().collect::<Result<Vec<_>>>().unwrap();
        assert_eq!(digest(&again), digest(std::slice::from_ref(&batch)), "{codec}");
        let read = decode(&file).unwrap();
        assert_eq!(read.iter().map(RecordBatch::num_rows).sum::<usize>(), 3, "{codec}");
        let schema = read[0].schema();
        let source_type = |name: &str| schema.field_with_name(name).unwrap().metadata()[SOURCE_TYPE].clone();
        assert_eq!(source_type("uuid"), "uuid");
        assert_eq!(source_type("utc"), "long timestamp-micros");
        assert_eq!(source_type("exact"), "decimal(38,10)");
        assert_eq!(schema.field_with_name("u64").unwrap().data_type(), &DataType::Decimal128(20, 0));
    }
}

/// The twin: a bit that changed is an error or other rows, wherever it is.
#[test]
fn a_changed_bit_is_noticed() {
    let batch = all_types().project(&[3, 8]).unwrap();
    let format = format("none");
    let file = encode(format.as_ref(), std::slice::from_ref(&batch)).unwrap();
    let header = format.preamble(&batch.schema()).unwrap().len();
    let files = format.read_back(&batch.schema()).unwrap();
    for place in header..file.len() {
        let mut changed = file.clone();
        changed[place] ^= 2;
        let again = files.read(opened(&changed), &Slice::Whole, limit()).and_then(Iterator::collect::<Result<Vec<_>>>);
        let noticed =
            again.map_or(true, |again| again.is_empty() || digest(&again) != digest(std::slice::from_ref(&batch)));
        assert!(noticed, "byte {place}");
    }
}

#[test]
fn files_that_are_cut_off_are_refused() {
    let batch = all_types();
    for codec in ["none", "snappy", "zstandard"] {
        let file = encode(format(codec).as_ref(), &[batch.slice(0, 2), batch.slice(2, 1)]).unwrap();
        let first = format(codec).preamble(&batch.schema()).unwrap().len();
        for length in (0..first).step_by(97).chain((first + 1..file.len()).step_by(7)) {
            // Between two blocks nothing tells that there were more.
            let whole = decode(&file[..length]).map(|read| read.iter().map(RecordBatch::num_rows).sum::<usize>());
            assert!(whole.is_err() || whole.as_ref().is_ok_and(|rows| *rows == 2), "{codec} {length}: {whole:?}");
        }
    }
}

#[test]
fn a_block_that_inflates_without_end_is_refused() {
    let text = "a".repeat(60 << 20);
    let batch = RecordBatch::try_from_iter([("t", Arc::new(StringArray::from(vec![text])) as ArrayRef)]).unwrap();
    for codec in ["deflate", "snappy", "zstandard", "bzip2"] {
        let file = encode(format(codec).as_ref(), std::slice::from_ref(&batch)).unwrap();
        let error = decode(&file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
}

#[test]
fn large_batches_become_several_blocks_and_slices() {
    let texts: Vec<_> = (0..4000).map(|row| format!("{row}-{}", "x".repeat(300))).collect();
    let batch = RecordBatch::try_from_iter([("t", Arc::new(StringArray::from(texts)) as ArrayRef)]).unwrap();
    let file = encode(format("deflate").as_ref(), std::slice::from_ref(&batch)).unwrap();
    let files = for_reading(&json!({"type": "Avro"}), None, 1 << 26).unwrap();
    assert!(files.slices(opened(&file), 1).unwrap().len() > 3);
    assert_eq!(files.slices(opened(&file), 1 << 30).unwrap().len(), 1);
    assert_eq!(digest(&decode(&file).unwrap()), digest(std::slice::from_ref(&batch)));
}

#[test]
fn what_avro_cannot_hold_is_refused_by_name() {
    let column: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    for (name, said) in [("order id", "rename the column"), ("1st", "rename the column"), ("é", "rename the column")] {
        let batch = RecordBatch::try_from_iter([(name, Arc::clone(&column))]).unwrap();
        let error = format("none").fit(&batch.schema()).unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains(said), "{error}");
    }
    for (dataset, settings) in [
        (json!({"type": "Avro", "avroCompressionCodec": "xz"}), Value::Null),
        (json!({"type": "Avro"}), json!({"recordName": "a b"})),
    ] {
        assert_eq!(for_writing(&dataset, Some(&settings)).err().map(|error| error.kind()), Some(ErrorKind::Spec));
    }
}
