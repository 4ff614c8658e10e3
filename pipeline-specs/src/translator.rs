//! The translator of a Copy and the additional columns of its source: which columns are copied, under which names, and as
//! which types.

mod additional;
mod column;
mod conversion;
mod hierarchy;
mod legacy;
mod path;

use serde_json::{Map, Value};

pub(crate) use self::hierarchy::Hierarchy;
pub use self::{
    additional::{AdditionalColumn, AdditionalValue},
    column::{ColumnMapping, INTERIM_TYPES, MappedColumn},
    conversion::ConversionSettings,
};
use crate::{
    diagnostic::{Findings, Severity, element, property},
    expression::is_dynamic,
    schema::get,
    support::Moment,
};

/// What a Copy says of columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// Columns that are added to those of the source.
    pub additional: Vec<AdditionalColumn>,
    /// The columns that are copied; `None` for all, by name.
    pub columns: Option<Vec<ColumnMapping>>,
    /// Whether columns take the types of the sink.
    pub type_conversion: bool,
    /// How values are converted.
    pub conversion: ConversionSettings,
}

/// Where problems are reported: in one definition, either looked at or about to run.
pub(crate) struct Reporter<'a> {
    pub(crate) moment: Moment,
    pub(crate) findings: &'a mut Findings,
}

impl Reporter<'_> {
    /// What a run would do wrong, and Data Factory may do right.
    fn unsupported(&mut self, code: &'static str, path: &str, message: &str) {
        match self.moment {
            Moment::Validate => {
                self.findings.push(Severity::Warning, code, path, format!("{message}; a copy with it will not run"));
            }
            Moment::Run { .. } => self.findings.push(Severity::Error, code, path, message.to_owned()),
        }
    }

    /// What changes no row.
    fn ignored(&mut self, path: &str, message: &str) {
        let strict = self.moment == Moment::Run { strict: true };
        let severity = if strict { Severity::Error } else { Severity::Warning };
        self.findings.push(severity, "ignored-property", path, message.to_owned());
    }

    /// Whether the value is known only when the copy runs.
    fn is_open(&self, value: &Value) -> bool {
        self.moment == Moment::Validate && is_dynamic(value)
    }
}

/// The evaluated translator as an object; one written as JSON text is read.
pub(crate) fn object(translator: &Value, path: &str, findings: &mut Findings) -> Option<Value> {
    let translator = match translator {
        Value::Null => return None,
        Value::String(text) if text.trim().is_empty() => return None,
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    if !translator.is_object() {
        findings.error(
            "wrong-translator",
            path,
            "the translator is no object; Data Factory takes an object or the JSON text of one",
        );
        return None;
    }
    Some(translator)
}

/// What the translator and the source of a Copy say of columns; `None` if they say nothing of those that leave the source.
/// `settings` are the Copy's `typeProperties`, and `path` is theirs.
pub(crate) fn mapping(
    translator: Option<&Value>,
    settings: &Value,
    path: &str,
    to: &mut Reporter<'_>,
) -> (Option<Mapping>, Hierarchy) {
    let (source, sink) = (&settings["source"], &settings["sink"]);
    let additional = additional::read(source, &property(path, "source"), to);
    let path = property(path, "translator");
    let empty = Map::new();
    let translator = translator.and_then(Value::as_object).unwrap_or(&empty);
    if get(translator, "columnFlattenSettings").is_some_and(asks_for_something) {
        let message = "'columnFlattenSettings' is ignored: objects and arrays are mapped by their paths, or copied as text \
                       by 'mapComplexValuesToString'";
        to.ignored(&property(&path, "columnFlattenSettings"), message);
    }
    let mut columns = columns(translator, &path, to);
    let ends = hierarchy::Ends { source, sink, additional: &additional };
    let hierarchy = ends.hierarchy(translator, columns.as_mut(), &path, to);
    let type_conversion = conversion::flag(translator, "typeConversion", &path, to).unwrap_or(false);
    let conversion = conversion::read(translator, type_conversion, &path, to);
    let says_something = !additional.is_empty() || columns.is_some() || type_conversion;
    let mapping = says_something.then_some(Mapping { additional, columns, type_conversion, conversion });
    (mapping, hierarchy)
}

/// The columns, in the newest of Data Factory's three ways to write them.
fn columns(translator: &Map<String, Value>, path: &str, to: &mut Reporter<'_>) -> Option<Vec<ColumnMapping>> {
    let given = |name| get(translator, name).filter(|value| asks_for_something(value)).map(|value| (name, value));
    let ways: Vec<_> = ["mappings", "columnMappings", "schemaMapping"].into_iter().filter_map(given).collect();
    if let [_, (second, _), ..] = ways[..] {
        let message = format!("'{}' and '{second}' both say which columns are copied; remove one of them", ways[0].0);
        to.unsupported("wrong-mapping", &property(path, second), &message);
    }
    let (name, value) = *ways.first()?;
    let path = property(path, name);
    if to.is_open(value) {
        return None;
    }
    Some(match (name, value) {
        ("mappings", Value::Array(items)) => {
            let item = |(index, item)| column::read(item, &element(&path, index), to);
            items.iter().enumerate().filter_map(item).collect()
        }
        ("columnMappings", Value::String(text)) => legacy::text(text, &path, to),
        ("columnMappings" | "schemaMapping", Value::Object(names)) => legacy::object(names, &path, to),
        _ => {
            let form = if name == "mappings" { "an array of objects with 'source' and 'sink'" } else { "an object" };
            to.unsupported("wrong-mapping", &path, &format!("'{name}' must be {form}"));
            Vec::new()
        }
    })
}

fn asks_for_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(object) => !object.is_empty(),
        _ => true,
    }
}
