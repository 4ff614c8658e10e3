//! The SELECT that reads the input, whole or in part.

use ropeway_engine::Result;

use super::{
    columns::{self, Column},
    connection::Session,
    drivers::Portions,
    spec::Input,
};
use crate::sql;

/// The input with its columns.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) columns: Vec<Column>,
    /// How its rows come. Only what can be part of another statement can be declared as a cursor.
    pub(super) portions: Portions,
    /// The columns as they are selected.
    list: String,
    /// The table, or the query in parentheses.
    from: String,
    /// The user's query, where it can be sent as it is.
    verbatim: Option<String>,
}

impl Statement {
    /// Asks the database for the input's columns.
    pub(super) fn describe(session: &Session, input: &Input) -> Result<Self> {
        let quote = session.quote()?;
        let from = match input {
            Input::Table(parts) => {
                let parts: Result<Vec<_>> = parts.iter().map(|part| sql::quote_odbc_ident(part, quote)).collect();
                parts?.join(".")
            }
            // The query may end in a comment.
            Input::Query(query) => format!("({query}\n) AS q"),
        };
        let (columns, portions) = columns_of(session, input, &from)?;
        let rendering = session.peer.driver.rendering;
        let rendered = columns.iter().any(|column| column.is_rendered(rendering));
        let list = if rendered {
            let list: Result<Vec<_>> = columns
                .iter()
                .map(|column| Ok(column.selected(&sql::quote_odbc_ident(&column.name, quote)?, rendering)))
                .collect();
            list?.join(", ")
        } else {
            "*".to_owned()
        };
        let verbatim = match input {
            Input::Query(query) if !rendered => Some(query.clone()),
            _ => None,
        };
        Ok(Self { columns, portions, list, from, verbatim })
    }

    /// The SELECT for the rows for which the predicate holds.
    pub(super) fn select(&self, predicate: Option<&str>) -> String {
        match (predicate, &self.verbatim) {
            (None, Some(query)) => query.clone(),
            (None, None) => format!("SELECT {} FROM {}", self.list, self.from),
            (Some(predicate), _) => format!("SELECT {} FROM {} WHERE {predicate}", self.list, self.from),
        }
    }

    /// The SELECT of these expressions over the whole input.
    pub(super) fn aggregate(&self, expressions: &str) -> String {
        format!("SELECT {expressions} FROM {}", self.from)
    }
}

fn columns_of(session: &Session, input: &Input, from: &str) -> Result<(Vec<Column>, Portions)> {
    let mut portions = session.peer.driver.portions;
    let nothing = format!("SELECT * FROM {from} WHERE 1 = 0");
    let described = match session.connection.execute(&nothing, (), None) {
        Ok(Some(mut cursor)) => {
            let described = columns::describe(&mut cursor, session.peer.driver);
            // Freed without closing: odbc-api panics if closing fails.
            drop(cursor.into_stmt());
            described
        }
        Ok(None) => Ok(Ok(Vec::new())),
        Err(error) => match input {
            Input::Table(_) => Err(error),
            // Not every statement can be a subquery: the driver may still know its columns.
            Input::Query(query) => {
                if portions == Portions::Declared {
                    portions = Portions::Whole;
                }
                let prepared = session.connection.prepare(query);
                prepared.and_then(|mut prepared| columns::describe(&mut prepared, session.peer.driver))
            }
        },
    };
    let doing = match input {
        Input::Table(parts) => format!("reading table {}", parts.join(".").escape_debug()),
        Input::Query(_) => "reading the query".to_owned(),
    };
    Ok((described.map_err(|error| session.peer.error(&doing, &error))??, portions))
}
