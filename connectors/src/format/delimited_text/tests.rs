use std::{io::Write, num::NonZeroU32, sync::Arc};

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
        Float32Array, Float64Array, Int8Array, Int64Array, RecordBatch, StringArray, StringViewArray,
        Time32SecondArray, Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
    },
    compute::concat_batches,
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use proptest::prelude::*;
use ropeway_engine::{
    ErrorKind, Result,
    chunk::BatchLimit,
    digest::{Digest, RowDigester},
    skipping::{Portion, SkippedRow},
};
use serde_json::{Value, json};

use crate::format::{Format, Fragment, Input, Slice, for_reading, for_writing};

fn dataset(properties: Value) -> Value {
    let mut dataset = json!({"type": "DelimitedText"});
    for (key, value) in properties.as_object().unwrap() {
        dataset[key] = value.clone();
    }
    dataset
}

fn format(properties: Value) -> Arc<dyn Format> {
    for_writing(&dataset(properties), None).unwrap()
}

/// The whole file, each batch a fragment of its own.
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

fn text(properties: Value, batch: &RecordBatch) -> String {
    String::from_utf8(encode(format(properties).as_ref(), std::slice::from_ref(batch)).unwrap()).unwrap()
}

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn decode_with(properties: Value, settings: Value, bytes: &[u8]) -> Result<RecordBatch> {
    let format = for_reading(&dataset(properties), Some(&settings), 1 << 28)?;
    let schema = format.schema(opened(bytes))?;
    let limit = BatchLimit { rows: NonZeroU32::new(3).unwrap(), bytes: 1 << 20 };
    let batches = format.read(opened(bytes), &Slice::Whole, limit)?.collect::<Result<Vec<_>>>()?;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 3));
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn decode(properties: Value, bytes: &[u8]) -> RecordBatch {
    decode_with(properties, json!({}), bytes).unwrap()
}

fn gzip(pieces: impl Iterator<Item = &'static [u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    pieces.for_each(|piece| encoder.write_all(piece).unwrap());
    encoder.finish().unwrap()
}

/// Some kilobytes that are a row of gigabytes, or of a million columns.
#[test]
fn files_made_to_fill_the_memory_are_refused() {
    const LETTERS: &[u8] = &[b'a'; 1 << 20];
    const COMMAS: &[u8] = &[b','; 1 << 20];
    let gzipped = json!({"compressionCodec": "gzip", "firstRowAsHeader": true});
    let header = || std::iter::once(&b"a,b\n"[..]);
    for (bomb, said) in [
        (gzip(header().chain(std::iter::repeat_n(LETTERS, 200))), "limit in bytes=67108864"),
        (gzip(header().chain([&b"\""[..]]).chain(std::iter::repeat_n(LETTERS, 200))), "limit in bytes=67108864"),
        (gzip(std::iter::once(COMMAS)), "limit=10000"),
        (gzip(header().chain([COMMAS])), "limit=10000"),
    ] {
        assert!(bomb.len() < 2 << 20, "{} bytes", bomb.len());
        let error = decode_with(gzipped.clone(), json!({}), &bomb).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // As long as it may be, a row is read.
    let long = gzip(header().chain(std::iter::repeat_n(LETTERS, 40)).chain([&b",x\n"[..]]));
    let batch = decode_with(gzipped, json!({}), &long).unwrap();
    assert_eq!(rows(&batch)[0][0].as_ref().map(String::len), Some(40 << 20));
}

fn rows(batch: &RecordBatch) -> Vec<Vec<Option<String>>> {
    let row = |row: usize| {
        batch.columns().iter().map(move |column| {
            let column = column.as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        })
    };
    (0..batch.num_rows()).map(|number| row(number).collect()).collect()
}

fn texts(values: &[Option<&str>]) -> RecordBatch {
    RecordBatch::try_from_iter([
        ("a", Arc::new(StringArray::from(values.to_vec())) as ArrayRef),
        ("b", Arc::new(Int64Array::from_iter_values(0..values.len() as i64))),
    ])
    .unwrap()
}

#[test]
fn every_type_has_its_text() {
    let uuid = FixedSizeBinaryArray::try_from_iter(
        [*b"\x01\x23\x45\x67\x89\xAB\xCD\xEF\x01\x23\x45\x67\x89\xAB\xCD\xEF"].into_iter(),
    )
    .unwrap();
    let decimal = |value: i128, precision, scale| {
        Arc::new(Decimal128Array::from(vec![value]).with_precision_and_scale(precision, scale).unwrap()) as ArrayRef
    };
    let cases: Vec<(&str, ArrayRef)> = vec![
        ("True", Arc::new(BooleanArray::from(vec![true]))),
        ("-128", Arc::new(Int8Array::from(vec![i8::MIN]))),
        ("-9223372036854775808", Arc::new(Int64Array::from(vec![i64::MIN]))),
        ("18446744073709551615", Arc::new(UInt64Array::from(vec![u64::MAX]))),
        ("0.1", Arc::new(Float32Array::from(vec![0.1]))),
        ("-0", Arc::new(Float64Array::from(vec![-0.0]))),
        ("123456789.125", Arc::new(Float64Array::from(vec![123_456_789.125]))),
        ("1E300", Arc::new(Float64Array::from(vec![1e300]))),
        ("5E-324", Arc::new(Float64Array::from(vec![5e-324]))),
        ("NaN", Arc::new(Float64Array::from(vec![f64::NAN]))),
        ("-Infinity", Arc::new(Float64Array::from(vec![f64::NEG_INFINITY]))),
        ("-0.0500", decimal(-500, 19, 4)),
        ("99999999999999999999999999999999999999", decimal(10_i128.pow(38) - 1, 38, 0)),
        ("-0.99999999999999999999999999999999999999", decimal(1 - 10_i128.pow(38), 38, 38)),
        (
            "9999999999999999999.0000000000000000001",
            decimal(99_999_999_999_999_999_990_000_000_000_000_000_001, 38, 19),
        ),
        ("1970-01-01", Arc::new(Date32Array::from(vec![0]))),
        ("0001-01-01", Arc::new(Date32Array::from(vec![-719_162]))),
        ("9999-12-31", Arc::new(Date32Array::from(vec![2_932_896]))),
        ("2000-02-29", Arc::new(Date32Array::from(vec![11_016]))),
        ("23:59:59.0000000", Arc::new(Time32SecondArray::from(vec![86_399]))),
        ("23:59:59.9999999", Arc::new(Time64NanosecondArray::from(vec![86_399_999_999_900]))),
        ("1969-12-31 23:59:59.9999990", Arc::new(TimestampMicrosecondArray::from(vec![-1]))),
        ("0001-01-01 00:00:00.0000000", Arc::new(TimestampMicrosecondArray::from(vec![-62_135_596_800_000_000]))),
        ("1970-01-01 00:00:00.0000001", Arc::new(TimestampNanosecondArray::from(vec![100]))),
        ("1970-01-01 00:00:00.000000001", Arc::new(TimestampNanosecondArray::from(vec![1]))),
        (
            "1970-01-01 00:00:01.0000000 +00:00",
            Arc::new(TimestampMicrosecondArray::from(vec![1_000_000]).with_timezone("UTC")),
        ),
        ("AP8=", Arc::new(BinaryArray::from(vec![&[0_u8, 255][..]]))),
        ("ä\u{1F600}", Arc::new(StringViewArray::from(vec!["ä\u{1F600}"]))),
        ("01234567-89ab-cdef-0123-456789abcdef", Arc::new(uuid)),
    ];
    for (wanted, values) in cases {
        let metadata = std::collections::HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
        let field = Field::new("v", values.data_type().clone(), true).with_metadata(metadata);
        let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![values]).unwrap();
        assert_eq!(text(json!({}), &batch), format!("{wanted}\r\n"));
        assert_eq!(reads_back(json!({"firstRowAsHeader": true}), &batch).unwrap(), digest(&batch), "{wanted}");
        // The last character is another one: no value, or another value.
        let mut changed: Vec<char> = wanted.chars().collect();
        let last = changed.last_mut().unwrap();
        *last = if *last == '8' { '7' } else { '8' };
        let changed = changed.into_iter().collect::<String>() + "\r\n";
        let changed = read_digest(format(json!({})).as_ref(), &batch.schema(), changed.as_bytes());
        assert!(changed.is_err() || changed.unwrap() != digest(&batch), "{wanted}");
    }
}

fn digest(batch: &RecordBatch) -> Digest {
    RowDigester::new(&batch.schema()).unwrap().digest(batch).unwrap()
}

/// The digest of what stands in a file that was written with these columns.
fn read_digest(format: &dyn Format, schema: &SchemaRef, file: &[u8]) -> Result<Digest> {
    let limit = BatchLimit { rows: NonZeroU32::new(3).unwrap(), bytes: 1 << 20 };
    let digester = RowDigester::new(schema).unwrap();
    format.read_back(schema)?.read(opened(file), &Slice::Whole, limit)?.map(|batch| digester.digest(&batch?)).sum()
}

fn reads_back(properties: Value, batch: &RecordBatch) -> Result<Digest> {
    let format = format(properties);
    let file = encode(format.as_ref(), std::slice::from_ref(batch))?;
    read_digest(format.as_ref(), &batch.schema(), &file)
}

#[test]
fn a_nan_is_a_nan_and_a_text_in_another_form_is_none() {
    let odd = f64::from_bits(f64::NAN.to_bits() | 1 << 63 | 1);
    let values: ArrayRef = Arc::new(Float64Array::from(vec![odd]));
    let batch = RecordBatch::try_from_iter([("v", values)]).unwrap();
    assert_eq!(reads_back(json!({}), &batch).unwrap(), digest(&batch));

    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1500]));
    let batch = RecordBatch::try_from_iter([("v", numbers)]).unwrap();
    let read = |text: &[u8]| read_digest(format(json!({})).as_ref(), &batch.schema(), text);
    assert_eq!(read(b"1500\r\n").unwrap(), digest(&batch));
    for text in [&b"+1500\r\n"[..], b"01500\r\n", b"1500,\r\n", b"x\r\n"] {
        read(text).unwrap_err();
    }
    assert_ne!(read(b"1501\r\n").unwrap(), digest(&batch));
}

#[test]
fn several_texts_may_be_null_where_they_are_read() {
    let shown = |also: Value| {
        let properties = json!({"firstRowAsHeader": true, "nullValue": "\\N", "alsoNull": also});
        rows(&decode(properties, b"a,b,c,d\n\\N,NULL,,\"NULL\"\n"))
    };
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(shown(json!(["NULL", ""])), [[None, None, None, text("NULL")]]);
    assert_eq!(shown(json!([])), [[None, text("NULL"), text(""), text("NULL")]]);
}

#[test]
fn null_and_empty_are_told_apart_or_the_column_is_named_beforehand() {
    let batch = texts(&[Some(""), None, Some("x")]);
    for properties in [json!({}), json!({"nullValue": "NULL"}), json!({"quoteChar": "", "nullValue": "NULL"})] {
        assert_eq!(reads_back(properties.clone(), &batch).unwrap(), digest(&batch), "{properties}");
    }
    let plain = format(json!({"quoteChar": ""}));
    let error = plain.read_back(&batch.schema()).err().unwrap();
    assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("column="), "{error}");
    let filled: ArrayRef = Arc::new(StringArray::from(vec!["", "x"]));
    let filled = RecordBatch::try_from_iter_with_nullable([("v", filled, false)]).unwrap();
    assert_eq!(reads_back(json!({"quoteChar": ""}), &filled).unwrap(), digest(&filled));
}

#[test]
fn quotes_and_escapes_are_data_factorys() {
    let batch = texts(&[Some("plain"), Some("a,b"), Some("say \"x\" \\ y"), Some("two\r\nlines"), Some(""), None]);
    assert_eq!(
        text(json!({"firstRowAsHeader": "true"}), &batch),
        "a,b\r\nplain,0\r\n\"a,b\",1\r\n\"say \\\"x\\\" \\\\ y\",2\r\n\"two\r\nlines\",3\r\n\"\",4\r\n,5\r\n"
    );
    assert_eq!(
        text(json!({"escapeChar": "\"", "rowDelimiter": "\n", "columnDelimiter": "|", "nullValue": "NULL"}), &batch),
        "plain|0\na,b|1\n\"say \"\"x\"\" \\ y\"|2\n\"two\r\nlines\"|3\n|4\nNULL|5\n"
    );
    assert_eq!(
        text(json!({"quoteChar": "", "nullValue": "\\N"}), &texts(&[Some("a,b\\c\nd"), None])),
        "a\\,b\\\\c\\\nd,0\r\n\\N,1\r\n"
    );
    let quoted =
        for_writing(&dataset(json!({})), Some(&json!({"quoteAllText": true, "fileExtension": ".txt"}))).unwrap();
    assert_eq!(quoted.extension(), ".txt");
    let quoted = encode(quoted.as_ref(), &[texts(&[Some("x"), None])]).unwrap();
    assert_eq!(quoted, b"\"x\",0\r\n,1\r\n");
}

#[test]
fn a_number_that_holds_the_delimiter_is_quoted() {
    let values = Decimal128Array::from(vec![150]).with_precision_and_scale(5, 2).unwrap();
    let batch = RecordBatch::try_from_iter([("n", Arc::new(values) as ArrayRef)]).unwrap();
    assert_eq!(text(json!({"columnDelimiter": "."}), &batch), "\"1.50\"\r\n");
}

#[test]
fn what_cannot_be_told_apart_names_its_column() {
    let cases = [
        (json!({"quoteChar": "", "escapeChar": ""}), "a,b", "quoteChar"),
        (json!({"quoteChar": "", "nullValue": "NULL"}), "NULL", "nullValue"),
        (json!({"encodingName": "ISO-8859-1"}), "€", "U+20AC"),
        (json!({"encodingName": "WINDOWS-1252"}), "\u{4E00}", "U+4E00"),
        (json!({"encodingName": "US-ASCII"}), "ä", "U+00E4"),
    ];
    for (properties, value, says) in cases {
        let error = encode(format(properties).as_ref(), &[texts(&[Some(value)])]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        let said = error.to_string();
        assert!(said.contains(says) && said.contains("column=a"), "{said}");
    }
    for wrong in [
        json!({"quoteChar": ","}),
        json!({"escapeChar": ""}),
        json!({"quoteChar": "''"}),
        json!({"columnDelimiter": "\r\n"}),
        json!({"encodingName": "UTF-7"}),
        json!({"compressionCodec": "tar"}),
    ] {
        assert!(for_writing(&dataset(wrong.clone()), None).is_err(), "{wrong}");
    }
}

#[test]
fn every_encoding_and_codec_reads_back_from_pieces() {
    let batches = [texts(&[Some("ä"), None, Some("")]), texts(&[Some("x,\r\n\"y\\")])];
    for encoding in
        ["UTF-8", "UTF-8 without BOM", "UTF-16", "UTF-16BE", "ISO-8859-1", "ISO-8859-15", "WINDOWS-1252", "gb18030"]
    {
        for codec in ["none", "gzip", "bzip2", "deflate"] {
            let properties = json!({"encodingName": encoding, "compressionCodec": codec, "compressionLevel": "Fastest", "firstRowAsHeader": true});
            let file = encode(format(properties.clone()).as_ref(), &batches).unwrap();
            let read = decode(properties, &file);
            let wanted = [(Some("ä"), "0"), (None, "1"), (Some(""), "2"), (Some("x,\r\n\"y\\"), "0")];
            let wanted: Vec<_> =
                wanted.iter().map(|(a, b)| vec![a.map(str::to_owned), Some((*b).to_owned())]).collect();
            assert_eq!(rows(&read), wanted, "{encoding} {codec}");
        }
    }
}

#[test]
fn lines_are_skipped_named_filled_and_counted() {
    let file = b"# a \"comment\r\n\r\n# another\r\nid,name\r\n1,x\r\n\r\n2\r\n";
    let read = decode_with(json!({"firstRowAsHeader": true}), json!({"skipLineCount": "2"}), file).unwrap();
    assert_eq!(read.schema().fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(), ["id", "name"]);
    assert_eq!(rows(&read), [[Some("1".to_owned()), Some("x".to_owned())], [Some("2".to_owned()), None]]);
    let read = decode(json!({}), b"1;x\n2;y");
    assert_eq!((read.num_columns(), read.schema().field(0).name().as_str()), (1, "Prop_0"));
    for line_end in ["\n", "\r", "\r\n"] {
        let file = format!("a,b{line_end}c,d{line_end}");
        assert_eq!(decode(json!({}), file.as_bytes()).num_rows(), 2);
    }
    let error = decode_with(json!({"firstRowAsHeader": true}), json!({}), b"a,b\n1,2\n1,2,3\n").unwrap_err();
    assert_eq!(error.symbolic_code(), Some("DelimitedTextMoreColumnsThanDefined"));
    assert!(error.to_string().contains("row=3"), "{error}");
    for bad in [&b"\"a\"b,c\n"[..], b"x\n\"a,c\n"] {
        let error = decode_with(json!({}), json!({}), bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    }
    let error = decode_with(json!({}), json!({}), b"\xFFa\n").unwrap_err();
    assert!(error.to_string().contains("encodingName"), "{error}");
}

#[test]
fn a_compressed_file_that_was_cut_off_is_an_error() {
    let batch = texts(&[Some("some text"), Some("more text")]);
    for codec in ["gzip", "bzip2", "deflate"] {
        let properties = json!({"compressionCodec": codec});
        let file = encode(format(properties.clone()).as_ref(), &[batch.clone(), batch.clone()]).unwrap();
        assert!(decode_with(properties.clone(), json!({}), &file).is_ok());
        let error = decode_with(properties, json!({}), &file[..file.len() - 2]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data, "{codec}");
    }
}

proptest! {
    #[test]
    fn any_text_survives_any_dialect(
        values in proptest::collection::vec(proptest::option::of("[a,|;\"\\\\\r\n \u{e4}N']{0,6}"), 1..12),
        column in prop_oneof![Just(","), Just("|"), Just("\t"), Just("||"), Just("ä")],
        row in prop_oneof![Just("\r\n"), Just("\n"), Just("")],
        marks in prop_oneof![Just(("\"", "\\")), Just(("\"", "\"")), Just(("'", "\\")), Just(("", "\\"))],
        null_value in prop_oneof![Just(""), Just("NULL"), Just("N")],
    ) {
        let (quote, escape) = marks;
        let properties = json!({"columnDelimiter": column, "rowDelimiter": row, "quoteChar": quote, "escapeChar": escape, "nullValue": null_value});
        let values: Vec<_> = values.iter().map(Option::as_deref).collect();
        let batch = texts(&values);
        // Without quotes a text that is the null value cannot be told from null: refused, or empty.
        let alike = quote.is_empty() && values.iter().flatten().any(|value| *value == null_value);
        match encode(format(properties.clone()).as_ref(), std::slice::from_ref(&batch)) {
            Err(error) => prop_assert!(alike, "{error}"),
            Ok(_) if alike => {}
            Ok(file) => {
                let read = decode(properties.clone(), &file);
                let read: Vec<_> = rows(&read).into_iter().map(|row| row[0].clone()).collect();
                let wanted: Vec<_> = values.iter().map(|value| value.map(str::to_owned)).collect();
                prop_assert_eq!(read, wanted);
                let ambiguous = quote.is_empty() && null_value.is_empty();
                match reads_back(properties, &batch) {
                    Ok(read) => prop_assert_eq!(read, digest(&batch)),
                    Err(error) => prop_assert!(ambiguous, "{}", error),
                }
            }
        }
    }
}

#[test]
fn a_type_without_text_is_refused_by_name() {
    let list = DataType::List(Arc::new(Field::new("item", DataType::Int32, true)));
    let schema = Arc::new(Schema::new(vec![Field::new("odd", list, true)]));
    let error = format(json!({})).fit(&schema).unwrap_err();
    assert!(error.to_string().contains("column=odd"), "{error}");
}

fn skipping(properties: Value, limit: BatchLimit, bytes: &[u8]) -> Result<Vec<Portion>> {
    let format = for_reading(&dataset(properties), None, 1 << 28)?;
    assert!(format.skips().is_some());
    format.read_skipping(opened(bytes), &Slice::Whole, limit)?.collect()
}

#[test]
fn rows_with_more_columns_are_left_out_as_they_stand() {
    let limit = BatchLimit { rows: NonZeroU32::new(3).unwrap(), bytes: 1 << 20 };
    let text = b"a,b\n1,2\n3,4,\n\n5\n6,\"7,7\",,\"\"\n8,9\n";
    let portions = skipping(json!({"firstRowAsHeader": true}), limit, text).unwrap();
    assert_eq!(portions.iter().map(|portion| portion.read).collect::<Vec<_>>(), [3, 2]);
    let kept: Vec<_> = portions.iter().flat_map(|portion| portion.rows.column(0).as_string::<i32>().iter()).collect();
    assert_eq!(kept, [Some("1"), Some("5"), Some("8")]);
    let skipped: Vec<_> = portions.into_iter().flat_map(|portion| portion.skipped).collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(skipped[0].cells, [some("3"), some("4"), None]);
    assert_eq!(skipped[1].cells, [some("6"), some("7,7"), None, some("")]);
    assert_eq!(skipped[1].message, "Row 6 has 4 columns, more than the 2 that are expected.");
    assert_eq!(skipped[1].code, "DelimitedTextMoreColumnsThanDefined");
    // Whoever does not ask for it gets an error, as ever; so does a row whose end nobody knows.
    assert!(decode_with(json!({"firstRowAsHeader": true}), json!({}), text).is_err());
    let broken = skipping(json!({"firstRowAsHeader": true}), limit, b"a,b\n1,2\n\"3\"x,4\n");
    assert_eq!(broken.unwrap_err().kind(), ErrorKind::Data);
}

#[test]
fn rows_that_are_left_out_count_towards_the_batch() {
    let limit = BatchLimit { rows: NonZeroU32::new(u32::MAX).unwrap(), bytes: 1 << 16 };
    let text = format!("a\n{}", "some text,more,,,,\n".repeat(20_000));
    let portions = skipping(json!({"firstRowAsHeader": true}), limit, text.as_bytes()).unwrap();
    let bytes = |portion: &Portion| portion.skipped.iter().map(SkippedRow::bytes).sum::<u64>();
    let largest = portions.iter().map(bytes).max().unwrap();
    assert!(largest <= limit.bytes + 1_000, "{largest} bytes in one portion");
    assert_eq!(portions.iter().map(|portion| portion.skipped.len()).sum::<usize>(), 20_000);
}
