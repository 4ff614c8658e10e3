//! Which columns a Copy reads and writes, as far as its definition says so.

use std::collections::BTreeSet;

use ropeway_specs::{ColumnMapping, ResolvedCopy};
use serde_json::Value;

use super::super::files::COLUMNS_OF_SHEET;

/// The columns that a Copy reads.
pub(super) fn of_source(copy: &ResolvedCopy) -> Vec<String> {
    let dataset = &copy.source.settings.expose()["dataset"];
    if dataset["type"] == "Excel" {
        return COLUMNS_OF_SHEET.map(str::to_owned).into();
    }
    let mapped = mapped(copy);
    let mapped: Vec<String> = match mapped.iter().filter_map(|column| column.source.ordinal).max() {
        None => mapped.iter().filter_map(|column| column.source.name.clone()).collect(),
        Some(places) => (1..=places).map(|place| format!("Prop_{place}")).collect(),
    };
    let names = |values: &Value, name: fn(&Value) -> &Value| -> Vec<String> {
        let names = values.as_array().into_iter().flatten().filter_map(|value| name(value).as_str());
        names.map(str::to_owned).collect()
    };
    let declared = names(&dataset["columns"], |column| &column["name"]);
    let keys = names(&copy.sink.settings.expose()["sink"]["upsertSettings"]["keys"], |key| key);
    let plain = vec!["id".to_owned(), "name".to_owned()];
    [mapped, declared, keys, plain].into_iter().find(|columns| !columns.is_empty()).unwrap_or_default()
}

/// The columns of the table that it writes to.
pub(super) fn of_sink(copy: &ResolvedCopy, read: &[String]) -> Vec<String> {
    let mapped: Vec<String> = mapped(copy).iter().filter_map(|column| column.sink.name.clone()).collect();
    let dataset = &copy.source.settings.expose()["dataset"];
    let is_nameless = dataset["type"] == "DelimitedText" && dataset["firstRowAsHeader"] != true;
    match mapped.is_empty() {
        false => mapped,
        true if is_nameless => (0..read.len()).map(|column| format!("Prop_{column}")).collect(),
        true => read.to_vec(),
    }
}

fn mapped(copy: &ResolvedCopy) -> Vec<&ColumnMapping> {
    copy.mapping.iter().flat_map(|mapping| mapping.columns.iter().flatten()).collect()
}

/// The tables of a query, and the columns that it compares.
pub(super) fn read_by(query: &str) -> (Vec<String>, Vec<String>) {
    let words: Vec<&str> = query.split_whitespace().collect();
    let after = |keywords: &'static [&'static str]| {
        let follows = move |pair: &[&str]| keywords.iter().any(|word| word.eq_ignore_ascii_case(pair[0]));
        words.windows(2).filter(move |pair| follows(pair)).map(|pair| pair[1].to_owned()).collect::<BTreeSet<_>>()
    };
    (after(&["from", "join"]).into_iter().collect(), after(&["where", "and", "or"]).into_iter().collect())
}
