//! Values as JSON, in the shapes that expressions of Data Factory meet.

use serde_json::{Number, Value};

/// Digits that every `f64` holds.
const DIGITS: usize = 15;

/// A number in JSON; what JSON has no number for, such as NaN, is a text.
pub fn number(text: &str) -> Value {
    let whole = text.parse::<i64>().map(Value::from).or_else(|_| text.parse::<u64>().map(Value::from));
    whole.unwrap_or_else(|_| {
        let float = text.parse::<f64>().ok().and_then(Number::from_f64);
        float.map_or_else(|| text.into(), Value::Number)
    })
}

/// A decimal as a number where that holds all its digits, else as a text.
pub fn decimal(text: &str) -> Value {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits > DIGITS { text.into() } else { number(text) }
}

/// A moment of ISO 8601 in UTC without its zone: with seven digits of a second at most and none that says nothing, as
/// .NET writes it. A date is its midnight.
pub fn moment(text: &str) -> Value {
    let text = text.replace(' ', "T");
    let (clock, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.get(..7).unwrap_or(fraction).trim_end_matches('0');
    let clock = if clock.contains('T') { clock.to_owned() } else { format!("{clock}T00:00:00") };
    if fraction.is_empty() { format!("{clock}Z").into() } else { format!("{clock}.{fraction}Z").into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_digit_is_lost() {
        assert_eq!(number("9223372036854775807"), json!(i64::MAX));
        assert_eq!(number("18446744073709551615"), json!(u64::MAX));
        assert_eq!((number("1.5"), number("NaN")), (json!(1.5), json!("NaN")));
        assert_eq!((decimal("12.50"), decimal("12345678901234567.89")), (json!(12.5), json!("12345678901234567.89")));
    }

    #[test]
    fn moments_are_written_as_dotnet_does() {
        for (text, shown) in [
            ("2026-11-22 01:09:00.1234567", "2026-11-22T01:09:00.1234567Z"),
            ("2026-11-22T01:09:00.500000000", "2026-11-22T01:09:00.5Z"),
            ("2026-11-22T01:09:00.000", "2026-11-22T01:09:00Z"),
            ("2026-11-22", "2026-11-22T00:00:00Z"),
        ] {
            assert_eq!(moment(text), json!(shown));
        }
    }
}
