//! Floats as texts.

/// The shortest digits that read back as the same number, with an exponent where fifteen digits before the point or four
/// zeros behind it would not do: `10`, `0.0001`, `1E-05`, `1.5E+20`.
pub(crate) fn float(value: f64) -> String {
    let scientific = format!("{value:e}");
    let parts = scientific.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
    match parts {
        Some((digits, power)) if !(-4..15).contains(&power) => {
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}E{sign}{:02}", power.unsigned_abs())
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_dotnet_writes_them() {
        for (value, expected) in [
            (10.0, "10"),
            (-2.5, "-2.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.0001, "0.0001"),
            (0.000_01, "1E-05"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1E+15"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568E+17"),
            (-1.5e300, "-1.5E+300"),
        ] {
            assert_eq!(float(value), expected);
        }
    }
}
