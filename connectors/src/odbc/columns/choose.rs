//! Which kind and binding a column gets, from what its driver says of it.

use std::num::NonZeroUsize;

use arrow::datatypes::TimeUnit;
use odbc_api::{ColumnDescription, DataType, Nullability, handles::slice_to_cow_utf8};

use super::{Binding, Column, Kind};
use crate::odbc::drivers::{Driver, LongValues, Rendering};

/// Characters up to which a column's declared maximum is bound as it is.
const BOUNDED: usize = 2_000;
/// Characters of the longest decimal, date or time that any of these databases writes.
const LONGEST_NUMBER: usize = 45;
const LONGEST_TIME: usize = 45;

/// The column that is described so.
pub(super) fn choose(description: &ColumnDescription, type_name: &str, unsigned: bool, driver: &Driver) -> Column {
    let data_type = description.data_type;
    let kind = named_kind(type_name, driver).unwrap_or_else(|| kind_of(data_type, type_name, unsigned, driver));
    Column {
        name: slice_to_cow_utf8(&description.name).into_owned(),
        kind,
        binding: binding_of(kind, data_type, driver),
        source_type: source_type(data_type, type_name),
        system: driver.name,
        described: (data_type, type_name.to_owned()),
        is_required: description.nullability == Nullability::NoNulls,
    }
}

/// What the ODBC type does not tell and the database's own name does.
fn named_kind(type_name: &str, driver: &Driver) -> Option<Kind> {
    match (driver.rendering, type_name) {
        (Rendering::PostgreSql, "bool") => Some(Kind::Boolean),
        (Rendering::PostgreSql, "money" | "uuid") => Some(Kind::Text),
        (Rendering::PostgreSql, "oid" | "xid" | "cid") => Some(Kind::Int64),
        (Rendering::PostgreSql, "timestamptz") => Some(Kind::Timestamp { unit: TimeUnit::Microsecond, utc: true }),
        (Rendering::MariaDb, "timestamp") => Some(Kind::Timestamp { unit: TimeUnit::Microsecond, utc: true }),
        _ => None,
    }
}

fn kind_of(data_type: DataType, type_name: &str, unsigned: bool, driver: &Driver) -> Kind {
    // SQLite's integers have 64 bits and its reals 53, whatever is declared.
    if driver.rendering == Rendering::Sqlite {
        match data_type {
            DataType::TinyInt | DataType::SmallInt | DataType::Integer | DataType::BigInt => return Kind::Int64,
            DataType::Real => return Kind::Float64,
            _ => {}
        }
    }
    let signed_or = |signed, without| if unsigned { without } else { signed };
    match data_type {
        DataType::Bit => Kind::Boolean,
        DataType::TinyInt => signed_or(Kind::Int8, Kind::UInt8),
        DataType::SmallInt => signed_or(Kind::Int16, Kind::UInt16),
        DataType::Integer => signed_or(Kind::Int32, Kind::UInt32),
        DataType::BigInt => signed_or(Kind::Int64, Kind::UInt64),
        DataType::Real => Kind::Float32,
        // A double holds every FLOAT exactly; its precision is told in bits, in digits or not at all.
        DataType::Float { .. } | DataType::Double => Kind::Float64,
        DataType::Numeric { precision, scale } | DataType::Decimal { precision, scale } => {
            // psqlodbc says 28 digits where none are declared, and then any scale.
            let undeclared = driver.rendering == Rendering::PostgreSql && precision == 28 && type_name == "numeric";
            match (u8::try_from(precision), i8::try_from(scale)) {
                (Ok(precision @ 1..=38), Ok(scale)) if !undeclared && (0..=precision as i8).contains(&scale) => {
                    Kind::Decimal { precision, scale }
                }
                _ => Kind::Text,
            }
        }
        DataType::Date => Kind::Date,
        DataType::Time { precision } => Kind::Time(unit(precision)),
        DataType::Timestamp { precision } => Kind::Timestamp { unit: unit(precision), utc: false },
        DataType::Binary { .. } | DataType::Varbinary { .. } | DataType::LongVarbinary { .. } => Kind::Binary,
        _ => Kind::Text,
    }
}

fn unit(fraction_digits: i16) -> TimeUnit {
    if fraction_digits > 6 { TimeUnit::Nanosecond } else { TimeUnit::Microsecond }
}

fn binding_of(kind: Kind, data_type: DataType, driver: &Driver) -> Binding {
    let temporal = matches!(kind, Kind::Date | Kind::Time(_) | Kind::Timestamp { .. });
    match (driver.rendering, kind) {
        (Rendering::Sqlite, _) => Binding::Bytes(None),
        (_, Kind::Decimal { .. } | Kind::UInt64) => Binding::Narrow(Some(LONGEST_NUMBER)),
        (Rendering::Driver, Kind::Date | Kind::Timestamp { .. }) => Binding::Native,
        _ if temporal => Binding::Narrow(Some(LONGEST_TIME)),
        // MariaDB's driver leaves the indicator of a bound SQL_C_BIT as it was.
        (Rendering::MariaDb, Kind::Boolean) => Binding::Bytes(Some(1)),
        (_, Kind::Text) => text_binding(data_type, driver),
        (_, Kind::Binary) => Binding::Bytes(bounded(data_type, driver)),
        _ => Binding::Native,
    }
}

fn text_binding(data_type: DataType, driver: &Driver) -> Binding {
    let characters = bounded(data_type, driver);
    if driver.narrow_is_utf8 {
        Binding::Narrow(characters.map(|characters| characters * 4))
    } else {
        Binding::Wide(characters.map(|characters| characters * 2))
    }
}

/// The declared maximum, where it is small and one can rely on it.
fn bounded(data_type: DataType, driver: &Driver) -> Option<usize> {
    if driver.long_values == LongValues::Positioned {
        return None;
    }
    let length = match data_type {
        DataType::Char { length } | DataType::Varchar { length } => length,
        DataType::WChar { length } | DataType::WVarchar { length } => length,
        DataType::Binary { length } | DataType::Varbinary { length } => length,
        DataType::Numeric { precision, .. } | DataType::Decimal { precision, .. } => NonZeroUsize::new(precision + 3),
        _ => None,
    };
    length.map(NonZeroUsize::get).filter(|length| *length <= BOUNDED)
}

fn source_type(data_type: DataType, type_name: &str) -> String {
    let (own, size) = match data_type {
        DataType::Char { length } => ("char", length.map(|n| n.to_string())),
        DataType::Varchar { length } => ("varchar", length.map(|n| n.to_string())),
        DataType::WChar { length } => ("nchar", length.map(|n| n.to_string())),
        DataType::WVarchar { length } => ("nvarchar", length.map(|n| n.to_string())),
        DataType::Binary { length } => ("binary", length.map(|n| n.to_string())),
        DataType::Varbinary { length } => ("varbinary", length.map(|n| n.to_string())),
        DataType::Numeric { precision, scale } => ("numeric", Some(format!("{precision},{scale}"))),
        DataType::Decimal { precision, scale } => ("decimal", Some(format!("{precision},{scale}"))),
        DataType::Time { precision } => ("time", Some(precision.to_string())),
        DataType::Timestamp { precision } => ("timestamp", Some(precision.to_string())),
        _ => ("", None),
    };
    let name = if type_name.is_empty() { own } else { type_name };
    size.map_or_else(|| name.to_owned(), |size| format!("{name}({size})"))
}
