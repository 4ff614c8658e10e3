//! Spans of time, as far as they are times of a day.

use super::read::{digits, fraction, two};

/// Ticks of a second, 100 ns each.
const SECOND: i64 = 10_000_000;

/// A piece of a span's format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Field(char, usize),
    Literal(char),
}

/// A custom format taken apart. Other than in dates, what stands for itself is escaped or quoted.
pub(super) fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let characters: Vec<char> = pattern.chars().collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < characters.len() {
        let letter = characters[at];
        let run = characters[at..].iter().take_while(|c| **c == letter).count();
        at += match letter {
            '\'' | '"' => {
                let closing = characters[at + 1..].iter().position(|c| *c == letter);
                let closing = closing.ok_or_else(|| format!("has an open quote: '{pattern}'"))?;
                pieces.extend(characters[at + 1..at + 1 + closing].iter().copied().map(Piece::Literal));
                closing + 2
            }
            '\\' => {
                let escaped = characters.get(at + 1).ok_or_else(|| format!("ends in a backslash: '{pattern}'"))?;
                pieces.push(Piece::Literal(*escaped));
                2
            }
            '%' => 1,
            'd' if run <= 8 => {
                pieces.push(Piece::Field(letter, run));
                run
            }
            'h' | 'm' | 's' if run <= 2 => {
                pieces.push(Piece::Field(letter, run));
                run
            }
            'f' | 'F' if run <= 7 => {
                pieces.push(Piece::Field(letter, run));
                run
            }
            other => {
                return Err(format!(
                    "has '{other}', which must be escaped (\\\\{other}) in the format of a span: '{pattern}'"
                ));
            }
        };
    }
    Ok(pieces)
}

pub(super) fn write(ticks: i64, pieces: &[Piece], out: &mut String) {
    let second = ticks / SECOND;
    for piece in pieces {
        let (value, width) = match piece {
            Piece::Literal(letter) => {
                out.push(*letter);
                continue;
            }
            Piece::Field('f', run) => {
                out.push_str(&format!("{:07}", ticks % SECOND)[..*run]);
                continue;
            }
            Piece::Field('F', run) => {
                out.push_str(format!("{:07}", ticks % SECOND)[..*run].trim_end_matches('0'));
                continue;
            }
            Piece::Field('d', run) => (second / 86_400, *run),
            Piece::Field('h', run) => (second / 3_600 % 24, *run),
            Piece::Field('m', run) => (second / 60 % 60, *run),
            Piece::Field(_, run) => (second % 60, *run),
        };
        out.push_str(&format!("{value:0width$}"));
    }
}

/// Reads a text that has every piece of the format and nothing else.
pub(super) fn exact(text: &str, pieces: &[Piece]) -> Option<i64> {
    let (mut rest, mut ticks) = (text, 0_i64);
    for piece in pieces {
        let (value, unit, below) = match piece {
            Piece::Literal(letter) => {
                rest = rest.strip_prefix(*letter)?;
                continue;
            }
            Piece::Field('d', run) => (digits(&mut rest, *run, 8)?, 86_400 * SECOND, u32::MAX),
            Piece::Field('h', run) => (two(&mut rest, *run)?, 3_600 * SECOND, 24),
            Piece::Field('m', run) => (two(&mut rest, *run)?, 60 * SECOND, 60),
            Piece::Field('s', run) => (two(&mut rest, *run)?, SECOND, 60),
            Piece::Field('f', run) => (fraction(&mut rest, *run, *run)?, 1, u32::MAX),
            Piece::Field(_, run) => (fraction(&mut rest, 0, *run)?, 1, u32::MAX),
        };
        if value >= below {
            return None;
        }
        ticks += i64::from(value) * unit;
    }
    rest.is_empty().then_some(ticks)
}

/// `12:00`, `12:00:01` and `12:00:01.1234567`.
pub(super) fn general(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let (hour, minute) = (two(&mut rest, 1)?, two(colon(&mut rest)?, 1)?);
    let second = if rest.is_empty() { 0 } else { two(colon(&mut rest)?, 1)? };
    let ticks = match rest.strip_prefix('.') {
        Some(digits) => {
            rest = digits;
            fraction(&mut rest, 1, 7)?
        }
        None => 0,
    };
    // What is behind the seventh digit is exact if it is nothing.
    let is_time = rest.bytes().all(|digit| digit == b'0') && hour < 24 && minute < 60 && second < 60;
    is_time.then(|| i64::from((hour * 60 + minute) * 60 + second) * SECOND + i64::from(ticks))
}

fn colon<'a, 'b>(rest: &'a mut &'b str) -> Option<&'a mut &'b str> {
    *rest = rest.strip_prefix(':')?;
    Some(rest)
}
