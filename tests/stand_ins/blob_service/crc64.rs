//! The service's CRC-64: CRC-64/NVME, whose eight bytes are sent with the lowest first.

/// The polynomial, with its bits in reverse.
const POLYNOMIAL: u64 = 0x9a6c_9329_ac4b_c9b5;

/// The checksum as `x-ms-content-crc64` has it, before base64.
pub fn crc64(bytes: &[u8]) -> [u8; 8] {
    let mut crc = u64::MAX;
    for byte in bytes {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(u64::from_le_bytes(crc64(b"123456789")), 0xae8b_1486_0a79_9888);
    }
}
