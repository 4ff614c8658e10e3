//! An activity's policy.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::{
    diagnostic::{Findings, property},
    schema::get,
    timespan,
};

/// How often and how long an activity is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The limit of one attempt.
    pub timeout: Duration,
    /// Attempts after the first.
    pub retry: u32,
    /// The wait between attempts.
    pub retry_interval: Duration,
    /// Whether the input must not be shown in reports.
    pub secure_input: bool,
    /// Whether the output must not be shown in reports.
    pub secure_output: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(12 * 3600),
            retry: 0,
            retry_interval: Duration::from_secs(30),
            secure_input: false,
            secure_output: false,
        }
    }
}

impl Policy {
    /// Reads an evaluated `policy` object; what is absent has Data Factory's default.
    pub(crate) fn read(policy: &Value, path: &str, findings: &mut Findings) -> Self {
        let mut field = Field { policy: policy.as_object(), path, findings };
        let default = Self::default();
        let whole_number = "a number of at least 0";
        Self {
            timeout: field.read("timeout", "a time span such as '0.12:00:00'", span).unwrap_or(default.timeout),
            retry: field
                .read("retry", whole_number, |value| u32::try_from(integer(value)?).ok())
                .unwrap_or(default.retry),
            retry_interval: field
                .read("retryIntervalInSeconds", whole_number, |value| integer(value).map(Duration::from_secs))
                .unwrap_or(default.retry_interval),
            secure_input: field.read("secureInput", "true or false", boolean).unwrap_or(default.secure_input),
            secure_output: field.read("secureOutput", "true or false", boolean).unwrap_or(default.secure_output),
        }
    }
}

struct Field<'a> {
    policy: Option<&'a Map<String, Value>>,
    path: &'a str,
    findings: &'a mut Findings,
}

impl Field<'_> {
    /// The field's value, or `None` when it is absent or wrong; what is wrong is reported.
    fn read<T>(&mut self, name: &str, wanted: &str, convert: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let value = get(self.policy?, name).filter(|value| !value.is_null())?;
        let converted = convert(value);
        if converted.is_none() {
            self.findings.error("wrong-policy", &property(self.path, name), format!("'{name}' must be {wanted}"));
        }
        converted
    }
}

/// A span that leaves time to do something.
fn span(value: &Value) -> Option<Duration> {
    timespan::parse(value.as_str()?).filter(|span| !span.is_zero())
}

/// A number that may be written as text.
pub(crate) fn integer(value: &Value) -> Option<u64> {
    let whole = |number: f64| (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(number as u64);
    value.as_u64().or_else(|| value.as_f64().and_then(whole)).or_else(|| value.as_str()?.trim().parse().ok())
}

fn boolean(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn read(policy: &Value) -> (Policy, Vec<String>) {
        let mut findings = Findings::new(Path::new("p.json"));
        let policy = Policy::read(policy, "$.policy", &mut findings);
        (policy, findings.into_vec().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn has_data_factorys_defaults() {
        let (policy, messages) = read(&Value::Null);
        assert_eq!((policy.timeout.as_secs(), policy.retry, policy.retry_interval.as_secs()), (43_200, 0, 30));
        assert!(messages.is_empty());
    }

    #[test]
    fn reads_numbers_and_booleans_as_text() {
        let (policy, messages) =
            read(&json!({"timeout": "7.00:00:00", "retry": "3", "retryIntervalInSeconds": 60, "secureInput": "True"}));
        assert!(messages.is_empty(), "{messages:?}");
        let expected = Policy {
            timeout: Duration::from_secs(7 * 86_400),
            retry: 3,
            retry_interval: Duration::from_secs(60),
            secure_input: true,
            secure_output: false,
        };
        assert_eq!(policy, expected);
    }

    #[test]
    fn names_every_wrong_field() {
        let (_, messages) = read(&json!({"timeout": "soon", "retry": -1, "secureOutput": 2}));
        assert_eq!(messages.len(), 3, "{messages:?}");
        assert_eq!(messages[0], "p.json: $.policy.timeout: error: 'timeout' must be a time span such as '0.12:00:00'");
    }
}
