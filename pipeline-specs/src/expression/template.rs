//! A string of a definition: plain text, one whole expression, or text with expressions inside.

use super::{
    Result,
    parser::{Expr, expression},
    scanner::Scanner,
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Template {
    /// Text as it is, `@@` already undone.
    Text(String),
    /// `@expression`: the result keeps its type.
    Whole(Expr),
    /// `text @{expression} text`: the result is text.
    Parts(Vec<Part>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    Expr(Expr),
}

/// Sorts a string by its `@`. The end of `@{...}` is found by parsing, for its text may hold braces.
pub(super) fn parse(text: &str) -> Result<Template> {
    if !text.contains('@') {
        return Ok(Template::Text(text.to_owned()));
    }
    if text.starts_with('@') && !text.starts_with("@@") && !text.starts_with("@{") {
        return whole(text);
    }
    let mut parts = parts(text)?;
    match parts.as_mut_slice() {
        [] => Ok(Template::Text(String::new())),
        [Part::Text(only)] => Ok(Template::Text(std::mem::take(only))),
        _ => Ok(Template::Parts(parts)),
    }
}

fn whole(text: &str) -> Result<Template> {
    let mut scanner = Scanner::new(text);
    scanner.take("@");
    let expr = expression(&mut scanner)?;
    match scanner.peek() {
        None => Ok(Template::Whole(expr)),
        Some(_) => Err(scanner.error(format!("expected the end of the expression, found {}", scanner.found()))),
    }
}

fn parts(text: &str) -> Result<Vec<Part>> {
    let mut scanner = Scanner::new(text);
    let (mut parts, mut plain) = (Vec::new(), String::new());
    // '@@' is one '@' where it stands for an escape: at the start, or before a brace.
    if scanner.take("@@") {
        plain.push('@');
    }
    loop {
        plain.push_str(scanner.take_while(|c| c != '@'));
        if scanner.take("@@{") {
            plain.push_str("@{");
        } else if scanner.take("@{") {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Expr(expression(&mut scanner)?));
            scanner.expect('}', "after the expression in '@{'")?;
        } else if scanner.take("@") {
            plain.push('@');
        } else {
            break;
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}
