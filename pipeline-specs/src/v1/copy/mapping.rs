//! Columns: a text file without a header has the names that `structure` gives it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::v1::{
    dataset::{Facts, is_true},
    notes::Notes,
    part::Part,
};

/// The translator of version 2, if one is needed.
pub(super) fn convert(mut old: Part, source: Option<&Facts>, sink: Option<&Facts>, notes: &mut Notes) -> Option<Value> {
    let Some(source) = source.filter(|source| is_nameless(source) && !source.extras.columns.is_empty()) else {
        return (!old.is_empty()).then(|| old.rest().into());
    };
    let columns = &source.extras.columns;
    let path = old.path("columnMappings");
    let given = old.take("columnMappings").map(|written| pairs(&written)).filter(|given| !given.is_empty());
    let sinks = sink.map(|sink| sink.extras.columns.as_slice()).unwrap_or_default();
    let same = |name: &String| sinks.is_empty() || sinks.iter().any(|known| known.eq_ignore_ascii_case(name));
    if given.is_none() && !columns.iter().all(same) {
        notes.refused(&path, "the 'structure' of the two datasets have different columns, and nothing says which becomes which; add 'columnMappings'");
    }
    let target = |name: &String| match &given {
        Some(given) => given.get(&name.to_lowercase()).cloned(),
        None => Some(name.clone()),
    };
    let named = columns.iter().enumerate().filter_map(|(index, name)| Some((index + 1, target(name)?)));
    let mappings: Vec<Value> =
        named.map(|(ordinal, sink)| json!({ "source": { "ordinal": ordinal }, "sink": { "name": sink } })).collect();
    let mut translator = Map::from_iter([("type".to_owned(), json!("TabularTranslator"))]);
    translator.insert("mappings".to_owned(), mappings.into());
    Some(translator.into())
}

/// Whether the columns of its files have no names of their own.
fn is_nameless(facts: &Facts) -> bool {
    facts.type_name == "DelimitedText" && !facts.settings.get("firstRowAsHeader").is_some_and(is_true)
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
