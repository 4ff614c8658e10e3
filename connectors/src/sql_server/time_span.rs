//! Time spans of Data Factory.

use ropeway_engine::{Error, ErrorKind, Result};

/// `hh:mm:ss`, `d.hh:mm:ss` or seconds, as seconds.
///
/// # Errors
/// [`ErrorKind::Spec`] with the property's name.
pub(crate) fn seconds(property: &'static str, text: &str) -> Result<u32> {
    let refuse = || {
        Error::new(ErrorKind::Spec, format!("«{property}» is a time span such as 02:00:00"))
            .with(property, text.escape_debug())
    };
    let (days, clock) = text.trim().split_once('.').unwrap_or(("0", text.trim()));
    let total =
        clock.split(':').try_fold(0_u32, |total, part| total.checked_mul(60)?.checked_add(part.parse::<u32>().ok()?));
    let days = days.parse::<u32>().ok().and_then(|days| days.checked_mul(86_400));
    total.zip(days).and_then(|(total, days)| total.checked_add(days)).ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_spans_are_read() {
        for (text, expected) in [("02:00:00", 7_200), ("1.00:00:01", 86_401), ("90", 90)] {
            assert_eq!(seconds("writeBatchTimeout", text).unwrap(), expected);
        }
        let error = seconds("writeBatchTimeout", "soon").unwrap_err();
        assert!(error.kind() == ErrorKind::Spec && error.to_string().contains("writeBatchTimeout"), "{error}");
    }
}
