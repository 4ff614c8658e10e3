//! `columnMappings` and `schemaMapping`: the older ways to write which column becomes which.

use serde_json::{Map, Value};

use super::{ColumnMapping, MappedColumn, Reporter};
use crate::diagnostic::property;

/// `"UserId: MyUserId, Name: MyName"`.
pub(super) fn text(text: &str, path: &str, to: &mut Reporter<'_>) -> Vec<ColumnMapping> {
    let mut columns = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        match pair.split_once(':').map(|(source, sink)| (source.trim(), sink.trim())) {
            Some((source, sink)) if !source.is_empty() && !sink.is_empty() => columns.push(mapping(source, sink, path)),
            _ => to.unsupported(
                "wrong-mapping",
                path,
                &format!("'{pair}' is no pair of names; write 'columnMappings' as \"source: sink, source: sink\""),
            ),
        }
    }
    columns
}

/// `{"UserId": "MyUserId", "Name": "MyName"}`.
pub(super) fn object(names: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) -> Vec<ColumnMapping> {
    let mut columns = Vec::new();
    for (source, sink) in names {
        let path = property(path, source);
        match sink {
            value if to.is_open(value) => {}
            Value::String(sink) if !sink.is_empty() => columns.push(mapping(source, sink, &path)),
            _ => to.unsupported("wrong-mapping", &path, "the name of the column in the sink must be a text"),
        }
    }
    columns
}

/// Where objects are mapped, their paths stand where names do.
fn is_path(name: &str) -> bool {
    name.starts_with('$') || name.starts_with("['")
}

fn mapping(source: &str, sink: &str, path: &str) -> ColumnMapping {
    let column = |name: &str| match is_path(name) {
        true => MappedColumn { path: Some(name.to_owned()), ..MappedColumn::default() },
        false => MappedColumn { name: Some(name.to_owned()), ..MappedColumn::default() },
    };
    ColumnMapping { source: column(source), sink: column(sink), path: path.to_owned() }
}
