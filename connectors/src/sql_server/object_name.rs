//! Names of tables, procedures and types as definitions write them.

use ropeway_engine::{Error, ErrorKind, Result};

use crate::sql::quote_ident;

/// The parts of `dbo.orders` or `[dbo].[my.orders]`, three at most.
///
/// # Errors
/// [`ErrorKind::Spec`] for what is no name.
pub(crate) fn parts(name: &str) -> Result<Vec<String>> {
    let refuse = || {
        Error::new(ErrorKind::Spec, "the name of an object is schema.name or [schema].[name]")
            .with("name", name.escape_debug())
    };
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let part;
        (part, rest) = match rest.strip_prefix('[') {
            Some(quoted) => bracketed(quoted).ok_or_else(refuse)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None if rest.trim().is_empty() && parts.len() <= 3 => return Ok(parts),
            None => return Err(refuse()),
        }
    }
}

/// The name up to its closing bracket, and what follows.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(']')?;
        name.push_str(part);
        match after.strip_prefix(']') {
            Some(doubled) => {
                name.push(']');
                rest = doubled;
            }
            None => return Some((name, after)),
        }
    }
}

/// The parts in brackets: `[dbo].[my.orders]`.
///
/// # Errors
/// [`ErrorKind::Spec`] for a part that SQL Server cannot have.
pub(crate) fn quoted(parts: &[String]) -> Result<String> {
    let quoted = parts.iter().map(|part| quote_ident(part)).collect::<Result<Vec<_>>>()?;
    Ok(quoted.join("."))
}
