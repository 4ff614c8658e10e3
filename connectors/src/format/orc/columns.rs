//! Which Arrow column an ORC column becomes.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, Schema, SchemaRef, TimeUnit};
use orc_rust::proto::{Type, r#type::Kind};
use ropeway_engine::{Error, ErrorKind, Result, source::SOURCE_TYPE};

use super::damaged;

/// Columns at most.
const MOST_COLUMNS: usize = 10_000;

/// The columns of a file, each with its ORC type as the source's type.
///
/// # Errors
/// Types that make no sense, or have no column here.
pub(super) fn columns(types: &[Type]) -> Result<SchemaRef> {
    let root = types.first().filter(|root| known(root) == Some(Kind::Struct));
    let root = root.ok_or_else(|| damaged("its rows are no structs of columns"))?;
    if root.subtypes.is_empty() || root.subtypes.len() != root.field_names.len() {
        return Err(damaged("its columns are not named"));
    }
    if root.subtypes.len() > MOST_COLUMNS {
        return Err(damaged("it has more than 10000 columns"));
    }
    let mut fields = Vec::with_capacity(root.subtypes.len());
    let mut before = 0;
    for (id, name) in root.subtypes.iter().zip(&root.field_names) {
        let column = types.get(*id as usize).filter(|_| *id > before);
        fields.push(field(name, column.ok_or_else(|| damaged("its columns are mixed up"))?)?);
        before = *id;
    }
    Ok(Arc::new(Schema::new(fields)))
}

/// True for timestamps that mean what a clock shows, not a moment.
pub(super) fn shows_a_clock(column: &Type) -> bool {
    known(column) == Some(Kind::Timestamp)
}

/// True for columns of seconds and nanoseconds.
pub(super) fn is_timestamp(column: &Type) -> bool {
    matches!(known(column), Some(Kind::Timestamp | Kind::TimestampInstant))
}

fn known(column: &Type) -> Option<Kind> {
    column.kind.and_then(|kind| Kind::try_from(kind).ok())
}

fn field(name: &str, column: &Type) -> Result<Field> {
    let refused = |message: &'static str| {
        Error::new(ErrorKind::Data, message).with("column", name.escape_debug()).code("OrcUnsupportedType")
    };
    let kind =
        known(column).ok_or_else(|| refused("this type of ORC is not known; leave the column out of the file"))?;
    let length = column.maximum_length();
    let (data_type, source_type) = match kind {
        Kind::Boolean => (DataType::Boolean, "boolean".to_owned()),
        Kind::Byte => (DataType::Int8, "tinyint".to_owned()),
        Kind::Short => (DataType::Int16, "smallint".to_owned()),
        Kind::Int => (DataType::Int32, "int".to_owned()),
        Kind::Long => (DataType::Int64, "bigint".to_owned()),
        Kind::Float => (DataType::Float32, "float".to_owned()),
        Kind::Double => (DataType::Float64, "double".to_owned()),
        Kind::String => (DataType::Utf8, "string".to_owned()),
        Kind::Varchar => (DataType::Utf8, format!("varchar({length})")),
        Kind::Char => (DataType::Utf8, format!("char({length})")),
        Kind::Binary => (DataType::Binary, "binary".to_owned()),
        Kind::Date => (DataType::Date32, "date".to_owned()),
        Kind::Timestamp => (DataType::Timestamp(TimeUnit::Nanosecond, None), "timestamp".to_owned()),
        Kind::TimestampInstant => {
            (DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), "timestamp with local time zone".to_owned())
        }
        Kind::Decimal => {
            let (precision, scale) = (column.precision(), column.scale());
            if !(1..=u32::from(DECIMAL128_MAX_PRECISION)).contains(&precision) || scale > precision {
                return Err(refused("a decimal needs 1 to 38 digits, and no more of them behind the point"));
            }
            (DataType::Decimal128(precision as u8, scale as i8), format!("decimal({precision},{scale})"))
        }
        Kind::List | Kind::Map | Kind::Struct | Kind::Union => {
            return Err(refused("lists, structs, maps and unions cannot be copied; leave the column out of the file"));
        }
    };
    Ok(Field::new(name, data_type, true).with_metadata(HashMap::from([(SOURCE_TYPE.to_owned(), source_type)])))
}
