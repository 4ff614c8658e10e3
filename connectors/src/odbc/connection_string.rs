//! ODBC connection strings: `key=value;` pairs whose values may stand in braces.

use std::fmt::Write;

use ropeway_engine::{Error, ErrorKind, Result};

/// Keywords whose values may be shown to a person; every other value is hidden.
const SHOWN: [&str; 9] = ["driver", "dsn", "server", "servername", "host", "port", "database", "db", "dbq"];

/// A parsed connection string. Later pairs never replace earlier ones, as in the driver manager.
#[derive(Clone, Default)]
pub(crate) struct ConnectionString {
    pairs: Vec<(String, String)>,
}

impl ConnectionString {
    /// Parses the text.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for text that is no connection string, and for keywords that would make
    /// the driver manager read or write files: `FILEDSN`, `SAVEFILE`, `Trace...`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut pairs = Vec::new();
        let mut rest = text.trim_start_matches([';', ' ', '\t', '\r', '\n']);
        while !rest.is_empty() {
            let (key, value) = rest.split_once('=').ok_or_else(|| malformed("a keyword has no value"))?;
            let key = key.trim();
            if key.is_empty() || key.contains([';', '{', '}']) || key.contains(char::is_control) {
                return Err(malformed("a keyword is missing before '='"));
            }
            let (value, after) = value_and_rest(value.trim_start())?;
            if value.contains('\0') {
                return Err(malformed("a value holds a NUL character"));
            }
            refuse_file_keywords(key)?;
            pairs.push((key.to_owned(), value));
            rest = after.trim_start_matches([';', ' ', '\t', '\r', '\n']);
        }
        Ok(Self { pairs })
    }

    /// The value of a keyword, whatever its case.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }

    /// Appends a pair.
    pub(crate) fn push(&mut self, key: &str, value: &str) {
        self.pairs.push((key.to_owned(), value.to_owned()));
    }

    /// Appends all pairs of another string.
    pub(crate) fn extend(&mut self, other: Self) {
        self.pairs.extend(other.pairs);
    }

    /// The first keyword that stands in both strings.
    pub(crate) fn common_keyword<'a>(&'a self, other: &Self) -> Option<&'a str> {
        self.pairs.iter().map(|(key, _)| key.as_str()).find(|key| other.get(key).is_some())
    }

    /// Values that must not appear in any message, longest first so that none hides in another.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets: Vec<_> = self
            .pairs
            .iter()
            .filter(|(key, value)| !is_shown(key) && is_secret(key) && !value.is_empty())
            .map(|(_, value)| value.clone())
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets
    }

    /// What the driver manager is given, secrets included.
    pub(crate) fn to_driver(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.pairs {
            text.push_str(key);
            text.push('=');
            if key.eq_ignore_ascii_case("driver") || must_be_braced(value) {
                text.push('{');
                text.push_str(&value.replace('}', "}}"));
                text.push('}');
            } else {
                text.push_str(value);
            }
            text.push(';');
        }
        text
    }

    /// What a person may see: only keywords known to be harmless keep their values.
    pub(crate) fn redacted(&self) -> String {
        let mut text = String::new();
        for (key, value) in &self.pairs {
            let value = if is_shown(key) { value.escape_debug().to_string() } else { "***".to_owned() };
            // Writing to a String cannot fail.
            let _ = write!(text, "{}={value};", key.escape_debug());
        }
        text
    }
}

impl std::fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.redacted())
    }
}

fn is_shown(key: &str) -> bool {
    SHOWN.iter().any(|shown| shown.eq_ignore_ascii_case(key))
}

/// Values of these are scrubbed from what a driver says. Short settings such as `1` are no secrets,
/// and scrubbing them would make every message unreadable.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pwd", "pass", "token", "secret", "key", "credential"].iter().any(|part| key.contains(part))
}

fn must_be_braced(value: &str) -> bool {
    value.contains(['[', ']', '{', '}', '(', ')', ',', ';', '?', '*', '=', '!', '@'])
        || value.starts_with(char::is_whitespace)
        || value.ends_with(char::is_whitespace)
}

/// The value at the start of `text`, and what follows it.
fn value_and_rest(text: &str) -> Result<(String, &str)> {
    let Some(braced) = text.strip_prefix('{') else {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut rest = braced;
    loop {
        let end = rest.find('}').ok_or_else(|| malformed("a '{' is never closed"))?;
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        if !rest.starts_with('}') {
            return Ok((value, rest));
        }
        value.push('}');
        rest = &rest[1..];
    }
}

fn refuse_file_keywords(key: &str) -> Result<()> {
    let lower = key.to_ascii_lowercase();
    if lower == "filedsn" || lower == "savefile" || lower.starts_with("trace") {
        return Err(Error::new(
            ErrorKind::Spec,
            "the connection string has a keyword that makes the driver manager use files of its choice; remove it",
        )
        .with("keyword", key));
    }
    Ok(())
}

fn malformed(why: &str) -> Error {
    Error::new(
        ErrorKind::Spec,
        format!("the connectionString is not of the form Driver={{name}};Server=host;Database=name; ({why})"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_hold_anything() {
        let parsed = ConnectionString::parse("Driver={A b};PWD={p;w}}x};Server=h;").unwrap();
        assert_eq!(parsed.get("pwd"), Some("p;w}x"));
        assert_eq!(parsed.get("SERVER"), Some("h"));
        assert_eq!(parsed.to_driver(), "Driver={A b};PWD={p;w}}x};Server=h;");
    }

    #[test]
    fn nothing_but_harmless_values_is_shown() {
        let parsed = ConnectionString::parse("Driver={A};Server=h;UID=u;PWD=hunter2;Custom=s3cret").unwrap();
        assert_eq!(parsed.redacted(), "Driver=A;Server=h;UID=***;PWD=***;Custom=***;");
        assert_eq!(format!("{parsed:?}"), parsed.redacted());
        assert_eq!(parsed.secrets(), ["hunter2"]);
    }

    #[test]
    fn files_are_refused() {
        for text in ["FILEDSN=/etc/passwd", "Driver={A};SaveFile=/tmp/x", "DSN=x;TraceFile=/tmp/y;"] {
            assert_eq!(ConnectionString::parse(text).unwrap_err().kind(), ErrorKind::Spec, "{text}");
        }
        assert!(ConnectionString::parse("DSN=x").is_ok());
    }

    #[test]
    fn malformed_text_is_refused_without_showing_it() {
        for text in ["hunter2", "=hunter2", "PWD={hunter2", "Server=h;hunter2"] {
            let error = ConnectionString::parse(text).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
