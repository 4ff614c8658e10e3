//! The table that a copy writes to, as its database describes it.

use odbc_api::{IntoParameter as _, ResultSetMetadata as _, parameter::Text, sys::SqlDataType};
use ropeway_engine::{Error, ErrorKind, Result};

use super::{
    super::{columns::variable, connection::Session, raw, spec::Input, statement::Statement},
    holds::{self, Holds},
};
use crate::sql;

/// A table that exists.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Quoted: `"public"."orders"`.
    pub(super) name: String,
    pub(super) columns: Vec<TableColumn>,
    /// Whether its rows are undone with a transaction.
    pub(super) has_transactions: bool,
}

/// One column.
#[derive(Clone, Debug)]
pub(super) struct TableColumn {
    pub(super) name: String,
    /// As it was declared: `numeric(10,2)`.
    pub(super) declaration: String,
    pub(super) holds: Holds,
    /// As what its driver describes it: type, size, digits.
    pub(super) described: (SqlDataType, usize, i16),
    pub(super) takes_no_null: bool,
    /// The database makes the values and takes none.
    pub(super) is_generated: bool,
    has_default: bool,
}

impl TableColumn {
    /// True if a row needs a value for it.
    pub(super) fn is_needed(&self) -> bool {
        self.takes_no_null && !self.is_generated && !self.has_default
    }
}

impl Table {
    /// Looks at the table.
    ///
    /// # Errors
    /// [`ErrorKind::Spec`] if there is none, [`ErrorKind::Auth`] if the login may not read it.
    pub(super) fn look(session: &Session, parts: &[String]) -> Result<Self> {
        let name = quoted(session, parts)?;
        let described =
            Statement::describe(session, &Input::Table(parts.to_vec())).map_err(|error| match error.kind() {
                ErrorKind::Spec => Error::new(
                    ErrorKind::Spec,
                    "the table cannot be looked at; if it does not exist, create it: an Odbc sink makes no tables",
                )
                .with("table", &name)
                .caused_by(error),
                _ => error,
            })?;
        let dialect = session.peer.driver.dialect;
        let facts = match dialect.columns {
            Some(query) => ask(session, query, parts)?,
            None => Vec::new(),
        };
        let columns = described.columns.into_iter().map(|column| {
            let known = facts.iter().find(|fact| fact[0].as_deref() == Some(&column.name));
            let is = |at: usize| known.is_some_and(|fact| fact[at].as_deref() == Some("1"));
            let data_type = column.described.0;
            let declaration = known.and_then(|fact| fact[1].clone());
            TableColumn {
                holds: match &declaration {
                    Some(declaration) => holds::declared(declaration, session.peer.driver.rendering),
                    None => holds::described(&column),
                },
                declaration: declaration.unwrap_or(column.source_type),
                described: (
                    data_type.data_type(),
                    data_type.column_size().map_or(0, std::num::NonZeroUsize::get),
                    data_type.decimal_digits(),
                ),
                takes_no_null: column.is_required || is(2),
                is_generated: is(3),
                has_default: known.is_none() || is(4),
                name: column.name,
            }
        });
        let columns = columns.collect();
        let has_transactions = match dialect.is_transactional {
            Some(query) => is_one(&ask(session, query, parts)?),
            None => true,
        };
        Ok(Self { name, columns, has_transactions })
    }
}

/// The name of a table in the quotes of the database.
pub(super) fn quoted(session: &Session, parts: &[String]) -> Result<String> {
    let quote = session.quote()?;
    let parts: Result<Vec<_>> = parts.iter().map(|part| sql::quote_odbc_ident(part, quote)).collect();
    Ok(parts?.join("."))
}

/// Whether tables may be created beside this one, as far as the database tells.
pub(super) fn may_create(session: &Session, parts: &[String]) -> Result<bool> {
    let Some(query) = session.peer.driver.dialect.may_create else { return Ok(true) };
    Ok(is_one(&rows(session, query, &[schema(parts)])?))
}

fn is_one(rows: &[Vec<Option<String>>]) -> bool {
    rows.first().and_then(|row| row.first()).is_some_and(|value| value.as_deref() == Some("1"))
}

/// The rows of a query about this table.
fn ask(session: &Session, query: &str, parts: &[String]) -> Result<Vec<Vec<Option<String>>>> {
    let table = parts.last().map_or("", String::as_str);
    rows(session, query, &[schema(parts), table])
}

/// Empty for the one that is meant where none is named.
fn schema(parts: &[String]) -> &str {
    parts.len().checked_sub(2).map_or("", |at| &parts[at])
}

/// The rows of a query with these parameters, in text.
pub(super) fn rows(session: &Session, query: &str, parameters: &[&str]) -> Result<Vec<Vec<Option<String>>>> {
    let failed = |error: odbc_api::Error| session.peer.error("asking the database about the target", &error);
    let parameters: Vec<_> = parameters.iter().map(|text| text.into_parameter()).collect();
    let Some(mut cursor) = session.connection.execute(query, &parameters[..], None).map_err(failed)? else {
        return Ok(Vec::new());
    };
    let columns = u16::try_from(cursor.num_result_cols().map_err(failed)?).unwrap_or(0);
    // Freed without closing: odbc-api panics if closing fails.
    let mut handle = cursor.into_stmt();
    let mut statement = handle.as_stmt_ref();
    let (mut rows, mut value) = (Vec::new(), Vec::new());
    while raw::fetch_row(&mut statement).map_err(failed)? {
        let mut row = Vec::with_capacity(columns.into());
        for number in 1..=columns {
            let is_there = variable::<Text>(&mut statement, number, &mut value).map_err(failed)?;
            row.push(is_there.then(|| String::from_utf8_lossy(&value).into_owned()));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Executes a statement whose rows nobody wants.
pub(super) fn execute(session: &Session, statement: &str, parameters: &[&str]) -> Result<(), odbc_api::Error> {
    let parameters: Vec<_> = parameters.iter().map(|text| text.into_parameter()).collect();
    let cursor = session.connection.execute(statement, &parameters[..], None)?;
    drop(cursor.map(odbc_api::CursorImpl::into_stmt));
    Ok(())
}
