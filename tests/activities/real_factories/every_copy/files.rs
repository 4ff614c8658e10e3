//! A file as a definition asks for one.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use parquet::arrow::ArrowWriter;
use serde_json::{Map, Value};

/// The sheet of every workbook.
pub(super) const SHEET: &str = "Orders";
/// The columns of every workbook.
pub(super) const COLUMNS_OF_SHEET: [&str; 6] = ["id", "name", "price", "at", "time", "ok"];
const WORKBOOK: &[u8] = include_bytes!("../../../../connectors/src/format/excel/fixtures/sheets.xlsx");

/// Where a file must lie that these settings of a source choose, container first; a pattern is met by an `x`.
pub(super) fn path(settings: &Value) -> String {
    let (location, store) = (&settings["dataset"]["location"], &settings["source"]["storeSettings"]);
    let folder = first([&store["wildcardFolderPath"], &location["folderPath"]]);
    let file = first([&store["wildcardFileName"], &location["fileName"]]).unwrap_or("x");
    let steps = [container(location), folder, Some(file)].into_iter().flatten();
    steps.map(|step| step.trim_matches('/').replace(['*', '?'], "x")).collect::<Vec<_>>().join("/")
}

fn first(values: [&Value; 2]) -> Option<&str> {
    values.into_iter().filter_map(Value::as_str).find(|text| !text.is_empty())
}

/// The container of a location in a storage account.
pub(super) fn container(location: &Value) -> Option<&str> {
    ["container", "fileSystem"].into_iter().find_map(|name| location[name].as_str())
}

/// A row of these columns as the settings of a source read it.
pub(super) fn content(settings: &Value, columns: &[String]) -> Vec<u8> {
    let dataset = &settings["dataset"];
    let delimiter = dataset["columnDelimiter"].as_str().unwrap_or(",");
    let values: Vec<String> = (1..=columns.len()).map(|column| column.to_string()).collect();
    match dataset["type"].as_str() {
        Some("DelimitedText") => {
            let has_header = dataset["firstRowAsHeader"] == true;
            let end = dataset["rowDelimiter"].as_str().unwrap_or("\n");
            let header = if has_header { columns.join(delimiter) + end } else { String::new() };
            let skipped = &settings["source"]["formatSettings"]["skipLineCount"];
            let skipped = skipped.as_str().and_then(|lines| lines.parse().ok()).or(skipped.as_u64()).unwrap_or(0);
            let skipped = (0..skipped).map(|_| format!("a remark{end}"));
            (skipped.collect::<String>() + &header + &values.join(delimiter) + end).into_bytes()
        }
        Some("Json") => {
            let object: Map<String, Value> =
                columns.iter().zip(&values).map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            Value::from(object).to_string().into_bytes()
        }
        Some("Parquet") => parquet(columns, &values),
        Some("Excel") => WORKBOOK.to_vec(),
        Some("Binary") => b"as it is".to_vec(),
        other => panic!("no file of the format {other:?} is made here"),
    }
}

fn parquet(columns: &[String], values: &[String]) -> Vec<u8> {
    let fields: Vec<Field> = columns.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = values.iter().map(|value| Arc::new(StringArray::from(vec![value.as_str()])) as ArrayRef).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).expect("columns of one length");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, None).expect("a writer");
    writer.write(&batch).expect("a row");
    writer.close().expect("a file");
    bytes
}
