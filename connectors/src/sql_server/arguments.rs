//! Arguments of stored procedures, as `storedProcedureParameters` has them: they travel as parameters, never as literals.

use mssql_tds::datatypes::{decoder::DecimalParts, sqltypes::SqlType};
use ropeway_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::wire::text;

/// One argument.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    /// The procedure's parameter, with its `@`.
    pub(crate) name: String,
    pub(crate) value: SqlType,
}

/// The arguments in the order of the definition.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that SQL Server cannot have, and for a value that is not of the type it names.
pub(crate) fn of(parameters: Option<&Map<String, Value>>) -> Result<Vec<Argument>> {
    parameters
        .into_iter()
        .flatten()
        .map(|(name, value)| Ok(Argument { name: parameter(name)?, value: typed(name, value)? }))
        .collect()
}

/// Our own name for a value, by its position: a parameter of theirs cannot collide with it.
pub(crate) fn own(position: usize) -> String {
    format!("@ropeway_{position}")
}

/// The name of a procedure's parameter, with or without `@` before.
///
/// # Errors
/// [`ErrorKind::Spec`] for a name that SQL Server cannot have.
pub(crate) fn parameter(name: &str) -> Result<String> {
    let plain = name.trim_start_matches('@');
    if plain.is_empty() || !plain.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@')) {
        return Err(Error::new(
            ErrorKind::Spec,
            "a stored procedure's parameter has a name that SQL Server cannot have",
        )
        .with("parameter", name.escape_debug()));
    }
    Ok(format!("@{plain}"))
}

/// The value that a definition gives: the value itself, or an object with `value` and `type`.
///
/// # Errors
/// [`ErrorKind::Spec`] for a value that is not of the type that it names.
pub(crate) fn typed(name: &str, parameter: &Value) -> Result<SqlType> {
    let refuse = || {
        Error::new(ErrorKind::Spec, "a stored procedure's parameter does not have the type that it names")
            .with("parameter", name.escape_debug())
    };
    let (value, kind) = match parameter {
        Value::Object(object) => {
            (object.get("value").unwrap_or(&Value::Null), object.get("type").and_then(Value::as_str))
        }
        plain => (plain, None),
    };
    let value = match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    fn parsed<T: std::str::FromStr>(value: Option<&String>) -> Result<Option<T>, ()> {
        value.map(|text| text.trim().parse().map_err(drop)).transpose()
    }
    let exact = match kind.unwrap_or("String") {
        "Int" | "Int32" => parsed(value.as_ref()).map(SqlType::Int),
        "Int64" => parsed(value.as_ref()).map(SqlType::BigInt),
        "Boolean" => parsed(value.map(|text| text.to_lowercase()).as_ref()).map(SqlType::Bit),
        "Guid" => parsed(value.as_ref()).map(SqlType::Uuid),
        "Decimal" => match &value {
            Some(text) => {
                DecimalParts::from_string(text, 38, scale_of(text)).map(|it| SqlType::Decimal(Some(it))).map_err(drop)
            }
            None => Ok(SqlType::Decimal(None)),
        },
        // The server converts a text to whatever the parameter is.
        _ => Ok(value.map_or(SqlType::NVarcharMax(None), |value| text(&value))),
    };
    exact.map_err(|()| refuse())
}

fn scale_of(text: &str) -> u8 {
    text.split_once('.').map_or(0, |(_, digits)| digits.trim().len().min(38) as u8)
}
