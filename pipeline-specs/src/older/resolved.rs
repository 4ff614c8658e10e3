//! Datasets that are evaluated, brought to the newer form where they are of the older one.

use serde_json::{Map, Value};

use super::{Given, Newer, Part, is_older, is_true, is_without_rows, newer};
use crate::{
    dataset::Resolved,
    definition::PROPERTIES,
    diagnostic::{Findings, property},
    schema,
    support::{self, End, Moment},
};

/// The source or sink that a dataset is used by.
pub(crate) struct Used<'a> {
    pub(crate) end: End,
    /// The evaluated `source` or `sink`.
    pub(crate) copy: &'a mut Value,
    /// Where it stands.
    pub(crate) path: &'a str,
    /// Whether the other end has rows.
    pub(crate) rows: bool,
    pub(crate) moment: Moment,
}

impl Resolved {
    /// Whether a copy to or from it is one of rows, also where the other end is files without a format.
    pub(crate) fn has_rows(&self) -> bool {
        !self.settings.real.as_object().is_some_and(|settings| is_without_rows(&self.type_name, settings))
    }

    /// Whether it was of the older form, and is text without a header whose `structure` names the columns.
    pub(crate) fn is_nameless(&self) -> bool {
        let header = self.settings.real.get("firstRowAsHeader");
        self.was_older && self.type_name == "DelimitedText" && !header.is_some_and(is_true) && !self.columns.is_empty()
    }

    /// Brings the dataset and what uses it to the newer form.
    pub(crate) fn modernize(&mut self, used: Used<'_>, findings: &mut Findings) {
        let Used { end, copy, path, rows, moment } = used;
        if !is_older(&self.type_name) {
            return;
        }
        let place = property(PROPERTIES, "typeProperties");
        let mut settings = members(self.settings.real.take());
        // They stand beside the settings, see `dataset::settings`.
        settings.shift_remove("type");
        let columns = settings.shift_remove("columns");
        let Newer { dataset_type, dataset, copy: of_copy, of_dataset, of_copy: notes } = newer(Given {
            end,
            dataset_type: &self.type_name,
            store: &self.linked_service.type_name,
            dataset: Part::new(settings, &place),
            copy: Part::new(members(copy.take()), path),
            rows,
        });
        notes.report(moment, findings);
        let mut own = Findings::new(&self.file);
        of_dataset.report(moment, &mut own);
        let class = schema::type_properties_class("Dataset", dataset_type).unwrap_or_default();
        support::check(&Value::Object(dataset.clone()), &class, &place, moment, &mut own);
        findings.absorb(own.into_vec());
        let mut real = Map::from_iter([("type".to_owned(), Value::from(dataset_type))]);
        real.extend(dataset);
        real.extend(columns.map(|columns| ("columns".to_owned(), columns)));
        self.was_older = true;
        dataset_type.clone_into(&mut self.type_name);
        self.settings.real = real.into();
        *copy = of_copy.into();
    }

    /// The same for a dataset that no copy uses. The source that reads it on its own, if it was of the older form.
    pub(crate) fn modernize_alone(&mut self, moment: Moment, findings: &mut Findings) -> Option<Value> {
        let was_older = is_older(&self.type_name);
        let mut copy = Value::Object(Map::new());
        self.modernize(Used { end: End::Source, copy: &mut copy, path: PROPERTIES, rows: true, moment }, findings);
        was_older.then_some(copy)
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
