//! Bytes to text: UTF-8, and the UTF-16 that editors on Windows write.

use std::borrow::Cow;

use crate::diagnostic::Findings;

/// The text of a file, its byte-order mark of UTF-8 included. `None` when it is neither UTF-8 nor marked as UTF-16.
pub(super) fn text<'b>(bytes: &'b [u8], findings: &mut Findings) -> Option<Cow<'b, str>> {
    let wide = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xFE, 0xFF, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    let text = match wide {
        Some((rest, unit)) => {
            findings.warning("utf-16", "$", "the file is UTF-16; save it as UTF-8, which other tools expect");
            let (units, half) = rest.as_chunks::<2>();
            let text = String::from_utf16(&units.iter().map(|pair| unit(*pair)).collect::<Vec<_>>());
            text.ok().filter(|_| half.is_empty()).map(Cow::Owned)
        }
        None => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
    };
    if text.is_none() {
        findings.error("unreadable", "$", "the file is not UTF-8 text; save it as UTF-8");
    }
    text
}
