//! The datasets at the two ends of a copy.

use serde_json::Value;

use crate::{
    activity::Activity,
    dataset,
    definition::Kind,
    diagnostic::{Findings, element, has_errors, property},
    evaluation::Context,
    inputs::Inputs,
    older::{self, Columns, Notes, Part},
    reference,
    support::{self, End, Moment},
};

/// The datasets that were found.
pub(super) struct Ends {
    pub(super) source: Option<Found>,
    pub(super) sink: Option<Found>,
}

/// A dataset, and where it is referred to.
pub(super) struct Found {
    pub(super) path: String,
    pub(super) dataset: dataset::Resolved,
}

impl Ends {
    /// Evaluates the datasets of `inputs` and `outputs`.
    pub(super) fn find(activity: &Activity<'_>, context: &Context, inputs: &Inputs, findings: &mut Findings) -> Self {
        let mut find = |end| find(activity, end, (context, inputs), findings);
        Self { source: find(End::Source), sink: find(End::Sink) }
    }

    /// Brings what is of the older form to the newer one. `settings` are the Copy's evaluated `typeProperties`, and `path`
    /// is theirs.
    pub(super) fn modernize(&mut self, settings: &mut Value, path: &str, moment: Moment, findings: &mut Findings) {
        let has_rows = |found: &Option<Found>| found.as_ref().is_none_or(|found| found.dataset.has_rows());
        let rows = [has_rows(&self.sink), has_rows(&self.source)];
        for ((end, found), rows) in [(End::Source, &mut self.source), (End::Sink, &mut self.sink)].into_iter().zip(rows)
        {
            let Some(dataset) = found.as_mut().map(|found| &mut found.dataset) else { continue };
            let Some(copy) = settings.get_mut(end.key()).filter(|copy| copy.is_object()) else { continue };
            let used_by = copy.get("type").and_then(Value::as_str).unwrap_or_default();
            // What does not go together is refused under the names that were written.
            if support::refusal(end, &dataset.linked_service.type_name, &dataset.type_name, used_by).is_none() {
                let path = &property(path, end.key());
                dataset.modernize(older::Used { end, copy, path, rows, moment }, findings);
            }
        }
        self.name_columns(settings, path, moment, findings);
    }

    /// A text file without a header has the names that its `structure` gives to columns, unless the copy maps them.
    fn name_columns(&self, settings: &mut Value, path: &str, moment: Moment, findings: &mut Findings) {
        let Some(source) = self.source.as_ref().map(|found| &found.dataset).filter(|source| source.is_nameless())
        else {
            return;
        };
        let translator = settings.get("translator").unwrap_or(&Value::Null);
        let maps = ["mappings", "schemaMapping"].iter().any(|name| translator.get(*name).is_some());
        if maps || !(translator.is_null() || translator.is_object()) || !settings.is_object() {
            return;
        }
        let sink = self.sink.as_ref().map_or(&[][..], |found| &found.dataset.columns);
        let columns = Columns { source: &source.columns, sink };
        let mut notes = Notes::default();
        let written = Part::of(Some(translator.clone()), &property(path, "translator"));
        settings["translator"] = older::structure_as_translator(written, &columns, &mut notes);
        notes.report(moment, findings);
    }
}

fn find(
    activity: &Activity<'_>,
    end: End,
    (context, inputs): (&Context, &Inputs),
    findings: &mut Findings,
) -> Option<Found> {
    let key = end.references();
    let path = property(&activity.path, key);
    let references = activity.value.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let [value] = references else {
        let message =
            format!("a copy has exactly one dataset in '{key}'; '{}' has {}", activity.name, references.len());
        findings.error("wrong-datasets", &path, message);
        return None;
    };
    let path = element(&path, 0);
    let Some(reference) = reference::read(value, Kind::Dataset, &path) else {
        findings.error("wrong-datasets", &path, "the reference has no 'referenceName'");
        return None;
    };
    let factory = activity.factory;
    let Some(definition) = factory.get(Kind::Dataset, &reference.name) else {
        findings.error("missing-dataset", &path, factory.missing(Kind::Dataset, &reference.name));
        return None;
    };
    let parameters =
        context.parameters(&reference, definition.properties.get("parameters"), &definition.name, findings);
    match dataset::resolve(factory, definition, parameters, context, inputs) {
        Ok((dataset, warnings)) => {
            findings.absorb(warnings);
            Some(Found { path, dataset })
        }
        Err(found) => {
            debug_assert!(has_errors(&found));
            findings.absorb(found);
            None
        }
    }
}
