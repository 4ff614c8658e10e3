//! `sp_describe_first_result_set` and its function twin: the columns of a batch without running it.

use super::SqlError;
use super::bind::{Binder, Context, Variable, literal_sql, name_of};
use super::catalogue::{self, Shape, quoted, system_type_id};
use super::parser::{parse_in, parse_parameters};
use super::sql_type::{Length, SqlType, Udt};
use super::syntax::Statement;
use super::temporary::own;
use super::token::{Column, Origin};
use rusqlite::types::Value;
use std::collections::HashMap;

/// Columns of the answer, in order: names and types.
fn answer_columns() -> Vec<(&'static str, SqlType)> {
    let (bit, int, name) = (SqlType::Bit, SqlType::Int, SqlType::sysname());
    let long = SqlType::nvarchar(4000);
    vec![
        ("is_hidden", bit),
        ("column_ordinal", int),
        ("name", name),
        ("is_nullable", bit),
        ("system_type_id", int),
        ("system_type_name", SqlType::nvarchar(256)),
        ("max_length", SqlType::SmallInt),
        ("precision", SqlType::TinyInt),
        ("scale", SqlType::TinyInt),
        ("collation_name", name),
        ("user_type_id", int),
        ("user_type_database", name),
        ("user_type_schema", name),
        ("user_type_name", name),
        ("assembly_qualified_type_name", long),
        ("xml_collection_id", int),
        ("xml_collection_database", name),
        ("xml_collection_schema", name),
        ("xml_collection_name", name),
        ("is_xml_document", bit),
        ("is_case_sensitive", bit),
        ("is_fixed_length_clr_type", bit),
        ("source_server", name),
        ("source_database", name),
        ("source_schema", name),
        ("source_table", name),
        ("source_column", name),
        ("is_identity_column", bit),
        ("is_part_of_unique_key", bit),
        ("is_updateable", bit),
        ("is_computed_column", bit),
        ("is_sparse_column_set", bit),
        ("ordinal_in_order_by_list", SqlType::SmallInt),
        ("order_by_list_length", SqlType::SmallInt),
        ("order_by_is_descending", SqlType::SmallInt),
        ("tds_type_id", int),
        ("tds_length", int),
        ("tds_collation_id", int),
        ("tds_collation_sort_id", SqlType::TinyInt),
    ]
}

/// Columns that only the function has, behind the others.
fn error_columns() -> Vec<(&'static str, SqlType)> {
    vec![
        ("error_number", SqlType::Int),
        ("error_severity", SqlType::Int),
        ("error_state", SqlType::Int),
        ("error_message", SqlType::nvarchar(4000)),
        ("error_type", SqlType::Int),
        ("error_type_desc", SqlType::nvarchar(60)),
    ]
}

/// The answer of the procedure: SQLite text and columns.
pub(super) fn procedure(
    context: &Context<'_>,
    batch: &str,
    parameters: &str,
) -> Result<(String, Vec<Column>), SqlError> {
    let described = first_result(context, batch, parameters)?;
    let columns = answer_columns();
    let sql = rows_sql(&described, &columns);
    let columns = columns.into_iter().map(|(name, of)| plain_column(name, of));
    Ok((sql, columns.collect()))
}

/// The answer of the function: an error becomes a row.
pub(super) fn as_source(
    context: &Context<'_>,
    batch: &Value,
    parameters: &Value,
) -> Result<(String, Vec<(String, SqlType)>), SqlError> {
    let text = |value: &Value| if let Value::Text(text) = value { text.clone() } else { String::new() };
    let mut columns = answer_columns();
    let sql = match first_result(context, &text(batch), &text(parameters)) {
        Ok(described) => {
            let inner = rows_sql(&described, &columns);
            let nulls: Vec<String> = error_columns().iter().map(|(name, _)| format!("NULL AS {name}")).collect();
            format!("SELECT *, {} FROM ({inner})", nulls.join(", "))
        }
        Err(error) => {
            let nulls: Vec<String> = columns.iter().map(|(name, _)| format!("NULL AS {}", quoted(name))).collect();
            let message = literal_sql(&Value::Text(error.message));
            format!(
                "SELECT {}, {} AS error_number, {} AS error_severity, {} AS error_state, {message} AS error_message, 2 AS error_type, 'SYNTAX' AS error_type_desc",
                nulls.join(", "),
                error.number,
                error.class,
                error.state
            )
        }
    };
    columns.extend(error_columns());
    Ok((sql, columns.into_iter().map(|(name, of)| (name.to_owned(), of)).collect()))
}

/// `sp_tablecollations_100`: the collation of each column, for clients that load in bulk. Its full name may say the database.
pub(super) fn table_collations(
    context: &Context<'_>,
    procedure: &str,
    table: &str,
) -> Result<(String, Vec<Column>), SqlError> {
    let invalid = || SqlError::invalid_object(table);
    let named = name_of(procedure).filter(|parts| parts.len() == 3 && !parts[0].is_empty());
    let database = named.as_ref().map_or(context.database, |parts| parts[0].as_str());
    let mut name = name_of(table).ok_or_else(invalid)?;
    if let (Some(object), Some(turn)) = (name.last_mut().filter(|object| object.starts_with('#')), &context.turn) {
        *object = own(object, turn.owner);
    }
    let entry = catalogue::find(context.sqlite, &name, database)?.ok_or_else(invalid)?;
    let rows: Vec<String> = entry
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let name = literal_sql(&Value::Text(column.name.clone()));
            let (wire, collation) = match column.of.collation() {
                Some(of) => (Value::Blob(of.wire.to_vec()), Value::Text(of.name.to_owned())),
                None => (Value::Null, Value::Null),
            };
            format!("SELECT {}, {name}, {}, {}", index + 1, literal_sql(&wire), literal_sql(&collation))
        })
        .collect();
    let columns = [
        ("colid", SqlType::Int),
        ("name", SqlType::sysname()),
        ("tds_collation_100", SqlType::Binary(5)),
        ("collation_100", SqlType::sysname()),
    ];
    Ok((rows.join(" UNION ALL "), columns.into_iter().map(|(name, of)| plain_column(name, of)).collect()))
}

fn plain_column(name: &str, of: SqlType) -> Column {
    Column { name: name.to_owned(), of, nullable: true, origin: Origin::Expression, is_null: false, table: Vec::new() }
}

fn first_result(context: &Context<'_>, batch: &str, parameters: &str) -> Result<Vec<Column>, SqlError> {
    let mut variables: HashMap<String, Variable> = context
        .variables
        .iter()
        .filter(|(name, _)| name.starts_with("@@"))
        .map(|(name, variable)| (name.clone(), variable.clone()))
        .collect();
    for (name, of, _) in parse_parameters(parameters)? {
        variables.insert(name.to_lowercase(), Variable { of, value: Value::Null });
    }
    let inner = Context { variables: &variables, ..*context };
    for (_, statement) in parse_in(batch, context.turn.map_or(0, |turn| turn.owner))? {
        if let Statement::Query(query) = statement {
            let bound = Binder::new(&inner).for_columns_only().query(&query)?;
            if bound.assigned.is_empty() {
                return Ok(bound.columns);
            }
        }
    }
    Ok(Vec::new())
}

fn rows_sql(described: &[Column], columns: &[(&str, SqlType)]) -> String {
    if described.is_empty() {
        let nulls: Vec<String> = columns.iter().map(|(name, _)| format!("NULL AS {}", quoted(name))).collect();
        return format!("SELECT {} WHERE 0", nulls.join(", "));
    }
    let rows: Vec<String> = described
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let values = row(index, column);
            let list: Vec<String> = columns
                .iter()
                .map(|(name, _)| {
                    let value =
                        values.iter().find(|(known, _)| known == name).map_or(Value::Null, |(_, value)| value.clone());
                    format!("{} AS {}", literal_sql(&value), quoted(name))
                })
                .collect();
            format!("SELECT {}", list.join(", "))
        })
        .collect();
    rows.join(" UNION ALL ")
}

fn row(index: usize, column: &Column) -> Vec<(&'static str, Value)> {
    let ((system, user), shape) = (system_type_id(column.of), Shape::of(column.of));
    let flag = |set: bool| Value::Integer(i64::from(set));
    let mut values = vec![
        ("is_hidden", flag(false)),
        ("column_ordinal", Value::Integer(index as i64 + 1)),
        ("name", if column.name.is_empty() { Value::Null } else { Value::Text(column.name.clone()) }),
        ("is_nullable", flag(column.nullable)),
        ("system_type_id", Value::Integer(system)),
        ("system_type_name", Value::Text(column.of.to_string())),
        ("max_length", Value::Integer(shape.max_length)),
        ("precision", Value::Integer(shape.precision)),
        ("scale", Value::Integer(shape.scale)),
        ("collation_name", column.of.collation().map_or(Value::Null, |of| Value::Text(of.name.to_owned()))),
        ("is_xml_document", flag(false)),
        ("is_case_sensitive", flag(column.of.collation().is_some_and(super::collation::Collation::minds_case))),
        ("is_fixed_length_clr_type", flag(false)),
        ("is_identity_column", flag(column.origin == Origin::Identity)),
        ("is_updateable", flag(column.origin == Origin::Table && column.of != SqlType::RowVersion)),
        ("is_computed_column", flag(false)),
        ("is_sparse_column_set", flag(false)),
        ("tds_type_id", Value::Integer(tds_type(column))),
        ("tds_length", Value::Integer(tds_length(column.of, shape.max_length))),
    ];
    if let SqlType::Udt(udt) = column.of {
        let class = match udt {
            Udt::HierarchyId => "SqlHierarchyId",
            Udt::Geometry => "SqlGeometry",
            Udt::Geography => "SqlGeography",
        };
        values.push(("user_type_id", Value::Integer(user)));
        values.push(("user_type_schema", Value::Text("sys".to_owned())));
        values.push(("user_type_name", Value::Text(column.of.name().to_owned())));
        values.push(("assembly_qualified_type_name", Value::Text(format!("Microsoft.SqlServer.Types.{class}, Microsoft.SqlServer.Types, Version=11.0.0.0, Culture=neutral, PublicKeyToken=89845dcd8080cc91"))));
    }
    values
}

fn tds_type(column: &Column) -> i64 {
    let mut bytes = Vec::new();
    super::wire::write_type(&mut bytes, column.of, column.nullable);
    i64::from(bytes[0])
}

fn tds_length(of: SqlType, max_length: i64) -> i64 {
    match of {
        SqlType::VarChar(Length::Max, _) | SqlType::NVarChar(Length::Max, _) | SqlType::VarBinary(Length::Max) => {
            65_535
        }
        SqlType::Text(_) | SqlType::Image => 2_147_483_647,
        SqlType::NText(_) => 2_147_483_646,
        SqlType::Decimal { .. } => 17,
        _ => max_length,
    }
}
