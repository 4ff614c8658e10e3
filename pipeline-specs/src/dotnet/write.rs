//! Writing by a format.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::{Piece, Reading, Zone};

/// Adds the text of what calendar and clock show.
pub(crate) fn write(reading: Reading, pieces: &[Piece], out: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Field(letter, run) => field(reading, *letter, *run, out),
        }
    }
}

fn field(Reading { at, zone }: Reading, letter: char, run: usize, out: &mut String) {
    // The formatting of the standard library takes no widths beyond 16 bits.
    let number = |value: u32, width: usize| {
        let digits = value.to_string();
        "0".repeat(width.saturating_sub(digits.len())) + &digits
    };
    let text = match (letter, run) {
        ('d', 1 | 2) => number(at.day(), run),
        ('d', 3) => at.format("%a").to_string(),
        ('d', _) => at.format("%A").to_string(),
        ('M', 1 | 2) => number(at.month(), run),
        ('M', 3) => at.format("%b").to_string(),
        ('M', _) => at.format("%B").to_string(),
        ('y', 1 | 2) => number(at.year().unsigned_abs() % 100, run),
        ('y', _) => number(at.year().unsigned_abs(), run),
        ('H', _) => number(at.hour(), run.min(2)),
        ('h', _) => number(at.hour12().1, run.min(2)),
        ('m', _) => number(at.minute(), run.min(2)),
        ('s', _) => number(at.second(), run.min(2)),
        ('f', _) => fraction(at, run),
        ('F', _) => {
            let digits = fraction(at, run);
            let digits = digits.trim_end_matches('0');
            if digits.is_empty() && out.ends_with('.') {
                out.pop();
            }
            digits.to_owned()
        }
        ('t', 1) => if at.hour() < 12 { "A" } else { "P" }.to_owned(),
        ('t', _) => if at.hour() < 12 { "AM" } else { "PM" }.to_owned(),
        ('K', _) => match zone {
            Zone::Unspecified => String::new(),
            Zone::Utc => "Z".repeat(run),
            Zone::Offset(minutes) => offset(minutes, 3).repeat(run),
        },
        // A machine's own zone is UTC here.
        ('z', _) => offset(zone.minutes().unwrap_or(0), run),
        _ => "A.D.".to_owned(),
    };
    out.push_str(&text);
}

fn offset(minutes: i16, run: usize) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.unsigned_abs() / 60, minutes.unsigned_abs() % 60);
    match run {
        1 => format!("{sign}{hours}"),
        2 => format!("{sign}{hours:02}"),
        _ => format!("{sign}{hours:02}:{minutes:02}"),
    }
}

/// The first digits of the fraction of a second.
fn fraction(at: NaiveDateTime, digits: usize) -> String {
    format!("{:09}", at.nanosecond() % 1_000_000_000)[..digits].to_owned()
}
