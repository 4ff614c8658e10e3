//! Byte counts as people write and read them.

/// Reads `512MiB`, `1GiB`, `2GB` or plain bytes.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale =
        scale(unit.trim()).ok_or_else(|| format!("'{unit}' is not a unit; write KiB, MiB, GiB, KB, MB or GB"))?;
    let number: u64 = number.parse().map_err(|_| "write a whole number and a unit, such as 512MiB".to_owned())?;
    number
        .checked_mul(scale)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "the size must be above 0 and fit 64 bits".to_owned())
}

fn scale(unit: &str) -> Option<u64> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return None,
    })
}

/// `734.0 MiB`.
pub(crate) fn show(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_binary_or_decimal() {
        assert_eq!(parse("512MiB"), Ok(512 << 20));
        assert_eq!(parse("1 GiB"), Ok(1 << 30));
        assert_eq!(parse("2GB"), Ok(2_000_000_000));
        assert_eq!(parse("4096"), Ok(4096));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in ["", "MiB", "0", "-1", "1.5GiB", "1 parsec", "99999999999999999999", "17179869184GiB"] {
            assert!(parse(wrong).is_err(), "{wrong} was taken");
        }
    }
}
