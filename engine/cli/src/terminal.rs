//! What reaches a terminal or a log: names and messages come from definitions, drivers and servers,
//! so control characters in them are shown, never obeyed.

use std::{
    fmt::{self, Write as _},
    io::{self, ErrorKind, Write},
};

/// Shows a text on one line, its control characters escaped.
pub(crate) struct Safe<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Safe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        write!(text, "{}", self.0)?;
        text.chars().try_for_each(|c| if obeyed(c) { write!(f, "{}", c.escape_default()) } else { f.write_char(c) })
    }
}

/// True for characters that move the cursor, change colours or reorder the text of a line.
fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes every line of a text of many lines.
pub(crate) fn safe_lines(text: &str) -> String {
    text.lines().map(|line| Safe(line).to_string()).collect::<Vec<_>>().join("\n")
}

/// Writes a result to standard output. A reader that went away, as `head` does, is not a failure.
pub(crate) fn result(text: &str) -> ropeway_engine::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(ropeway_engine::Error::new(
            ropeway_engine::ErrorKind::Unavailable,
            "the result cannot be written to standard output",
        )
        .caused_by(error)),
        _ => Ok(()),
    }
}

/// Writes a remark to standard error; there is nobody to tell if that fails.
pub(crate) fn remark(text: &str) {
    drop(io::stderr().lock().write_all(format!("{text}\n").as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown() {
        assert_eq!(Safe("a\u{1b}[31mb\r\nc\u{202e}d").to_string(), "a\\u{1b}[31mb\\r\\nc\\u{202e}d");
        assert_eq!(Safe("Zürich → 東京").to_string(), "Zürich → 東京");
    }
}
