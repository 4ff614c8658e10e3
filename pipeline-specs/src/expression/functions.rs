//! The functions, one table per family, found by name in any case.

mod argument;
mod binary;
mod collection;
mod conversion;
mod date;
mod logical;
mod math;
mod set;
mod string;
mod uri;
mod xml;

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

/// The most bytes of one result.
pub(super) const MAX_BYTES: usize = 4 << 20;

const TABLES: [&[Function]; 10] = [
    string::TABLE,
    collection::TABLE,
    set::TABLE,
    logical::TABLE,
    conversion::TABLE,
    binary::TABLE,
    uri::TABLE,
    xml::TABLE,
    math::TABLE,
    date::TABLE,
];

/// Those that evaluate only the arguments they need.
const LAZY: [&str; 3] = ["if", "and", "or"];

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

/// Every function.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.into_iter().flatten().map(|function| function.name).chain(LAZY)
}

/// Whether it is one of those that evaluate only the arguments they need.
pub(super) fn is_lazy(name: &str) -> bool {
    LAZY.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// What to say of a name that cannot be called.
pub(super) fn unknown(name: &str) -> String {
    match closest(name, names().chain(ROOTS)) {
        Some(meant) => format!("there is no function '{name}'; did you mean '{meant}'?"),
        None => format!("there is no function '{name}'"),
    }
}

/// What to say of a result that would be larger than [`MAX_BYTES`].
fn too_large() -> String {
    format!("would give more than {MAX_BYTES} bytes")
}

/// Whether Data Factory has such a root, whatever the place.
pub(super) fn is_root(name: &str) -> bool {
    ROOTS.iter().any(|known| known.eq_ignore_ascii_case(name))
}
