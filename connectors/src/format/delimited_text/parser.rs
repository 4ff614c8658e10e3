//! Finds the values of one record at the beginning of a text.

use super::dialect::Dialect;

/// Values of a record at most: each costs memory of its own, however little text it is.
pub(super) const MOST_COLUMNS: usize = 10_000;

/// The values of a record, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
    quoted: Vec<bool>,
}

impl Record {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// True for a line without any character.
    pub(super) fn is_blank(&self) -> bool {
        self.ends == [0] && !self.quoted[0]
    }

    /// A value and whether it stood in quotes.
    pub(super) fn value(&self, position: usize) -> Option<(&str, bool)> {
        let end = *self.ends.get(position)?;
        let start = if position == 0 { 0 } else { self.ends[position - 1] };
        Some((&self.text[start..end], self.quoted[position]))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.quoted.clear();
    }

    fn end_value(&mut self, quoted: bool) {
        self.ends.push(self.text.len());
        self.quoted.push(quoted);
    }
}

/// Why a text is no record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fault {
    /// It may be one when there is more of it.
    NeedsMore,
    /// Something stands between a closing quote and the next delimiter.
    AfterQuote,
    /// The file ends inside quotes.
    OpenQuote,
    /// It has more than [`MOST_COLUMNS`].
    TooManyColumns,
}

/// What ends a value.
enum End {
    Column(usize),
    Row(usize),
    File,
}

/// Reads the record at the beginning of `text` and returns its length, delimiter included. `last`
/// says that the file ends with this text, which is not empty.
pub(super) fn record(dialect: &Dialect, text: &str, last: bool, record: &mut Record) -> Result<usize, Fault> {
    record.clear();
    let mut position = 0;
    loop {
        let quoted = dialect.quote.is_some() && text.as_bytes().get(position).copied() == dialect.quote;
        position = if quoted {
            quoted_value(dialect, text, position + 1, last, record)?
        } else {
            plain_value(dialect, text, position, last, record)?
        };
        if record.len() == MOST_COLUMNS {
            return Err(Fault::TooManyColumns);
        }
        record.end_value(quoted);
        match end(dialect, text, position, last)? {
            Some(End::Column(length)) => position += length,
            Some(End::Row(length)) => return Ok(position + length),
            Some(End::File) => return Ok(position),
            None => return Err(Fault::AfterQuote),
        }
        // The last value of the file may be empty.
        if position == text.len() && !last {
            return Err(Fault::NeedsMore);
        }
    }
}

/// What stands at this place, if it ends a value.
fn end(dialect: &Dialect, text: &str, position: usize, last: bool) -> Result<Option<End>, Fault> {
    let rest = &text.as_bytes()[position..];
    if rest.is_empty() {
        return if last { Ok(Some(End::File)) } else { Err(Fault::NeedsMore) };
    }
    let column = dialect.column_delimiter.as_bytes();
    if rest.starts_with(column) {
        return Ok(Some(End::Column(column.len())));
    }
    let row: &[u8] = if dialect.any_line_end { line_end(rest) } else { dialect.row_delimiter.as_bytes() };
    if !row.is_empty() && rest.starts_with(row) {
        // A CR at the end of what is there may be the first half of CR LF.
        let half = dialect.any_line_end && rest == b"\r" && !last;
        return if half { Err(Fault::NeedsMore) } else { Ok(Some(End::Row(row.len()))) };
    }
    let begins = |delimiter: &[u8]| rest.len() < delimiter.len() && delimiter.starts_with(rest);
    if !last && (begins(column) || begins(row)) { Err(Fault::NeedsMore) } else { Ok(None) }
}

fn line_end(rest: &[u8]) -> &'static [u8] {
    match rest {
        [b'\r', b'\n', ..] => b"\r\n",
        [b'\r', ..] => b"\r",
        [b'\n', ..] => b"\n",
        _ => b"",
    }
}

fn plain_value(dialect: &Dialect, text: &str, start: usize, last: bool, record: &mut Record) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let escape = if dialect.quote.is_none() { dialect.escape } else { None };
    let (mut from, mut position) = (start, start);
    loop {
        position += bytes[position..].iter().take_while(|byte| !dialect.special[usize::from(**byte)]).count();
        if position < bytes.len() && bytes.get(position).copied() == escape {
            record.text.push_str(&text[from..position]);
            // The escaped character itself comes with the next stretch.
            from = position + 1;
            position = from + text[from..].chars().next().ok_or(Fault::NeedsMore)?.len_utf8();
        } else if end(dialect, text, position, last)?.is_some() {
            record.text.push_str(&text[from..position]);
            return Ok(position);
        } else {
            position += 1;
        }
    }
}

fn quoted_value(dialect: &Dialect, text: &str, start: usize, last: bool, record: &mut Record) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let (mut from, mut position) = (start, start);
    loop {
        let found =
            bytes[position..].iter().position(|byte| Some(*byte) == dialect.quote || Some(*byte) == dialect.escape);
        let Some(found) = found else { return Err(if last { Fault::OpenQuote } else { Fault::NeedsMore }) };
        position += found;
        let next = bytes.get(position + 1).copied();
        let escapes = next.is_some() && (next == dialect.quote || next == dialect.escape);
        if Some(bytes[position]) == dialect.escape && escapes {
            record.text.push_str(&text[from..position]);
            from = position + 1;
            position += 2;
        } else if next.is_none() && !last {
            return Err(Fault::NeedsMore);
        } else if Some(bytes[position]) == dialect.quote {
            record.text.push_str(&text[from..position]);
            return Ok(position + 1);
        } else {
            // An escape character before anything else is itself.
            position += 1;
        }
    }
}
