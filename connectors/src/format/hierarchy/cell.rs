//! Which column a value fits into, and how it gets there: exactly, or not at all.

use std::{borrow::Cow, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder},
    datatypes::DataType,
};

/// Whole numbers up to this one are doubles too, all of them.
const WHOLE_DOUBLES: u64 = 1 << 53;

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Int64,
    Double,
    /// Texts, and the digits of numbers that have no other exact place.
    Text,
}

/// What kinds of values were seen in a column.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen(u8);

impl Seen {
    const BOOLEAN: u8 = 1;
    const SMALL: u8 = 2;
    const LARGE: u8 = 4;
    const DOUBLE: u8 = 8;
    const TEXT: u8 = 16;
    const COMPLEX: u8 = 32;

    pub(super) fn add(&mut self, literal: &str) {
        self.0 |= match literal.as_bytes() {
            [b'{' | b'[', ..] => Self::COMPLEX,
            [b'"', ..] => Self::TEXT,
            [b't' | b'f', ..] => Self::BOOLEAN,
            _ => match (whole(literal), double(literal)) {
                (Some(number), _) if number.unsigned_abs() <= WHOLE_DOUBLES => Self::SMALL,
                (Some(_), _) => Self::LARGE,
                (None, Some(_)) => Self::DOUBLE,
                (None, None) => Self::TEXT,
            },
        };
    }

    pub(super) fn is_complex(self) -> bool {
        self.0 & Self::COMPLEX != 0
    }

    /// The kind that has an exact place for all of them.
    pub(super) fn kind(self) -> Kind {
        let only = |kinds: u8| self.0 != 0 && self.0 & !kinds == 0;
        if only(Self::BOOLEAN) {
            Kind::Boolean
        } else if only(Self::SMALL | Self::LARGE) {
            Kind::Int64
        } else if only(Self::SMALL | Self::DOUBLE) {
            Kind::Double
        } else {
            Kind::Text
        }
    }
}

/// A value that fits into a column.
pub(super) enum Cell<'a> {
    Null,
    Boolean(bool),
    Int64(i64),
    Double(f64),
    Text(Cow<'a, str>),
}

impl Kind {
    /// Data Factory's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Int64 => "Int64",
            Self::Double => "Double",
            Self::Text => "String",
        }
    }

    pub(super) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Text => DataType::Utf8,
        }
    }

    /// The value of a literal; `None` if it is none of this kind.
    pub(super) fn cell(self, literal: &str, complex_as_text: bool) -> Option<Cell<'_>> {
        match self {
            Self::Boolean => match literal {
                "true" => Some(Cell::Boolean(true)),
                "false" => Some(Cell::Boolean(false)),
                _ => None,
            },
            Self::Int64 => whole(literal).map(Cell::Int64),
            Self::Double => {
                let too_large = whole(literal).is_some_and(|number| number.unsigned_abs() > WHOLE_DOUBLES);
                if too_large { None } else { double(literal).map(Cell::Double) }
            }
            Self::Text => match literal.as_bytes() {
                [b'"', ..] => text(literal).map(Cell::Text),
                [b'{' | b'[', ..] if !complex_as_text => None,
                _ => Some(Cell::Text(Cow::Borrowed(literal))),
            },
        }
    }
}

/// The text of a literal in quotes.
pub(super) fn text(literal: &str) -> Option<Cow<'_, str>> {
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    // Half of a surrogate pair is no character: such a text is refused.
    serde_json::from_str::<String>(literal).ok().map(Cow::Owned)
}

fn whole(literal: &str) -> Option<i64> {
    // Minus zero is a double.
    if literal == "-0" { None } else { literal.parse().ok() }
}

/// The double that has exactly this value in its shortest text.
fn double(literal: &str) -> Option<f64> {
    if !literal.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = literal.parse().ok().filter(|number: &f64| number.is_finite())?;
    let exact = significant(literal)? == significant(&format!("{number:e}"))?;
    exact.then_some(number)
}

/// The sign, the digits without zeros at their ends, and the power of ten of the last one.
fn significant(number: &str) -> Option<(bool, String, i64)> {
    let (negative, digits) = number.strip_prefix('-').map_or((false, number), |digits| (true, digits));
    let (mantissa, exponent) = digits.split_once(['e', 'E']).unwrap_or((digits, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let power =
        exponent.parse::<i64>().ok()?.checked_sub(fraction.len() as i64)? + (digits.len() - trimmed.len()) as i64;
    let trimmed = trimmed.trim_start_matches('0');
    Some((negative, trimmed.to_owned(), if trimmed.is_empty() { 0 } else { power }))
}

/// A column that is being filled.
pub(super) enum Column {
    Boolean(BooleanBuilder),
    Int64(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
}

impl Column {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Int64 => Self::Int64(Int64Builder::new()),
            Kind::Double => Self::Double(Float64Builder::new()),
            Kind::Text => Self::Text(StringBuilder::new()),
        }
    }

    /// Takes a cell of its kind in; every other one would be null, and [`Kind::cell`] makes none.
    pub(super) fn push(&mut self, cell: &Cell<'_>) {
        match (self, cell) {
            (Self::Boolean(column), Cell::Boolean(value)) => column.append_value(*value),
            (Self::Int64(column), Cell::Int64(value)) => column.append_value(*value),
            (Self::Double(column), Cell::Double(value)) => column.append_value(*value),
            (Self::Text(column), Cell::Text(value)) => column.append_value(value),
            (Self::Boolean(column), _) => column.append_null(),
            (Self::Int64(column), _) => column.append_null(),
            (Self::Double(column), _) => column.append_null(),
            (Self::Text(column), _) => column.append_null(),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(column) => Arc::new(column.finish()),
            Self::Int64(column) => Arc::new(column.finish()),
            Self::Double(column) => Arc::new(column.finish()),
            Self::Text(column) => Arc::new(column.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(literals: &[&str]) -> Kind {
        let mut seen = Seen::default();
        literals.iter().for_each(|literal| seen.add(literal));
        seen.kind()
    }

    #[test]
    fn a_kind_has_an_exact_place_for_every_value() {
        for (literals, expected) in [
            (&["1", "-9223372036854775808"][..], Kind::Int64),
            (&["9223372036854775808"], Kind::Text),
            (&["9223372036854775809"], Kind::Text),
            (&["1", "1.5"], Kind::Double),
            (&["9007199254740993", "1.5"], Kind::Text),
            (&["0.1", "1e308", "5e-324", "-0", "1.10", "100.0", "1E2"], Kind::Double),
            (&["0.1000000000000000055511151231257827"], Kind::Text),
            (&["12345678901234.5678"], Kind::Text),
            (&["1e400"], Kind::Text),
            (&["true", "false"], Kind::Boolean),
            (&["true", "1"], Kind::Text),
            (&["\"a\"", "1"], Kind::Text),
            (&[], Kind::Text),
        ] {
            assert_eq!(kind(literals), expected, "{literals:?}");
            for literal in literals {
                assert!(expected.cell(literal, false).is_some(), "{literal}");
            }
        }
    }

    #[test]
    fn a_value_of_another_kind_has_no_place() {
        for (kind, literal) in [
            (Kind::Int64, "1.0"),
            (Kind::Int64, "-0"),
            (Kind::Int64, "\"1\""),
            (Kind::Double, "9007199254740993"),
            (Kind::Double, "12345678901234.5678"),
            (Kind::Double, "1e400"),
            (Kind::Double, "true"),
            (Kind::Boolean, "0"),
            (Kind::Text, "{}"),
            (Kind::Text, "\"\\ud800\""),
        ] {
            assert!(kind.cell(literal, false).is_none(), "{kind:?} {literal}");
        }
    }
}
