//! What can be said of an expression without evaluating it.

use super::{
    functions,
    parser::{Expr, Key, Start},
    template::{Part, Template},
};
use crate::diagnostic::{Severity, closest, list};

/// The parameters that expressions of one definition can name: `pipeline().parameters.x`, `dataset().x`.
pub(crate) struct Declared<'a> {
    /// `pipeline`, `dataset` or `linkedService`.
    pub(crate) root: &'static str,
    pub(crate) parameters: Vec<&'a str>,
    /// The global parameters of the factory, where they are known: `pipeline().globalParameters.x`.
    pub(crate) globals: Option<Vec<&'a str>>,
}

/// A problem: how bad it is, at which character, and what.
pub(super) type Problem = (Severity, usize, String);

/// Every unknown function, wrong number of arguments and undeclared parameter.
pub(super) fn template(template: &Template, declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    match template {
        Template::Text(_) => {}
        Template::Whole(expr) => expression(expr, declared, problems),
        Template::Parts(parts) => {
            for part in parts {
                if let Part::Expr(expr) = part {
                    expression(expr, declared, problems);
                }
            }
        }
    }
}

fn expression(expr: &Expr, declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    let Start::Call { name, arguments } = &expr.start else { return };
    call(expr.at, name, arguments.len(), problems);
    if name.eq_ignore_ascii_case(declared.root) {
        parameter(expr, declared, problems);
    }
    let keys = expr.steps.iter().filter_map(|step| match &step.key {
        Key::Computed(key) => Some(key),
        Key::Name(_) => None,
    });
    for inner in arguments.iter().chain(keys) {
        expression(inner, declared, problems);
    }
}

fn call(at: usize, name: &str, arguments: usize, problems: &mut Vec<Problem>) {
    if functions::is_root(name) || functions::is_lazy(name) {
        return;
    }
    if let Some(function) = functions::find(name) {
        problems.extend(function.check_arity(arguments).err().map(|message| (Severity::Error, at, message)));
    } else {
        problems.push((Severity::Error, at, functions::unknown(name)));
    }
}

/// `pipeline().parameters.x`, `pipeline().globalParameters.x` or `dataset().x`, with a plain name that is not declared.
fn parameter(expr: &Expr, declared: &Declared<'_>, problems: &mut Vec<Problem>) {
    let mut steps = expr.steps.iter();
    let (what, known) = if declared.root != "pipeline" {
        ("parameter", &declared.parameters)
    } else {
        let Some(of) = steps.next().map(|step| &step.key) else { return };
        match &declared.globals {
            _ if is_named(of, "parameters") => ("parameter", &declared.parameters),
            Some(globals) if is_named(of, "globalParameters") => ("global parameter", globals),
            _ => return,
        }
    };
    let Some(step) = steps.next().filter(|step| !step.safe) else { return };
    let Key::Name(name) = &step.key else { return };
    if known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return;
    }
    let advice = match closest(name, known.iter().copied()) {
        Some(meant) => format!("did you mean '{meant}'?"),
        None => format!("declared are {}", list(known)),
    };
    problems.push((Severity::Error, step.at, format!("there is no {what} '{name}'; {advice}")));
}

fn is_named(key: &Key, name: &str) -> bool {
    matches!(key, Key::Name(known) if known.eq_ignore_ascii_case(name))
}
