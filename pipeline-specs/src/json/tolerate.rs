//! Blanks out what strict JSON refuses and people write; positions stay as they were.

use std::borrow::Cow;

use crate::diagnostic::Findings;

/// The text with a byte-order mark, `//` and `/* */` comments and trailing commas replaced by spaces.
pub(super) fn clean<'a>(text: &'a str, findings: &mut Findings) -> Cow<'a, str> {
    let (text, marked) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let blanks = find(text.as_bytes());
    if marked {
        findings.warning(
            "byte-order-mark",
            "$",
            "the file begins with a byte-order mark; save it as UTF-8 without one",
        );
    }
    for (count, code, what) in
        [(blanks.comments, "comment", "comments"), (blanks.commas, "trailing-comma", "trailing commas")]
    {
        if count > 0 {
            findings.warning(
                code,
                "$",
                format!("the file has {what} ({count}), which JSON does not allow; other tools will refuse it"),
            );
        }
    }
    if blanks.ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    for byte in blanks.ranges.into_iter().flatten() {
        if bytes[byte] != b'\n' {
            bytes[byte] = b' ';
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Default)]
struct Blanks {
    ranges: Vec<std::ops::Range<usize>>,
    comments: usize,
    commas: usize,
}

fn find(text: &[u8]) -> Blanks {
    let mut blanks = Blanks::default();
    let mut comma = None; // the last comma with nothing but space and comments after it
    let mut at = 0;
    while at < text.len() {
        let end = match (text[at], text.get(at + 1)) {
            (b'"', _) => end_of_string(text, at),
            (b'/', Some(b'/')) => end_of_comment(text, at, b"\n"),
            (b'/', Some(b'*')) => end_of_comment(text, at, b"*/"),
            _ => at + 1,
        };
        match text[at] {
            b'/' if end > at + 1 => {
                blanks.comments += 1;
                blanks.ranges.push(at..end);
            }
            b',' => comma = Some(at),
            b']' | b'}' => {
                if let Some(position) = comma.take() {
                    blanks.commas += 1;
                    blanks.ranges.push(position..position + 1);
                }
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => comma = None,
        }
        at = end;
    }
    blanks
}

fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

fn end_of_comment(text: &[u8], start: usize, closing: &[u8]) -> usize {
    let body = start + 2;
    text[body..]
        .windows(closing.len())
        .position(|window| window == closing)
        .map_or(text.len(), |offset| body + offset + if closing == b"\n" { 0 } else { closing.len() })
}
