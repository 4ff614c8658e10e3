//! Mappings of hierarchical data: where in its objects a column is.

use serde_json::{Map, Value, json};

use super::{
    AdditionalColumn, ColumnMapping, Reporter, asks_for_something,
    path::{Path, Step},
};
use crate::{copy::flag, diagnostic::property, schema::get};

/// Sources whose rows are objects, and the sink whose rows are.
const SOURCES: [&str; 2] = ["JsonSource", "XmlSource"];
const SINK: &str = "JsonSink";

/// What a mapping says of objects, as connectors read it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Hierarchy {
    /// For the source's format.
    pub(crate) source: Option<Value>,
    /// For the sink's format.
    pub(crate) sink: Option<Value>,
}

/// The two ends of a copy, and what their mapping is made of.
pub(super) struct Ends<'a> {
    pub(super) source: &'a Value,
    pub(super) sink: &'a Value,
    pub(super) additional: &'a [AdditionalColumn],
}

impl Ends<'_> {
    /// Moves the paths of a mapping to the formats that follow them: for the engine, a path is the name of a column.
    pub(super) fn hierarchy(
        &self,
        translator: &Map<String, Value>,
        columns: Option<&mut Vec<ColumnMapping>>,
        path: &str,
        to: &mut Reporter<'_>,
    ) -> Hierarchy {
        let is = |end: &Value, names: &[&str]| {
            end["type"].as_str().is_some_and(|name| names.iter().any(|known| known.eq_ignore_ascii_case(name)))
        };
        let mut nothing = Vec::new();
        let has_columns = columns.is_some();
        let columns = columns.unwrap_or(&mut nothing);
        let sink = if is(self.sink, &[SINK]) { sink(columns, to) } else { refuse_sink_paths(columns, to) };
        if !is(self.source, &SOURCES) {
            refuse_source_paths(translator, columns, path, to);
            return Hierarchy { source: None, sink };
        }
        Hierarchy { source: self.of_source(translator, has_columns.then_some(columns), path, to), sink }
    }

    fn of_source(
        &self,
        translator: &Map<String, Value>,
        columns: Option<&mut Vec<ColumnMapping>>,
        path: &str,
        to: &mut Reporter<'_>,
    ) -> Option<Value> {
        let settings = Value::Object(translator.clone());
        let complex = match get(translator, "mapComplexValuesToString") {
            Some(value) if to.is_open(value) => false,
            _ => flag(&settings, "mapComplexValuesToString", path, to.findings),
        };
        let collection = self.collection(translator, path, to);
        let mapped = columns.map(|columns| self.columns(columns, collection.is_some(), to));
        if collection.is_some() && mapped.is_none() {
            let message = "'collectionReference' needs 'mappings' that say which columns its elements have";
            to.unsupported("wrong-mapping", &property(path, "collectionReference"), message);
        }
        if collection.is_none() && mapped.is_none() && !complex {
            return None;
        }
        Some(json!({
            "collection": collection.map(|path| steps(&path)),
            "columns": mapped,
            "complexAsText": complex,
        }))
    }

    fn collection(&self, translator: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) -> Option<Path> {
        let value = get(translator, "collectionReference").filter(|value| asks_for_something(value))?;
        if to.is_open(value) {
            return None;
        }
        let read = value.as_str().ok_or_else(|| "it is no text".to_owned()).and_then(Path::of_array);
        read.map_err(|problem| {
            let message = format!("'collectionReference' must be the JSON path of an array: {problem}");
            to.unsupported("wrong-mapping", &property(path, "collectionReference"), &message);
        })
        .ok()
    }

    /// The columns that the format has to find, each once.
    fn columns(&self, columns: &mut [ColumnMapping], of_elements: bool, to: &mut Reporter<'_>) -> Vec<Value> {
        let mut found: Vec<(String, Value)> = Vec::new();
        for mapping in columns {
            let at = property(&mapping.path, "source");
            let column = &mut mapping.source;
            let path = match (&column.path, &column.name) {
                (Some(text), _) => match Path::read(text) {
                    Ok(path) => path,
                    Err(problem) => {
                        let message = format!("'{text}' is no path that Ropeway can follow: {problem}");
                        to.unsupported("wrong-mapping", &property(&at, "path"), &message);
                        continue;
                    }
                },
                (None, Some(name)) => Path { from_root: true, steps: vec![Step::Name(name.clone())] },
                (None, None) => {
                    if column.ordinal.is_some() {
                        let message = "objects have no first column; map it by 'path'";
                        to.unsupported("wrong-mapping", &property(&at, "ordinal"), message);
                    }
                    continue;
                }
            };
            if let [Step::Name(name)] = &path.steps[..]
                && self.additional.iter().any(|column| column.name == *name)
            {
                column.name = Some(name.clone());
                continue;
            }
            let name = column.path.clone().or_else(|| column.name.clone()).unwrap_or_default();
            column.name = Some(name.clone());
            if found.iter().all(|(known, _)| *known != name) {
                let setting = json!({
                    "name": name,
                    "path": steps(&path),
                    "ofElement": of_elements && !path.from_root,
                    "text": column.interim == Some("String"),
                });
                found.push((name, setting));
            }
        }
        found.into_iter().map(|(_, setting)| setting).collect()
    }
}

fn steps(path: &Path) -> Vec<Value> {
    path.steps.iter().map(Step::as_setting).collect()
}

/// Where columns go in the objects of a sink; those without a path stand at the top.
fn sink(columns: &mut [ColumnMapping], to: &mut Reporter<'_>) -> Option<Value> {
    let mut found = Vec::new();
    for mapping in columns {
        let Some(text) = mapping.sink.path.clone() else { continue };
        let names = Path::read(&text).and_then(|path| {
            let name = |step: Step| match step {
                Step::Name(name) => Ok(name),
                Step::Index(_) => Err("values cannot be written into an array".to_owned()),
            };
            path.steps.into_iter().map(name).collect::<Result<Vec<_>, _>>()
        });
        match names {
            Ok(names) if !names.is_empty() => {
                found.push(json!({ "name": text, "path": names }));
                mapping.sink.name = Some(text);
            }
            names => {
                let problem = names.err().unwrap_or_else(|| "it names no property".to_owned());
                let at = property(&property(&mapping.path, "sink"), "path");
                to.unsupported("wrong-mapping", &at, &format!("'{text}' is no place for a column: {problem}"));
            }
        }
    }
    (!found.is_empty()).then(|| found.into())
}

fn refuse_sink_paths(columns: &[ColumnMapping], to: &mut Reporter<'_>) -> Option<Value> {
    for mapping in columns.iter().filter(|mapping| mapping.sink.path.is_some()) {
        let message = "'path' is for hierarchical data, and the sink has columns; map them by 'name' or 'ordinal'";
        to.unsupported("unsupported-mapping", &property(&property(&mapping.path, "sink"), "path"), message);
    }
    None
}

fn refuse_source_paths(translator: &Map<String, Value>, columns: &[ColumnMapping], path: &str, to: &mut Reporter<'_>) {
    for mapping in columns.iter().filter(|mapping| mapping.source.path.is_some()) {
        let message = "'path' is for hierarchical data, and the source has columns; map them by 'name' or 'ordinal'";
        to.unsupported("unsupported-mapping", &property(&property(&mapping.path, "source"), "path"), message);
    }
    for name in ["collectionReference", "mapComplexValuesToString"] {
        if get(translator, name).is_some_and(asks_for_something) {
            let message = format!("'{name}' is for hierarchical data, and the source has columns; remove it");
            to.unsupported("unsupported-translator", &property(path, name), &message);
        }
    }
}
