//! Definitions of Data Factory version 1 (2014 to 2018), brought into the form of version 2 when they are loaded.
//!
//! A slice becomes parameters: a pipeline has `sliceStart` (by default its `start`), `sliceEnd`, `windowStart` and
//! `windowEnd`, which follow from it and the activity's schedule unless they are given; a dataset that names slices
//! has the first two, which the pipeline hands to it. What has no equal in version 2 is a warning by name, or,
//! where leaving it out would change what is copied, a refusal to run.

mod activity;
mod copy;
mod dataset;
mod dialect;
mod file_dataset;
mod linked_service;
mod pipeline;
mod schedule;
mod slice;
mod usage;

use std::collections::BTreeMap;

use serde_json::Value;

pub(crate) use dialect::is_version_1;

use crate::{
    diagnostic::Diagnostic,
    envelope::Envelope,
    kind::Kind,
    older::{Notes, Part},
    schema::get,
    v1::{
        dataset::{Extras, Facts},
        usage::Usage,
    },
};

/// Converts every definition of version 1; definitions of version 2 beside them are seen and left alone.
pub(crate) fn convert(envelopes: &mut [Envelope], diagnostics: &mut Vec<Diagnostic>) {
    if !envelopes.iter().any(|envelope| envelope.version_1) {
        return;
    }
    // Some look alike in both versions, and mean a store that has another name in version 2.
    for envelope in envelopes.iter_mut().filter(|envelope| envelope.kind == Kind::LinkedService) {
        envelope.version_1 |= linked_service::is_renamed(type_name(envelope));
    }
    each(envelopes, Kind::LinkedService, diagnostics, |properties, _, notes| {
        linked_service::convert(properties, notes)
    });
    let services: BTreeMap<String, String> = of_kind(envelopes, Kind::LinkedService)
        .map(|service| (service.name.to_lowercase(), type_name(service).to_owned()))
        .collect();
    let usage = Usage::of(envelopes);
    let mut extras: BTreeMap<String, Extras> = BTreeMap::new();
    each(envelopes, Kind::Dataset, diagnostics, |properties, name, notes| {
        let (properties, of_copies) = dataset::convert(properties, usage.of_dataset(name), &services, notes);
        extras.insert(name.to_lowercase(), of_copies);
        properties
    });
    let datasets: BTreeMap<String, Facts> = of_kind(envelopes, Kind::Dataset)
        .map(|dataset| (dataset.name.to_lowercase(), dataset))
        .map(|(name, dataset)| (name.clone(), Facts::of(dataset, extras.remove(&name).unwrap_or_default(), &services)))
        .collect();
    each(envelopes, Kind::Pipeline, diagnostics, |properties, _, notes| {
        pipeline::convert(properties, &datasets, notes)
    });
}

/// Converts the properties of all definitions of one kind, each with its notes.
fn each(
    envelopes: &mut [Envelope],
    kind: Kind,
    diagnostics: &mut Vec<Diagnostic>,
    mut convert: impl FnMut(Part, &str, &mut Notes) -> serde_json::Map<String, Value>,
) {
    for envelope in envelopes.iter_mut().filter(|envelope| envelope.kind == kind && envelope.version_1) {
        let mut notes = Notes::default();
        let properties = Part::new(std::mem::take(&mut envelope.properties), crate::definition::PROPERTIES);
        envelope.properties = convert(properties, &envelope.name, &mut notes);
        let (found, refusals) = notes.of_version_1(&envelope.file);
        diagnostics.extend(found);
        envelope.refusals.extend(refusals);
    }
}

fn of_kind(envelopes: &[Envelope], kind: Kind) -> impl Iterator<Item = &Envelope> {
    envelopes.iter().filter(move |envelope| envelope.kind == kind)
}

fn type_name(envelope: &Envelope) -> &str {
    get(&envelope.properties, "type").and_then(Value::as_str).unwrap_or_default()
}
