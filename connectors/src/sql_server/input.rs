//! What is read: a table, a query or a stored procedure, and the statement that reads a part of it.

use mssql_tds::datatypes::{decoder::DecimalParts, sqltypes::SqlType};
use ropeway_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::{
    cut::Recipe,
    spec::{CopySource, Dataset},
    statements::{self, AFTER, PARTITION, UPTO},
    wire::{Query, text},
};
use crate::sql::quote_ident;

/// Stands in a query for the predicate of a range.
pub(crate) const CONDITION: &str = "?AdfDynamicRangePartitionCondition";
const COLUMN: &str = "?AdfRangePartitionColumnName";
const LOW: &str = "?AdfRangePartitionLowbound";
const UP: &str = "?AdfRangePartitionUpbound";

/// What a copy reads.
#[derive(Debug)]
pub(crate) enum Input {
    /// A table or view, quoted: `[dbo].[orders]`.
    Table(String),
    /// A query as the definition has it.
    Query(String),
    /// A call of a stored procedure, and its parameters.
    Procedure { call: String, parameters: Vec<(String, SqlType)> },
}

impl Input {
    /// What the definition names: the procedure, the query or the table.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if it names none, or a procedure and a query.
    pub(crate) fn of(dataset: &Dataset, source: &CopySource) -> Result<Self> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        match (given(&source.sql_reader_query), given(&source.sql_reader_stored_procedure_name)) {
            (Some(_), Some(_)) => {
                Err(spec("«sqlReaderQuery» and «sqlReaderStoredProcedureName» exclude each other; remove one"))
            }
            (Some(query), None) => Ok(Self::Query(query)),
            (None, Some(name)) => procedure(&name, source.stored_procedure_parameters.as_ref()),
            (None, None) => {
                let advice = "give «schema» and «table» in the dataset or «sqlReaderQuery» in the source";
                table(dataset, advice).map(Self::Table)
            }
        }
    }

    /// The statement whose first result has the columns that every part has.
    pub(crate) fn whole(&self) -> Query {
        match self {
            Self::Table(name) => Query::new(statements::select("*", name, ""), []),
            Self::Query(query) => Query::new(without_placeholders(query), []),
            Self::Procedure { call, parameters } => Query { sql: call.clone(), parameters: parameters.clone() },
        }
    }

    /// The same as one text without parameters, to be described.
    pub(crate) fn described(&self) -> String {
        match self {
            Self::Procedure { call, parameters } => {
                parameters.iter().fold(call.clone(), |call, (name, _)| call.replace(&format!("= {name}"), "= NULL"))
            }
            _ => self.whole().sql,
        }
    }

    /// The statement that reads one part.
    pub(crate) fn part(&self, recipe: &Recipe) -> Result<Query> {
        let (condition, parameters) = recipe.condition()?;
        let sql = match self {
            _ if matches!(recipe, Recipe::Whole) => return Ok(self.whole()),
            Self::Table(name) => statements::select("*", name, &condition),
            Self::Query(query) => query
                .replace(CONDITION, &condition)
                .replace(COLUMN, &quote_ident(recipe.column().unwrap_or_default())?)
                .replace(LOW, AFTER)
                .replace(UP, UPTO),
            Self::Procedure { .. } => return Ok(self.whole()),
        };
        Ok(Query { sql, parameters })
    }

    /// True if a query says where a range's predicate goes.
    pub(crate) fn has_place_for_range(&self) -> bool {
        match self {
            Self::Table(_) => true,
            Self::Query(query) => query.contains(CONDITION),
            Self::Procedure { .. } => false,
        }
    }

    /// The input as something that can stand behind FROM.
    pub(crate) fn as_table(&self) -> String {
        match self {
            Self::Table(name) => name.clone(),
            Self::Query(query) => statements::derived(&without_placeholders(query)),
            Self::Procedure { call, .. } => call.clone(),
        }
    }

    /// For people: the statement with its range placeholder.
    pub(crate) fn shown(&self, cut: bool) -> String {
        match self {
            Self::Table(name) => {
                let range = if cut { "<range>" } else { "" };
                statements::select("*", name, range)
            }
            Self::Query(query) => query.clone(),
            Self::Procedure { call, .. } => call.clone(),
        }
    }
}

/// A physical partition's parameter.
pub(crate) fn partition_parameter(number: i32) -> (String, SqlType) {
    (PARTITION.to_owned(), SqlType::Int(Some(number)))
}

fn without_placeholders(query: &str) -> String {
    query.replace(CONDITION, "1 = 1").replace(LOW, "NULL").replace(UP, "NULL").replace(COLUMN, "NULL")
}

/// The table that a dataset names, quoted.
///
/// # Errors
/// [`ErrorKind::Spec`] with the advice if it names none.
pub(crate) fn table(dataset: &Dataset, advice: &str) -> Result<String> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let parts = match (given(&dataset.schema), given(&dataset.table), given(&dataset.table_name)) {
        (Some(schema), Some(table), _) => vec![schema, table],
        (None, Some(table), _) => vec![table],
        (_, None, Some(name)) => split_name(&name)?,
        (_, None, None) => {
            return Err(Error::new(ErrorKind::Spec, format!("the dataset names no table; {advice}")));
        }
    };
    let quoted = parts.iter().map(|part| quote_ident(part)).collect::<Result<Vec<_>>>()?;
    Ok(quoted.join("."))
}

/// The parts of `dbo.orders` or `[dbo].[my.orders]`.
fn split_name(name: &str) -> Result<Vec<String>> {
    let refuse = || spec("a table name is schema.table or [schema].[table]").with("name", name.escape_debug());
    let mut parts = Vec::new();
    let mut rest = name.trim();
    loop {
        let part;
        (part, rest) = match rest.strip_prefix('[') {
            Some(quoted) => bracketed(quoted).ok_or_else(refuse)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].trim().to_owned(), &rest[end..])
            }
        };
        parts.push(part);
        match rest.strip_prefix('.') {
            Some(next) => rest = next,
            None if rest.trim().is_empty() && parts.len() <= 3 => return Ok(parts),
            None => return Err(refuse()),
        }
    }
}

/// The name up to its closing bracket, and what follows.
fn bracketed(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once(']')?;
        name.push_str(part);
        match after.strip_prefix(']') {
            Some(doubled) => {
                name.push(']');
                rest = doubled;
            }
            None => return Some((name, after)),
        }
    }
}

fn procedure(name: &str, parameters: Option<&Map<String, Value>>) -> Result<Input> {
    let quoted = split_name(name)?.iter().map(|part| quote_ident(part)).collect::<Result<Vec<_>>>()?;
    let mut call = format!("EXEC {}", quoted.join("."));
    let mut values = Vec::new();
    for (position, (name, value)) in parameters.into_iter().flatten().enumerate() {
        let plain = name.trim_start_matches('@');
        if plain.is_empty() || !plain.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '$' | '@')) {
            return Err(spec("a stored procedure's parameter has a name that SQL Server cannot have")
                .with("parameter", name.escape_debug()));
        }
        // Our own names: theirs cannot collide with anything.
        let own = format!("@ropeway_{position}");
        call.push_str(&format!("{} @{plain} = {own}", if position == 0 { "" } else { "," }));
        values.push((own, procedure_value(plain, value)?));
    }
    Ok(Input::Procedure { call, parameters: values })
}

fn procedure_value(name: &str, parameter: &Value) -> Result<SqlType> {
    let refuse = || spec("a stored procedure's parameter does not have the type that it names").with("parameter", name);
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

fn spec(message: &'static str) -> Error {
    Error::new(ErrorKind::Spec, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn input(dataset: Value, source: Value) -> Result<Input> {
        Input::of(&serde_json::from_value(dataset).unwrap(), &serde_json::from_value(source).unwrap())
    }

    #[test]
    fn tables_are_quoted_part_by_part() {
        for (dataset, expected) in [
            (json!({"schema": "dbo", "table": "or.ders"}), "[dbo].[or.ders]"),
            (json!({"table": "orders"}), "[orders]"),
            (json!({"tableName": "sales.orders"}), "[sales].[orders]"),
            (json!({"tableName": "[sales].[my.ord]]ers]"}), "[sales].[my.ord]]ers]"),
            (json!({"table": "x] WHERE 1=0; --"}), "[x]] WHERE 1=0; --]"),
        ] {
            let Input::Table(name) = input(dataset, json!({})).unwrap() else { panic!("not a table") };
            assert_eq!(name, expected);
        }
        for name in ["[open", "a.b.c.d", "[a]b", "a..b"] {
            assert!(input(json!({"tableName": name}), json!({})).is_err(), "{name}");
        }
    }

    #[test]
    fn exactly_one_input_is_named() {
        assert!(input(json!({}), json!({})).unwrap_err().to_string().contains("table"));
        let both = json!({"sqlReaderQuery": "SELECT 1", "sqlReaderStoredProcedureName": "p"});
        assert!(input(json!({}), both).is_err());
    }

    #[test]
    fn procedures_are_called_with_parameters_never_with_literals() {
        let source = json!({"sqlReaderStoredProcedureName": "dbo.load",
            "storedProcedureParameters": {"id": {"value": "7", "type": "Int"}, "name": {"value": "x'; DROP", "type": "String"}}});
        let query = input(json!({}), source).unwrap().whole();
        assert_eq!(query.sql, "EXEC [dbo].[load] @id = @ropeway_0, @name = @ropeway_1");
        assert_eq!(query.parameters[0].1, SqlType::Int(Some(7)));
        let hostile =
            json!({"sqlReaderStoredProcedureName": "p", "storedProcedureParameters": {"a = 1; --": {"value": 1}}});
        assert!(input(json!({}), hostile).is_err());
    }

    #[test]
    fn a_query_is_described_without_its_placeholder() {
        let source = json!({"sqlReaderQuery": "SELECT * FROM t WHERE ?AdfDynamicRangePartitionCondition AND a = 1"});
        let input = input(json!({}), source).unwrap();
        assert!(input.has_place_for_range());
        assert_eq!(input.described(), "SELECT * FROM t WHERE 1 = 1 AND a = 1");
    }
}
