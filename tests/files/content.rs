use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array,
        Int64Array, RecordBatch, StringArray, Time64NanosecondArray, TimestampMicrosecondArray,
        TimestampNanosecondArray, UInt8Array,
    },
    datatypes::{Field, Schema},
    util::display::{ArrayFormatter, FormatOptions},
};
use ropeway_engine::source::SOURCE_TYPE;
use ropeway_tests::readback;
use serde_json::json;

use super::{rows, sink, synthetic, write};

/// A value and a null of every type that a database gives, what pyarrow must call the type in
/// Parquet, and what it must show in Parquet and in text.
fn every_type() -> Vec<(&'static str, ArrayRef, &'static str, &'static str, &'static str)> {
    let decimal = |value: i128, precision, scale| -> ArrayRef {
        Arc::new(Decimal128Array::from(vec![Some(value), None]).with_precision_and_scale(precision, scale).unwrap())
    };
    let uuid = (1..=16).collect::<Vec<u8>>();
    let uuid = FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(uuid), None].into_iter(), 16).unwrap();
    let uuid_text = "01020304-0506-0708-090a-0b0c0d0e0f10";
    let zoned = TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC");
    vec![
        ("bit", Arc::new(BooleanArray::from(vec![Some(true), None])), "bool", "true", "True"),
        ("tinyint", Arc::new(UInt8Array::from(vec![Some(255), None])), "uint8", "255", "255"),
        (
            "bigint",
            Arc::new(Int64Array::from(vec![Some(i64::MIN), None])),
            "int64",
            "-9223372036854775808",
            "-9223372036854775808",
        ),
        ("float", Arc::new(Float64Array::from(vec![Some(0.1), None])), "double", "0.1", "0.1"),
        ("money", decimal(-12_345_678, 19, 4), "decimal128(19, 4)", "-1234.5678", "-1234.5678"),
        ("decimal(9,2)", decimal(5, 9, 2), "decimal128(9, 2)", "0.05", "0.05"),
        (
            "decimal(38,10)",
            decimal(10_i128.pow(38) - 1, 38, 10),
            "decimal128(38, 10)",
            "9999999999999999999999999999.9999999999",
            "9999999999999999999999999999.9999999999",
        ),
        ("date", Arc::new(Date32Array::from(vec![Some(-719_162), None])), "date32[day]", "0001-01-01", "0001-01-01"),
        (
            "time(7)",
            Arc::new(Time64NanosecondArray::from(vec![Some(86_399_999_999_900), None])),
            "time64[ns]",
            "23:59:59.999999900",
            "23:59:59.9999999",
        ),
        (
            "datetime2(6)",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None])),
            "timestamp[us]",
            "1969-12-31 23:59:59.999999",
            "1969-12-31 23:59:59.9999990",
        ),
        (
            "datetime2(7)",
            Arc::new(TimestampNanosecondArray::from(vec![Some(100), None])),
            "timestamp[ns]",
            "1970-01-01 00:00:00.000000100",
            "1970-01-01 00:00:00.0000001",
        ),
        (
            "datetimeoffset",
            Arc::new(zoned),
            "timestamp[us, tz=UTC]",
            "1970-01-01 00:00:00.000001Z",
            "1970-01-01 00:00:00.0000010 +00:00",
        ),
        ("uniqueidentifier", Arc::new(uuid), "extension<arrow.uuid>", uuid_text, uuid_text),
        ("varbinary(max)", Arc::new(BinaryArray::from(vec![Some(&[0_u8, 255][..]), None])), "binary", "00ff", "AP8="),
        (
            "nvarchar(max)",
            Arc::new(StringArray::from(vec![Some("ä, \"\u{1F600}\"\r\n\\"), None])),
            "string",
            "ä, \"\u{1F600}\"\r\n\\",
            "ä, \"\u{1F600}\"\r\n\\",
        ),
    ]
}

fn batch() -> RecordBatch {
    let columns = every_type();
    let fields = columns.iter().map(|(source_type, values, ..)| {
        let metadata = HashMap::from([(SOURCE_TYPE.to_owned(), (*source_type).to_owned())]);
        Field::new(format!("a {source_type}"), values.data_type().clone(), true).with_metadata(metadata)
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, columns.into_iter().map(|(_, values, ..)| values).collect()).unwrap()
}

#[tokio::test]
async fn another_reader_sees_every_type_exactly_in_parquet() {
    for codec in ["snappy", "gzip", "zstd", "none"] {
        let root = tempfile::tempdir().unwrap();
        let dataset = json!({"type": "Parquet", "compressionCodec": codec});
        // Two chunks in one file: what is checked of the second stands behind shifted offsets.
        write(
            sink(root.path(), &dataset, Some("all.parquet")).as_ref(),
            &batch().schema(),
            &[vec![batch()], vec![batch()]],
        )
        .await;
        let read = readback::parquet(&root.path().join("out/all.parquet"), 10);
        assert_eq!(read.rows, 4);
        let types: Vec<_> = read.schema.iter().map(|(_, data_type)| data_type.as_str()).collect();
        assert_eq!(types, every_type().iter().map(|case| case.2).collect::<Vec<_>>());
        let wanted: Vec<_> = every_type().iter().map(|case| Some(case.3.to_owned())).collect();
        let nulls = vec![None; wanted.len()];
        assert_eq!(read.values, [wanted.clone(), nulls.clone(), wanted, nulls], "{codec}");
    }
}

#[tokio::test]
async fn another_reader_sees_every_type_in_text() {
    for (escape, file) in [("\\", "all.csv"), ("\"", "all.csv"), ("\\", "all.csv.gz")] {
        let root = tempfile::tempdir().unwrap();
        let codec = if file.ends_with(".gz") { "gzip" } else { "none" };
        let dataset =
            json!({"type": "DelimitedText", "firstRowAsHeader": true, "escapeChar": escape, "compressionCodec": codec});
        write(sink(root.path(), &dataset, Some(file)).as_ref(), &batch().schema(), &[vec![batch()], vec![batch()]])
            .await;
        let read = readback::csv(&root.path().join("out").join(file), &json!({"escape": escape}), 10);
        let wanted: Vec<_> = every_type().iter().map(|case| Some(case.4.to_owned())).collect();
        let nulls = vec![None; wanted.len()];
        assert_eq!(read.values, [wanted.clone(), nulls.clone(), wanted, nulls], "{escape} {file}");
    }
}

#[tokio::test]
async fn another_reader_sees_every_type_in_json() {
    for (dataset, file) in [
        (json!({"type": "Json"}), "all.json"),
        (json!({"type": "Json", "filePattern": "arrayOfObjects"}), "all.json"),
        (json!({"type": "Json", "compression": {"type": "bzip2"}, "filePattern": "arrayOfObjects"}), "all.json.bz2"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let chunks = [vec![batch().slice(0, 0)], vec![batch()], vec![], vec![batch()]];
        write(sink(root.path(), &dataset, Some(file)).as_ref(), &batch().schema(), &chunks).await;
        let read = readback::json(&root.path().join("out").join(file), 10);
        // The texts are those of text files, with a `T` in moments and booleans as JSON has them.
        let wanted: Vec<_> = every_type()
            .iter()
            .map(|case| {
                let is_moment =
                    case.4.len() > 11 && case.4.as_bytes()[10] == b' ' && case.4[..4].parse::<u16>().is_ok();
                let text = if is_moment { case.4.replacen(' ', "T", 1).replace(' ', "") } else { case.4.to_owned() };
                Some(text.replace("True", "true"))
            })
            .collect();
        let nulls = vec![None; wanted.len()];
        assert_eq!(read.values, [wanted.clone(), nulls.clone(), wanted, nulls], "{dataset}");
    }
}

#[tokio::test]
async fn another_reader_sees_every_row_of_a_table() {
    let table = synthetic("lineitem", 0.002);
    let chunks = rows(table.as_ref()).await;
    assert!(chunks.len() > 1);
    let texts: Vec<Vec<Option<String>>> = chunks.iter().flatten().flat_map(shown).collect();
    for (dataset, file) in [
        (json!({"type": "Parquet"}), Some("all.parquet")),
        (json!({"type": "Parquet", "compressionCodec": "gzip"}), None),
        (json!({"type": "DelimitedText", "firstRowAsHeader": true}), None),
        (json!({"type": "Json", "compression": {"type": "gzip"}}), None),
        (json!({"type": "Json", "filePattern": "arrayOfObjects"}), Some("all.json")),
        (json!({"type": "Avro", "avroCompressionCodec": "deflate"}), Some("all.avro")),
        (json!({"type": "Avro"}), None),
    ] {
        let root = tempfile::tempdir().unwrap();
        write(sink(root.path(), &dataset, file).as_ref(), &table.schema().await.unwrap(), &chunks).await;
        let path = root.path().join("out").join(file.unwrap_or_default());
        let read = match dataset["type"].as_str().unwrap() {
            "Parquet" => readback::parquet(&path, 100_000),
            "Json" => readback::json(&path, 100_000),
            "Avro" => readback::avro(&path, 100_000),
            _ => readback::csv(&path, &json!({}), 100_000),
        };
        assert_eq!(read.rows, texts.len() as u64);
        assert!(read.values == texts, "{dataset}: some value is not what was written");
    }
}

/// The rows of a batch as text; decimals, dates and numbers look the same everywhere.
fn shown(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let options = FormatOptions::default();
    let columns: Vec<_> =
        batch.columns().iter().map(|values| ArrayFormatter::try_new(values, &options).unwrap()).collect();
    let cell =
        |column: usize, row: usize| batch.column(column).is_valid(row).then(|| columns[column].value(row).to_string());
    (0..batch.num_rows()).map(|row| (0..columns.len()).map(|column| cell(column, row)).collect()).collect()
}
