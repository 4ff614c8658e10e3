//! Columns: a text file without a header has the names that `structure` gives it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Notes, Part};
use crate::schema::get;

/// The columns that two datasets say they have.
pub(crate) struct Columns<'a> {
    pub(crate) source: &'a [String],
    pub(crate) sink: &'a [String],
}

/// The translator of the newer form for a text file without a header, from the one that is written, if any.
pub(crate) fn translator(mut old: Part, columns: &Columns<'_>, notes: &mut Notes) -> Value {
    let path = old.path("columnMappings");
    let given = old.take("columnMappings").map(|written| pairs(&written)).filter(|given| !given.is_empty());
    let same =
        |name: &String| columns.sink.is_empty() || columns.sink.iter().any(|known| known.eq_ignore_ascii_case(name));
    if given.is_none() && !columns.source.iter().all(same) {
        notes.refused(&path, "the 'structure' of the two datasets have different columns, and nothing says which becomes which; add 'columnMappings'");
    }
    let target = |name: &String| match &given {
        Some(given) => given.get(&name.to_lowercase()).cloned(),
        None => Some(name.clone()),
    };
    let named = columns.source.iter().enumerate().filter_map(|(index, name)| Some((index + 1, target(name)?)));
    let mappings: Vec<Value> =
        named.map(|(ordinal, sink)| json!({ "source": { "ordinal": ordinal }, "sink": { "name": sink } })).collect();
    let mut translator = Map::from_iter([("type".to_owned(), json!("TabularTranslator"))]);
    translator.extend(old.rest());
    translator.insert("mappings".to_owned(), mappings.into());
    translator.into()
}

/// The names of the columns in a `structure`.
pub(crate) fn names(structure: &Value) -> Vec<String> {
    let columns = structure.as_array().into_iter().flatten();
    columns.filter_map(|column| Some(get(column.as_object()?, "name")?.as_str()?.to_owned())).collect()
}

/// `"A: X, B: Y"`, or an object of the same.
fn pairs(written: &Value) -> BTreeMap<String, String> {
    match written {
        Value::String(text) => text
            .split(',')
            .filter_map(|pair| pair.split_once(':'))
            .map(|(source, sink)| (source.trim().to_lowercase(), sink.trim().to_owned()))
            .collect(),
        Value::Object(members) => members
            .iter()
            .filter_map(|(source, sink)| Some((source.to_lowercase(), sink.as_str()?.to_owned())))
            .collect(),
        _ => BTreeMap::new(),
    }
}
