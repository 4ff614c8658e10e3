//! The most memory this process ever had resident.

/// Bytes, or 0 where the system does not tell.
pub(crate) fn peak_memory() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| parse(&status)).unwrap_or(0)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        assert_eq!(parse("Name:\tx\nVmPeak:\t  99 kB\nVmHWM:\t   123456 kB\n"), Some(123_456 * 1024));
        assert_eq!(parse("VmHWM:\t lots\n"), None);
        assert!(peak_memory() > 1 << 20, "this very process uses more than a mebibyte");
    }
}
