//! The grammar of date and time formats: standard ones of one letter, and custom ones.

/// The format `o`: `2018-03-15T13:00:00.0000000Z`.
pub(crate) const ROUND_TRIP: &str = "yyyy-MM-ddTHH:mm:ss.fffffffK";

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A letter that stands for a part of the time, and how often it stands there.
    Field(char, usize),
    /// A text that stands for itself.
    Literal(String),
}

/// A standard format's custom form. No format is the general one.
pub(crate) fn expand(pattern: &str) -> Result<&str, String> {
    if pattern.chars().nth(1).is_some() {
        return Ok(pattern);
    }
    Ok(match pattern {
        "o" | "O" => ROUND_TRIP,
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ss'Z'",
        "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "d" => "M/d/yyyy",
        "D" => "dddd, MMMM d, yyyy",
        "t" => "h:mm tt",
        "T" => "h:mm:ss tt",
        "f" => "dddd, MMMM d, yyyy h:mm tt",
        "F" | "U" => "dddd, MMMM d, yyyy h:mm:ss tt",
        "g" => "M/d/yyyy h:mm tt",
        "" | "G" => "M/d/yyyy h:mm:ss tt",
        "m" | "M" => "MMMM d",
        "y" | "Y" => "MMMM yyyy",
        other => return Err(format!("does not know the date format '{other}'")),
    })
}

/// A custom format taken apart.
pub(crate) fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let characters: Vec<char> = pattern.chars().collect();
    let (mut pieces, mut at) = (Vec::new(), 0);
    while at < characters.len() {
        let letter = characters[at];
        let run = characters[at..].iter().take_while(|c| **c == letter).count();
        at += match letter {
            '\'' | '"' => {
                let closing = characters[at + 1..].iter().position(|c| *c == letter);
                let closing = closing.ok_or_else(|| format!("has a date format with an open quote: '{pattern}'"))?;
                literal(&mut pieces, &characters[at + 1..at + 1 + closing]);
                closing + 2
            }
            '\\' => {
                let escaped = characters.get(at + 1..at + 2);
                literal(
                    &mut pieces,
                    escaped.ok_or_else(|| format!("has a date format that ends in a backslash: '{pattern}'"))?,
                );
                2
            }
            '%' => 1,
            'f' | 'F' if run > 7 => {
                return Err(format!("has a date format with more than seven digits of a second: '{pattern}'"));
            }
            'd' | 'M' | 'y' | 'H' | 'h' | 'm' | 's' | 'f' | 'F' | 't' | 'g' | 'K' | 'z' => {
                pieces.push(Piece::Field(letter, run));
                run
            }
            _ => {
                literal(&mut pieces, &characters[at..=at]);
                1
            }
        };
    }
    Ok(pieces)
}

fn literal(pieces: &mut Vec<Piece>, characters: &[char]) {
    if let Some(Piece::Literal(text)) = pieces.last_mut() {
        text.extend(characters);
        return;
    }
    pieces.push(Piece::Literal(characters.iter().collect()));
}
