use std::{io::Write, num::NonZeroU32};

use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::concat_batches,
};
use ropeway_engine::{ErrorKind, Result, chunk::BatchLimit};
use serde_json::{Value, json};

use crate::format::{Input, Slice, for_reading};

/// The same cells, written by openpyxl and by xlwt.
const FILES: [&[u8]; 2] = [include_bytes!("fixtures/sheets.xlsx"), include_bytes!("fixtures/sheets.xls")];

fn opened(bytes: &[u8]) -> Input {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    Input::new(file).unwrap()
}

fn decode_in(dataset: Value, bytes: &[u8], memory: u64) -> Result<RecordBatch> {
    let mut dataset = dataset;
    dataset["type"] = "Excel".into();
    let files = for_reading(&dataset, None, memory)?;
    let schema = files.schema(opened(bytes))?;
    let limit = BatchLimit { rows: NonZeroU32::new(2).unwrap(), bytes: 1 << 20 };
    let batches = files.read(opened(bytes), &Slice::Whole, limit)?.collect::<Result<Vec<_>>>()?;
    assert!(batches.iter().all(|batch| batch.num_rows() <= 2));
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn decode(dataset: Value, bytes: &[u8]) -> Result<RecordBatch> {
    decode_in(dataset, bytes, 1 << 28)
}

/// The names, then the rows, with `-` for null.
fn shown(batch: &RecordBatch) -> Vec<String> {
    let names = batch.schema().fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>().join("|");
    let cell = |column: usize, row: usize| {
        let column = batch.column(column).as_string::<i32>();
        if column.is_valid(row) { column.value(row).to_owned() } else { "-".to_owned() }
    };
    let row = |row| (0..batch.num_columns()).map(|column| cell(column, row)).collect::<Vec<_>>().join("|");
    std::iter::once(names).chain((0..batch.num_rows()).map(row)).collect()
}

#[test]
fn a_sheet_is_a_table_of_texts() {
    let expected = [
        "id|name|price|at|time|ok",
        "1|é€ \"q\"|1.5|2024-02-29 12:30:15.000|07:05:00.000|True",
        "2|-|0.1|1999-12-31 00:00:00.000|-|False",
        "-|-|-|-|-|-",
        "9007199254740991|NA|-1E-7|-|-|-",
        "-|-|-|-|-|-",
        "-|-|-|-|-|-",
        "below|-|-|-|-|-",
    ];
    for bytes in FILES {
        for sheet in [json!({"sheetName": "orders"}), json!({"sheetIndex": 1}), json!({"sheetIndex": "1"})] {
            let mut dataset = sheet;
            dataset["firstRowAsHeader"] = true.into();
            assert_eq!(shown(&decode(dataset, bytes).unwrap()), expected);
        }
    }
}

#[test]
fn a_range_is_what_it_says() {
    for bytes in FILES {
        let of = |range: &str, header: bool| {
            let dataset = json!({"sheetName": "Orders", "range": range, "firstRowAsHeader": header, "nullValue": "NA"});
            shown(&decode(dataset, bytes).unwrap())
        };
        assert_eq!(of("B3:C5", true), ["id|name", "1|é€ \"q\"", "2|-"]);
        assert_eq!(of("B7:C7", false), ["Prop_0|Prop_1", "9007199254740991|-"]);
        assert_eq!(of("D5:D5", false), ["Prop_0", "0.1"]);
        assert_eq!(of("F5", false), ["Prop_0|Prop_1", "-|False"]);
        assert_eq!(of("A1:A2", false), ["Prop_0", "-", "-"]);
    }
}

#[test]
fn compressed_workbooks_are_unpacked() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(FILES[0]).unwrap();
    let dataset = json!({"sheetIndex": 1, "compression": {"type": "GZip", "level": "Optimal"}});
    assert_eq!(decode(dataset, &gzip.finish().unwrap()).unwrap().num_rows(), 8);
}

#[test]
fn what_is_not_there_is_said() {
    for bytes in FILES {
        let error = decode(json!({"sheetName": "Order"}), bytes).unwrap_err();
        assert!(error.kind() == ErrorKind::Data && error.to_string().contains("Empty, Orders"), "{error}");
        assert!(decode(json!({"sheetIndex": 2}), bytes).unwrap_err().to_string().contains("no such sheet"));
        assert!(decode(json!({"sheetIndex": 0}), bytes).unwrap_err().to_string().contains("empty"));
    }
    for wrong in [json!({}), json!({"sheetIndex": 0, "range": "3A"})] {
        assert_eq!(decode(wrong, FILES[0]).unwrap_err().kind(), ErrorKind::Spec);
    }
}

/// Whatever byte is changed or cut off: rows or an error that says so, never a crash.
#[test]
fn damaged_workbooks_are_refused() {
    for bytes in FILES {
        for length in (0..bytes.len()).step_by(bytes.len() / 40) {
            if let Err(error) = decode(json!({"sheetIndex": 1}), &bytes[..length]) {
                assert_eq!(error.kind(), ErrorKind::Data, "{error}");
            }
        }
        for place in (0..bytes.len()).step_by(bytes.len() / 60) {
            let mut changed = bytes.to_vec();
            changed[place] ^= 0xFF;
            if let Err(error) = decode(json!({"sheetIndex": 1}), &changed) {
                assert_eq!(error.kind(), ErrorKind::Data, "{error}");
            }
        }
    }
}

#[test]
fn workbooks_made_to_fill_the_memory_are_refused() {
    let error = decode_in(json!({"sheetIndex": 1}), FILES[0], 16 << 10).unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("--memory"), "{error}");
    // Some kilobytes that inflate to a gigabyte.
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    bomb.start_file("xl/sharedStrings.xml", options).unwrap();
    for _ in 0..64 {
        bomb.write_all(&[b'a'; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap().into_inner();
    assert!(bomb.len() < 1 << 20);
    let error = decode_in(json!({"sheetIndex": 0}), &bomb, 64 << 20).unwrap_err();
    assert!(error.kind() == ErrorKind::Data && error.to_string().contains("--memory"), "{error}");
}
