//! A cursor over the bytes of a request. Running past the end is a protocol error, never a panic.

use super::protocol::Violation;

const ENDED: &str = "the message ends inside of a field";

/// Whether a violation is that the message has ended.
pub(super) fn has_ended(violation: &Violation) -> bool {
    *violation == Violation::new(ENDED)
}

/// The unread rest of a message.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Violation> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Violation::new(ENDED))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Violation> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Violation> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Violation> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Violation> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// Text of so many UTF-16 units.
    pub(super) fn utf16(&mut self, units: usize) -> Result<String, Violation> {
        utf16(self.bytes(units * 2)?)
    }

    /// B_VARCHAR: a byte with the count of units, then the units.
    pub(super) fn short_text(&mut self) -> Result<String, Violation> {
        let units = usize::from(self.u8()?);
        self.utf16(units)
    }
}

/// Text from UTF-16LE bytes.
pub(super) fn utf16(bytes: &[u8]) -> Result<String, Violation> {
    if !bytes.len().is_multiple_of(2) {
        return Err(Violation::new("a UTF-16 text has an odd number of bytes"));
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    Ok(String::from_utf16_lossy(&units))
}
