//! What Ropeway does of what Data Factory has, per class: the one place to extend when something is added.

mod activities;
mod datasets;
mod linked_services;
mod sinks;
mod sources;
mod stores;

use serde_json::{Map, Value};

pub(crate) use self::stores::{End, natural_source, refusal, store, unwritten};
use crate::{
    diagnostic::{Findings, Severity, element, property},
    expression::is_dynamic,
    schema,
};

/// What happens with a property.
#[derive(Clone, Copy)]
enum Effect {
    /// It is done, or has nothing to do here.
    Done,
    /// It is ignored and the rows that are written stay the same; the text says what happens instead.
    Ignored(&'static str),
    /// As [`Effect::Done`] beside another property, and without that one ignored.
    Beside(&'static str, &'static str),
    /// Ignoring it would change what is read or written, so a copy with it does not run.
    Refused,
}

use Effect::{Beside, Done, Ignored, Refused};

/// Whether definitions are being looked at or a copy is about to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Everything is a warning: nothing runs.
    Validate,
    /// What is refused is an error.
    Run {
        /// What is ignored is an error too.
        strict: bool,
    },
}

/// The properties of one class.
type Properties = &'static [(&'static str, Effect)];

const RETRY: Effect = Ignored("Ropeway retries every chunk by its own rules, and the copy by the activity's policy");
const CONNECTIONS: Effect = Ignored("'parallelCopies' limits the connections");

/// Class by class; inherited properties are listed at the class that has them. A property of a listed class that is not
/// there is refused.
type ClassProperties = &'static [(&'static str, Properties)];

const TABLES: [ClassProperties; 5] =
    [activities::CLASSES, sources::CLASSES, sinks::CLASSES, datasets::CLASSES, linked_services::CLASSES];

fn properties_of(class: &str) -> Option<Properties> {
    TABLES.into_iter().flatten().find(|(known, _)| *known == class).map(|(_, properties)| *properties)
}

/// Reports every property below `value` that Ropeway ignores or refuses. A class that is not in the table is
/// somebody else's to refuse.
pub(crate) fn check(value: &Value, shape: &str, path: &str, moment: Moment, findings: &mut Findings) {
    match value {
        Value::Array(items) if shape.starts_with('[') => {
            for (index, item) in items.iter().enumerate() {
                check(item, shape.trim_matches(['[', ']']), &element(path, index), moment, findings);
            }
        }
        Value::Object(object) => {
            let named = object.get("type").and_then(Value::as_str).filter(|name| schema::is_class(name));
            let class = if schema::family(shape).is_empty() { shape } else { named.unwrap_or_default() };
            if properties_of(class).is_none() {
                return;
            }
            for (name, item) in object.iter().filter(|(name, item)| *name != "type" && !is_inert(item)) {
                let Some((owner, shape)) = schema::owner_and_shape(class, name) else { continue };
                let path = &property(path, name);
                check_property(item, &Checked { object, class, owner, name, shape, path, moment }, findings);
            }
        }
        _ => {}
    }
}

struct Checked<'a> {
    /// What the property is one of.
    object: &'a Map<String, Value>,
    class: &'a str,
    /// The class that declares the property.
    owner: &'a str,
    name: &'a str,
    shape: &'a str,
    path: &'a str,
    moment: Moment,
}

fn check_property(value: &Value, checked: &Checked<'_>, findings: &mut Findings) {
    let Checked { object, class, owner, name, shape, path, moment } = *checked;
    let plain = schema::plain(class);
    let listed =
        |class: &str| properties_of(class)?.iter().find(|(known, _)| *known == name).map(|(_, effect)| *effect);
    if moment == Moment::Validate && is_dynamic(value) && !matches!(listed(class), Some(Refused)) {
        return;
    }
    let effect = match listed(class).or_else(|| listed(owner)).unwrap_or(Refused) {
        Beside(other, _) if object.get(other).is_some_and(|other| !is_inert(other)) => Done,
        Beside(_, instead) => Ignored(instead),
        effect => effect,
    };
    match effect {
        Done | Beside(..) => check(value, shape, path, moment, findings),
        Ignored(instead) => {
            let severity = match moment {
                Moment::Run { strict: true } => Severity::Error,
                _ => Severity::Warning,
            };
            findings.push(severity, "ignored-property", path, format!("'{name}' of {plain} is ignored: {instead}"));
        }
        Refused => {
            let (severity, consequence) = match moment {
                Moment::Validate => (Severity::Warning, "a copy with it will not run"),
                Moment::Run { .. } => (Severity::Error, "remove it, or run this copy in Data Factory"),
            };
            let message = format!(
                "'{name}' of {plain} is not supported by Ropeway yet, and ignoring it could change what is copied; {consequence}"
            );
            findings.push(severity, "unsupported-property", path, message);
        }
    }
}

/// A value that asks for nothing, such as the `"enableStaging": false` that the user interface always writes.
fn is_inert(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) | Value::Number(_) => false,
        Value::String(text) => text.is_empty() || text.eq_ignore_ascii_case("false"),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A misspelt name in the table would refuse what is meant to be done.
    #[test]
    fn every_row_names_a_class_and_a_property_of_the_schema() {
        for (class, properties) in TABLES.into_iter().flatten() {
            assert!(schema::is_class(class), "{class}");
            for (name, _) in *properties {
                assert!(schema::shape_of(class, name).is_some(), "{class}.{name}");
            }
        }
    }
}
