//! `range` of a dataset: where in its sheet a table is.

use ropeway_engine::{Error, ErrorKind, Result};

/// A cell: row and column, from 0.
pub(super) type Position = (u32, u32);

/// The cells that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    /// From the first row and column that hold something.
    Everything,
    /// From this cell on.
    From(Position),
    /// From one cell to another.
    Between(Position, Position),
}

impl Area {
    /// # Errors
    /// A text that is no range.
    pub(super) fn named(text: Option<&str>) -> Result<Self> {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(Self::Everything) };
        let area = match text.split_once(':') {
            None => position(text).map(Self::From),
            Some((from, to)) => position(from).zip(position(to)).map(|(from, to)| Self::Between(from, to)),
        };
        let sound = area.filter(|area| match area {
            Self::Between(from, to) => from.0 <= to.0 && from.1 <= to.1,
            _ => true,
        });
        sound.ok_or_else(|| {
            Error::new(
                ErrorKind::Spec,
                "the range of an Excel dataset is a cell such as A3, or two such as A3:H5; correct it",
            )
            .with("range", text.escape_debug())
        })
    }

    pub(super) fn holds(self, (row, column): Position) -> bool {
        match self {
            Self::Everything => true,
            Self::From(from) => row >= from.0 && column >= from.1,
            Self::Between(from, to) => (from.0..=to.0).contains(&row) && (from.1..=to.1).contains(&column),
        }
    }
}

/// The cell of `A3`: letters, then a number from 1.
fn position(text: &str) -> Option<Position> {
    let text = text.trim().replace('$', "");
    let split = text.find(|c: char| !c.is_ascii_alphabetic())?;
    let (letters, digits) = text.split_at(split);
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let column =
        letters.bytes().fold(0_u32, |column, byte| column * 26 + u32::from(byte.to_ascii_uppercase() - b'A') + 1);
    let row: u32 = digits.parse().ok()?;
    Some((row.checked_sub(1).filter(|row| *row < 1 << 20)?, column.checked_sub(1).filter(|column| *column < 1 << 14)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_ranges_are_found() {
        for (text, area) in [
            (None, Area::Everything),
            (Some(""), Area::Everything),
            (Some("A3"), Area::From((2, 0))),
            (Some("A3:H5"), Area::Between((2, 0), (4, 7))),
            (Some("$a$3:A3"), Area::Between((2, 0), (2, 0))),
            (Some("XFD1048576"), Area::From((1_048_575, 16_383))),
        ] {
            assert_eq!(Area::named(text).unwrap(), area);
        }
        for wrong in ["A", "3", "A0", "H5:A3", "A1048577", "XFE1", "A1:B2:C3", "A-1", "é1"] {
            assert!(Area::named(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
