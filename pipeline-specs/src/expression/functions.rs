//! The functions, one table per family, found by name in any case.

mod argument;
mod collection;
mod conversion;
mod date;
mod logical;
mod math;
mod string;

use serde_json::Value;

use super::scope::Scope;
use crate::diagnostic::closest;

pub(super) use conversion::text_of;

/// One function. `if`, `and`, `or` are not here: they evaluate only the arguments they need.
pub(super) struct Function {
    pub(super) name: &'static str,
    arguments: std::ops::RangeInclusive<usize>,
    pub(super) call: fn(&[Value], &Scope) -> Result<Value, String>,
}

const ANY: usize = usize::MAX;

impl Function {
    pub(super) fn check_arity(&self, count: usize) -> Result<(), String> {
        if self.arguments.contains(&count) {
            return Ok(());
        }
        let wanted = match (*self.arguments.start(), *self.arguments.end()) {
            (least, ANY) => format!("at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        Err(format!("the function '{}' takes {wanted} arguments, got {count}", self.name))
    }
}

const TABLES: [&[Function]; 6] =
    [string::TABLE, collection::TABLE, logical::TABLE, conversion::TABLE, math::TABLE, date::TABLE];

/// Documented by Data Factory and not here yet: an error by name, never a wrong value.
const NOT_YET: [&str; 19] = [
    "base64",
    "base64ToBinary",
    "base64ToString",
    "binary",
    "dataUri",
    "dataUriToBinary",
    "dataUriToString",
    "decodeBase64",
    "decodeDataUri",
    "decodeUriComponent",
    "encodeUriComponent",
    "intersection",
    "rand",
    "ticks",
    "union",
    "uriComponent",
    "uriComponentToBinary",
    "xml",
    "xpath",
];

const ROOTS: [&str; 9] = [
    "pipeline",
    "dataset",
    "linkedService",
    "activity",
    "variables",
    "item",
    "trigger",
    "triggerBody",
    "iterationItem",
];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES.into_iter().flatten().find(|function| function.name.eq_ignore_ascii_case(name))
}

/// Every name a person can call, for suggestions.
fn names() -> impl Iterator<Item = &'static str> {
    let eager = TABLES.into_iter().flatten().map(|function| function.name);
    eager.chain(["if", "and", "or"]).chain(NOT_YET).chain(ROOTS)
}

/// The canonical name of a function that is documented but not here.
pub(super) fn documented(name: &str) -> Option<&'static str> {
    NOT_YET.into_iter().find(|known| known.eq_ignore_ascii_case(name))
}

/// Whether it is one of those that evaluate only the arguments they need.
pub(super) fn is_lazy(name: &str) -> bool {
    ["if", "and", "or"].iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// What to say of a name that cannot be called.
pub(super) fn unknown(name: &str) -> String {
    if let Some(name) = documented(name) {
        return format!("the function '{name}' is not supported by Ropeway yet");
    }
    match closest(name, names()) {
        Some(meant) => format!("there is no function '{name}'; did you mean '{meant}'?"),
        None => format!("there is no function '{name}'"),
    }
}

/// Whether Data Factory has such a root, whatever the place.
pub(super) fn is_root(name: &str) -> bool {
    ROOTS.iter().any(|known| known.eq_ignore_ascii_case(name))
}
