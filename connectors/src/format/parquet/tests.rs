use std::sync::Arc;

use arrow::{
    array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float32Array,
        Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, Time32SecondArray,
        Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray,
        TimestampSecondArray, UInt8Array,
    },
    compute::{cast, concat_batches},
    datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit},
};
use bytes::Bytes;
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::metadata::ParquetMetaData};
use ropeway_engine::{
    ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    source::SOURCE_TYPE,
};
use serde_json::json;

use super::reader::ParquetFiles;
use crate::format::{Finished, Format, Fragment, Input, ReadFormat as _, Slice, for_writing};

fn parquet(codec: &str) -> Arc<dyn Format> {
    for_writing(&json!({"type": "Parquet", "compressionCodec": codec}), None).unwrap()
}

/// Encodes each list of batches as its own fragment and joins them, as a sink does.
fn file(format: &dyn Format, schema: &SchemaRef, chunks: &[Vec<RecordBatch>]) -> Vec<u8> {
    let mut file = format.preamble(schema).unwrap();
    let mut fragments = Vec::new();
    for chunk in chunks {
        let (bytes, finished) = fragment(format, schema, chunk);
        fragments.push(Fragment { length: bytes.len() as u64, detail: finished.detail });
        file.extend(bytes);
    }
    file.extend(format.trailer(schema, &fragments).unwrap());
    file
}

fn fragment(format: &dyn Format, schema: &SchemaRef, chunk: &[RecordBatch]) -> (Vec<u8>, Finished) {
    let mut encoder = format.encoder(schema).unwrap();
    let mut bytes = Vec::new();
    for batch in chunk {
        encoder.write(batch).unwrap();
        let ready = encoder.ready();
        let taken = encoder.take();
        assert_eq!(taken.len(), ready);
        bytes.extend(taken);
    }
    let finished = encoder.finish().unwrap();
    bytes.extend(encoder.take());
    assert_eq!(finished.rows, chunk.iter().map(|batch| batch.num_rows() as u64).sum::<u64>());
    (bytes, finished)
}

fn read(file: Vec<u8>) -> (Arc<ParquetMetaData>, RecordBatch) {
    try_read(file).unwrap()
}

fn try_read(file: Vec<u8>) -> std::result::Result<(Arc<ParquetMetaData>, RecordBatch), Box<dyn std::error::Error>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file))?;
    let (metadata, schema) = (Arc::clone(reader.metadata()), Arc::clone(reader.schema()));
    let batches: Vec<_> = reader.build()?.collect::<std::result::Result<_, _>>()?;
    Ok((metadata, concat_batches(&schema, &batches)?))
}

fn numbers(from: i64, to: i64) -> RecordBatch {
    let texts: StringArray = (from..to).map(|n| (n % 7 != 0).then(|| format!("row {n}"))).collect();
    let few: StringArray = (from..to).map(|n| Some(["a", "b"][(n % 2) as usize])).collect();
    RecordBatch::try_from_iter([
        ("n", Arc::new(Int64Array::from_iter_values(from..to)) as ArrayRef),
        ("text", Arc::new(texts)),
        ("few", Arc::new(few)),
    ])
    .unwrap()
}

#[test]
fn fragments_join_in_order_into_one_file() {
    for codec in ["none", "snappy", "gzip", "zstd"] {
        let chunks = [vec![numbers(0, 3000), numbers(3000, 3001)], vec![], vec![numbers(3001, 9000)]];
        let schema = chunks[0][0].schema();
        let (metadata, rows) = read(file(parquet(codec).as_ref(), &schema, &chunks));
        assert_eq!(metadata.num_row_groups(), 2);
        assert_eq!(metadata.file_metadata().num_rows(), 9000);
        let written = concat_batches(&schema, chunks.iter().flatten()).unwrap();
        assert_eq!(rows.columns(), written.columns(), "{codec}");
    }
}

#[test]
fn no_flipped_bit_of_a_file_panics() {
    let chunk = numbers(0, 30);
    let sound = file(parquet("none").as_ref(), &chunk.schema(), &[vec![chunk.clone()]]);
    let files = ParquetFiles { memory: 64 << 20 };
    let place = tempfile::NamedTempFile::new().unwrap();
    let rows = |bytes: Vec<u8>| -> Result<usize> {
        std::fs::write(&place, bytes).unwrap();
        let batches = files.read(Input::new(place.reopen().unwrap()).unwrap(), &Slice::Whole, BatchLimit::default())?;
        batches.map(|batch| batch.map(|batch| batch.num_rows())).sum()
    };
    assert_eq!(rows(sound.clone()).unwrap(), 30);
    let mut refused = 0;
    for at in 0..sound.len() {
        for bit in 0..8 {
            let mut flipped = sound.clone();
            flipped[at] ^= 1 << bit;
            if let Err(error) = rows(flipped) {
                assert_eq!(error.kind(), ErrorKind::Data, "byte {at} bit {bit}: {error}");
                refused += 1;
            }
        }
    }
    assert!(refused > sound.len(), "{refused} of {} flips were refused", sound.len() * 8);
}

#[test]
fn offsets_that_are_not_shifted_are_noticed() {
    let chunks = [vec![numbers(0, 3000)], vec![numbers(3000, 6000)]];
    let schema = chunks[0][0].schema();
    let format = parquet("none");
    let mut file = format.preamble(&schema).unwrap();
    let mut fragments = Vec::new();
    for chunk in &chunks {
        let (bytes, finished) = fragment(format.as_ref(), &schema, chunk);
        file.extend(&bytes);
        fragments.push(Fragment { length: 0, detail: finished.detail });
    }
    file.extend(format.trailer(&schema, &fragments).unwrap());
    let written = concat_batches(&schema, chunks.iter().flatten()).unwrap();
    assert!(try_read(file).map_or(true, |(_, rows)| rows.columns() != written.columns()));
}

#[test]
fn a_file_without_rows_is_a_file() {
    let schema = numbers(0, 1).schema();
    for chunks in [vec![], vec![vec![]], vec![vec![], vec![]]] {
        let (metadata, rows) = read(file(parquet("snappy").as_ref(), &schema, &chunks));
        assert_eq!((metadata.num_row_groups(), rows.num_rows(), rows.num_columns()), (0, 0, 3));
    }
}

#[test]
fn a_long_fragment_becomes_several_row_groups_within_its_memory() {
    let format = parquet("none");
    let wide = |from: i64| {
        let texts: StringArray = (from..from + 1000).map(|n| Some(format!("{n:01000}"))).collect();
        RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap()
    };
    let chunk: Vec<_> = (0..60).map(|n| wide(n * 1000)).collect();
    let (metadata, rows) = read(file(format.as_ref(), &chunk[0].schema(), std::slice::from_ref(&chunk)));
    assert!(metadata.num_row_groups() >= 2, "{} row groups", metadata.num_row_groups());
    assert!(metadata.row_groups().iter().all(|group| group.total_byte_size() < 26 << 20));
    assert_eq!(rows.columns(), concat_batches(&chunk[0].schema(), &chunk).unwrap().columns());
}

/// Two rows of every type that a source gives, the second one all null.
fn every_type() -> RecordBatch {
    let decimal = |value: i128, precision, scale| {
        Arc::new(Decimal128Array::from(vec![Some(value), None]).with_precision_and_scale(precision, scale).unwrap())
    };
    let uuid = FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([7_u8; 16]), None].into_iter(), 16).unwrap();
    let columns: Vec<(&str, &str, ArrayRef)> = vec![
        ("bit", "bit", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("tinyint", "tinyint", Arc::new(UInt8Array::from(vec![Some(255), None]))),
        ("smallint", "smallint", Arc::new(Int16Array::from(vec![Some(i16::MIN), None]))),
        ("int", "int", Arc::new(Int32Array::from(vec![Some(i32::MIN), None]))),
        ("bigint", "bigint", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("real", "real", Arc::new(Float32Array::from(vec![Some(0.1), None]))),
        ("float", "float(53)", Arc::new(Float64Array::from(vec![Some(f64::MIN_POSITIVE), None]))),
        ("small money", "smallmoney", decimal(-123_456, 9, 4)),
        ("money", "money", decimal(i64::MIN as i128, 19, 4)),
        ("decimal18", "decimal(18,2)", decimal(-999_999_999_999_999_999, 18, 2)),
        ("decimal38", "decimal(38,10)", decimal(10_i128.pow(38) - 1, 38, 10)),
        ("date", "date", Arc::new(Date32Array::from(vec![Some(-719_162), None]))),
        ("time6", "time(6)", Arc::new(Time64MicrosecondArray::from(vec![Some(86_399_999_999), None]))),
        ("time7", "time(7)", Arc::new(Time64NanosecondArray::from(vec![Some(86_399_999_999_900), None]))),
        ("time0", "time(0)", Arc::new(Time32SecondArray::from(vec![Some(86_399), None]))),
        (
            "datetime2_6",
            "datetime2(6)",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-62_135_596_800_000_000), None])),
        ),
        ("datetime2_7", "datetime2(7)", Arc::new(TimestampNanosecondArray::from(vec![Some(100), None]))),
        ("datetime2_0", "datetime2(0)", Arc::new(TimestampSecondArray::from(vec![Some(-62_135_596_800), None]))),
        (
            "datetimeoffset",
            "datetimeoffset(6)",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC")),
        ),
        ("uniqueidentifier", "uniqueidentifier", Arc::new(uuid)),
        ("varbinary", "varbinary(max)", Arc::new(BinaryArray::from(vec![Some(&[0_u8, 255][..]), None]))),
        ("näme, with (all) {signs}=", "nvarchar(max)", Arc::new(StringArray::from(vec![Some("ä\u{1F600}"), None]))),
    ];
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, source, values)| {
            let metadata: std::collections::HashMap<_, _> = [(SOURCE_TYPE.to_owned(), (*source).to_owned())].into();
            Field::new(*name, values.data_type().clone(), true).with_metadata(metadata)
        })
        .collect();
    let values = columns.into_iter().map(|(_, _, values)| values).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

#[test]
fn every_type_keeps_its_values_and_says_how_it_is_stored() {
    let batch = every_type();
    let schema = batch.schema();
    let format = parquet("snappy");
    let fit = format.fit(&schema).unwrap();
    assert!(fit.iter().all(|column| column.loss.is_none()));
    let types: Vec<_> = fit.iter().map(|column| column.sink_type.as_str()).collect();
    assert_eq!(
        types,
        [
            "BOOLEAN",
            "INT32 INT(8, unsigned)",
            "INT32 INT(16, signed)",
            "INT32",
            "INT64",
            "FLOAT",
            "DOUBLE",
            "INT32 DECIMAL(9,4)",
            "FIXED_LEN_BYTE_ARRAY(9) DECIMAL(19,4)",
            "INT64 DECIMAL(18,2)",
            "FIXED_LEN_BYTE_ARRAY(16) DECIMAL(38,10)",
            "INT32 DATE",
            "INT64 TIME(MICROS)",
            "INT64 TIME(NANOS)",
            "INT32 TIME(MILLIS)",
            "INT64 TIMESTAMP(MICROS)",
            "INT64 TIMESTAMP(NANOS)",
            "INT64 TIMESTAMP(MILLIS)",
            "INT64 TIMESTAMP(MICROS, UTC)",
            "FIXED_LEN_BYTE_ARRAY(16) UUID",
            "BYTE_ARRAY",
            "BYTE_ARRAY STRING",
        ]
    );
    let (metadata, rows) = read(file(format.as_ref(), &schema, &[vec![batch.clone()]]));
    for (index, field) in schema.fields().iter().enumerate() {
        let stored = rows.column(index);
        assert_eq!(rows.schema().field(index).name(), field.name());
        assert_eq!(&cast(stored, field.data_type()).unwrap(), batch.column(index), "{}", field.name());
    }
    let pairs = metadata.file_metadata().key_value_metadata().unwrap();
    let types: serde_json::Value = serde_json::from_str(pairs[0].value.as_deref().unwrap()).unwrap();
    assert_eq!((pairs.len(), &types["money"], &types["datetime2_7"]), (1, &json!("money"), &json!("datetime2(7)")));
}

#[test]
fn what_parquet_cannot_hold_is_refused_by_name() {
    let refused = [
        DataType::Decimal128(5, -2),
        DataType::Duration(TimeUnit::Second),
        DataType::List(Arc::new(Field::new("item", DataType::Int32, true))),
    ];
    for data_type in refused {
        let schema = Arc::new(Schema::new(vec![Field::new("odd", data_type, true)]));
        let error = parquet("snappy").fit(&schema).unwrap_err();
        assert!(error.to_string().contains("column=odd"), "{error}");
    }
    let error = for_writing(&json!({"type": "Parquet", "compressionCodec": "lzo"}), None).err().unwrap();
    assert!(error.to_string().contains("compressionCodec=lzo"), "{error}");
}

/// Reads as a source does, with this much memory for pages.
fn read_within(file: &[u8], memory: u64) -> ropeway_engine::Result<usize> {
    use std::io::Write;
    let mut opened = tempfile::tempfile().unwrap();
    opened.write_all(file).unwrap();
    let opened = crate::format::Input::new(opened).unwrap();
    let files = super::ParquetFiles { memory };
    let limit = ropeway_engine::chunk::BatchLimit::default();
    crate::format::ReadFormat::read(&files, opened, &crate::format::Slice::Whole, limit)?
        .try_fold(0, |rows, batch| Ok(rows + batch?.num_rows()))
}

/// A header of Thrift's compact protocol: the type, the bytes decompressed and compressed.
fn page_header(uncompressed: u64, compressed: u64) -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut bytes = Vec::new();
        while number > 127 {
            bytes.push(number as u8 | 128);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    [vec![0x15, 0], vec![0x15], varint(2 * uncompressed), vec![0x15], varint(2 * compressed), vec![0]].concat()
}

#[test]
fn pages_that_claim_more_than_there_is_memory_are_refused() {
    for codec in ["none", "snappy", "gzip", "zstd"] {
        let rows = numbers(0, 3_000);
        let sound = file(parquet(codec).as_ref(), &rows.schema(), &[vec![rows]]);
        assert_eq!(read_within(&sound, 1 << 20).unwrap(), 3_000);
        let error = read_within(&sound, 1 << 10).unwrap_err().to_string();
        assert!(error.contains("limit=1024") && error.contains("--memory"), "{error}");

        // The first page's header is replaced, and what it says is larger than the file by far.
        let (metadata, _) = read(sound.clone());
        let (start, length) = metadata.row_group(0).column(0).byte_range();
        for (uncompressed, said) in [(2_000_000_000, "limit=268435456"), (10, "larger compressed than decompressed")] {
            let header = page_header(uncompressed, length);
            let header = page_header(uncompressed, length - header.len() as u64);
            let mut bomb = sound.clone();
            bomb[start as usize..start as usize + header.len()].copy_from_slice(&header);
            let error = read_within(&bomb, 1 << 28).unwrap_err();
            assert_eq!(error.kind(), ropeway_engine::ErrorKind::Data);
            assert!(error.to_string().contains(said), "{codec}: {error}");
        }
    }
}

fn read_digest(format: &dyn Format, schema: &SchemaRef, file: &[u8], slice: Slice) -> Result<Digest> {
    let mut opened = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut opened, file).unwrap();
    let digester = RowDigester::new(schema).unwrap();
    let batches = format.read_back(schema)?.read(Input::new(opened).unwrap(), &slice, BatchLimit::default())?;
    batches.map(|batch| digester.digest(&batch?)).sum()
}

#[test]
fn every_layout_reads_back_as_it_was_written() {
    let batch = every_type();
    let (mut fields, mut columns): (Vec<_>, Vec<_>) =
        batch.schema().fields().iter().cloned().zip(batch.columns().iter().cloned()).unzip();
    let text = columns.last().unwrap().clone();
    let zoned = DataType::Timestamp(TimeUnit::Second, Some("+02:00".into()));
    for to in [DataType::LargeUtf8, DataType::Utf8View] {
        fields.push(Arc::new(Field::new(format!("as {to}"), to.clone(), true)));
        columns.push(cast(&text, &to).unwrap());
    }
    fields.push(Arc::new(Field::new("zoned seconds", zoned.clone(), true)));
    columns.push(cast(&TimestampSecondArray::from(vec![Some(7), None]), &zoned).unwrap());
    fields.push(Arc::new(Field::new("nothing", DataType::Null, true)));
    columns.push(Arc::new(arrow::array::NullArray::new(2)));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let (schema, format) = (batch.schema(), parquet("snappy"));
    let wanted = RowDigester::new(&schema).unwrap().digest(&batch).unwrap();
    let bytes = file(format.as_ref(), &schema, &[vec![batch.clone()], vec![], vec![batch.clone()]]);
    let both: Digest = [wanted, wanted].into_iter().sum();
    assert_eq!(read_digest(format.as_ref(), &schema, &bytes, Slice::Whole).unwrap(), both);
    for group in 0..2 {
        let slice = Slice::RowGroups(group, group + 1);
        assert_eq!(read_digest(format.as_ref(), &schema, &bytes, slice).unwrap(), wanted);
    }
}

#[test]
fn nothing_is_rounded_away_and_no_name_changes_on_the_way_back() {
    let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1]));
    let milliseconds: ArrayRef = Arc::new(arrow::array::TimestampMillisecondArray::from(vec![1001]));
    let written = RecordBatch::try_from_iter([("at", seconds)]).unwrap();
    let format = parquet("none");
    let read = |name: &str, values: &ArrayRef| {
        let other = RecordBatch::try_from_iter([(name, Arc::clone(values))]).unwrap();
        let other = file(format.as_ref(), &other.schema(), &[vec![other.clone()]]);
        read_digest(format.as_ref(), &written.schema(), &other, Slice::Whole)
    };
    read("at", written.column(0)).unwrap();
    for (name, values) in [("at", &milliseconds), ("then", written.column(0))] {
        assert_eq!(read(name, values).unwrap_err().kind(), ropeway_engine::ErrorKind::Data, "{name}");
    }
}
