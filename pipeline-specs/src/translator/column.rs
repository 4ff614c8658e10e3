//! One item of `mappings`.

use serde_json::{Map, Value};

use super::{Reporter, conversion};
use crate::{
    diagnostic::{list, property},
    dotnet::{TimeFormat, TimeKind},
    policy::integer,
    schema::get,
};

/// One column of the source that becomes one of the sink.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnMapping {
    /// Of the source.
    pub source: MappedColumn,
    /// Of the sink.
    pub sink: MappedColumn,
    /// The JSON path that says so.
    pub path: String,
}

/// One end of a mapping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappedColumn {
    /// The name of the column.
    pub name: Option<String>,
    /// The JSON path of its value in an object.
    pub path: Option<String>,
    /// Its position, from 1.
    pub ordinal: Option<usize>,
    /// The interim type, one of [`INTERIM_TYPES`].
    pub interim: Option<&'static str>,
    /// How its dates and times are written.
    pub format: Option<TimeFormat>,
}

/// Data Factory's interim types, as the user interface writes them.
pub const INTERIM_TYPES: [&str; 19] = [
    "Boolean",
    "Byte",
    "SByte",
    "Int16",
    "UInt16",
    "Int32",
    "UInt32",
    "Int64",
    "UInt64",
    "Single",
    "Double",
    "Decimal",
    "String",
    "Date",
    "DateTime",
    "DateTimeOffset",
    "TimeSpan",
    "Guid",
    "Byte[]",
];

/// Reads one item; what is wrong with it is reported.
pub(super) fn read(item: &Value, path: &str, to: &mut Reporter<'_>) -> Option<ColumnMapping> {
    if to.is_open(item) {
        return None;
    }
    let mut end = |name| {
        let path = property(path, name);
        match item.as_object().and_then(|item| get(item, name)) {
            Some(Value::Object(end)) => Some(column(end, &path, to)),
            Some(value) if to.is_open(value) => None,
            _ => {
                to.unsupported("wrong-mapping", &path, &format!("a mapping needs a '{name}' object with a 'name'"));
                None
            }
        }
    };
    let (source, sink) = (end("source"), end("sink"));
    Some(ColumnMapping { source: source?, sink: sink?, path: path.to_owned() })
}

fn column(end: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) -> MappedColumn {
    let at = |name| property(path, name);
    conversion::culture(end, path, to);
    let interim = text(end, "type", path, to).and_then(|name| interim(&name, &at("type"), to));
    MappedColumn {
        name: text(end, "name", path, to),
        path: text(end, "path", path, to),
        ordinal: ordinal(end, path, to),
        interim,
        format: conversion::format(end, "format", kind(interim), path, to),
    }
}

/// Formats of a column go with the newest of its types that has a time.
fn kind(interim: Option<&str>) -> TimeKind {
    match interim {
        Some("TimeSpan") => TimeKind::TimeSpan,
        Some("Date") => TimeKind::Date,
        Some("DateTimeOffset") => TimeKind::DateTimeOffset,
        _ => TimeKind::DateTime,
    }
}

pub(super) fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    get(object, name).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

pub(super) fn text(object: &Map<String, Value>, name: &str, path: &str, to: &mut Reporter<'_>) -> Option<String> {
    match given(object, name)? {
        value if to.is_open(value) => None,
        Value::String(text) => Some(text.clone()),
        _ => {
            to.unsupported("wrong-value", &property(path, name), &format!("'{name}' must be a text"));
            None
        }
    }
}

fn ordinal(end: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) -> Option<usize> {
    let value = given(end, "ordinal").filter(|value| !to.is_open(value))?;
    let ordinal = integer(value).and_then(|ordinal| usize::try_from(ordinal).ok()).filter(|ordinal| *ordinal > 0);
    if ordinal.is_none() {
        to.unsupported("wrong-value", &property(path, "ordinal"), "'ordinal' must be a number; the first column is 1");
    }
    ordinal
}

fn interim(name: &str, path: &str, to: &mut Reporter<'_>) -> Option<&'static str> {
    let plain = |name: &str| name.to_ascii_lowercase().replace(['[', ']', ' '], "").replace("bytearray", "byte[]");
    let wanted = if name.eq_ignore_ascii_case("byte[]") { "byte[]".to_owned() } else { plain(name) };
    let known = INTERIM_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(&wanted));
    if known.is_none() {
        let types = list(INTERIM_TYPES);
        to.unsupported(
            "unknown-type",
            path,
            &format!("'{name}' is no interim type of Data Factory; use one of {types}"),
        );
    }
    known
}
