//! Types as the catalogue describes them.

use super::super::SqlType;
use super::super::sql_type::{Length, Udt};

/// `max_length`, `precision` and `scale` of `sys.columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) max_length: i64,
    pub(crate) precision: i64,
    pub(crate) scale: i64,
}

impl Shape {
    pub(crate) fn of(of: SqlType) -> Shape {
        let shape = |max_length, precision, scale| Shape { max_length, precision, scale };
        let fraction = |scale: u8, base: i64| if scale == 0 { base } else { base + 1 + i64::from(scale) };
        let time = |scale: u8| match scale {
            ..=2 => 3,
            3..=4 => 4,
            _ => 5,
        };
        match of {
            SqlType::Bit => shape(1, 1, 0),
            SqlType::TinyInt => shape(1, 3, 0),
            SqlType::SmallInt => shape(2, 5, 0),
            SqlType::Int => shape(4, 10, 0),
            SqlType::BigInt => shape(8, 19, 0),
            SqlType::Real => shape(4, 24, 0),
            SqlType::Float => shape(8, 53, 0),
            SqlType::Decimal { precision, scale, .. } => {
                let bytes = match precision {
                    ..=9 => 5,
                    10..=19 => 9,
                    20..=28 => 13,
                    _ => 17,
                };
                shape(bytes, i64::from(precision), i64::from(scale))
            }
            SqlType::Money => shape(8, 19, 4),
            SqlType::SmallMoney => shape(4, 10, 4),
            SqlType::Date => shape(3, 10, 0),
            SqlType::Time(scale) => shape(time(scale), fraction(scale, 8), i64::from(scale)),
            SqlType::DateTime => shape(8, 23, 3),
            SqlType::SmallDateTime => shape(4, 16, 0),
            SqlType::DateTime2(scale) => shape(time(scale) + 3, fraction(scale, 19), i64::from(scale)),
            SqlType::DateTimeOffset(scale) => shape(time(scale) + 5, fraction(scale, 26), i64::from(scale)),
            SqlType::Char(n, _) | SqlType::Binary(n) => shape(i64::from(n), 0, 0),
            SqlType::NChar(n, _) => shape(i64::from(n) * 2, 0, 0),
            SqlType::VarChar(Length::Of(n), _) | SqlType::VarBinary(Length::Of(n)) => shape(i64::from(n), 0, 0),
            SqlType::NVarChar(Length::Of(n), _) => shape(i64::from(n) * 2, 0, 0),
            SqlType::VarChar(..) | SqlType::NVarChar(..) | SqlType::VarBinary(_) | SqlType::Xml => shape(-1, 0, 0),
            SqlType::Text(_) | SqlType::NText(_) | SqlType::Image | SqlType::UniqueIdentifier => shape(16, 0, 0),
            SqlType::RowVersion => shape(8, 0, 0),
            SqlType::SqlVariant => shape(8016, 0, 0),
            SqlType::Udt(Udt::HierarchyId) => shape(892, 0, 0),
            SqlType::Udt(_) => shape(-1, 0, 0),
        }
    }
}

/// `system_type_id` and `user_type_id` of `sys.types`.
pub(crate) fn system_type_id(of: SqlType) -> (i64, i64) {
    let id = match of {
        SqlType::Image => 34,
        SqlType::Text(_) => 35,
        SqlType::UniqueIdentifier => 36,
        SqlType::Date => 40,
        SqlType::Time(_) => 41,
        SqlType::DateTime2(_) => 42,
        SqlType::DateTimeOffset(_) => 43,
        SqlType::TinyInt => 48,
        SqlType::SmallInt => 52,
        SqlType::Int => 56,
        SqlType::SmallDateTime => 58,
        SqlType::Real => 59,
        SqlType::Money => 60,
        SqlType::DateTime => 61,
        SqlType::Float => 62,
        SqlType::SqlVariant => 98,
        SqlType::NText(_) => 99,
        SqlType::Bit => 104,
        SqlType::Decimal { numeric: false, .. } => 106,
        SqlType::Decimal { numeric: true, .. } => 108,
        SqlType::SmallMoney => 122,
        SqlType::BigInt => 127,
        SqlType::VarBinary(_) => 165,
        SqlType::VarChar(..) => 167,
        SqlType::Binary(_) => 173,
        SqlType::Char(..) => 175,
        SqlType::RowVersion => 189,
        SqlType::NVarChar(..) => 231,
        SqlType::NChar(..) => 239,
        SqlType::Xml => 241,
        SqlType::Udt(udt) => {
            let user = match udt {
                Udt::HierarchyId => 128,
                Udt::Geometry => 129,
                Udt::Geography => 130,
            };
            return (240, user);
        }
    };
    (id, id)
}
