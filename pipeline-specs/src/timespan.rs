//! .NET time spans as Data Factory reads them.

use std::time::Duration;

/// Parses `[d.]hh:mm[:ss[.fffffff]]` or a whole number of days, as `TimeSpan.Parse` does. An hours field of 24
/// or more is taken as days, so that `24:00:00` is 24 days: documented, and relied upon by old definitions.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (text, nanos) = match text.rsplit_once(':') {
        Some((head, last)) if last.contains('.') => {
            let (whole, fraction) = last.split_once('.')?;
            (format!("{head}:{whole}"), fraction_nanos(fraction)?)
        }
        _ => (text.to_owned(), 0),
    };
    // Days may stand before a dot or a colon; from here on all fields are alike.
    let dotted = text.contains('.');
    let fields: Vec<u64> = text.replacen('.', ":", 1).split(':').map(number).collect::<Option<_>>()?;
    let (days, clock) = match *fields.as_slice() {
        [days] => (days, [0, 0, 0]),
        [days, hours, minutes] if dotted => (days, [hours, minutes, 0]),
        [days, hours, minutes, seconds] => (days, [hours, minutes, seconds]),
        [hours, minutes] if hours < 24 => (0, [hours, minutes, 0]),
        [hours, minutes, seconds] if hours < 24 => (0, [hours, minutes, seconds]),
        [days, hours, minutes] => (days, [hours, minutes, 0]),
        _ => return None,
    };
    let [hours, minutes, seconds] = clock;
    if days > MAX_DAYS || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds) + Duration::from_nanos(nanos))
}

/// Ten thousand years.
const MAX_DAYS: u64 = 3_652_059;

fn number(digits: &str) -> Option<u64> {
    (1..=8)
        .contains(&digits.len())
        .then(|| digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()))??
}

fn fraction_nanos(digits: &str) -> Option<u64> {
    (digits.len() <= 7).then(|| number(&format!("{digits:0<7}")).map(|ticks| ticks * 100))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn reads_what_definitions_hold() {
        let cases = [
            ("0.12:00:00", 12 * 3600),
            ("7.00:00:00", 7 * DAY),
            ("0.00:00:30", 30),
            ("02:00:00", 7200),
            ("00:5:00", 300),
            ("1.00:00", DAY),
            ("10", 10 * DAY),
            ("24:00:00", 24 * DAY),
            ("60:00:00", 60 * DAY),
            ("23:59:59", DAY - 1),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), Some(Duration::from_secs(expected)), "{text}");
        }
        assert_eq!(parse("00:00:01.5"), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn refuses_what_is_no_span() {
        for text in
            ["", "abc", "1:2:3:4:5", "-01:00:00", "00:60:00", "00:00:60", "1.24:00:00", "1.", ":", "99999999999"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
