//! Arrays and objects as sets: each item once, in the order in which the first collection has them.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{ANY, Function, argument::wrong};
use crate::expression::scope::Scope;

pub(super) const TABLE: &[Function] = &[
    Function { name: "union", arguments: 1..=ANY, call: union },
    Function { name: "intersection", arguments: 1..=ANY, call: intersection },
];

/// All collections are arrays, or all are objects.
enum Collections<'a> {
    Arrays(Vec<&'a Vec<Value>>),
    Objects(Vec<&'a Map<String, Value>>),
}

fn collections(arguments: &[Value]) -> Result<Collections<'_>, String> {
    let each = || arguments.iter().enumerate();
    match &arguments[0] {
        Value::Array(_) => each()
            .map(|(index, value)| value.as_array().ok_or_else(|| wrong(arguments, index, "an array, as argument 1 is")))
            .collect::<Result<_, _>>()
            .map(Collections::Arrays),
        Value::Object(_) => each()
            .map(|(index, value)| {
                value.as_object().ok_or_else(|| wrong(arguments, index, "an object, as argument 1 is"))
            })
            .collect::<Result<_, _>>()
            .map(Collections::Objects),
        _ => Err(wrong(arguments, 0, "an array or an object")),
    }
}

/// Of objects with the same name the last value counts.
fn union(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(match collections(arguments)? {
        Collections::Arrays(arrays) => {
            let mut seen = HashSet::new();
            arrays.into_iter().flatten().filter(|item| seen.insert(*item)).cloned().collect()
        }
        Collections::Objects(objects) => {
            let entries = objects.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
            Value::Object(entries.collect())
        }
    })
}

fn intersection(arguments: &[Value], _: &Scope) -> Result<Value, String> {
    Ok(match collections(arguments)? {
        Collections::Arrays(arrays) => {
            let others: Vec<HashSet<&Value>> = arrays[1..].iter().map(|array| array.iter().collect()).collect();
            let mut seen = HashSet::new();
            let common = arrays[0].iter().filter(|item| others.iter().all(|other| other.contains(item)));
            common.filter(|item| seen.insert(*item)).cloned().collect()
        }
        Collections::Objects(objects) => {
            let last = objects[objects.len() - 1];
            let common = last.iter().filter(|(name, _)| objects.iter().all(|object| object.contains_key(*name)));
            Value::Object(common.map(|(name, value)| (name.clone(), value.clone())).collect())
        }
    })
}
