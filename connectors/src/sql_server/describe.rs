//! The columns of an input, without reading it.

use std::fmt::Display;

use mssql_tds::{datatypes::sqltypes::SqlType, query::metadata::ColumnMetadata};
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    errors::number,
    input::Input,
    statements,
    types::Column,
    wire::{Limits, Query, Session, TextRow, text},
};

/// The columns: a table's own, or those that the server foresees of a query or a procedure.
pub(crate) async fn columns(session: &mut Session, input: &Input) -> Result<Vec<Column>> {
    match input {
        Input::Table(name) => of_table(session, name).await,
        Input::Query(_) | Input::Procedure { .. } => foreseen(session, input).await,
    }
}

/// A result without rows: it needs no catalogue and no right but SELECT.
async fn of_table(session: &mut Session, name: &str) -> Result<Vec<Column>> {
    let columns = session.start(Query::new(statements::select("TOP (0) *", name, ""), []), Limits::default()).await?;
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
        Err(error) if error.is_transient() => Err(error),
        // What the server cannot foresee: temporary tables, dynamic SQL, several possible results. A
        // wrong query says so itself when it is started.
        Err(error) => match input {
            Input::Procedure { .. } if is_unforeseeable(&error) => Err(Error::new(
                ErrorKind::Spec,
                "the server cannot tell the procedure's columns beforehand (temporary tables or dynamic SQL), and it is \
                 not run only to see them; EXECUTE it WITH RESULT SETS in «sqlReaderQuery»",
            )
            .code("SqlInvalidDbStoredProcedure")
            .caused_by(error)),
            Input::Query(_) => started(session, input).await,
            _ => Err(error),
        },
    }
}

fn is_unforeseeable(error: &Error) -> bool {
    number(error).is_some_and(|number| (11_500..11_600).contains(&number))
}

/// The columns of a query that is started for them; none of its rows is read.
async fn started(session: &mut Session, input: &Input) -> Result<Vec<Column>> {
    let found = session.start(Query::new(input.described(), []), Limits::default()).await?;
    session.cancel().await?;
    let column = |(position, found): (usize, &ColumnMetadata)| match found.column_name.as_str() {
        "" => Err(nameless(position + 1)),
        _ => Column::of(found),
    };
    found.iter().enumerate().map(column).collect()
}

fn nameless(ordinal: impl Display) -> Error {
    Error::new(ErrorKind::Spec, "a column of the query has no name; give it one with AS").with("column", ordinal)
}

fn column(row: &TextRow) -> Result<Column> {
    let ordinal = row.text("column_ordinal").unwrap_or("?");
    let name = row.text("name").filter(|name| !name.is_empty()).ok_or_else(|| nameless(ordinal))?;
    // A CLR type has no system type's name.
    let declaration = row.text("system_type_name").unwrap_or("udt");
    Column::declared(name.to_owned(), declaration, row.is_set("is_nullable"))
}
