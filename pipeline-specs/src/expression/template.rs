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
    let mut scanner = Scanner::new(text, 1);
    let expr = expression(&mut scanner)?;
    match scanner.peek() {
        None => Ok(Template::Whole(expr)),
        Some(_) => Err(scanner.error(format!("expected the end of the expression, found {}", scanner.found()))),
    }
}

fn parts(text: &str) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = 0;
    while let Some(offset) = text[rest..].find('@') {
        let at = rest + offset;
        plain.push_str(&text[rest..at]);
        if text[at..].starts_with("@{") {
            let mut scanner = Scanner::new(text, at + 2);
            let expr = expression(&mut scanner)?;
            scanner.expect('}', "after the expression in '@{'")?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Expr(expr));
            rest = scanner.byte_position();
        } else {
            // '@@' is one '@' where it stands for an escape: at the start, or before a brace.
            let escaped = text[at..].starts_with("@@{") || (at == 0 && text.starts_with("@@"));
            plain.push('@');
            rest = at + if escaped { 2 } else { 1 };
        }
    }
    plain.push_str(&text[rest..]);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}
