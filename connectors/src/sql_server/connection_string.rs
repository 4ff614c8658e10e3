//! ADO.NET connection strings: `keyword=value;`, values quoted with `"` or `'` where they need it.

use std::collections::BTreeMap;

use ropeway_engine::{Error, ErrorKind, Result};
use secrecy::{ExposeSecret as _, SecretString};

/// Keyword synonyms, without blanks and in lower case, and the name used here.
const SYNONYMS: &[(&str, &str)] = &[
    ("datasource", "server"),
    ("addr", "server"),
    ("address", "server"),
    ("networkaddress", "server"),
    ("initialcatalog", "database"),
    ("uid", "userid"),
    ("user", "userid"),
    ("username", "userid"),
    ("pwd", "password"),
    ("trusted_connection", "integratedsecurity"),
    ("connectiontimeout", "connecttimeout"),
    ("timeout", "connecttimeout"),
    ("app", "applicationname"),
];

/// Keywords that change nothing for a copy: pooling, retrying and naming are Ropeway's own.
const WITHOUT_EFFECT: &[&str] = &[
    "applicationname",
    "asynchronousprocessing",
    "connectionlifetime",
    "connectionreset",
    "connectretrycount",
    "connectretryinterval",
    "currentlanguage",
    "enlist",
    "failoverpartner",
    "loadbalancetimeout",
    "maxpoolsize",
    "minpoolsize",
    "multipleactiveresultsets",
    "mars",
    "networklibrary",
    "persistsecurityinfo",
    "poolblockingperiod",
    "pooling",
    "replication",
    "transactionbinding",
    "transparentnetworkipresolution",
    "typesystemversion",
    "workstationid",
    "wsid",
];

/// The keywords of a connection string, by the names of `Microsoft.Data.SqlClient` without blanks.
#[derive(Debug, Default)]
pub(crate) struct ConnectionString(BTreeMap<String, SecretString>);

impl ConnectionString {
    /// Takes the string apart. Unknown keywords are kept: [`unknown`](Self::unknown) names them.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] for a string that is not one; the message repeats none of it.
    pub(crate) fn parse(text: &SecretString) -> Result<Self> {
        let mut keywords = BTreeMap::new();
        let mut rest = text.expose_secret();
        while let Some((keyword, after)) = next_keyword(rest)? {
            let (value, after) = next_value(after)?;
            if let Some(name) = canonical(keyword) {
                keywords.insert(name, SecretString::from(value));
            }
            rest = after;
        }
        Ok(Self(keywords))
    }

    /// A value that is no secret.
    pub(crate) fn get(&self, keyword: &str) -> Option<&str> {
        self.0.get(keyword).map(|value| value.expose_secret().trim()).filter(|value| !value.is_empty())
    }

    /// A value that is a secret.
    pub(crate) fn secret(&self, keyword: &str) -> Option<SecretString> {
        self.0.get(keyword).cloned()
    }

    /// Keywords that are in none of the lists.
    pub(crate) fn unknown<'a>(&'a self, known: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let ignored = |keyword: &&str| !known.contains(keyword) && !WITHOUT_EFFECT.contains(keyword);
        self.0.keys().map(String::as_str).filter(ignored)
    }
}

fn canonical(keyword: &str) -> Option<String> {
    let name: String = keyword.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
    let synonym = SYNONYMS.iter().find(|(synonym, _)| *synonym == name);
    (!name.is_empty()).then(|| synonym.map_or(name, |(_, canonical)| (*canonical).to_owned()))
}

fn next_keyword(text: &str) -> Result<Option<(&str, &str)>> {
    let text = text.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
    if text.is_empty() {
        return Ok(None);
    }
    text.split_once('=').map(Some).ok_or_else(|| malformed("a keyword has no value"))
}

/// A value, and what follows its semicolon.
fn next_value(text: &str) -> Result<(String, &str)> {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let (value, rest) = text.split_once(';').unwrap_or((text, ""));
        return Ok((value.trim_end().to_owned(), rest));
    };
    let mut value = String::new();
    let mut rest = &text[1..];
    loop {
        let (part, after) = rest.split_once(quote).ok_or_else(|| malformed("a quoted value does not end"))?;
        value.push_str(part);
        let Some(doubled) = after.strip_prefix(quote) else {
            let after = after.trim_start();
            return match after.strip_prefix(';') {
                Some(rest) => Ok((value, rest)),
                None if after.is_empty() => Ok((value, "")),
                None => Err(malformed("a quoted value is followed by more text")),
            };
        };
        value.push(quote);
        rest = doubled;
    }
}

fn malformed(why: &'static str) -> Error {
    Error::new(
        ErrorKind::Spec,
        "the connection string is not «keyword=value;keyword=value»; correct it in the linked service",
    )
    .with("reason", why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ConnectionString> {
        ConnectionString::parse(&SecretString::from(text))
    }

    #[test]
    fn synonyms_and_quotes_are_read() {
        let parsed =
            parse(r#" Data Source=tcp:h,1433; Initial Catalog = "my ""db""" ;User ID=u;PWD='a;b=''c''';;Encrypt=True"#);
        let parsed = parsed.unwrap();
        assert_eq!(parsed.get("server"), Some("tcp:h,1433"));
        assert_eq!(parsed.get("database"), Some("my \"db\""));
        assert_eq!(parsed.get("userid"), Some("u"));
        assert_eq!(parsed.secret("password").unwrap().expose_secret(), "a;b='c'");
        assert_eq!(parsed.get("encrypt"), Some("True"));
    }

    #[test]
    fn unknown_keywords_are_named_and_the_harmless_are_not() {
        let parsed = parse("server=h;Pooling=false;Column Encryption Setting=Enabled").unwrap();
        assert_eq!(parsed.unknown(&["server"]).collect::<Vec<_>>(), ["columnencryptionsetting"]);
    }

    #[test]
    fn what_is_malformed_is_refused_without_repeating_it() {
        for text in ["hunter2", "server=h;password='hunter2", "password=\"hunter2\"x"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Spec);
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        assert!(!format!("{:?}", parse("password=hunter2")).contains("hunter2"));
    }
}
