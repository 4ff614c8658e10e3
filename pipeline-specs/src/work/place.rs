//! The dataset of an activity that is no Copy.

use serde_json::{Map, Value, json};

use super::{Properties, ResolvedDataset};
use crate::{copy::ResolvedSide, dataset, definition::Kind, evaluation::Twin, reference, secret::Settings};

/// The one place that the activity's dataset points to, in the newer form.
pub(super) fn one_place(properties: &mut Properties<'_>, store_settings: &mut Value) -> Option<dataset::Resolved> {
    let (dataset, chosen) = chosen(properties)?;
    if chosen.keys().any(|name| name.starts_with("wildcard")) {
        let message = format!(
            "the dataset '{}' chooses files by a pattern, and a {} looks at one place; name a file or a folder",
            dataset.name,
            properties.activity.type_name()
        );
        properties.error("unsupported-property", "dataset", message);
        return None;
    }
    add(chosen, store_settings);
    Some(dataset)
}

/// The activity's dataset in the newer form, and what the older one says of which files are meant.
pub(super) fn chosen(properties: &mut Properties<'_>) -> Option<(dataset::Resolved, Map<String, Value>)> {
    let mut dataset = resolved(properties)?;
    let source = dataset.modernize_alone(properties.moment(), properties.findings).unwrap_or_default();
    let mut chosen = source.get("storeSettings").and_then(Value::as_object).cloned().unwrap_or_default();
    // It is the activity's to say.
    chosen.shift_remove("recursive");
    Some((dataset, chosen))
}

/// Adds to an activity's settings what they do not say.
pub(super) fn add(mut chosen: Map<String, Value>, store_settings: &mut Value) {
    if !chosen.is_empty() {
        chosen.extend(store_settings.as_object().cloned().unwrap_or_default());
        *store_settings = chosen.into();
    }
}

/// The dataset that the activity refers to.
pub(super) fn resolved(properties: &mut Properties<'_>) -> Option<dataset::Resolved> {
    let path = properties.path_of("dataset");
    let Some(reference) =
        properties.activity.type_property("dataset").and_then(|value| reference::read(value, Kind::Dataset, &path))
    else {
        properties.error(
            "missing-property",
            "dataset",
            format!("the activity '{}' names no 'dataset'", properties.activity.name),
        );
        return None;
    };
    let factory = properties.activity.factory;
    let Some(definition) = factory.get(Kind::Dataset, &reference.name) else {
        properties.error("missing-dataset", "dataset", factory.missing(Kind::Dataset, &reference.name));
        return None;
    };
    properties.note("dataset", json!({ "referenceName": definition.name }));
    let declared = definition.properties.get("parameters");
    let parameters = properties.context.parameters(&reference, declared, &definition.name, properties.findings);
    match dataset::resolve(factory, definition, parameters, properties.context, properties.inputs) {
        Ok((dataset, warnings)) => {
            properties.findings.absorb(warnings);
            Some(dataset)
        }
        Err(found) => {
            properties.findings.absorb(found);
            None
        }
    }
}

pub(super) fn place(dataset: dataset::Resolved, store_settings: Value) -> ResolvedDataset {
    let settings = json!({
        "linkedService": dataset.linked_service.settings.real,
        "dataset": dataset.settings.real,
    });
    ResolvedDataset {
        name: dataset.name,
        type_name: dataset.type_name,
        linked_service_type: dataset.linked_service.type_name,
        settings: Settings::new(settings),
        store_settings,
    }
}

pub(super) fn side(dataset: dataset::Resolved, source: Value) -> ResolvedSide {
    let settings = json!({
        "linkedService": dataset.linked_service.settings.real,
        "dataset": dataset.settings.real,
        "source": source,
        "parallelCopies": null,
    });
    ResolvedSide {
        linked_service_name: dataset.linked_service_name,
        linked_service_type: dataset.linked_service.type_name,
        dataset_name: dataset.name,
        settings: Settings::new(settings),
    }
}

pub(super) fn clone(dataset: &dataset::Resolved) -> dataset::Resolved {
    let Twin { real, masked } = dataset.settings.clone();
    dataset::Resolved {
        name: dataset.name.clone(),
        file: dataset.file.clone(),
        type_name: dataset.type_name.clone(),
        was_older: dataset.was_older,
        columns: dataset.columns.clone(),
        settings: Twin { real, masked },
        linked_service_name: dataset.linked_service_name.clone(),
        linked_service: crate::linked_service::Resolved {
            type_name: dataset.linked_service.type_name.clone(),
            settings: dataset.linked_service.settings.clone(),
        },
    }
}
