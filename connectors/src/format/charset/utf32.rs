//! UTF-32, four bytes a character.

/// Text as UTF-32.
pub(super) fn encode(text: &str, big_endian: bool) -> Vec<u8> {
    let unit = |c: char| if big_endian { (c as u32).to_be_bytes() } else { (c as u32).to_le_bytes() };
    text.chars().flat_map(unit).collect()
}

/// Reads UTF-32; a mark at the beginning wins over the name of the encoding.
pub(super) struct Decoder {
    big_endian: bool,
    /// Bytes of a character that is not complete.
    rest: Vec<u8>,
    begun: bool,
}

impl Decoder {
    pub(super) fn new(big_endian: bool) -> Self {
        Self { big_endian, rest: Vec::new(), begun: false }
    }

    /// Adds the text of the next bytes; `None` if they are no UTF-32.
    pub(super) fn decode(&mut self, bytes: &[u8], last: bool, text: &mut String) -> Option<()> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.len() / 4 * 4;
        for unit in self.rest[..whole].chunks_exact(4) {
            let unit: [u8; 4] = unit.try_into().ok()?;
            let read = |big_endian| if big_endian { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) };
            let first = !std::mem::replace(&mut self.begun, true);
            if first && matches!(unit, [0xFF, 0xFE, 0, 0] | [0, 0, 0xFE, 0xFF]) {
                self.big_endian = unit[0] == 0;
                continue;
            }
            text.push(char::from_u32(read(self.big_endian))?);
        }
        self.rest.drain(..whole);
        (!last || self.rest.is_empty()).then_some(())
    }
}
