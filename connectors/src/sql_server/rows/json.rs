//! Values as JSON, for the answers of scripts.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mssql_tds::datatypes::column_values::ColumnValues;
use ropeway_engine::text::json::{decimal, moment, number};
use serde_json::Value;

use super::variant::text_of;

/// The value in the shape that a Lookup gives it.
pub(crate) fn json_of(value: &ColumnValues) -> Result<Value, &'static str> {
    if let ColumnValues::Bytes(bytes) = value {
        return Ok(BASE64_STANDARD.encode(bytes).into());
    }
    let Some(text) = text_of(value)? else { return Ok(Value::Null) };
    Ok(match value {
        ColumnValues::Bit(bit) => (*bit).into(),
        ColumnValues::TinyInt(_)
        | ColumnValues::SmallInt(_)
        | ColumnValues::Int(_)
        | ColumnValues::BigInt(_)
        | ColumnValues::Real(_)
        | ColumnValues::Float(_) => number(&text),
        ColumnValues::Decimal(_) | ColumnValues::Numeric(_) | ColumnValues::Money(_) | ColumnValues::SmallMoney(_) => {
            decimal(&text)
        }
        ColumnValues::Date(_)
        | ColumnValues::DateTime(_)
        | ColumnValues::SmallDateTime(_)
        | ColumnValues::DateTime2(_) => moment(&text),
        _ => text.into(),
    })
}
