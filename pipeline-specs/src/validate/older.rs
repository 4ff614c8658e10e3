//! Copies of the older form, looked at as what will become of them.

use serde_json::{Map, Value};

use crate::{
    definition::{Definition, Kind, PROPERTIES},
    diagnostic::{Findings, element, property},
    factory::Factory,
    older::{self, Given, Part},
    reference,
    support::{self, End, Moment},
};

/// A Copy's `typeProperties` with its ends in the newer form, where they are of the older one; reports what of them is refused.
pub(super) fn newer(activity: &Value, path: &str, factory: &Factory, findings: &mut Findings) -> Option<Value> {
    let mut settings = activity.get("typeProperties")?.clone();
    let dataset = |end: End| {
        let path = element(&property(path, end.references()), 0);
        let reference = reference::read(activity.get(end.references())?.get(0)?, Kind::Dataset, &path)?;
        factory.get(Kind::Dataset, &reference.name)
    };
    let has_rows =
        |end: End| dataset(end).is_none_or(|it| !older::is_without_rows(it.type_name(), &it.type_properties()));
    for (end, other) in [(End::Source, End::Sink), (End::Sink, End::Source)] {
        let Some(dataset) = dataset(end).filter(|dataset| older::is_older(dataset.type_name())) else { continue };
        let (Some(copy), Some(store)) = (settings.get_mut(end.key()), store(dataset, factory)) else { continue };
        let used_by = copy.get("type").and_then(Value::as_str).unwrap_or_default();
        if support::refusal(end, &store, dataset.type_name(), used_by).is_some() {
            continue;
        }
        let at = property(&property(path, "typeProperties"), end.key());
        let became = older::newer(given(end, dataset, &store, Part::of(Some(copy.take()), &at), has_rows(other)));
        became.of_copy.report(Moment::Validate, findings);
        let used_by = became.copy.get("type").and_then(Value::as_str).unwrap_or_default();
        if let Some(message) = support::refusal(end, &store, became.dataset_type, used_by) {
            findings.warning("unsupported-type", &at, format!("{message}; this copy will not run"));
        }
        *copy = became.copy.into();
    }
    Some(settings)
}

/// Reports what of a dataset of the older form is refused, however it is used.
pub(super) fn dataset(definition: &Definition, findings: &mut Findings) {
    if older::is_older(definition.type_name()) {
        let nothing = Part::new(Map::new(), PROPERTIES);
        older::newer(given(End::Source, definition, "", nothing, true)).of_dataset.report(Moment::Validate, findings);
    }
}

fn given<'a>(end: End, dataset: &'a Definition, store: &'a str, copy: Part, rows: bool) -> Given<'a> {
    let path = property(PROPERTIES, "typeProperties");
    let settings = Part::new(dataset.type_properties(), &path);
    Given { end, dataset_type: dataset.type_name(), store, dataset: settings, copy, rows }
}

fn store(dataset: &Definition, factory: &Factory) -> Option<String> {
    let reference = reference::read(dataset.properties.get("linkedServiceName")?, Kind::LinkedService, PROPERTIES)?;
    let service = factory.get(Kind::LinkedService, &reference.name)?;
    Some(support::store(service.type_name()).to_owned())
}
