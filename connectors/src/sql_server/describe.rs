//! The columns of an input, without reading it.

use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    errors::number,
    input::Input,
    statements,
    types::Column,
    wire::{Query, Session, TextRow, text},
};
use mssql_tds::datatypes::sqltypes::SqlType;

/// The columns that the server foresees.
pub(crate) async fn columns(session: &mut Session, input: &Input) -> Result<Vec<Column>> {
    let parameters = [("@query", text(&input.described())), ("@params", SqlType::NVarcharMax(None))];
    match session.rows(Query::new(statements::DESCRIBE, parameters)).await {
        Ok(rows) if rows.is_empty() => Err(Error::new(
            ErrorKind::Spec,
            "the query returns no rows and no columns; its last statement must be a SELECT",
        )
        .code(match input {
            Input::Procedure { .. } => "SqlInvalidDbStoredProcedure",
            _ => "SqlInvalidDbQueryString",
        })),
        Ok(rows) => rows.iter().filter(|row| !row.is_set("is_hidden")).map(column).collect(),
        // What the server cannot foresee: temporary tables, dynamic SQL, several possible results.
        Err(error) if number(&error).is_some_and(|number| (11_500..11_600).contains(&number)) => Err(Error::new(
            ErrorKind::Spec,
            "the server cannot tell the columns beforehand (temporary tables or dynamic SQL); put the query into a \
             stored procedure WITH RESULT SETS, or write it without them",
        )
        .code("SqlInvalidDbQueryString")
        .caused_by(error)),
        Err(error) => Err(error),
    }
}

fn column(row: &TextRow) -> Result<Column> {
    let ordinal = row.text("column_ordinal").unwrap_or("?");
    let name = row.text("name").filter(|name| !name.is_empty()).ok_or_else(|| {
        Error::new(ErrorKind::Spec, "a column of the query has no name; give it one with AS").with("column", ordinal)
    })?;
    // A CLR type has no system type's name.
    let declaration = row.text("system_type_name").unwrap_or("udt");
    Column::declared(name.to_owned(), declaration, row.is_set("is_nullable"))
}
