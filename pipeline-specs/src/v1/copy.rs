//! Copies: sources and sinks that follow from the datasets' formats.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    older::{Columns, Notes, Part, is_true, structure_as_translator},
    schema,
    v1::{
        activity::{self, macros},
        dataset::{Facts, reference},
        schedule::{Schedule, Window},
    },
};

/// What stands around a copy.
pub(super) struct Ends<'a> {
    pub(super) inputs: &'a activity::Ends,
    pub(super) outputs: &'a activity::Ends,
    pub(super) datasets: &'a BTreeMap<String, Facts>,
    pub(super) window: &'a Window,
    pub(super) schedule: Option<&'a Schedule>,
}

/// `inputs`, `outputs` and `typeProperties` of version 2.
pub(super) fn convert(mut old: Part, ends: &Ends<'_>, notes: &mut Notes) -> Map<String, Value> {
    let (source, sink) = (ends.facts(ends.inputs), ends.facts(ends.outputs));
    let mut new = Map::new();
    for (key, end) in [("inputs", ends.inputs), ("outputs", ends.outputs)] {
        new.insert(key.to_owned(), ends.references(end, notes));
    }
    let mut settings = Map::new();
    let source_part = old.part("source");
    if !source_part.is_empty() {
        settings.insert("source".to_owned(), ends.source(source_part, source, notes));
    }
    let sink_part = old.part("sink");
    if !sink_part.is_empty() {
        settings.insert("sink".to_owned(), ends.sink(sink_part, sink, notes));
    }
    let translator = translator(old.part("translator"), source, sink, notes);
    settings.extend(translator.map(|translator| ("translator".to_owned(), translator)));
    settings.extend(old.take("cloudDataMovementUnits").map(|units| ("dataIntegrationUnits".to_owned(), units)));
    for owner in ["stagingSettings", "redirectIncompatibleRowSettings"] {
        if let Some(Value::Object(mut part)) = old.take(owner) {
            let key = part.keys().find(|key| key.eq_ignore_ascii_case("linkedServiceName")).cloned();
            if let Some(value) = key.and_then(|key| part.get_mut(&key)) {
                *value = reference(value.take(), "LinkedServiceReference");
            }
            settings.insert(owner.to_owned(), part.into());
        }
    }
    old.leave_out(&[("executionLocation", "the copy runs on this machine")], notes);
    let path = old.place().to_owned();
    if let Value::Object(rest) = macros(&old.rest().into(), ends.window, &path, notes) {
        settings.extend(rest);
    }
    new.insert("typeProperties".to_owned(), settings.into());
    new
}

impl Ends<'_> {
    fn facts(&self, end: &activity::Ends) -> Option<&Facts> {
        self.datasets.get(&end.names.first()?.to_lowercase())
    }

    /// The one dataset that is copied; those behind it were only waited for.
    fn references(&self, end: &activity::Ends, notes: &mut Notes) -> Value {
        let Some((name, others)) = end.names.split_first() else { return json!([]) };
        if !others.is_empty() {
            let others = crate::diagnostic::list(others);
            notes.dropped(
                &end.path,
                &format!("the copy waits for {others} and does not touch them; only '{name}' is copied"),
            );
        }
        let mut one = json!({ "referenceName": name, "type": "DatasetReference" });
        if let Some(parameters) = &end.parameters {
            one["parameters"] = parameters.clone();
            return json!([one]);
        }
        let Some(facts) = self.facts(end).filter(|facts| facts.sliced) else { return json!([one]) };
        match self.window.arguments() {
            Ok(arguments) => one["parameters"] = arguments,
            Err(why) => notes.refused(&end.path, format!("the dataset '{name}' names slices: {why}")),
        }
        if let (Some(own), Some(schedule)) = (&facts.extras.schedule, self.schedule)
            && own != schedule
        {
            notes.refused(
                &end.path,
                format!(
                    "a slice of '{name}' is {} and one of the activity {}: a run of one slice would miss some of them",
                    own.describe(),
                    schedule.describe()
                ),
            );
        }
        json!([one])
    }

    fn source(&self, mut old: Part, facts: Option<&Facts>, notes: &mut Notes) -> Value {
        let Some(facts) = facts.filter(|facts| is_file(&facts.type_name) && is_of_files(&old)) else {
            return self.table("Source", old, facts, notes);
        };
        // In 2014 the source said what the dataset's format says since.
        for (name, of_format) in [("blobColumnSeparators", "columnDelimiter"), ("nullValues", "nullValue")] {
            let path = old.path(name);
            let written = old.take(name);
            if written.is_some() && written.as_ref() != facts.settings.get(of_format) {
                notes.refused(
                    &path,
                    format!("'{name}' is another text than the dataset's format has; write it there, as '{of_format}'"),
                );
            }
        }
        let side = facts.side();
        // The source of folders on file servers left out what is below them.
        side.source(old, side.store != "FileServer").into()
    }

    fn sink(&self, old: Part, facts: Option<&Facts>, notes: &mut Notes) -> Value {
        let Some(facts) = facts.filter(|facts| is_file(&facts.type_name) && is_of_files(&old)) else {
            return self.table("Sink", old, facts, notes);
        };
        facts.side().sink(old, notes).into()
    }

    /// A source or sink of rows: other names, the same settings.
    fn table(&self, end: &str, mut old: Part, facts: Option<&Facts>, notes: &mut Notes) -> Value {
        let path = old.place().to_owned();
        let written = old.text("type").unwrap_or_default();
        let store =
            facts.and_then(|facts| facts.store.as_deref()).filter(|_| written.eq_ignore_ascii_case("RelationalSource"));
        let of_store = store.map(|store| format!("{store}{end}"));
        let of_store = of_store.and_then(|name| schema::canonical_type("CopySource", &name));
        let mut new = Map::from_iter([("type".to_owned(), Value::from(of_store.unwrap_or(&written)))]);
        if let Some(name) = old.text("sliceIdentifierColumnName") {
            let message = format!(
                "the rows of a slice would be replaced by its column '{name}' ('sliceIdentifierColumnName'), which version 2 cannot; delete them in 'preCopyScript'"
            );
            notes.refused(&old.path("sliceIdentifierColumnName"), message);
        }
        if let Some(Value::String(script)) = old.take("sqlWriterCleanupScript") {
            let converted =
                macros(&script.into(), self.window, &crate::diagnostic::property(&path, "preCopyScript"), notes);
            new.insert("preCopyScript".to_owned(), converted);
        }
        // The table of rows had the name of the dataset's table.
        let table = facts.and_then(|facts| facts.extras.table_name.clone());
        if old.peek("sqlWriterTableType").is_some()
            && let Some(table) = table
        {
            new.insert("storedProcedureTableTypeParameterName".to_owned(), table);
        }
        if let Value::Object(rest) = macros(&old.rest().into(), self.window, &path, notes) {
            new.extend(rest);
        }
        new.into()
    }
}

fn is_file(type_name: &str) -> bool {
    matches!(type_name, "DelimitedText" | "Json" | "Avro" | "Orc" | "Parquet" | "Binary")
}

/// The translator of version 2, if one is needed: columns of a text file without a header have the names of `structure`.
fn translator(old: Part, source: Option<&Facts>, sink: Option<&Facts>, notes: &mut Notes) -> Option<Value> {
    let is_nameless = |facts: &&Facts| {
        facts.type_name == "DelimitedText" && !facts.settings.get("firstRowAsHeader").is_some_and(is_true)
    };
    let columns = |facts: Option<&'_ Facts>| facts.map(|facts| facts.extras.columns.clone()).unwrap_or_default();
    let names = columns(source.filter(is_nameless));
    if names.is_empty() {
        return (!old.is_empty()).then(|| old.rest().into());
    }
    Some(structure_as_translator(old, &Columns { source: &names, sink: &columns(sink) }, notes))
}

/// Whether a source or sink is one of those that version 1 has for files, whatever their format.
fn is_of_files(end: &Part) -> bool {
    const STORES: [&str; 4] = ["blob", "filesystem", "azuredatalakestore", "hdfs"];
    let type_name = end.peek("type").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    let store = type_name.strip_suffix("source").or_else(|| type_name.strip_suffix("sink"));
    store.is_some_and(|store| STORES.contains(&store))
}
