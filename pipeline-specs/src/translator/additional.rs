//! `additionalColumns` of a source.

use serde_json::Value;

use super::Reporter;
use crate::{
    copy,
    diagnostic::{element, property},
    schema::{self, get},
};

/// A column that the source does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdditionalColumn {
    /// Its name.
    pub name: String,
    /// Its values.
    pub value: AdditionalValue,
    /// The JSON path that says so.
    pub path: String,
}

/// The values of an additional column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdditionalValue {
    /// The same text in every row, or null.
    Text(Option<String>),
    /// `$$FILEPATH`: the path of the file that the row comes from, below the folder of the dataset.
    FilePath,
    /// `$$COLUMN:name`: the values of another column.
    Column(String),
}

const FILE_PATH: &str = "$$FILEPATH";
const COLUMN: &str = "$$COLUMN:";

/// Reads those of a source; what is wrong with them is reported.
pub(super) fn read(source: &Value, path: &str, to: &mut Reporter<'_>) -> Vec<AdditionalColumn> {
    let path = property(path, "additionalColumns");
    let Some(columns) = source.as_object().and_then(|source| get(source, "additionalColumns")) else {
        return Vec::new();
    };
    let is_of_files = source["type"].as_str().is_some_and(|name| schema::shape_of(name, "storeSettings").is_some());
    match columns {
        Value::Array(columns) => {
            let column = |(index, column)| read_one(column, is_of_files, &element(&path, index), to);
            columns.iter().enumerate().filter_map(column).collect()
        }
        Value::Null => Vec::new(),
        Value::String(text) if text.is_empty() => Vec::new(),
        value if to.is_open(value) => Vec::new(),
        _ => {
            to.unsupported(
                "wrong-value",
                &path,
                "'additionalColumns' must be an array of objects with 'name' and 'value'",
            );
            Vec::new()
        }
    }
}

fn read_one(column: &Value, is_of_files: bool, path: &str, to: &mut Reporter<'_>) -> Option<AdditionalColumn> {
    if to.is_open(column) {
        return None;
    }
    let object = column.as_object();
    let Some(name) = object.and_then(|column| get(column, "name")?.as_str()).filter(|name| !name.is_empty()) else {
        to.unsupported("wrong-value", path, "an additional column needs a 'name'");
        return None;
    };
    let value = object.and_then(|column| get(column, "value")).unwrap_or(&Value::Null);
    if to.is_open(value) {
        return None;
    }
    let value = match value {
        Value::Null => AdditionalValue::Text(None),
        Value::String(text) if text == FILE_PATH && is_of_files => AdditionalValue::FilePath,
        Value::String(text) if text == FILE_PATH => {
            let message = "'$$FILEPATH' is for sources of files, and this one has none; remove the column";
            to.unsupported("wrong-value", &property(path, "value"), message);
            return None;
        }
        Value::String(text) if text.starts_with(COLUMN) => AdditionalValue::Column(text[COLUMN.len()..].to_owned()),
        Value::String(text) if text.starts_with("$$") => {
            let message = format!("'{text}' is not known; use '$$FILEPATH', '$$COLUMN:name', a text or an expression");
            to.unsupported("wrong-value", &property(path, "value"), &message);
            return None;
        }
        other => AdditionalValue::Text(Some(copy::text(other))),
    };
    Some(AdditionalColumn { name: name.to_owned(), value, path: path.to_owned() })
}
