//! Secrets: replacements for what a definition cannot carry, and resolved settings that hold them.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// The prefix of environment variables that carry secrets.
const PREFIX: &str = "ROPEWAY_SECRET__";

/// Replacement values by linked service and property.
///
/// Names match in any case. A value of the file wins over one of the environment, for the file was named for
/// this run.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Lower-case linked service name -> property as written -> value.
    file: BTreeMap<String, BTreeMap<String, SecretString>>,
    /// Environment form of the linked service name -> environment form of the property -> value.
    environment: BTreeMap<String, BTreeMap<String, SecretString>>,
}

/// Why a secrets file cannot be used. It never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// Neither JSON nor TOML.
    #[error(
        "the secrets file is not valid {format}: {place}; it holds, per linked service, a map of property to value"
    )]
    Syntax {
        /// `JSON` or `TOML`.
        format: &'static str,
        /// Where the parser stopped.
        place: String,
    },
    /// Valid text of another shape.
    #[error(
        "the secrets file has no map of property to text under '{0}'; write {{\"{0}\": {{\"password\": \"...\"}}}}"
    )]
    Shape(String),
}

impl Secrets {
    /// Reads a file's text: JSON when it begins with `{`, TOML otherwise.
    pub fn from_text(text: &str) -> Result<Self, SecretsError> {
        let text = text.trim_start_matches('\u{feff}');
        let root: Value = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| {
                let place = format!("line {} column {}", error.line(), error.column());
                SecretsError::Syntax { format: "JSON", place }
            })?
        } else {
            toml::from_str(text).map_err(|error: toml::de::Error| {
                let place = error.span().map_or("somewhere".to_owned(), |span| format!("character {}", span.start + 1));
                SecretsError::Syntax { format: "TOML", place }
            })?
        };
        let mut secrets = Self::default();
        for (service, properties) in root.as_object().into_iter().flatten() {
            let properties = properties.as_object().ok_or_else(|| SecretsError::Shape(service.clone()))?;
            for (property, value) in properties {
                let value = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(number) => number.to_string(),
                    _ => return Err(SecretsError::Shape(service.clone())),
                };
                secrets.file.entry(service.to_lowercase()).or_default().insert(property.clone(), value.into());
            }
        }
        Ok(secrets)
    }

    /// Adds the `ROPEWAY_SECRET__<LINKED_SERVICE>__<PROPERTY>` among the given variables.
    pub fn with_environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            let name = name.to_uppercase();
            let Some((service, property)) = name.strip_prefix(PREFIX).and_then(|rest| rest.rsplit_once("__")) else {
                continue;
            };
            self.environment.entry(service.to_owned()).or_default().insert(property.to_owned(), value.into());
        }
        self
    }

    /// Everything supplied for a linked service, under the spelling of `known` property names where one matches.
    pub(crate) fn of(&self, service: &str, known: &[&str]) -> BTreeMap<String, SecretString> {
        let spelling = |name: &str| {
            let same = known.iter().find(|known| environment_form(known) == environment_form(name));
            same.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
        };
        let environment = self.environment.get(&environment_form(service)).into_iter().flatten();
        let file = self.file.get(&service.to_lowercase()).into_iter().flatten();
        environment.chain(file).map(|(name, value)| (spelling(name), value.clone())).collect()
    }
}

/// The environment variable that supplies a property.
pub(crate) fn variable(service: &str, property: &str) -> String {
    format!("{PREFIX}{}__{}", environment_form(service), environment_form(property))
}

fn environment_form(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// How a masked value looks in a definition: nothing but asterisks.
pub(crate) fn is_masked(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '*')
}

/// Settings of a connector with the secrets in them. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Settings(Value);

impl Settings {
    pub(crate) fn new(value: Value) -> Self {
        Self(value)
    }

    /// The same with another property.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// The JSON, secrets included: for the connector only.
    pub fn expose(&self) -> &Value {
        &self.0
    }

    /// The JSON, secrets included: for the connector only.
    pub fn into_exposed(self) -> Value {
        self.0
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Settings(redacted)")
    }
}

/// A secret as the JSON text a connector reads.
pub(crate) fn exposed(secret: &SecretString) -> Value {
    Value::String(secret.expose_secret().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(secrets: &Secrets, service: &str, property: &str) -> Option<String> {
        secrets.of(service, &["password", "accountKey"]).get(property).map(|value| value.expose_secret().to_owned())
    }

    #[test]
    fn reads_json_toml_and_the_environment() {
        for file in [r#"{"LS_Sql": {"Password": "p"}}"#, "[ls_sql]\npassword = \"p\"\n"] {
            assert_eq!(text(&Secrets::from_text(file).unwrap(), "LS_SQL", "password").as_deref(), Some("p"));
        }
        let variable = ("ROPEWAY_SECRET__MY_STORE_1__ACCOUNTKEY".to_owned(), "k".to_owned());
        let secrets = Secrets::default().with_environment([variable]);
        assert_eq!(text(&secrets, "my-store 1", "accountKey").as_deref(), Some("k"));
        assert_eq!(text(&secrets, "other", "accountKey"), None);
    }

    #[test]
    fn the_file_wins_over_the_environment() {
        let secrets = Secrets::from_text(r#"{"a": {"password": "file"}}"#).unwrap();
        let secrets = secrets.with_environment([(variable("a", "password"), "environment".to_owned())]);
        assert_eq!(text(&secrets, "a", "password").as_deref(), Some("file"));
    }

    #[test]
    fn nothing_shows_a_value() {
        let secrets = Secrets::from_text(r#"{"a": {"password": "hunter2"}}"#).unwrap();
        assert!(!format!("{secrets:?}").contains("hunter2"));
        assert!(!format!("{:?}", Settings::new(serde_json::json!("hunter2"))).contains("hunter2"));
        for broken in ["{\"a\": {\"password\": \"hunter2\"", "[a]\npassword = hunter2", r#"{"a": "hunter2"}"#] {
            let error = Secrets::from_text(broken).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }
}
