//! The grammar: a literal or a call, followed by accesses. There are no operators.

use serde_json::{Number, Value};

use super::{Result, scanner::Scanner};

/// Deeper nesting of calls is refused, so that neither parsing nor evaluating can exhaust the stack.
const MAX_DEPTH: usize = 64;

/// One expression. `at` is the position in characters, for messages.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) at: usize,
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Start {
    Literal(Value),
    Call { name: String, arguments: Vec<Expr> },
}

/// `.name`, `[key]`, or with `?` before it: null instead of an error.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) key: Key,
    pub(super) safe: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    Name(String),
    Computed(Expr),
}

/// Parses one expression from the scanner's position and leaves the scanner behind it and its space.
pub(super) fn expression(scanner: &mut Scanner<'_>) -> Result<Expr> {
    nested(scanner, 0)
}

fn nested(scanner: &mut Scanner<'_>, depth: usize) -> Result<Expr> {
    scanner.skip_space();
    if depth >= MAX_DEPTH {
        return Err(scanner.error(format!("calls are nested more than {MAX_DEPTH} levels deep")));
    }
    let at = scanner.position();
    let start = match scanner.peek() {
        Some('\'') => Start::Literal(Value::String(scanner.string()?)),
        Some(c) if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => Start::Literal(number(scanner)?),
        _ => named(scanner, depth)?,
    };
    let steps = steps(scanner, depth)?;
    scanner.skip_space();
    Ok(Expr { at, start, steps })
}

fn named(scanner: &mut Scanner<'_>, depth: usize) -> Result<Start> {
    let before = scanner.clone();
    let Some(name) = scanner.name() else {
        return Err(
            scanner.error(format!("expected a function, a number or text in single quotes, found {}", scanner.found()))
        );
    };
    scanner.skip_space();
    if scanner.take("(") {
        return Ok(Start::Call { name: name.to_owned(), arguments: arguments(scanner, depth)? });
    }
    match name.to_ascii_lowercase().as_str() {
        "true" => Ok(Start::Literal(Value::Bool(true))),
        "false" => Ok(Start::Literal(Value::Bool(false))),
        "null" => Ok(Start::Literal(Value::Null)),
        _ => Err(before.error(format!(
            "'{name}' is neither a function call nor a value; a function needs '()', text stands in single quotes"
        ))),
    }
}

fn arguments(scanner: &mut Scanner<'_>, depth: usize) -> Result<Vec<Expr>> {
    let mut arguments = Vec::new();
    scanner.skip_space();
    if scanner.take(")") {
        return Ok(arguments);
    }
    loop {
        arguments.push(nested(scanner, depth + 1)?);
        if !scanner.take(",") {
            scanner.expect(')', "or ',' after an argument")?;
            return Ok(arguments);
        }
    }
}

fn steps(scanner: &mut Scanner<'_>, depth: usize) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    loop {
        scanner.skip_space();
        let at = scanner.position();
        let safe = scanner.take("?");
        scanner.skip_space();
        let key = if scanner.take(".") {
            scanner.skip_space();
            match scanner.name() {
                Some(name) => Key::Name(name.to_owned()),
                None => {
                    return Err(scanner.error(format!("expected a property name after '.', found {}", scanner.found())));
                }
            }
        } else if scanner.take("[") {
            let key = nested(scanner, depth + 1)?;
            scanner.expect(']', "after an index")?;
            Key::Computed(key)
        } else if safe {
            return Err(scanner.error(format!("expected '.' or '[' after '?', found {}", scanner.found())));
        } else {
            return Ok(steps);
        };
        steps.push(Step { at, key, safe });
    }
}

fn number(scanner: &mut Scanner<'_>) -> Result<Value> {
    let before = scanner.clone();
    let mut text = String::new();
    if scanner.take("-") {
        text.push('-');
    } else {
        scanner.take("+");
    }
    text.push_str(scanner.take_while(|c| c.is_ascii_digit()));
    let mut whole = true;
    if scanner.take(".") {
        whole = false;
        text.push('.');
        text.push_str(scanner.take_while(|c| c.is_ascii_digit()));
    }
    if scanner.take("e") || scanner.take("E") {
        whole = false;
        text.push('e');
        text.push_str(scanner.take_while(|c| matches!(c, '+' | '-')));
        text.push_str(scanner.take_while(|c| c.is_ascii_digit()));
    }
    let value = match text.parse::<i64>() {
        Ok(integer) if whole => Some(Number::from(integer)),
        _ => text.parse::<f64>().ok().and_then(Number::from_f64),
    };
    value.map(Value::Number).ok_or_else(|| before.error(format!("'{text}' is not a number")))
}
