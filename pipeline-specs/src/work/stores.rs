//! Activities that look into a store through a dataset.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Properties,
    place::{add, chosen, clone, one_place, place, resolved, side},
};
use crate::{
    binary,
    copy::ResolvedSide,
    older::Used,
    schema,
    secret::Settings,
    support::{self, End},
    timespan,
};

/// A Lookup that can run.
#[derive(Debug)]
pub struct Lookup {
    /// What is read.
    pub source: ResolvedSide,
    /// Whether the first row is all that is wanted.
    pub first_row_only: bool,
}

/// A dataset and its store, for whoever reads no rows.
#[derive(Debug)]
pub struct ResolvedDataset {
    /// The dataset's name.
    pub name: String,
    /// The dataset's type.
    pub type_name: String,
    /// The linked service's type: the key of the connector.
    pub linked_service_type: String,
    /// `{"linkedService": ..., "dataset": ...}`.
    pub settings: Settings,
    /// The `storeSettings` of the activity, null if there are none.
    pub store_settings: Value,
}

/// A GetMetadata that can run.
#[derive(Debug)]
pub struct MetadataRequest {
    /// What is asked about.
    pub dataset: ResolvedDataset,
    /// The source that reads it on its own, for what only its rows tell; `None` if there is none.
    pub source: Option<ResolvedSide>,
    /// What is asked: `exists`, `childItems`, ...
    pub fields: Vec<String>,
}

/// A Delete that can run.
#[derive(Debug)]
pub struct Deletion {
    /// What is deleted.
    pub dataset: ResolvedDataset,
    /// Whether what lies in folders below is deleted too.
    pub recursive: bool,
}

/// A Validation that can run.
#[derive(Debug)]
pub struct Awaited {
    /// What must be there.
    pub dataset: ResolvedDataset,
    /// How long it is waited for.
    pub timeout: Duration,
    /// The pause between looks.
    pub sleep: Duration,
    /// The least bytes of a file.
    pub minimum_size: Option<u64>,
    /// Whether a folder must have something in it, or must not.
    pub child_items: Option<bool>,
}

/// The default of a Validation's timeout.
const HALF_A_DAY: Duration = Duration::from_secs(12 * 3600);
/// The default of the pause between its looks.
const SLEEP: u64 = 10;

pub(super) fn lookup(properties: &mut Properties<'_>) -> Option<Lookup> {
    let first_row_only = properties.flag("firstRowOnly", true);
    let source = properties.required("source");
    let dataset = resolved(properties);
    let (mut source, mut dataset) = (source?, dataset?);
    let source_type = source.real.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let service = &dataset.linked_service.type_name;
    if let Some(message) = support::refusal(End::Source, service, &dataset.type_name, &source_type) {
        properties.error("unsupported-type", "source", message);
        return None;
    }
    let path = properties.path_of("source");
    let used = Used { end: End::Source, copy: &mut source.real, path: &path, rows: true, moment: properties.moment() };
    dataset.modernize(used, properties.findings);
    if binary::deletes_files(&source.real) {
        let message = "'deleteFilesAfterCompletion' is for copies: a Lookup may leave rows of a file unread; remove it";
        properties.error("unsupported-property", "source", message.to_owned());
        return None;
    }
    // Data Factory's own samples call the query of a SQL source `query`.
    if let Some(object) = source.real.as_object_mut()
        && schema::shape_of(&source_type, "sqlReaderQuery").is_some()
        && let Some(query) = object.remove("query")
    {
        object.entry("sqlReaderQuery").or_insert(query);
    }
    Some(Lookup { source: side(dataset, source.real), first_row_only })
}

pub(super) fn metadata(properties: &mut Properties<'_>) -> Option<MetadataRequest> {
    let fields = properties.required("fieldList");
    let mut store_settings = properties.get("storeSettings").unwrap_or_default().real;
    let format_settings = properties.get("formatSettings").unwrap_or_default().real;
    let dataset = one_place(properties, &mut store_settings)?;
    let fields = fields?.real;
    let names: Option<Vec<String>> = fields
        .as_array()
        .and_then(|fields| fields.iter().map(|field| field.as_str().map(str::to_owned)).collect())
        .filter(|names: &Vec<String>| !names.is_empty());
    let Some(fields) = names else {
        properties.error("wrong-value", "fieldList", "'fieldList' must be an array of names, such as [\"exists\"]");
        return None;
    };
    let service = dataset.linked_service.type_name.clone();
    let source = support::natural_source(&service, &dataset.type_name).map(|source| {
        let mut source = json!({ "type": source });
        if dataset.settings.real.get("location").is_some() {
            source["storeSettings"] = match &store_settings {
                Value::Object(_) => store_settings.clone(),
                _ => json!({ "type": format!("{service}ReadSettings"), "recursive": true }),
            };
        }
        if format_settings.is_object() {
            source["formatSettings"] = format_settings.clone();
        }
        side(clone(&dataset), source)
    });
    Some(MetadataRequest { dataset: place(dataset, store_settings), source, fields })
}

pub(super) fn deletion(properties: &mut Properties<'_>) -> Option<Deletion> {
    let mut store_settings = properties.get("storeSettings").unwrap_or_default().real;
    let flagged = properties.flag("recursive", true);
    let recursive = store_settings.get("recursive").and_then(Value::as_bool).unwrap_or(flagged);
    let (dataset, chosen) = chosen(properties)?;
    add(chosen, &mut store_settings);
    let dataset = place(dataset, store_settings);
    Some(Deletion { dataset, recursive })
}

pub(super) fn awaited(properties: &mut Properties<'_>) -> Option<Awaited> {
    let timeout = match properties.get("timeout") {
        None => Some(HALF_A_DAY),
        Some(twin) => twin.real.as_str().and_then(timespan::parse),
    };
    if timeout.is_none() {
        properties.error("wrong-value", "timeout", "'timeout' must be a time span such as '0.12:00:00'");
    }
    let sleep = Duration::from_secs(properties.number("sleep").unwrap_or(SLEEP).clamp(1, 86_400));
    let minimum_size = properties.number("minimumSize");
    let child_items = properties.get("childItems").map(|_| properties.flag("childItems", false));
    let mut store_settings = Value::Null;
    let dataset = one_place(properties, &mut store_settings)?;
    let dataset = place(dataset, store_settings);
    Some(Awaited { dataset, timeout: timeout?, sleep, minimum_size, child_items })
}
