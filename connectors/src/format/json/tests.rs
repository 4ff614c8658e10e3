use std::{io::Write, num::NonZeroU32, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
        Int64Array, RecordBatch, StringArray, Time64NanosecondArray, TimestampMicrosecondArray, UInt64Array,
    },
    compute::concat_batches,
    util::display::{ArrayFormatter, FormatOptions},
};
use proptest::prelude::*;
use ropeway_engine::{
    ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    skipping::SkippedRow,
};
use serde_json::{Value, json};

use crate::format::{Format, Fragment, Input, ReadFormat, Slice, for_reading, for_writing};

fn with_type(mut properties: Value) -> Value {
    properties["type"] = "Json".into();
    properties
}

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn limit(rows: u32) -> BatchLimit {
    BatchLimit { rows: NonZeroU32::new(rows).unwrap(), bytes: 1 << 20 }
}

fn files(dataset: Value, settings: Value) -> Arc<dyn ReadFormat> {
    for_reading(&with_type(dataset), Some(&settings), 1 << 28).unwrap()
}

fn decode_with(dataset: Value, settings: Value, bytes: &[u8]) -> Result<RecordBatch> {
    let files = files(dataset, settings);
    let schema = files.schema(opened(bytes))?;
    let batches = files.read(opened(bytes), &Slice::Whole, limit(2))?.collect::<Result<Vec<_>>>()?;
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn decode(text: &str) -> Result<RecordBatch> {
    decode_with(json!({}), json!({}), text.as_bytes())
}

/// Columns as `name: type`, and the rows.
fn shown(batch: &RecordBatch) -> (String, Vec<String>) {
    let columns: Vec<_> =
        batch.schema().fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
    let options = FormatOptions::default().with_null("-");
    let cells: Vec<_> = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options).unwrap()).collect();
    let row = |row| cells.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (columns.join(", "), (0..batch.num_rows()).map(row).collect())
}

/// The whole file, each batch a fragment of its own.
fn encode(format: &dyn Format, batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let schema = batches[0].schema();
    let mut file = format.preamble(&schema)?;
    let (mut fragments, mut has_rows) = (Vec::new(), false);
    for batch in batches {
        let mut encoder = format.encoder(&schema)?;
        encoder.write(batch)?;
        let finished = encoder.finish()?;
        let bytes = encoder.take();
        if finished.rows > 0 && std::mem::replace(&mut has_rows, true) {
            file.extend(format.separator()?);
        }
        fragments.push(Fragment { length: bytes.len() as u64, detail: finished.detail });
        file.extend(bytes);
    }
    file.extend(format.trailer(&schema, &fragments)?);
    Ok(file)
}

fn format(dataset: Value, settings: Value) -> Arc<dyn Format> {
    for_writing(&with_type(dataset), Some(&settings)).unwrap()
}

fn all_types() -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("whole", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
        ("large", Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)]))),
        ("single", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(f32::MIN_POSITIVE)]))),
        ("double", Arc::new(Float64Array::from(vec![Some(-0.0), None, Some(1e300)]))),
        (
            "exact",
            Arc::new(
                Decimal128Array::from(vec![Some(12_345_678_901_234_567_890_123_i128), None, Some(-1)])
                    .with_precision_and_scale(38, 4)
                    .unwrap(),
            ),
        ),
        ("text", Arc::new(StringArray::from(vec![Some("é€😀\u{0}\"\\\r\n\u{2028}"), None, Some("")]))),
        ("day", Arc::new(Date32Array::from(vec![Some(0), None, Some(-719_162)]))),
        ("time", Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(86_399_000_000_000)]))),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]))),
        ("utc", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("UTC"))),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true))).unwrap()
}

#[test]
fn rows_become_objects() {
    let row = all_types().slice(0, 2);
    let text = String::from_utf8(encode(format(json!({}), json!({})).as_ref(), &[row]).unwrap()).unwrap();
    let first = r#"{"flag":true,"whole":-9223372036854775808,"large":18446744073709551615,"single":0.1,"double":-0,"exact":1234567890123456789.0123,"text":"é€😀\u0000\"\\\r\n"#;
    assert!(text.starts_with(first), "{text}");
    let rest = r#"","day":"1970-01-01","time":"00:00:00.000000001","at":"1970-01-01T00:00:00.0000010","utc":"1970-01-01T00:00:00.0000010+00:00","bytes":"AP8="}"#;
    assert!(text.lines().next().unwrap().ends_with(rest), "{text}");
    assert!(text.lines().nth(1).unwrap().starts_with(r#"{"flag":null,"whole":null"#), "{text}");
}

#[test]
fn arrays_are_joined_with_commas_between_rows_only() {
    let batch = decode(r#"{"a": 1}{"a": 2}{"a": 3}"#).unwrap();
    let pieces = [batch.slice(0, 0), batch.slice(0, 2), batch.slice(0, 0), batch.slice(2, 1), batch.slice(0, 0)];
    for codec in ["none", "gzip", "deflate", "bzip2"] {
        let format = format(json!({"compression": {"type": codec}}), json!({"filePattern": "arrayOfObjects"}));
        let file = encode(format.as_ref(), &pieces).unwrap();
        if codec == "none" {
            assert_eq!(String::from_utf8_lossy(&file), "[{\"a\":1},\r\n{\"a\":2},\r\n{\"a\":3}]");
        }
        let read = decode_with(json!({"compression": {"type": codec}}), json!({}), &file).unwrap();
        assert_eq!(read, batch, "{codec}");
        let nothing = encode(format.as_ref(), &[batch.slice(0, 0), batch.slice(0, 0)]).unwrap();
        assert_eq!(
            decode_with(json!({"compression": {"type": codec}}), json!({}), &nothing).unwrap_err().kind(),
            ErrorKind::Data
        );
    }
}

fn digest(batches: &[RecordBatch]) -> Digest {
    let digester = RowDigester::new(&batches[0].schema()).unwrap();
    batches.iter().map(|batch| digester.digest(batch).unwrap()).sum()
}

fn read_back(format: &dyn Format, batch: &RecordBatch, file: &[u8]) -> Result<Vec<RecordBatch>> {
    let files = format.read_back(&batch.schema())?;
    files.read(opened(file), &Slice::Whole, limit(2))?.collect()
}

#[test]
fn what_was_written_is_read_back() {
    let batch = all_types();
    for dataset in [
        json!({}),
        json!({"encodingName": "UTF-16"}),
        json!({"encodingName": "US-ASCII", "compression": {"type": "gzip", "level": "Fastest"}}),
        json!({"encodingName": "SHIFT-JIS"}),
    ] {
        for settings in [json!({}), json!({"filePattern": "arrayOfObjects"}), nested()] {
            let format = format(dataset.clone(), settings);
            let file = encode(format.as_ref(), &[batch.slice(0, 1), batch.slice(1, 2)]).unwrap();
            let again = read_back(format.as_ref(), &batch, &file).unwrap();
            assert_eq!(digest(&again), digest(std::slice::from_ref(&batch)), "{dataset}");
        }
    }
}

/// The twin: a file in which somebody changed a value, lost a property or added one.
#[test]
fn a_changed_file_is_not_read_back() {
    let batch = all_types().project(&[1, 5, 6]).unwrap();
    let format = format(json!({}), json!({}));
    let file = String::from_utf8(encode(format.as_ref(), std::slice::from_ref(&batch)).unwrap()).unwrap();
    for (from, to) in [
        ("\"whole\":null", "\"whole\":0"),
        ("\"exact\":-0.0001", "\"exact\":-0.0002"),
        ("\"exact\":-0.0001", "\"exact\":-1e-4"),
        ("\"exact\":null,", ""),
        ("\"exact\":null,", "\"exact\":null,\"other\":1,"),
        ("\"whole\":null,", "\"whole\":null,\"whole\":null,"),
        ("\"text\":\"\"", "\"text\":null"),
    ] {
        assert!(file.contains(from), "{from}");
        let changed = file.replacen(from, to, 1);
        let again = read_back(format.as_ref(), &batch, changed.as_bytes());
        let noticed = again.is_err() || digest(&again.unwrap()) != digest(std::slice::from_ref(&batch));
        assert!(noticed, "{from} to {to}");
    }
}

#[test]
fn what_json_cannot_hold_is_refused_by_name() {
    let nan =
        RecordBatch::try_from_iter([("ratio", Arc::new(Float64Array::from(vec![f64::NAN])) as ArrayRef)]).unwrap();
    let error = encode(format(json!({}), json!({})).as_ref(), &[nan]).unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("ratio"), "{error}");
    let twice: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let twice = RecordBatch::try_from_iter([("a", Arc::clone(&twice)), ("a", twice)]).unwrap();
    assert!(format(json!({}), json!({})).fit(&twice.schema()).unwrap_err().to_string().contains("two properties"));
}

/// The three columns of [`all_types`] that go into objects.
fn nested() -> Value {
    json!({"hierarchy": [
        {"name": "day", "path": ["when", "day"]},
        {"name": "whole", "path": ["numbers", "whole \"q\""]},
        {"name": "at", "path": ["when", "more", "at"]},
    ]})
}

#[test]
fn columns_go_into_objects() {
    let batch = all_types().project(&[1, 7, 9]).unwrap().slice(0, 1);
    let file = encode(format(json!({}), nested()).as_ref(), std::slice::from_ref(&batch)).unwrap();
    let object: Value = serde_json::from_slice(&file).unwrap();
    let expected = json!({"numbers": {"whole \"q\"": i64::MIN}, "when": {"day": "1970-01-01", "more": {"at": "1970-01-01T00:00:00.0000010"}}});
    assert_eq!(object, expected);
    let clash = json!({"hierarchy": [{"name": "day", "path": ["whole", "x"]}]});
    assert_eq!(format(json!({}), clash).fit(&batch.schema()).unwrap_err().kind(), ErrorKind::Spec);
}

#[test]
fn every_shape_of_a_file_is_read() {
    let expected = ("a: Int64, b: Utf8".to_owned(), vec!["1|x".to_owned(), "2|-".to_owned(), "-|y".to_owned()]);
    for text in [
        "{\"a\":1,\"b\":\"x\"}\n{\"a\":2}\n{\"b\":\"y\"}\n",
        "{\"a\":1,\"b\":\"x\"}{\"a\":2,\"b\":null}{\"a\":null,\"b\":\"y\"}",
        "[{\"a\":1,\"b\":\"x\"},\r\n{\"a\":2},{\"b\":\"y\"}]",
        " [ {\"a\":1,\n \"b\":\"x\"} ] [] [{\"a\":2}, {\"b\":\"\\u0079\"}] ",
        "\u{FEFF}{\"a\":1,\"b\":\"x\"}\n\n{\"a\":2}\n{\"b\":\"y\"}",
    ] {
        assert_eq!(shown(&decode(text).unwrap()), expected, "{text}");
    }
}

#[test]
fn values_keep_what_they_are() {
    let text = r#"{"i": 9007199254740993, "d": 0.1, "m": 12345678901234.5678, "x": "a", "b": true, "n": null}
                  {"i": -1, "d": 2, "m": 1, "x": 5.10, "b": false, "n": null}"#;
    let (columns, rows) = shown(&decode(text).unwrap());
    assert_eq!(columns, "i: Int64, d: Float64, m: Utf8, x: Utf8, b: Boolean, n: Utf8");
    assert_eq!(rows, ["9007199254740993|0.1|12345678901234.5678|a|true|-", "-1|2.0|1|5.10|false|-"]);
}

#[test]
fn bad_files_are_refused() {
    for (text, said) in [
        ("", "no object"),
        ("[]", "no object"),
        ("{\"a\":1", "cut off"),
        ("[{\"a\":1}", "cut off"),
        ("[{\"a\":1},]", "something else"),
        ("[{\"a\":1} {\"a\":2}]", "no comma"),
        ("[{\"a\":1}]]", "something else"),
        ("[1]", "something else"),
        ("1", "something else"),
        ("{\"a\":1},{\"a\":2}", "something else"),
        ("{\"a\":01}", "no JSON"),
        ("{\"a\":\"\t\"}", "no JSON"),
        ("{\"a\":1]", "no JSON"),
        ("{a:1}", "no JSON"),
        ("{\"a\":{\"b\":1}}", "mapComplexValuesToString"),
        ("{\"a\":\"\\ud800\"}", "another type"),
    ] {
        let error = decode(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{text}: {error}");
        assert!(format!("{error}").contains(said), "{text}: {error}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    assert!(decode(&deep).is_err());
    let half = encode(format(json!({"compression": {"type": "gzip"}}), json!({})).as_ref(), &[all_types()]).unwrap();
    let cut = decode_with(json!({"compression": {"type": "gzip"}}), json!({}), &half[..half.len() - 9]).unwrap_err();
    assert_eq!(cut.kind(), ErrorKind::Data, "{cut}");
}

#[test]
fn an_object_without_an_end_does_not_fill_the_memory() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(b"{\"a\":\"").unwrap();
    for _ in 0..80 {
        bomb.write_all(&[b'a'; 1 << 20]).unwrap();
    }
    let error = decode_with(json!({"compression": {"type": "GZip"}}), json!({}), &bomb.finish().unwrap()).unwrap_err();
    assert!(error.to_string().contains("limit in bytes"), "{error}");
}

/// What the first file says of columns holds for all of them.
#[test]
fn later_files_have_the_columns_of_the_first() {
    let files = files(json!({}), json!({}));
    let schema = files.schema(opened(b"{\"a\":1,\"b\":\"x\"}")).unwrap();
    let read =
        |text: &str| files.read(opened(text.as_bytes()), &Slice::Whole, limit(9)).unwrap().collect::<Result<Vec<_>>>();
    let batches = read("{\"b\":\"y\"}").unwrap();
    assert_eq!((batches[0].schema(), shown(&batches[0]).1), (schema, vec!["-|y".to_owned()]));
    assert!(read("").unwrap().is_empty());
    for (text, said) in [("{\"a\":1.5}", "column=a"), ("{\"a\":\"1\"}", "column=a"), ("{\"c\":1}", "property=c")] {
        let error = read(text).unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains(said), "{error}");
    }
    let skipping = files.read_skipping(opened(b"{\"a\":1.5,\"b\":\"z\"}{\"a\":2}"), &Slice::Whole, limit(9)).unwrap();
    let portions = skipping.collect::<Result<Vec<_>>>().unwrap();
    assert_eq!((portions[0].read, shown(&portions[0].rows).1), (2, vec!["2|-".to_owned()]));
    let SkippedRow { cells, message, .. } = &portions[0].skipped[0];
    assert_eq!(cells[..], [Some("1.5".to_owned()), Some("z".to_owned())]);
    assert!(message.contains("'a'"), "{message}");
}

fn orders() -> Value {
    let name = |name: &str| json!({"name": name});
    json!({"hierarchy": {
        "collection": [name("orders")],
        "columns": [
            {"name": "$['number']", "path": [name("number")], "text": true},
            {"name": "$.customer.city", "path": [name("customer"), name("city")]},
            {"name": "['prod']", "path": [name("prod")], "ofElement": true},
            {"name": "['tags'][1]", "path": [name("tags"), {"index": 1}], "ofElement": true},
        ],
    }})
}

#[test]
fn elements_of_a_collection_become_rows() {
    let text = r#"{"number": 1, "customer": {"city": "Ulm"}, "orders": [{"prod": "p1", "tags": ["a", "b"]}, {"prod": "p2"}, {}]}
                  {"number": "01", "orders": []} {"number": 3, "orders": {"prod": "single"}} {"number": 4}"#;
    let (columns, rows) = shown(&decode_with(json!({}), orders(), text.as_bytes()).unwrap());
    assert_eq!(columns, "$['number']: Utf8, $.customer.city: Utf8, ['prod']: Utf8, ['tags'][1]: Utf8");
    assert_eq!(rows, ["1|Ulm|p1|b", "1|Ulm|p2|-", "1|Ulm|-|-", "01|-|-|-", "3|-|single|-", "4|-|-|-"]);
}

#[test]
fn complex_values_become_text_if_asked() {
    let settings = json!({"hierarchy": {"complexAsText": true}});
    let (_, rows) = shown(&decode_with(json!({}), settings, br#"{"a": [1, {"b": 2.50}], "c": {}}"#).unwrap());
    assert_eq!(rows, ["[1, {\"b\": 2.50}]|{}"]);
}

proptest! {
    /// Whatever the pieces in which text arrives, objects are found where they are.
    #[test]
    fn texts_with_brackets_and_quotes_survive(texts in prop::collection::vec(any::<String>(), 1..20)) {
        let batch = RecordBatch::try_from_iter([("t", Arc::new(StringArray::from(texts.clone())) as ArrayRef)]).unwrap();
        for settings in [json!({}), json!({"filePattern": "arrayOfObjects"})] {
            let file = encode(format(json!({}), settings).as_ref(), std::slice::from_ref(&batch)).unwrap();
            let read = decode_with(json!({}), json!({}), &file).unwrap();
            let column = read.column(0).as_any().downcast_ref::<StringArray>().unwrap();
            prop_assert_eq!(column.len(), texts.len());
            for (row, text) in texts.iter().enumerate() {
                prop_assert_eq!(column.value(row), text);
            }
        }
    }
}
