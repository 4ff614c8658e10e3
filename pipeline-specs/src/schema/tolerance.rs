//! What is taken although Data Factory writes it otherwise: each a warning, for other tools may not take it.

use super::canonical_type;
use crate::diagnostic::{Findings, property};

/// A key in other case.
pub(super) fn of_key(written: &str, known: &str, path: &str, findings: &mut Findings) {
    if written != known {
        findings.warning(
            "key-case",
            path,
            format!("'{written}' is taken as '{known}', which is how Data Factory writes it"),
        );
    }
}

/// A type in other case.
pub(super) fn of_type(canonical: Option<&str>, written: &str, path: &str, findings: &mut Findings) {
    if let Some(canonical) = canonical.filter(|canonical| *canonical != written) {
        let message = format!("the type '{written}' is taken as '{canonical}', which is how Data Factory writes it");
        findings.warning("type-case", &property(path, "type"), message);
    }
}

/// A type whose name has lost its last letter, such as `AzureBlobStorageReadSetting`.
pub(super) fn singular(family: &str, written: &str, path: &str, findings: &mut Findings) -> Option<&'static str> {
    let canonical = canonical_type(family, &format!("{written}s")).filter(|name| name.ends_with("Settings"))?;
    let message = format!("the type '{written}' is taken as '{canonical}', which is how Data Factory writes it");
    findings.warning("singular-type", &property(path, "type"), message);
    Some(canonical)
}

/// A number or a flag that stands in quotes.
pub(super) fn of_text(text: &str, shape: &str, path: &str, findings: &mut Findings) {
    let what = match shape {
        "int" if text.trim().parse::<i64>().is_ok() => "a number",
        "float" if text.trim().parse::<f64>().is_ok() => "a number",
        "bool" if matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "false") => "true or false",
        _ => return,
    };
    findings.warning("quoted-value", path, format!("'{text}' is a text where {what} belongs, and is taken as that"));
}
