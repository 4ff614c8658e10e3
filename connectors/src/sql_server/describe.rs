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

/// The columns: a table's own, or those that the server foresees of a query or a procedure.
pub(crate) async fn columns(session: &mut Session, input: &Input) -> Result<Vec<Column>> {
    match input {
        Input::Table(name) => of_table(session, name).await,
        Input::Query(_) | Input::Procedure { .. } => foreseen(session, input).await,
    }
}

/// A result without rows: it needs no catalogue and no right but SELECT.
async fn of_table(session: &mut Session, name: &str) -> Result<Vec<Column>> {
    let columns = session.start(Query::new(statements::select("TOP (0) *", name, ""), []), None).await?;
    session.finish().await?;
    columns.iter().map(Column::of).collect()
}

async fn foreseen(session: &mut Session, input: &Input) -> Result<Vec<Column>> {
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
