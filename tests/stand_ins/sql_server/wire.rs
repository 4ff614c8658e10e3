//! Types and values as they travel (MS-TDS 2.2.5.4 to 2.2.5.6, 2.2.7.4, 2.2.7.19).

mod decode;
mod encode;
mod type_info;

pub(super) use decode::{Malformed, Origin, check_length, from_data, read_value};
pub(super) use encode::{data, write_value};
pub(super) use type_info::{Declared, long_text, read_type, short_text, write_type};

use super::SqlType;
use super::sql_type::Length;

/// How a value's length is told in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    None,
    Byte,
    Short,
    Plp,
    TextPointer,
    Variant,
}

fn framing(of: SqlType, nullable: bool) -> Framing {
    match of {
        SqlType::VarChar(Length::Max, _) | SqlType::NVarChar(Length::Max, _) | SqlType::VarBinary(Length::Max) => {
            Framing::Plp
        }
        SqlType::Xml | SqlType::Udt(_) => Framing::Plp,
        SqlType::Text(_) | SqlType::NText(_) | SqlType::Image => Framing::TextPointer,
        SqlType::SqlVariant => Framing::Variant,
        _ if of.is_text() => Framing::Short,
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion => Framing::Short,
        SqlType::Decimal { .. } | SqlType::UniqueIdentifier => Framing::Byte,
        SqlType::Date | SqlType::Time(_) | SqlType::DateTime2(_) | SqlType::DateTimeOffset(_) => Framing::Byte,
        _ if nullable => Framing::Byte,
        _ => Framing::None,
    }
}

fn decimal_length(precision: u8) -> u8 {
    match precision {
        ..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

fn time_length(scale: u8) -> usize {
    match scale {
        ..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

fn fixed_length(of: SqlType) -> usize {
    match of {
        SqlType::Bit | SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Int | SqlType::Real | SqlType::SmallMoney | SqlType::SmallDateTime => 4,
        _ => 8,
    }
}
