//! What the copies of version 1 do with each dataset, which a dataset's own definition does not say.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    envelope::Envelope,
    kind::Kind,
    older::{Use, is_true},
    schema::get,
};

/// How the copies of a factory use its datasets, by their names in lower case.
#[derive(Default)]
pub(super) struct Usage(BTreeMap<String, Use>);

impl Usage {
    /// Looks at all copies, before any of them is converted.
    pub(super) fn of(envelopes: &[Envelope]) -> Self {
        let as_it_is: BTreeMap<String, bool> = envelopes
            .iter()
            .filter(|envelope| envelope.kind == Kind::Dataset)
            .map(|dataset| (dataset.name.to_lowercase(), is_file_without_format(&dataset.properties)))
            .collect();
        let has_rows = |name: &String| !as_it_is.get(name).copied().unwrap_or(false);
        let mut usage = Self::default();
        let pipelines = envelopes.iter().filter(|envelope| envelope.kind == Kind::Pipeline && envelope.version_1);
        for copy in pipelines.flat_map(|pipeline| copies(&pipeline.properties)) {
            let (source, sink) = (end(copy, "inputs"), end(copy, "outputs"));
            if let Some(name) = &source {
                let entry = usage.0.entry(name.clone()).or_default();
                entry.source = true;
                entry.null = entry.null.take().or_else(|| of_end(copy, "source", "nullValues").cloned());
                entry.rows |= sink.as_ref().is_none_or(has_rows);
            }
            if let Some(name) = &sink {
                let entry = usage.0.entry(name.clone()).or_default();
                entry.sink = true;
                entry.rows |= source.as_ref().is_none_or(has_rows);
                entry.header |= of_end(copy, "sink", "blobWriterAddHeader").is_some_and(is_true);
            }
        }
        usage
    }

    pub(super) fn of_dataset(&self, name: &str) -> Use {
        self.0.get(&name.to_lowercase()).cloned().unwrap_or_default()
    }
}

fn is_file_without_format(dataset: &Map<String, Value>) -> bool {
    let settings = get(dataset, "typeProperties").or_else(|| get(dataset, "location")).and_then(Value::as_object);
    let Some(settings) = settings else { return false };
    let is_path = ["folderPath", "fileName", "blobPath"].iter().any(|name| get(settings, name).is_some());
    is_path && get(settings, "format").is_none_or(Value::is_null)
}

fn copies(pipeline: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let activities = get(pipeline, "activities").and_then(Value::as_array).into_iter().flatten();
    activities.filter_map(Value::as_object).filter(|activity| {
        let type_name = get(activity, "type").and_then(Value::as_str).unwrap_or_default();
        type_name.eq_ignore_ascii_case("Copy") || type_name.eq_ignore_ascii_case("CopyActivity")
    })
}

/// The name of the first dataset at one end: the others are waited for only.
fn end(copy: &Map<String, Value>, key: &str) -> Option<String> {
    let first = get(copy, key)?.get(0)?;
    let name = first.as_str().or_else(|| get(first.as_object()?, "name")?.as_str())?;
    Some(name.to_lowercase())
}

/// A property of a copy's source or sink.
fn of_end<'c>(copy: &'c Map<String, Value>, end: &str, name: &str) -> Option<&'c Value> {
    let settings = get(copy, "typeProperties").or_else(|| get(copy, "transformation"))?.as_object()?;
    get(get(settings, end)?.as_object()?, name)
}
