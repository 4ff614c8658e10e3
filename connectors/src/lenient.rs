//! Scalars as Data Factory writes them: a number or a boolean may arrive as a string, because an
//! expression made it. For `#[serde(deserialize_with = "lenient::u32")]`; the functions in
//! [`option`] want `#[serde(default)]` beside them.
#![cfg_attr(not(test), expect(dead_code, reason = "each connector takes what its settings need"))]

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// `7`, `7.0` or `"7"`.
pub(crate) fn u32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let wide = u64(deserializer)?;
    u32::try_from(wide).map_err(|_| D::Error::custom(format!("{wide} is too large")))
}

/// `7`, `7.0` or `"7"`.
pub(crate) fn u64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    required(deserializer, as_u64, "a whole number")
}

/// `true`, `"true"` or `"True"`.
pub(crate) fn bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    required(deserializer, as_bool, "true or false")
}

/// A string; a number or a boolean becomes its text.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    required(deserializer, as_text, "a string")
}

/// The same for properties that may be absent or null.
pub(crate) mod option {
    use serde::Deserializer;

    use super::{as_bool, as_text, as_u64, optional};

    /// `7`, `7.0` or `"7"`.
    pub(crate) fn u32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
        optional(deserializer, |value| as_u64(value)?.try_into().ok(), "a whole number below 2^32")
    }

    /// `7`, `7.0` or `"7"`.
    pub(crate) fn u64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        optional(deserializer, as_u64, "a whole number")
    }

    /// `true`, `"true"` or `"True"`.
    pub(crate) fn bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
        optional(deserializer, as_bool, "true or false")
    }

    /// A string; a number or a boolean becomes its text.
    pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        optional(deserializer, as_text, "a string")
    }
}

fn as_u64(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        // An expression that divides gives 7.0.
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n)).map(|n| n as u64)),
        _ => None,
    }
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(it) => Some(*it),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

// Neither message repeats the value: it may be a secret that an expression put in the wrong place.
fn required<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&Value) -> Option<T>,
    wanted: &str,
) -> Result<T, D::Error> {
    read(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::custom(format!("expected {wanted}")))
}

fn optional<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: fn(&Value) -> Option<T>,
    wanted: &str,
) -> Result<Option<T>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        value => read(&value).map(Some).ok_or_else(|| D::Error::custom(format!("expected {wanted}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    #[derive(Deserialize, Debug, PartialEq)]
    struct Settings {
        #[serde(deserialize_with = "super::u32")]
        blocks: u32,
        #[serde(deserialize_with = "super::bool")]
        header: bool,
        #[serde(deserialize_with = "super::text")]
        name: String,
        #[serde(default, deserialize_with = "super::option::u64")]
        rows: Option<u64>,
    }

    fn parse(value: Value) -> Result<Settings, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn strings_and_scalars_mean_the_same() {
        let typed = parse(json!({"blocks": 7, "header": true, "name": "3", "rows": 9}));
        let texts = parse(json!({"blocks": "7", "header": "True", "name": 3, "rows": 9.0}));
        assert_eq!(typed, texts);
        assert_eq!(typed.unwrap().rows, Some(9));
    }

    #[test]
    fn absent_and_null_are_none() {
        assert_eq!(parse(json!({"blocks": 7, "header": true, "name": "n"})).unwrap().rows, None);
        assert_eq!(parse(json!({"blocks": 7, "header": true, "name": "n", "rows": null})).unwrap().rows, None);
    }

    #[test]
    fn wrong_values_are_refused_without_repeating_them() {
        for blocks in [json!("many"), json!(-1), json!(1.5), json!(5_000_000_000_u64), json!([1])] {
            let error = parse(json!({"blocks": blocks, "header": true, "name": "n"})).unwrap_err();
            assert!(!error.contains("many"), "{error}");
        }
    }
}
