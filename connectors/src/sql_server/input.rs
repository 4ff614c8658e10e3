//! What is read: a table, a query or a stored procedure, and the statement that reads a part of it.

use mssql_tds::datatypes::sqltypes::SqlType;
use ropeway_engine::{Error, ErrorKind, Result};
use serde_json::{Map, Value};

use super::{
    arguments::{self, Argument},
    cut::Recipe,
    object_name::{parts, quoted},
    spec::{CopySource, Dataset},
    statements::{self, AFTER, PARTITION, UPTO},
    wire::Query,
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
            (None, Some(name)) => {
                let (call, parameters) = call_of(&name, source.stored_procedure_parameters.as_ref())?;
                Ok(Self::Procedure { call, parameters })
            }
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
            Self::Table(name) => {
                let select = statements::select("*", name, &condition);
                match recipe.order() {
                    Some(key) => statements::in_order(&select, &quote_ident(&key.column)?),
                    None => select,
                }
            }
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
        (_, None, Some(name)) => self::parts(&name)?,
        (_, None, None) => {
            return Err(Error::new(ErrorKind::Spec, format!("the dataset names no table; {advice}")));
        }
    };
    quoted(&parts)
}

/// The call of a stored procedure, and its parameters.
pub(crate) fn call_of(name: &str, parameters: Option<&Map<String, Value>>) -> Result<(String, Vec<(String, SqlType)>)> {
    let arguments = arguments::of(parameters)?;
    let list = |(position, argument): (usize, &Argument)| format!("{} = {}", argument.name, arguments::own(position));
    let list: Vec<_> = arguments.iter().enumerate().map(list).collect();
    let call = format!("EXEC {} {}", quoted(&parts(name)?)?, list.join(", "));
    let parameters = arguments.into_iter().enumerate();
    let parameters = parameters.map(|(position, argument)| (arguments::own(position), argument.value)).collect();
    Ok((call.trim_end().to_owned(), parameters))
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
