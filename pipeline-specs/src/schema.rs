//! What Data Factory's JSON may hold: the property tables of `schema.json`, keys brought to their canonical
//! spelling, and what is unknown, misspelt or missing.

mod tolerance;

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    diagnostic::{Findings, closest, element, property},
    expression::expression_text,
};

/// The tables. A shape is `string`, `int`, ..., `secret`, `any`, a class, a family of classes chosen by their
/// `type`, `[shape]` for arrays or `{shape}` for maps; `!` behind a property's shape says it is required.
#[derive(Deserialize)]
struct Tables {
    families: BTreeMap<String, Vec<String>>,
    classes: BTreeMap<String, Class>,
}

#[derive(Deserialize)]
struct Class {
    extends: Option<String>,
    properties: BTreeMap<String, String>,
}

#[expect(clippy::expect_used, reason = "the file is compiled in and every test of this crate reads it")]
static TABLES: LazyLock<Tables> =
    LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).expect("schema.json is valid"));

/// The value with canonical keys; what is unknown or misspelt below `path` is reported.
pub(crate) fn normalise(value: &Value, shape: &str, path: &str, findings: &mut Findings) -> Value {
    match (value, shape.as_bytes().first()) {
        (Value::Array(items), Some(b'[')) => {
            let shape = &shape[1..shape.len() - 1];
            let item = |(index, item)| normalise(item, shape, &element(path, index), findings);
            items.iter().enumerate().map(item).collect()
        }
        (Value::Object(object), Some(b'{')) => {
            let shape = &shape[1..shape.len() - 1];
            let entry =
                |(key, item): (&String, &Value)| (key.clone(), normalise(item, shape, &property(path, key), findings));
            object.iter().map(entry).collect::<Map<_, _>>().into()
        }
        (Value::Object(object), _) if expression_text(object).is_none() => {
            match classes_of(shape, object, path, findings) {
                Some(classes) => object_of(object, &classes, path, findings),
                None => value.clone(),
            }
        }
        (Value::String(text), _) => {
            tolerance::of_text(text, shape, path, findings);
            value.clone()
        }
        _ => value.clone(),
    }
}

/// The known type names of a family, in Data Factory's spelling.
pub(crate) fn family(name: &str) -> &'static [String] {
    TABLES.families.get(name).map_or(&[], Vec::as_slice)
}

/// The canonical spelling of a type name of a family.
pub(crate) fn canonical_type(family_name: &str, type_name: &str) -> Option<&'static str> {
    family(family_name).iter().find(|known| known.eq_ignore_ascii_case(type_name)).map(String::as_str)
}

/// The shape of a class's property, without its `!`; inherited ones too.
pub(crate) fn shape_of(class: &str, name: &str) -> Option<&'static str> {
    properties(class).find(|(known, _)| *known == name).map(|(_, shape)| shape.trim_end_matches('!'))
}

/// The class that declares a property of `class`, itself or an ancestor, and the property's shape.
pub(crate) fn owner_and_shape(class: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let (mut owner, mut current) = TABLES.classes.get_key_value(class)?;
    loop {
        if let Some(shape) = current.properties.get(name) {
            return Some((owner, shape.trim_end_matches('!')));
        }
        (owner, current) = TABLES.classes.get_key_value(current.extends.as_deref()?)?;
    }
}

/// The property names of a class; inherited ones too.
pub(crate) fn property_names(class: &str) -> impl Iterator<Item = &'static str> {
    properties(class).map(|(name, _)| name)
}

pub(crate) fn is_class(name: &str) -> bool {
    TABLES.classes.contains_key(name)
}

/// The class of a linked service's, dataset's or activity's `typeProperties`.
pub(crate) fn type_properties_class(family: &str, type_name: &str) -> Option<String> {
    let class = format!("{type_name}{family}TypeProperties");
    is_class(&class).then_some(class)
}

fn properties(class: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut next = TABLES.classes.get(class);
    let chain = std::iter::from_fn(move || {
        let current = next?;
        next = current.extends.as_ref().and_then(|parent| TABLES.classes.get(parent));
        Some(current)
    });
    chain.flat_map(|class| class.properties.iter().map(|(name, shape)| (name.as_str(), shape.as_str())))
}

/// What an object is checked against: its class, and the class of its `typeProperties` where its type decides.
struct Classes {
    class: String,
    type_properties: Option<String>,
    /// The canonical spelling of its `type`.
    type_name: Option<String>,
    /// As a message names it: `SqlServerSource`.
    name: String,
}

impl Classes {
    /// Whether an object of it may as well be left out.
    fn is_optional(&self) -> bool {
        self.type_name.is_none() && !["TypeProperties", "Reference"].iter().any(|end| self.class.ends_with(end))
    }
}

fn classes_of(shape: &str, object: &Map<String, Value>, path: &str, findings: &mut Findings) -> Option<Classes> {
    let type_name = get(object, "type").and_then(Value::as_str);
    let typed = matches!(shape, "LinkedService" | "Dataset" | "Activity");
    if !typed && !TABLES.families.contains_key(shape) {
        return is_class(shape).then(|| Classes {
            class: shape.to_owned(),
            type_properties: None,
            type_name: None,
            name: plain(shape).to_owned(),
        });
    }
    let Some(type_name) = type_name else {
        findings.error("missing-type", path, format!("'type' is missing; it says which {} this is", describe(shape)));
        return None;
    };
    let canonical = canonical_type(shape, type_name);
    tolerance::of_type(canonical, type_name, path, findings);
    let Some(canonical) = canonical.or_else(|| tolerance::singular(shape, type_name, path, findings)) else {
        if let Some(meant) = closest(type_name, family(shape).iter().map(String::as_str)) {
            let message = format!("unknown {} '{type_name}'; did you mean '{meant}'?", describe(shape));
            findings.error("unknown-type", &property(path, "type"), message);
        } else {
            let message = format!("unknown {} '{type_name}'; its properties are not checked", describe(shape));
            findings.warning("unknown-type", &property(path, "type"), message);
        }
        return None;
    };
    let type_name = Some(canonical.to_owned());
    if !typed {
        let class = canonical.to_owned();
        return is_class(canonical).then(|| Classes { name: class.clone(), class, type_properties: None, type_name });
    }
    let class = match (shape, canonical) {
        ("Activity", "Copy") => "CopyActivity",
        ("Activity", _) => "ExecutionActivity",
        _ => shape,
    };
    Some(Classes {
        class: class.to_owned(),
        type_properties: type_properties_class(shape, canonical),
        type_name,
        name: format!("{} {canonical}", describe(shape)),
    })
}

fn object_of(object: &Map<String, Value>, classes: &Classes, path: &str, findings: &mut Findings) -> Value {
    let mut normal = Map::new();
    for (key, value) in object {
        let path = property(path, key);
        let known = property_names(&classes.class).find(|known| known.eq_ignore_ascii_case(key));
        let Some(known) = known else {
            report_unknown(key, object, classes, &path, findings);
            normal.insert(key.clone(), value.clone());
            continue;
        };
        tolerance::of_key(key, known, &path, findings);
        let shape = match (known, &classes.type_properties) {
            ("typeProperties", Some(class)) => class.as_str(),
            _ => shape_of(&classes.class, known).unwrap_or("any"),
        };
        let value = match (known, &classes.type_name) {
            ("type", Some(canonical)) => canonical.clone().into(),
            _ => normalise(value, shape, &path, findings),
        };
        if normal.insert(known.to_owned(), value).is_some() {
            findings.error(
                "duplicate-key",
                &path,
                format!("'{known}' is written twice, in different case; remove one"),
            );
        }
    }
    report_missing(&normal, classes, path, findings);
    Value::Object(normal)
}

/// Required by the tables, and still absent from definitions that Data Factory accepts.
const OFTEN_ABSENT: [&str; 3] = ["type", "fileExtension", "typeProperties"];

fn report_missing(normal: &Map<String, Value>, classes: &Classes, path: &str, findings: &mut Findings) {
    // An empty object, such as the `stagingSettings` that templates give to every sink, is none.
    if normal.is_empty() && classes.is_optional() {
        return;
    }
    for (name, _) in properties(&classes.class).filter(|(_, shape)| shape.ends_with('!')) {
        if normal.contains_key(name) || OFTEN_ABSENT.contains(&name) {
            continue;
        }
        // A half-drawn activity is saved like any other; only running it is a mistake.
        if let Some(activity) = classes.class.strip_suffix("ActivityTypeProperties") {
            let what = if activity == "Copy" { "copy" } else { "activity" };
            findings.warning("missing-property", path, format!("the {what} has no '{name}'; it will not run"));
        } else if classes.class == "Dataset" {
            findings.warning(
                "missing-property",
                path,
                format!("the dataset has no '{name}'; a copy with it will not run"),
            );
        } else {
            findings.error("missing-property", path, format!("{} needs '{name}'", classes.name));
        }
    }
}

fn report_unknown(key: &str, object: &Map<String, Value>, classes: &Classes, path: &str, findings: &mut Findings) {
    let absent = property_names(&classes.class).filter(|known| get(object, known).is_none());
    match closest(key, absent) {
        Some(meant) => {
            let message = format!("unknown property '{key}' of {}; did you mean '{meant}'?", classes.name);
            findings.error("unknown-property", path, message);
        }
        None => {
            let message = format!("unknown property '{key}' of {}; it has no effect", classes.name);
            findings.warning("unknown-property", path, message);
        }
    }
}

/// The value of a key in any case.
pub(crate) fn get<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// A class as messages name it: nobody writes `TypeProperties` but as a key.
pub(crate) fn plain(class: &str) -> &str {
    class.strip_suffix("TypeProperties").unwrap_or(class)
}

/// A family in words.
pub(crate) fn describe(family: &str) -> &str {
    match family {
        "CopySource" => "copy source type",
        "CopySink" => "copy sink type",
        "Dataset" => "dataset type",
        "LinkedService" => "linked service type",
        "Activity" => "activity type",
        "DatasetLocation" => "location type",
        other => other,
    }
}
